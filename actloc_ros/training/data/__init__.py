"""Batches of clips to train on: reading, sampling, augmenting."""
