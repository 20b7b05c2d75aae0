"""What the tables are made with: contenders, the sink, measuring, and printing."""
