"""Training of YOWOv2."""
