# Linear mixed models of the score on the arm. Writes tests/r/mixed.csv; run from the project root:
# Rscript tests/r/mixed.R
suppressMessages({library(lme4); library(lmerTest)})
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e6))
make <- function(items, wordings, replicates, crossed = TRUE) {
  d <- expand.grid(replicate = seq_len(replicates), a = c(0, 1), wording = seq_len(wordings), item = seq_len(items))
  if (!crossed) d <- d[d$wording == (d$item - 1) %% wordings + 1, ]
  cell <- (d$item - 1) * wordings + d$wording
  d$y <- round(12 + rnorm(items, 0, 2)[d$item] + (0.4 + rnorm(items, 0, 1)[d$item]) * (d$a - 0.5) +
               rnorm(wordings, 0, 0.8)[d$wording] + rnorm(wordings, 0, 0.6)[d$wording] * d$a +
               rnorm(items * wordings, 0, 0.7)[cell] + rnorm(nrow(d)), 1)
  d
}
save_data <- function(case, d) {
  put(case, "score", d$y); put(case, "arm", d$a); put(case, "item", d$item); put(case, "wording", d$wording)
}
fitted <- function(case, d, formula) {
  d$arm <- d$a - 0.5
  d$w <- factor(d$wording)
  if (nlevels(d$w) > 1) contrasts(d$w) <- contr.sum(nlevels(d$w))
  fit <- lmer(formula, d, control = tight)
  stopifnot(!isSingular(fit))
  v <- as.data.frame(VarCorr(fit))
  for (row in seq_len(nrow(v))) {
    name <- paste(sub("\\.[0-9]+$", "", v$grp[row]), ifelse(is.na(v$var1[row]), "", v$var1[row]),
                  ifelse(is.na(v$var2[row]), "", v$var2[row]))
    put(case, trimws(name), ifelse(is.na(v$var2[row]), v$vcov[row], v$sdcor[row]))
  }
  s <- summary(fit)$coefficients["arm", ]
  put(case, "estimate", s["Estimate"]); put(case, "se", s["Std. Error"])
  put(case, "df", s["df"]); put(case, "p", s["Pr(>|t|)"])
}

set.seed(21)
d <- make(30, 1, 3)
save_data("replicates", d)
fitted("replicates", d, y ~ arm + (1 + arm | item))

set.seed(22)
d <- make(30, 3, 1)
save_data("crossed", d)
fitted("crossed", d, y ~ arm * w + (1 + arm | item) + (1 | item:w))

set.seed(23)
d <- make(40, 4, 2, crossed = FALSE)
save_data("nested", d)
fitted("nested", d, y ~ arm * w + (1 + arm | item))

set.seed(24)
d <- make(25, 4, 2)
d <- d[runif(nrow(d)) < 0.6, ] # ratings are missing here and there
save_data("sparse", d)
fitted("sparse", d, y ~ arm * w + (1 + arm | item) + (1 | item:w))

set.seed(25)
d <- make(20, 5, 1)
save_data("random", d)
fitted("random", d, y ~ arm + (1 | item) + (0 + arm | item) + (1 | w) + (0 + arm | w) + (1 | item:w))
write.csv(out, "tests/r/mixed.csv", row.names = FALSE)
