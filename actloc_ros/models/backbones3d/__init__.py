"""Hold the 3D convolutional backbones that YOWO's clip branch is built from."""
