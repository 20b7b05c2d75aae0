"""One module for each table: NAME, HELP, what a quick look at it needs, and run(bench)."""
