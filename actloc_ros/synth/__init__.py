"""Render articulated people over moving backgrounds, with exact ground truth."""
