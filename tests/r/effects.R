# Intervals of standardised effects. Writes tests/r/effects.csv; run from the project root.
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
# R's noncentral t, up to its largest noncentrality of 37.62.
noncentral <- function(d, n, level) {
  end <- function(p) {
    # Far from the root R warns that it is not precise there.
    suppressWarnings(uniroot(function(ncp) pt(d * sqrt(n), n - 1, ncp) - p, c(-37, 37), tol = 1e-12)$root) / sqrt(n)
  }
  c(end((1 + level) / 2), end((1 - level) / 2))
}
for (case in list(c(0.5, 34, 0.95), c(0, 12, 0.95), c(-0.3, 100, 0.9), c(1.28455756259105, 10, 0.95), c(0.2, 5, 0.99),
                  c(3, 3, 0.8), c(0.05, 5000, 0.95), c(8, 4, 0.5))) {
  put("d_z", paste(case, collapse = "/"), c(case, noncentral(case[1], case[2], case[3])))
}
# Bonett's interval by the delta method on numbers: gradient of the effect in both means, both variances and the
# covariance, with the moments of normal variables.
bonett <- function(x, y, level) {
  df <- length(x) - 1
  at <- c(mean(x), mean(y), var(x), var(y))
  effect <- function(v) (v[1] - v[2]) / sqrt((v[3] + v[4]) / 2)
  gradient <- sapply(1:4, function(i) {
    h <- replace(numeric(4), i, 1e-5)
    (effect(at + h) - effect(at - h)) / 2e-5
  })
  s <- cov(cbind(x, y))
  covariance <- matrix(0, 4, 4)
  covariance[1:2, 1:2] <- s / df
  covariance[3:4, 3:4] <- 2 * s^2 / df
  se <- sqrt(t(gradient) %*% covariance %*% gradient)
  as.vector(effect(at)) + c(-1, 1) * qnorm((1 + level) / 2) * as.vector(se)
}
set.seed(6)
for (case in c("one", "two")) {
  x <- round(rnorm(15, 12, 3), 2)
  y <- round(x - 1 + rnorm(15, 0, if (case == "one") 1 else 4), 2)
  put(case, "treatment", x)
  put(case, "control", y)
  put(case, "interval0.95", bonett(x, y, 0.95))
  put(case, "interval0.8", bonett(x, y, 0.8))
}
write.csv(out, "tests/r/effects.csv", row.names = FALSE)
