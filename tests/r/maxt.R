# Step-down max-T by sign flips. Writes tests/r/maxt.csv; run from the project root: Rscript tests/r/maxt.R
# Once by counting all patterns of signs, and once by coin's step-down p-values, which swap the arms within blocks:
# their standardised statistic is sum(d) / sqrt(sum(d^2)), which orders as t does where all columns have all units.
suppressMessages(library(coin))
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
t_of <- function(d) {
  d <- d[!is.na(d)]
  if (all(d == 0)) 0 else if (sd(d) == 0) Inf else abs(mean(d) / (sd(d) / sqrt(length(d))))
}
count_all <- function(case, D) {
  n <- nrow(D)
  k <- ncol(D)
  observed <- apply(D, 2, t_of)
  from <- order(observed, decreasing = TRUE)
  alone <- below <- numeric(k)
  for (pattern in 0:(2^n - 1)) {
    signs <- 1 - 2 * (bitwAnd(pattern, 2^(0:(n - 1))) > 0)
    flipped <- apply(D * signs, 2, t_of)
    for (j in seq_len(k)) {
      here <- from[j]
      alone[here] <- alone[here] + (flipped[here] >= observed[here] * (1 - 1e-9))
      below[here] <- below[here] + (max(flipped[from[j:k]]) >= observed[here] * (1 - 1e-9))
    }
  }
  adjusted <- below / 2^n
  adjusted[from] <- cummax(adjusted[from])
  put(case, "D", D) # by column
  put(case, "t", observed)
  put(case, "p", alone / 2^n)
  put(case, "adjusted", adjusted)
}
set.seed(3)
base <- round(rnorm(10, 0, 2))
D <- cbind(base + round(rnorm(10, 2)), base, -base + round(rnorm(10, -1.5)), round(rnorm(10, 1, 2)))
count_all("full", D)
gaps <- D
gaps[1:2, 1] <- NA
gaps[7:9, 3] <- NA
gaps <- cbind(gaps, 0, c(rep(2, 7), NA, NA, NA))
count_all("gaps", gaps)

long <- data.frame(unit = factor(rep(1:10, 2)), arm = factor(rep(c("treatment", "control"), each = 10)),
                   `colnames<-`(rbind(D, matrix(0, 10, 4)), paste0("X", 1:4)))
set.seed(1)
swapped <- symmetry_test(X1 + X2 + X3 + X4 ~ arm | unit, data = long, distribution = approximate(nresample = 1e6))
put("full", "coin", pvalue(swapped, method = "step-down"))
put("full", "coin_alone", pvalue(swapped, method = "unadjusted"))
write.csv(out, "tests/r/maxt.csv", row.names = FALSE)
