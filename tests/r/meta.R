# Random-effects meta-analysis. Writes tests/r/meta.csv; run from the project root: Rscript tests/r/meta.R
# metafor's rma (test = "knha") for independent sampling errors, rma.mv for a full covariance matrix.
suppressMessages(library(metafor))
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
tight <- list(threshold = 1e-14, maxiter = 10000, tol = 1e-12)

independent <- function(case, yi, vi) {
  fit <- rma(yi, vi, method = "REML", test = "knha", control = tight)
  put(case, "yi", yi)
  put(case, "vi", vi)
  put(case, "estimate", fit$beta)
  put(case, "se", fit$se)
  put(case, "interval", c(fit$ci.lb, fit$ci.ub))
  put(case, "p", fit$pval)
  put(case, "tau2", fit$tau2)
  put(case, "q", fit$QE)
  put(case, "q_p", fit$QEp)
  put(case, "i2", fit$I2 / 100)
  put(case, "weights", head(weights(fit), 13) / 100)
  if (length(yi) > 2) { # metafor's own has k - 1 degrees of freedom
    put(case, "prediction_k1", c(predict(fit)$pi.lb, predict(fit)$pi.ub))
    put(case, "prediction_k2", fit$beta[1] + c(-1, 1) * qt(.975, length(yi) - 2) * sqrt(fit$se^2 + fit$tau2))
  }
  profile <- confint(fit, control = list(tol = 1e-13, tau2.max = 1e4))
  put(case, "tau2_interval", profile$random["tau^2", c("ci.lb", "ci.ub")])
  pulled <- blup(fit)
  put(case, "blup", head(pulled$pred, 13)) # enough of the large case
  put(case, "blup_low", head(pulled$pi.lb, 13))
  put(case, "blup_high", head(pulled$pi.ub, 13))
  held <- rma(yi, vi, method = "REML", test = "adhoc", control = tight)
  put(case, "held_interval", c(held$ci.lb, held$ci.ub))
}

correlated <- function(case, yi, V) {
  k <- length(yi)
  fit <- rma.mv(yi, V, random = ~ 1 | judge, data = data.frame(yi = yi, judge = seq_len(k)), method = "REML",
                control = list(optimizer = "nlminb", rel.tol = 1e-10, iter.max = 1000))
  put(case, "estimate", fit$beta)
  put(case, "plain_se", fit$se)
  put(case, "tau2", fit$sigma2)
  put(case, "q", fit$QE)
  put(case, "q_p", fit$QEp)
  put(case, "deviation", ranef(fit)[[1]]$intrcpt)
  # What rma.mv has not: one factor q for the variance, the predictors' errors with it, and the generalised Q.
  one <- rep(1, k)
  inverse <- solve(V + fit$sigma2 * diag(k))
  residual <- yi - fit$beta[1]
  scale <- as.vector(t(residual) %*% inverse %*% residual) / (k - 1)
  se <- fit$se * sqrt(scale)
  put(case, "scale", scale)
  put(case, "se", se)
  put(case, "interval", fit$beta[1] + c(-1, 1) * qt(.975, k - 1) * se)
  put(case, "p", 2 * pt(-abs(fit$beta[1]) / se, k - 1))
  shrink <- fit$sigma2 * inverse
  error <- fit$sigma2 * (diag(k) - shrink) + se^2 * ((diag(k) - shrink) %*% one %*% t(one) %*% t(diag(k) - shrink))
  put(case, "blup_se", sqrt(diag(error)))
  generalised <- function(tau2) {
    w <- solve(V + tau2 * diag(k))
    mu <- sum(w %*% yi) / sum(w)
    as.vector(t(yi - mu) %*% w %*% (yi - mu))
  }
  ends <- sapply(c(.975, .025), function(p) {
    target <- qchisq(p, k - 1)
    if (generalised(0) <= target) 0 else
      uniroot(function(x) generalised(x) - target, c(0, 1e4), tol = 1e-13, maxiter = 10000)$root
  })
  put(case, "tau2_interval", ends)
  w <- solve(V)
  P <- w - w %*% one %*% t(one) %*% w / sum(w)
  put(case, "i2", fit$sigma2 / (fit$sigma2 + (k - 1) / sum(diag(P))))
}

bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
independent("bcg", as.vector(bcg$yi), as.vector(bcg$vi))
independent("five", c(0.9, 0.2, 1.4, 0.5, -0.3), c(0.04, 0.05, 0.09, 0.04, 0.40))
independent("four", c(0.9, 0.2, 1.4, 0.5), c(0.04, 0.05, 0.09, 0.04))
independent("alike", c(0.31, 0.22, 0.35, 0.18), c(0.02, 0.03, 0.05, 0.01)) # tau2 = 0 and q < 1
independent("three", c(1.1, 0.3, 0.7), c(0.01, 0.02, 0.04))
independent("two", c(0.2, 1.0), c(0.02, 0.05))
set.seed(500)
many <- round(rgamma(500, 2, 20), 4) + 0.001
independent("many", round(rnorm(500, 0.4, sqrt(0.09 + many)), 3), many)

# Judges that share some of 40 items; D are whole numbers, and V is summed item by item.
set.seed(7)
k <- 6
items <- list(1:40, 1:40, 1:25, 11:40, c(1:5, 21:40), 31:40)
ease <- rnorm(40)
D <- lapply(seq_len(k), function(j) round(c(1, .2, 1.5, .4, 2, -1)[j] + 1.2 * ease[items[[j]]] + rnorm(length(items[[j]]))))
V <- matrix(0, k, k)
for (a in seq_len(k)) {
  put("shared", paste0("items_", a), items[[a]])
  put("shared", paste0("d_", a), D[[a]])
  for (b in seq_len(k)) {
    na <- length(D[[a]])
    nb <- length(D[[b]])
    for (i in intersect(items[[a]], items[[b]])) {
      V[a, b] <- V[a, b] + (D[[a]][items[[a]] == i] - mean(D[[a]])) * (D[[b]][items[[b]] == i] - mean(D[[b]])) /
        (na * nb) * sqrt(na * nb / ((na - 1) * (nb - 1)))
    }
  }
}
put("shared", "means", sapply(D, mean))
put("shared", "V", V)
put("shared", "plain_1_2", cov(D[[1]], D[[2]]) / 40) # both rated all: the covariance by pairs is the same
correlated("shared", sapply(D, mean), V)

# A covariance by rule, so that it need not be listed: r s_a s_b with s^2 = 0.01 + 0.002 j, r = 0.6, and 60 judges.
s <- sqrt(0.01 + 0.002 * (1:60))
rule <- 0.6 * outer(s, s)
diag(rule) <- s^2
set.seed(60)
y <- round(rnorm(1, 0, 0.2) + rnorm(60, 0.5, 0.25) + rnorm(60, 0, s * sqrt(0.4)), 3)
put("rule", "yi", y)
correlated("rule", y, rule)
y <- round(0.5 + rnorm(60, 0, s * 0.3), 3) # too alike: tau2 = 0
put("alike_rule", "yi", y)
correlated("alike_rule", y, rule)

# Two judges compared.
a <- c(3, 1, 4, 1, 5, 9, 2, 6)
b <- c(2, 0, 1, 1, 3, 4, 2)
welch <- t.test(a, b)
put("compare", "a", a)
put("compare", "b", b)
put("compare", "welch", c(welch$statistic, welch$parameter, welch$p.value, welch$conf.int))
pairs <- t.test(a[1:7], b, paired = TRUE)
put("compare", "paired_interval", pairs$conf.int)
signs <- as.matrix(expand.grid(rep(list(c(-1, 1)), 7)))
put("compare", "paired_p", mean(abs(signs %*% (a[1:7] - b)) >= abs(sum(a[1:7] - b))))
write.csv(out, "tests/r/meta.csv", row.names = FALSE)
