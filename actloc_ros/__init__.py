"""Localize actions in space and time, for ROS 2; inert, as the messages share this path."""
