"""Person detectors, the first stage of two-stage models."""
