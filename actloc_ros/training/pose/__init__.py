"""Train the networks of `pose_n` on, from the weights that ship, on people's own footage."""
