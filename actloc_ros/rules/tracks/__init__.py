"""What is remembered of each track."""
