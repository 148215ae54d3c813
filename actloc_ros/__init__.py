"""Spatio-temporal action localization for ROS 2; inert, as the generated messages share this path."""
