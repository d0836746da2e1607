# Cumulative-logit models of the score on the arm. Writes tests/r/ordinal.csv; run from the project root:
# Rscript tests/r/ordinal.R
suppressMessages(library(ordinal))
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
fitted <- function(case, score, arm) {
  put(case, "score", score); put(case, "arm", arm)
  fit <- clm(ordered(score) ~ arm, control = clm.control(gradTol = 1e-12, maxIter = 200))
  put(case, "estimate", fit$beta); put(case, "thresholds", fit$alpha)
}
set.seed(31)
arm <- rep(0:1, 60)
fitted("five", pmin(pmax(round(3 + rlogis(120, 0.7 * arm)), 1), 5), arm)

arm <- rep(0:1, 150) # a wide scale, heaped: most scores never occur
fitted("wide", pmin(pmax(5 * round((60 + 8 * rlogis(300, 0.5 * arm)) / 5) + (runif(300) < 0.1), 0), 100), arm)

# Barely overlapping: one control above one treatment.
fitted("apart", c(1, 1, 2, 2, 3, 4, 3, 4, 5, 5, 6, 6), rep(0:1, each = 6))

arm <- rep(0:1, 10) # as many scores as ratings, nearly
fitted("fine", round(rnorm(20, arm, 2), 2), arm)
write.csv(out, "tests/r/ordinal.csv", row.names = FALSE)
