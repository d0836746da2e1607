# Pratt's signed-rank test and the Hodges-Lehmann interval. Writes tests/r/signedrank.csv; run from the project root.
suppressPackageStartupMessages(library(coin))
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
# By hand: all sizes ranked, zeros dropped, all patterns of signs of the rest.
enumerated <- function(d) {
  r <- rank(abs(d))[d != 0] # midranks
  s <- sign(d)[d != 0]
  patterns <- as.matrix(expand.grid(rep(list(c(-1, 1)), length(r)))) %*% r
  seen <- sum(s * r)
  c(mean(abs(patterns) >= abs(seen)), mean(patterns >= seen), mean(patterns <= seen))
}
walsh <- function(d) {
  w <- outer(d, d, "+") / 2
  sort(w[upper.tri(w, diag = TRUE)])
}
pratt <- function(case, d, by_hand = TRUE, by_coin = TRUE) {
  put(case, "d", d)
  if (by_hand) put(case, "enumerated", enumerated(d))
  if (by_coin) {
    test <- wilcoxsign_test(d ~ rep(0, length(d)), zero.method = "Pratt", distribution = "asymptotic")
    put(case, "z", statistic(test))
    put(case, "p_normal", pvalue(test))
    sides <- c(two.sided = "two.sided", greater = "greater", less = "less")
    put(case, "p_coin", sapply(sides, function(side) {
      pvalue(wilcoxsign_test(d ~ rep(0, length(d)), zero.method = "Pratt", distribution = "exact", alternative = side))
    }))
  }
  w <- walsh(d)
  n <- length(d)
  put(case, "estimate", median(w))
  for (level in c(0.95, 0.8)) {
    k <- qsignrank((1 - level) / 2, n)
    if (psignrank(k - 1, n) > (1 - level) / 2) stop("not the quantile that was meant")
    put(case, paste0("interval", level), c(w[k], w[length(w) + 1 - k]))
  }
}
tied <- c(0, 0, 0, 1, 1, 1, 2, -1, 3, 0, 2, -1, 1, 4, 0, 1, -2, 0, 1, 2)
pratt("tied", tied)
set.seed(5)
pratt("small", sample(-3:5, 12, TRUE))
pratt("halves", sample(-4:6, 14, TRUE) / 2)
pratt("long", sample(-6:8, 120, TRUE), by_hand = FALSE)
untied <- round(rnorm(15, 0.4), 6)
pratt("untied", untied)
# Without ties and zeros R's own interval is defined the same way.
r <- wilcox.test(untied, conf.int = TRUE, exact = TRUE)
put("untied", "r", c(r$estimate, r$conf.int, r$p.value))
many <- round(rnorm(60, 0.2), 6)
pratt("many", many, by_hand = FALSE)
r <- wilcox.test(many, conf.int = TRUE, exact = TRUE)
put("many", "r", c(r$estimate, r$conf.int, r$p.value))
# Quantiles of the rank sum without ties, and a sample too large for the exact count.
for (n in c(6, 7, 10, 50, 200, 500)) put("quantile", as.character(n), qsignrank(0.025, n))
for (n in c(501, 800, 1000)) put("quantile", as.character(n), qsignrank(0.025, n))
big <- sample(-9:10, 700, TRUE)
put("big", "d", big)
test <- wilcoxsign_test(big ~ rep(0, 700), zero.method = "Pratt", distribution = "asymptotic")
put("big", "z", statistic(test))
put("big", "p_normal", pvalue(test))
w <- walsh(big)
put("big", "estimate", median(w))
write.csv(out, "tests/r/signedrank.csv", row.names = FALSE)
