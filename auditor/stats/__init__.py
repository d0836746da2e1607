"""Arrays in, frozen result objects out; knows nothing of judges, files or frames."""
