# GEE by geepack (independence, robust errors), and by full matrices with the leverage correction of Mancl and DeRouen
# (2001). Writes tests/r/gee.csv; run from the project root.
suppressPackageStartupMessages(library(geepack))
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
full <- function(case, y, a, u, exchangeable) {
  x <- cbind(1, a)
  rows <- split(seq_along(y), u)
  n <- length(y)
  pairs <- sum(sapply(rows, function(i) length(i) * (length(i) - 1) / 2))
  rho <- 0
  for (round in 1:500) {
    inverse <- lapply(rows, function(i) solve((1 - rho) * diag(length(i)) + rho))
    part <- function(f) Reduce(`+`, Map(f, rows, inverse))
    bread <- solve(part(function(i, w) t(x[i, , drop = FALSE]) %*% w %*% x[i, , drop = FALSE]))
    b <- bread %*% part(function(i, w) t(x[i, , drop = FALSE]) %*% w %*% y[i])
    e <- as.vector(y - x %*% b)
    before <- rho
    if (exchangeable) {
      phi <- sum(e^2) / (n - 2)
      rho <- sum(sapply(rows, function(i) sum(e[i])^2 - sum(e[i]^2))) / 2 / phi / (pairs - 2)
    }
    if (abs(rho - before) < 1e-14) break
  }
  meat <- function(reduce) {
    part(function(i, w) {
      xi <- x[i, , drop = FALSE]
      h <- xi %*% bread %*% t(xi) %*% w
      r <- if (reduce) solve(diag(length(i)) - h, e[i]) else e[i]
      s <- t(xi) %*% w %*% r
      s %*% t(s)
    })
  }
  se <- function(reduce) sqrt((bread %*% meat(reduce) %*% bread)[2, 2])
  t_value <- b[2] / se(TRUE)
  df <- length(rows) - 1
  put(case, "full", c(b[2], se(TRUE), se(FALSE), rho, 2 * pt(-abs(t_value), df)))
  put(case, "interval", b[2] + c(-1, 1) * qt(0.975, df) * se(TRUE))
}
compare <- function(case, y, a, u) {
  o <- order(u)
  y <- y[o]
  a <- a[o]
  u <- u[o]
  put(case, "y", y)
  put(case, "a", a)
  put(case, "u", u)
  s <- summary(geeglm(y ~ a, id = u, corstr = "independence"))$coefficients
  put(case, "geepack", c(s[2, "Estimate"], s[2, "Std.err"]))
  full(paste0(case, "_independence"), y, a, u, FALSE)
  full(paste0(case, "_exchangeable"), y, a, u, TRUE)
}
compare("sleep", sleep$extra, as.numeric(sleep$group) - 1, as.numeric(sleep$ID))
set.seed(4)
u <- rep(1:14, times = sample(1:7, 14, TRUE))
a <- rbinom(length(u), 1, 0.45)
compare("ragged", round(10 + rnorm(14, sd = 2)[u] + 0.8 * a + rnorm(length(u)), 2), a, u)
u <- rep(1:25, each = 4)
a <- rep(c(0, 0, 1, 1), 25)
compare("passes", rbinom(100, 1, plogis(rnorm(25, sd = 1.5)[u] + 0.7 * a)), a, u)
write.csv(out, "tests/r/gee.csv", row.names = FALSE)
