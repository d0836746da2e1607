# Stages combined by the weighted inverse normal.
# Run from the project root: Rscript tests/r/stages.R
# Base R 4.2 and rpact 3.3.4. One-sided sign-flip p-values by enumeration of all sign patterns.
suppressMessages(library(rpact))

rows <- list()
add <- function(case, quantity, value, index = 1) {
  rows[[length(rows) + 1]] <<- data.frame(case = case, quantity = quantity, index = index, value = sprintf("%.15g", value))
}

stages <- list(
  first = c(1, 0, 2, -1, 3, 0, -2, 1, 1, 0, 2, -1),
  second = c(2, 1, 0, 1, -1, 3, 2, 1, 0, -1),
  third = c(4, -2, 1, 1, 0, 2, 5, 1)
)

flips <- function(d) {
  patterns <- as.matrix(expand.grid(rep(list(c(-1, 1)), length(d))))
  sums <- patterns %*% d
  c(greater = mean(sums >= sum(d)), less = mean(sums <= sum(d)))
}

combine <- function(p, w) pnorm(sum(w * qnorm(p, lower.tail = FALSE)) / sqrt(sum(w^2)), lower.tail = FALSE)

run <- function(case, data, weights) {
  one <- sapply(data, flips)
  greater <- combine(one["greater", ], weights)
  less <- combine(one["less", ], weights)
  add(case, "greater", greater)
  add(case, "less", less)
  add(case, "p", min(1, 2 * min(greater, less)))
  w <- weights / sqrt(sum(weights^2))
  combined <- function(mu) {
    sum(w * qnorm(sapply(data, function(d) t.test(d, mu = mu, alternative = "greater")$p.value), lower.tail = FALSE))
  }
  solve_for <- function(target) uniroot(function(mu) combined(mu) - target, c(-10, 10), tol = 1e-12)$root
  add(case, "low", solve_for(qnorm(0.975)))
  add(case, "estimate", solve_for(0))
  add(case, "high", solve_for(-qnorm(0.975)))
}

run("two", stages[1:2], sqrt(c(12, 10)))
run("three", stages, sqrt(c(12, 10, 8)))
run("weighted", stages[1:2], c(1, 2))

# rpact's combination of the stages' t tests, with weights fixed by planned information rates 12 : 10.
design <- getDesignInverseNormal(informationRates = c(12 / 22, 1), alpha = 0.025, sided = 1, typeOfDesign = "OF")
data <- getDataset(
  n = c(12, 10), means = sapply(stages[1:2], mean), stDevs = sapply(stages[1:2], sd)
)
result <- getStageResults(design, data, normalApproximation = FALSE)
add("rpact", "p1", result$pValues[1])
add("rpact", "p2", result$pValues[2])
add("rpact", "combined", pnorm(result$combInverseNormal[2], lower.tail = FALSE))

write.csv(do.call(rbind, rows), "tests/r/stages.csv", row.names = FALSE, quote = FALSE)
