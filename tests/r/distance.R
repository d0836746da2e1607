# Inflation against the distance from a threshold of 12. Writes tests/r/distance.csv; run from the project root.
# Slopes by lm with weights, the jackknife by refitting lm without each unit.
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
set.seed(5)
n <- 15
quality <- 20 * rbeta(n, 5, 2)
rate <- function(k, lift) matrix(pmin(pmax(round(quality + lift + rnorm(n * k)), 0), 20), n)
control <- rate(3, 0)
treatment <- rate(2, ifelse(quality < 13, 1.5, 0.3))
control[4, 3] <- NA
control[6, 2:3] <- NA
unit <- c(1:12, 1:3)
put("data", "control", ifelse(is.na(control), -1, control))
put("data", "treatment", as.vector(treatment))
put("data", "unit", unit)

jackknife <- function(case, frame) {
  fit <- function(rows) unname(coef(lm(y ~ x, data = frame[rows, ], weights = w))[2])
  slope <- fit(TRUE)
  ids <- unique(frame$unit)
  left <- sapply(ids, function(u) fit(frame$unit != u))
  g <- length(ids)
  error <- sqrt((g - 1) / g * sum((left - slope)^2))
  put(case, "slope", slope)
  put(case, "interval", slope + c(-1, 1) * qt(0.975, g - 1) * error)
  put(case, "p", 2 * pt(-abs(slope / error), g - 1))
  bin <- floor(frame$x / 2)
  means <- sapply(sort(unique(bin)), function(b) {
    inside <- frame[bin == b, ]
    if (case == "split") weighted.mean(inside$y, inside$w) else mean(tapply(inside$y, inside$unit, mean))
  })
  put(case, "bin_low", 2 * sort(unique(bin)))
  put(case, "bin_mean", means)
}

average <- data.frame(
  x = rowMeans(cbind(control, treatment), na.rm = TRUE) - 12,
  y = rowMeans(treatment) - rowMeans(control, na.rm = TRUE), w = 1, unit = unit
)
jackknife("average", average)
jackknife("absolute", transform(average, x = abs(x)))
split <- do.call(rbind, lapply(1:3, function(j) {
  data.frame(x = control[, j] - 12, y = rowMeans(treatment) - rowMeans(control[, -j], na.rm = TRUE),
             w = 1 / rowSums(!is.na(control)), unit = unit)
}))
jackknife("split", split[is.finite(split$x) & is.finite(split$y), ])
write.csv(out, "tests/r/distance.csv", row.names = FALSE)
