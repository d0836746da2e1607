# Bunching and crossings at a threshold of 12. Writes tests/r/bunching.csv; run from the project root.
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
flips <- function(d) {
  signs <- as.matrix(expand.grid(rep(list(c(-1, 1)), length(d))))
  mean(abs(signs %*% d) >= abs(sum(d)) - 1e-9)
}
set.seed(7)
n <- 14
quality <- round(11.5 + rnorm(n))
draw <- function(shift) matrix(pmin(pmax(quality + shift + sample(-2:2, 2 * n, TRUE), 0), 20), n)
control <- draw(0)
copy <- draw(0)
treatment <- draw(1)
unit <- c(1:12, 1, 2)
for (name in c("control", "copy", "treatment", "unit")) put("data", name, as.vector(get(name)))

# Shares of the two windows, each cut() from the scores.
shares <- function(x, unit, levels) {
  bin <- cut(x, c(-Inf, 10, 12, 14, Inf), right = FALSE, labels = c("low", "below", "above", "high"))
  hit <- matrix(bin %in% levels, nrow(x))
  tapply(rowMeans(hit), unit, mean)
}
put("bunching", "above", c(mean(shares(treatment, unit, "above")), mean(shares(control, unit, "above"))))
put("bunching", "below", c(mean(shares(treatment, unit, "below")), mean(shares(control, unit, "below"))))
d <- (shares(treatment, unit, "above") - shares(treatment, unit, "below")) -
  (shares(control, unit, "above") - shares(control, unit, "below"))
put("bunching", "estimate", mean(d))
put("bunching", "interval", t.test(d)$conf.int)
put("bunching", "p", flips(d))

# Rescued and condemned: all pairs of a control and a treatment rating, by a loop.
share <- function(from, to) {
  sapply(seq_len(n), function(i) mean(outer(from[i, ], to[i, ], function(a, b) a >= 10 & a < 12 & b >= 12)))
}
rescued <- share(control, treatment)
condemned <- share(treatment, control)
chance <- share(control, copy)
net <- tapply(rescued - condemned, unit, mean)
put("crossings", "counts", c(sum(rescued), sum(condemned)))
put("crossings", "estimate", mean(net))
put("crossings", "interval", t.test(net)$conf.int)
put("crossings", "p", flips(net))
near <- sum(rowMeans(control >= 10 & control < 12))
put("crossings", "rates", c(sum(rescued), sum(chance)) / near)
excess <- tapply(rescued - chance, unit, mean)
put("crossings", "above_floor", c(mean(excess), t.test(excess)$conf.int, flips(excess)))
write.csv(out, "tests/r/bunching.csv", row.names = FALSE)
