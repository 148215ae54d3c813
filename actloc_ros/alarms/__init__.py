"""Alarms: what a step of one is, the evidence for it, and how people are notified."""
