# The sign-flip test inverted by brute force: each mean is tested by all patterns of signs, and the ends are halved in
# on. No use is made of subset means. Writes tests/r/flipinterval.csv; run from the project root.
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
invert <- function(case, d) {
  signs <- as.matrix(expand.grid(rep(list(c(-1, 1)), length(d))))
  p <- function(mu) mean(abs(signs %*% (d - mu)) >= abs(sum(d - mu)) - 1e-9)
  end <- function(outside, alpha) {
    inside <- mean(d)
    while (abs(inside - outside) > 1e-7) {
      middle <- (inside + outside) / 2
      if (p(middle) > alpha) inside <- middle else outside <- middle
    }
    (inside + outside) / 2
  }
  put(case, "d", d)
  put(case, "p", p(0))
  for (level in c(0.95, 0.9, 0.5)) {
    width <- diff(range(d)) + 1
    put(case, paste0("interval", level), c(end(min(d) - width, 1 - level), end(max(d) + width, 1 - level)))
  }
}
set.seed(8)
invert("tied", c(0, 1, 1, 2, -1, 3, 0, 2, -1, 1))
invert("whole", sample(-8:12, 11, TRUE))
invert("real", rnorm(10, 0.6))
invert("skewed", round(rexp(9), 2))
invert("sleep", with(sleep, extra[group == 2] - extra[group == 1]))
invert("longer", sample(-3:4, 16, TRUE))
write.csv(out, "tests/r/flipinterval.csv", row.names = FALSE)
