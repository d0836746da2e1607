# Group sequential boundaries, tails, stage-wise results and repeated p-values.
# Run from the project root: Rscript tests/r/sequential.R
# rpact 3.3.4 (Wassmer and Brannath), its tolerance at the smallest that it takes; mvtnorm 1.1.3, Miwa's algorithm.
suppressMessages({
  library(rpact)
  library(mvtnorm)
})

rows <- list()
add <- function(case, quantity, value, index = seq_along(value)) {
  rows[[length(rows) + 1]] <<- data.frame(
    case = case, quantity = quantity, index = index, value = sprintf("%.15g", value)
  )
}

# 1. Boundaries.
schedules <- list(equal = 1:5 / 5, uneven = c(0.25, 0.4, 0.75, 1), three = c(0.3, 0.5, 1))
for (type in c("OF", "asOF", "asP")) {
  for (schedule in names(schedules)) {
    for (alpha in c(0.05, 0.0125)) {
      for (sided in 1:2) {
        design <- getDesignGroupSequential(
          informationRates = schedules[[schedule]], alpha = alpha, sided = sided, typeOfDesign = type,
          tolerance = 1e-10
        )
        add(paste(type, schedule, alpha, sided, sep = "|"), "boundary", design$criticalValues)
      }
    }
  }
}

# 2. First crossings of given bounds under a drift, from the multivariate normal distribution.
first_crossing <- function(units, upper, lower, drift) {
  correlation <- outer(units, units, function(a, b) sqrt(pmin(a, b) / pmax(a, b)))
  chance <- function(low, high) {
    k <- length(low)
    if (k == 1) {
      return(pnorm(high, drift * sqrt(units[1])) - pnorm(low, drift * sqrt(units[1])))
    }
    # Miwa takes +-1000 for +-Inf, and says so each time.
    as.numeric(suppressWarnings(pmvnorm(low, high,
      mean = drift * sqrt(units[1:k]), corr = correlation[1:k, 1:k],
      algorithm = Miwa(steps = 1024)
    )))
  }
  list(
    upper = sapply(seq_along(units), function(k) chance(c(lower[seq_len(k - 1)], upper[k]), c(upper[seq_len(k - 1)], Inf))),
    lower = sapply(seq_along(units), function(k) chance(c(lower[seq_len(k - 1)], -Inf), c(upper[seq_len(k - 1)], lower[k])))
  )
}
units <- c(30, 50, 90, 120)
upper <- c(3.1, 2.4, 2.2, 2.05)
lower <- c(-2.0, -2.9, -1.2, -2.05)
for (drift in c(0, 0.2, -0.15)) {
  crossed <- first_crossing(units, upper, lower, drift)
  add(paste0("drift ", drift), "upper", crossed$upper)
  add(paste0("drift ", drift), "lower", crossed$lower)
}

# 3. After stopping at look k with a given Z and a known standard deviation of 1: p and interval of the stage-wise ordering
# from the multivariate normal distribution, as the root of the tail.
stage_wise <- function(units, bounds, z, level) {
  k <- length(units)
  tail_at <- function(drift) {
    sum(first_crossing(units, c(bounds[seq_len(k - 1)], z), c(-bounds[seq_len(k - 1)], -Inf), drift)$upper)
  }
  root <- function(target) uniroot(function(d) tail_at(d) - target, c(-3, 3), tol = 1e-11)$root
  c(p = 2 * tail_at(0), low = root((1 - level) / 2), estimate = root(0.5), high = root((1 + level) / 2))
}
for (type in c("OF", "asOF", "asP")) {
  design <- getDesignGroupSequential(
    informationRates = 1:5 / 5, alpha = 0.05, sided = 2, typeOfDesign = type, tolerance = 1e-10
  )
  for (k in 2:4) {
    z <- design$criticalValues[k] + 0.2
    result <- stage_wise(40 * 1:k, design$criticalValues, z, 0.95)
    for (name in names(result)) add(paste("stagewise", type, sep = "|"), name, result[[name]], index = k)
  }
}

# 4. rpact's own final p-value, interval and repeated p-values, which are one-sided at 0.025: its p is half of ours up to the
# paths that cross both bounds.
for (type in c("OF", "asOF")) {
  design <- getDesignGroupSequential(
    informationRates = 1:5 / 5, alpha = 0.025, sided = 1, typeOfDesign = type, tolerance = 1e-10
  )
  data <- getDataset(n = c(400, 400, 400), means = c(0.05, 0.09, 0.13), stDevs = c(1, 1, 1))
  invisible(capture.output({
    stage <- getStageResults(design, data, normalApproximation = TRUE)
    final <- getFinalConfidenceInterval(design, data, normalApproximation = TRUE, tolerance = 1e-10)
    repeated <- getRepeatedPValues(stage, tolerance = 1e-10)
  }))
  case <- paste("rpact", type, sep = "|")
  add(case, "z", stage$overallTestStatistics[1:3])
  add(case, "repeated", repeated[1:3])
  add(case, "p", getFinalPValue(stage)$pFinal, index = getFinalPValue(stage)$finalStage)
  add(case, "low", final$finalConfidenceIntervalGeneral[1], index = final$finalStage)
  add(case, "high", final$finalConfidenceIntervalGeneral[2], index = final$finalStage)
  add(case, "estimate", final$medianUnbiasedGeneral, index = final$finalStage)
}

# 5. Expected share of the units and rejection probability of the two-sided design of O'Brien and Fleming.
design <- getDesignGroupSequential(
  informationRates = 1:5 / 5, alpha = 0.05, sided = 2, typeOfDesign = "OF", tolerance = 1e-10, twoSidedPower = TRUE
)
for (effect in c(0, 0.22, 0.44, 0.88)) {
  power <- getPowerAndAverageSampleNumber(design, theta = effect, nMax = 200)
  add(paste0("operating ", effect), "rejects", power$overallReject, index = 5)
  add(paste0("operating ", effect), "units", power$averageSampleNumber, index = 5)
}

write.csv(do.call(rbind, rows), "tests/r/sequential.csv", row.names = FALSE, quote = FALSE)
