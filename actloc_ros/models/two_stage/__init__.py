"""Two stages: a person detector, then a classifier of each track's clip."""
