# Rates by arm. Writes tests/r/rates.csv; run from the project root: Rscript tests/r/rates.R
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
flips <- function(d) { # the share of all sign patterns at least as extreme
  signs <- as.matrix(expand.grid(rep(list(c(-1, 1)), length(d))))
  mean(abs(signs %*% d) >= abs(sum(d)) - 1e-9)
}

# One outcome a unit: Wilson by prop.test, exact McNemar by binom.test.
treatment <- c(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 1, 1)
control   <- c(1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 1)
put("single", "treatment", treatment)
put("single", "control", control)
put("single", "wilson", prop.test(sum(treatment), 20, correct = FALSE)$conf.int)
gained <- sum(treatment > control)
lost <- sum(treatment < control)
put("single", "counts", c(gained, lost))
put("single", "p", binom.test(gained, gained + lost)$p.value)

# Three outcomes a unit, some units of two cells. The interval inverts the score equation numerically:
# |rate - x| = t sqrt(x (1 - x) / effective number), not by the closed form.
set.seed(11)
unit <- c(1:8, 1:4)
t3 <- matrix(rbinom(36, 1, 0.6), 12)
c3 <- matrix(rbinom(36, 1, 0.4), 12)
put("clustered", "unit", unit)
put("clustered", "treatment", as.vector(t3)) # by column
put("clustered", "control", as.vector(c3))
rate <- tapply(rowMeans(t3), unit, mean)
effective <- mean(rate) * (1 - mean(rate)) / (var(rate) / length(rate))
effective <- min(max(effective, length(rate)), 36)
q <- qt(0.975, length(rate) - 1)
edge <- function(x) abs(mean(rate) - x) - q * sqrt(x * (1 - x) / effective)
put("clustered", "rate", mean(rate))
put("clustered", "interval", c(uniroot(edge, c(1e-9, mean(rate)), tol = 1e-13)$root,
                               uniroot(edge, c(mean(rate), 1 - 1e-9), tol = 1e-13)$root))
d <- rate - tapply(rowMeans(c3), unit, mean)
test <- t.test(d)
put("clustered", "difference", mean(d))
put("clustered", "difference_interval", test$conf.int)
put("clustered", "p", flips(d))
write.csv(out, "tests/r/rates.csv", row.names = FALSE)
