"""Measure detections against ground truth, by named protocols."""
