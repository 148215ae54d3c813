"""Evaluations in time alone: segments, frames and starts of actions, without boxes."""
