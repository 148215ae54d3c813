"""C3D (Tran et al. 2015): a clip classifier of 3D convolutions."""
