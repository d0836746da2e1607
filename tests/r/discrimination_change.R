# Change in discrimination between two arms. Writes tests/r/discrimination_change.csv; run from the project root:
# Rscript tests/r/discrimination_change.R
suppressMessages(library(pROC))
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
delong <- function(case, treatment, control, correct) {
  put(case, "treatment", treatment)
  put(case, "control", control)
  put(case, "correct", correct)
  one <- roc(correct, treatment, direction = "<", quiet = TRUE)
  two <- roc(correct, control, direction = "<", quiet = TRUE)
  test <- roc.test(one, two, paired = TRUE, method = "delong")
  put(case, "areas", c(auc(one), auc(two)))
  put(case, "variances", suppressWarnings(c(var(one), var(two)))) # it warns of areas of 1
  put(case, "covariance", cov(one, two))
  put(case, "z", test$statistic)
  put(case, "p", test$p.value)
  put(case, "interval", test$conf.int)
}
set.seed(14)
correct <- rep(0:1, c(25, 35))
ability <- rnorm(60)
grade <- function(x) pmin(10, pmax(0, round(x)))
delong("ties", grade(7 + 0.5 * correct + ability + rnorm(60)), grade(5 + 2 * correct + ability + rnorm(60)), correct)
delong("continuous", round(correct + ability + rnorm(60), 6), round(correct + ability + rnorm(60), 6), correct)
delong("small", c(5, 7, 8, 6, 8, 7, 8, 8), c(2, 3, 5, 4, 6, 5, 8, 7), c(0, 0, 0, 0, 1, 1, 1, 1))
delong("two_each", c(1, 3, 2, 4), c(2, 1, 3, 3), c(0, 0, 1, 1))

# Units of three items, resampled as a whole; 20,000 draws, so that the standard error is good to .5 %.
set.seed(15)
unit <- rep(1:30, each = 3)
correct <- as.integer(runif(90) < plogis(rep(rnorm(30), each = 3)))
common <- rep(rnorm(30), each = 3)
control <- grade(5 + 2 * correct + common + rnorm(90))
treatment <- grade(7 + correct + common + rnorm(90))
gold <- grade(5 + 2 * correct + common + rnorm(90))
area <- function(score, truth) {
  r <- rank(score)
  n <- sum(truth)
  (sum(r[truth == 1]) - n * (n + 1) / 2) / (n * (length(truth) - n))
}
draws <- replicate(20000, {
  rows <- as.vector(outer(1:3, 3 * (sample(30, replace = TRUE) - 1), "+"))
  c(area(treatment[rows], correct[rows]) - area(control[rows], correct[rows]),
    cor(treatment[rows], gold[rows], method = "spearman") - cor(control[rows], gold[rows], method = "spearman"))
})
put("units", "unit", unit)
put("units", "treatment", treatment)
put("units", "control", control)
put("units", "correct", correct)
put("units", "gold", gold)
put("units", "areas", c(area(treatment, correct), area(control, correct)))
put("units", "correlations", c(cor(treatment, gold, method = "spearman"), cor(control, gold, method = "spearman")))
put("units", "area_se", sd(draws[1, ]))
put("units", "area_interval", quantile(draws[1, ], c(.025, .975)))
put("units", "correlation_se", sd(draws[2, ]))
put("units", "correlation_interval", quantile(draws[2, ], c(.025, .975)))
write.csv(out, "tests/r/discrimination_change.csv", row.names = FALSE)
