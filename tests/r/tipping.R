# Tipping points by brute force: every value of the grid, no halving. Writes tests/r/tipping.csv; run from the root.
out <- data.frame()
put <- function(case, quantity, value) {
  out <<- rbind(out, data.frame(case = case, quantity = quantity, index = seq_along(value), value = as.vector(value)))
}
signs <- list()
flips <- function(d) {
  key <- as.character(length(d))
  if (is.null(signs[[key]])) signs[[key]] <<- as.matrix(expand.grid(rep(list(c(-1, 1)), length(d))))
  mean(abs(signs[[key]] %*% d) >= abs(sum(d)) - 1e-9)
}
differences <- function(t, c) {
  d <- rowMeans(t, na.rm = TRUE) - rowMeans(c, na.rm = TRUE)
  d[is.finite(d)]
}
significant <- function(t, c) {
  d <- differences(t, c)
  if (flips(d) <= 0.05) sign(sum(d)) else 0
}
inside <- function(t, c) {
  d <- differences(t, c)
  all(abs(t.test(d, conf.level = 0.9)$conf.int) < 1)
}
tip <- function(case, t, c, question, pair = FALSE) {
  seen_verdict <- question(t, c)
  put(case, "verdict", as.numeric(seen_verdict))
  for (arm in c("treatment", "control")) {
    own <- if (arm == "treatment") t else c
    other <- if (arm == "treatment") c else t
    if (pair) {
      seen <- mean(differences(own, other))
      grid <- -200:200 / 10
    } else {
      seen <- mean(own, na.rm = TRUE)
      grid <- 0:200 / 10
    }
    changed <- sapply(grid, function(v) {
      fill <- if (pair) pmin(pmax(rowMeans(other, na.rm = TRUE) + v, 0), 20) else rep(v, nrow(own))
      filled <- own
      at <- which(is.na(own), arr.ind = TRUE)
      filled[at] <- fill[at[, 1]]
      verdict <- if (arm == "treatment") question(filled, c) else question(t, filled)
      verdict != seen_verdict
    })
    below <- grid[changed & grid <= seen]
    above <- grid[changed & grid >= seen]
    put(case, arm, c(seen, if (length(below)) seen - max(below) else -1, if (length(above)) min(above) - seen else -1))
  }
}
store <- function(case, t, c) {
  put(case, "t", ifelse(is.na(t), -1, t))
  put(case, "c", ifelse(is.na(c), -1, c))
}
set.seed(2)
n <- 13
c1 <- matrix(sample(8:15, n, TRUE), n)
t1 <- c1 + sample(c(0, 1, 1, 2), n, TRUE)
t1[c(2, 9, 13), 1] <- NA
c1[5, 1] <- NA
store("difference", t1, c1)
tip("difference", t1, c1, significant)
store("pair", t1, c1)
tip("pair", t1, c1, significant, pair = TRUE)
c2 <- matrix(sample(8:15, n * 2, TRUE), n)
t2 <- c2 + sample(-1:1, n * 2, TRUE)
t2[c(1, 4), 1] <- NA
t2[6, ] <- NA
c2[c(3, 8), 2] <- NA
store("equivalence", t2, c2)
tip("equivalence", t2, c2, inside)
t3 <- c1 + sample(c(-1, 0, 0, 1), n, TRUE)
t3[c(1, 2, 4, 6, 8, 11, 12), 1] <- NA
store("null", t3, c1)
tip("null", t3, c1, significant)
write.csv(out, "tests/r/tipping.csv", row.names = FALSE)
