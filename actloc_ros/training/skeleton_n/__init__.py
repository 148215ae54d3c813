"""Train skeleton_n: motions in 3D and 2D, cameras, noise, fitting and calibration."""
