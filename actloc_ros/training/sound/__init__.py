"""Train a small classifier of sounds, and the weights by which sounds change actions."""
