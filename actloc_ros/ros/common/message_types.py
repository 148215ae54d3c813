"""Find the classes of message types."""

from __future__ import annotations

import functools
import importlib
from typing import Any


@functools.cache
def ros_type(name: str) -> Any:
    """Return rclpy's class of a message type such as `std_msgs/msg/Header`."""
    package, kind, cls = name.split('/')
    return getattr(importlib.import_module(f'{package}.{kind}'), cls)
