"""What is true: annotations, their faults, ground-truth boxes and labels."""
