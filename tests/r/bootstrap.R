# Bootstrap intervals with all samples enumerated, so without simulation error, and by package boot. Writes
# tests/r/bootstrap.csv; run from the project root.
library(boot)
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
# All ways to draw n of n units with replacement: how often each is drawn, and the chance of that.
draws_of <- function(n) {
  counts <- matrix(0, 1, 0)
  for (i in seq_len(n)) {
    counts <- do.call(rbind, lapply(0:n, function(k) cbind(counts, k, deparse.level = 0)))
    counts <- counts[rowSums(counts) <= n, , drop = FALSE]
  }
  counts <- counts[rowSums(counts) == n, , drop = FALSE]
  list(counts = counts, chance = exp(lfactorial(n) - rowSums(lfactorial(counts)) - n * log(n)))
}
quantile_of <- function(x, chance, p) {
  o <- order(x)
  x[o][which(cumsum(chance[o]) >= p - 1e-12)[1]]
}
ideal <- function(case, d) {
  n <- length(d)
  all <- draws_of(n)
  stopifnot(abs(sum(all$chance) - 1) < 1e-9)
  m <- as.vector(all$counts %*% d) / n
  v <- as.vector(all$counts %*% d^2) / n - m^2
  flat <- rowSums(all$counts > 0) == 1 | v < 1e-12
  se <- sqrt(pmax(v, 0) / (n - 1))
  t <- ifelse(flat, ifelse(abs(m - mean(d)) < 1e-12, 0, sign(m - mean(d)) * Inf), (m - mean(d)) / se)
  error <- sd(d) / sqrt(n)
  put(case, "d", d)
  put(case, "flat", sum(all$chance[flat]))
  put(case, "t95", mean(d) - error * c(quantile_of(t, all$chance, 0.975), quantile_of(t, all$chance, 0.025)))
  put(case, "t80", mean(d) - error * c(quantile_of(t, all$chance, 0.9), quantile_of(t, all$chance, 0.1)))
  seen <- mean(d) / error
  put(case, "p", 2 * min(sum(all$chance[t >= seen - 1e-9]), sum(all$chance[t <= seen + 1e-9])))
  below <- sum(all$chance[m < mean(d) - 1e-12]) + sum(all$chance[abs(m - mean(d)) <= 1e-12]) / 2
  z0 <- qnorm(below)
  jack <- sapply(seq_len(n), function(i) mean(d[-i]))
  u <- mean(jack) - jack
  a <- sum(u^3) / (6 * sum(u^2)^1.5)
  put(case, "bias", z0)
  put(case, "acceleration", a)
  share <- pnorm(z0 + (z0 + qnorm(c(0.025, 0.975))) / (1 - a * (z0 + qnorm(c(0.025, 0.975)))))
  put(case, "bca95", c(quantile_of(m, all$chance, share[1]), quantile_of(m, all$chance, share[2])))
}
set.seed(11)
ideal("skewed", round(rexp(8), 3))
ideal("normal", round(rnorm(9, 0.5), 3))
ideal("whole", c(2, 1, 0, -1, 3, 1, 0, 2))
sleep_d <- with(sleep, extra[group == 2] - extra[group == 1])
put("sleep", "d", sleep_d)
statistic <- function(x, i) c(mean(x[i]), var(x[i]) / length(i))
found <- boot.ci(boot(sleep_d, statistic, R = 200000), type = c("stud", "bca"))
put("sleep", "t95", found$student[4:5])
put("sleep", "bca95", found$bca[4:5])
write.csv(out, "tests/r/bootstrap.csv", row.names = FALSE)
