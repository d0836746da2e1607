# Variance components and the mean over items and wordings. Writes tests/r/components.csv; run from the project root:
# Rscript tests/r/components.R
suppressMessages({library(lme4); library(lmerTest)})
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
save_data <- function(case, d) {
  put(case, "difference", d$y); put(case, "item", d$item); put(case, "wording", d$wording)
}
fitted <- function(case, fit) {
  v <- as.data.frame(VarCorr(fit))
  for (row in seq_len(nrow(v))) put(case, paste("variance", v$grp[row]), v$vcov[row])
  s <- summary(fit)$coefficients # lmerTest: Satterthwaite from the Hessian of the REML deviance
  put(case, "mean", s[1, "Estimate"]); put(case, "se", s[1, "Std. Error"])
  put(case, "df", s[1, "df"]); put(case, "p", s[1, "Pr(>|t|)"])
}
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5))

# Balanced, crossed, two replicates: REML is the analysis of variance as long as nothing is negative.
set.seed(3)
d <- expand.grid(replicate = 1:2, wording = 1:6, item = 1:20)
d$y <- round(0.3 + rnorm(20, 0, 0.8)[d$item] + rnorm(6, 0, 0.4)[d$wording] +
             rnorm(120, 0, 0.5)[(d$item - 1) * 6 + d$wording] + rnorm(240, 0, 1), 2)
save_data("crossed", d)
fitted("crossed", lmer(y ~ 1 + (1 | item) + (1 | wording) + (1 | item:wording), d, control = tight))

# Balanced, crossed, wordings that differ less than chance: REML sets their variance to zero.
set.seed(9)
e <- expand.grid(wording = 1:4, item = 1:25)
repeat {
  e$y <- round(rnorm(25)[e$item] + rnorm(100), 2)
  m <- anova(lm(y ~ factor(item) + factor(wording), e))[["Mean Sq"]]
  if (m[2] < 0.5 * m[3] && m[1] > m[3]) break
}
save_data("boundary", e)
fitted("boundary", suppressMessages(lmer(y ~ 1 + (1 | item) + (1 | wording), e, control = tight)))

# One wording an item, equally many items a wording: the one-way model.
set.seed(4)
f <- data.frame(item = 1:60, wording = rep(1:5, each = 12))
f$y <- round(rnorm(5, 0, 0.6)[f$wording] + rnorm(60), 2)
save_data("nested", f)
fitted("nested", lmer(y ~ 1 + (1 | wording), f, control = tight))

# Unbalanced and sparse, unequal replicates. Method 1 by matrices of cells by cells: nothing of the closed forms.
set.seed(5)
g <- expand.grid(wording = 1:4, item = 1:9)
g <- g[runif(36) < 0.6, ]
k <- sample(1:3, nrow(g), TRUE)
g <- g[rep(seq_len(nrow(g)), k), ]
g$y <- round(0.5 + rnorm(9)[g$item] + rnorm(4, 0, 0.8)[g$wording] + rnorm(nrow(g)), 2)
save_data("sparse", g)
cell <- interaction(g$item, g$wording, drop = TRUE)
within <- sum(unlist(tapply(g$y, cell, function(v) sum((v - mean(v))^2)))) / (nrow(g) - nlevels(cell))
y <- as.vector(tapply(g$y, cell, mean)); k <- as.vector(table(cell))
item <- as.vector(tapply(g$item, cell, mean)); wording <- as.vector(tapply(g$wording, cell, mean))
n <- length(y)
same <- function(v) outer(v, v, "==") * 1
projection <- function(v) same(v) / as.vector(table(v)[as.character(v)])
one <- matrix(1 / n, n, n)
forms <- list(projection(item) - one, projection(wording) - one, diag(n) - one)
sources <- list(same(item), same(wording), diag(n))
trace <- function(m) sum(diag(m))
left <- sapply(forms, function(q) t(y) %*% q %*% y)
right <- t(sapply(forms, function(q) sapply(sources, function(v) trace(q %*% v))))
noise <- sapply(forms, function(q) trace(q %*% diag(within / k)))
put("sparse", "components", c(solve(right, left - noise), within))
# The mean of the items' means, and Satterthwaite by 2 V^2 / (2 tr(A S A S)), with one variance for all cells.
q <- 1 / (length(unique(item)) * as.vector(table(item)[as.character(item)]))
theta <- solve(right, left)
stopifnot(all(theta > 0))
share <- sapply(sources, function(v) t(q) %*% v %*% q)
a <- Reduce(`+`, Map(`*`, solve(t(right), share), forms))
s <- Reduce(`+`, Map(`*`, theta, sources))
v <- sum(share * theta)
stopifnot(abs(v - t(y) %*% a %*% y) < 1e-10)
df <- v^2 / trace(a %*% s %*% a %*% s)
put("sparse", "mean", sum(q * y)); put("sparse", "se", sqrt(v)); put("sparse", "df", df)
put("sparse", "p", 2 * pt(-abs(sum(q * y)) / sqrt(v), df))

# Variance of a cell's difference from the ratings of both arms.
set.seed(6)
t3 <- matrix(round(rnorm(15, 12, 2)), 5); c2 <- matrix(round(rnorm(10, 11, 1)), 5)
put("within", "treatment", t(t3)); put("within", "control", t(c2))
put("within", "pooled", c(mean(apply(t3, 1, var)), mean(apply(c2, 1, var)))) # equal numbers in all rows of an arm
write.csv(out, "tests/r/components.csv", row.names = FALSE)
