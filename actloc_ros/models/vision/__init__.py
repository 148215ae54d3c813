"""Classic vision without PyTorch: optical flow, moving regions, upright people, their motion."""
