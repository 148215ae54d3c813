"""Spatio-temporal action localization for ROS 2; inert, since the message generator's package shares this path."""
