"""P3D (Qiu et al. 2017): a clip classifier of pseudo-3D residual blocks."""
