# Slopes within items over a sweep of thresholds. Writes tests/r/dose.csv; run from the project root.
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
flips <- function(d) {
  signs <- as.matrix(expand.grid(rep(list(c(-1, 1)), length(d))))
  mean(abs(signs %*% d) >= abs(sum(d)) - 1e-9)
}
set.seed(3)
marks <- c(8, 10, 12, 15)
n <- 12
control <- array(sample(6:16, n * 4 * 3, TRUE), c(n, 4, 3)) # items, thresholds, replicates
treatment <- control + array(rep(c(0, 0, 1, 2), each = n), c(n, 4, 3)) + array(sample(-2:2, n * 12, TRUE), c(n, 4, 3))
holes <- treatment
holes[2, 3, ] <- NA
holes[5, 1, ] <- NA
holes[5, 4, ] <- NA
holes[7, 2, 1:2] <- NA
holes[9, 1:3, ] <- NA
put("data", "marks", marks)
put("data", "control", as.vector(control))
put("data", "treatment", as.vector(treatment))
put("data", "holes", ifelse(is.na(holes), -1, holes))
unit <- c(1:10, 1, 2)
put("data", "unit", unit)

for (case in c("complete", "holes")) {
  arm <- if (case == "complete") treatment else holes
  d <- apply(arm, 1:2, mean, na.rm = TRUE) - apply(control, 1:2, mean)
  slope <- apply(d, 1, function(y) if (sum(is.finite(y)) > 1) unname(coef(lm(y ~ marks, subset = is.finite(y)))[2]) else NA)
  by_unit <- if (case == "complete") slope else tapply(slope, unit, mean, na.rm = TRUE)
  by_unit <- by_unit[is.finite(by_unit)]
  put(case, "estimate", mean(by_unit))
  put(case, "interval", t.test(by_unit)$conf.int)
  put(case, "p", flips(by_unit))
  put(case, "n", c(sum(is.finite(slope)), length(by_unit)))
  put(case, "dose_means", apply(d, 2, function(y) {
    if (case == "complete") mean(y) else mean(tapply(y, unit, mean, na.rm = TRUE), na.rm = TRUE)
  }))
}
write.csv(out, "tests/r/dose.csv", row.names = FALSE)
