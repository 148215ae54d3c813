"""Advertise topics for each body, for as long as it is there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rclpy.node import Node

from actloc_ros.frames import seconds
from actloc_ros.planners.humans import body_id
from actloc_ros.planners.people import PersonKey

try:
    from rclpy.event_handler import PublisherEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks

ROOT = '/humans/bodies'


class BodyPublishers:
    """Publishers below `/humans/bodies/<id>`; a body dies when it was not detected for `hold` s."""

    def __init__(self, node: Node, hold: float) -> None:
        self._node, self._hold = node, hold
        self._seen: dict[PersonKey, int] = {}
        self._publishers: dict[PersonKey, dict[str, Any]] = {}

    def update(self, keys: Iterable[PersonKey], stamp: int) -> None:
        """Note who is in the report of `stamp` (ns), and let others die."""
        self._seen |= dict.fromkeys(keys, stamp)
        for key, last in list(self._seen.items()):
            if abs(seconds(stamp - last)) > self._hold:
                self._destroy(key)

    def ids(self) -> list[str]:
        """Return the ids of all bodies that are there."""
        return sorted(body_id(key.name) for key in self._seen)

    def get(self, key: PersonKey, name: str, message_type: Any, depth: int) -> Any:
        """Return the publisher of a body's topic `name`."""
        publishers = self._publishers.setdefault(key, {})
        if name not in publishers:
            publishers[name] = self._node.create_publisher(
                message_type,
                f'{ROOT}/{body_id(key.name)}/{name}',
                depth,
                # An executor must not wait for events of publishers that come and go.
                event_callbacks=PublisherEventCallbacks(use_default_callbacks=False),
            )
        return publishers[name]

    def clear(self) -> None:
        """Let all die."""
        for key in list(self._seen):
            self._destroy(key)

    def _destroy(self, key: PersonKey) -> None:
        del self._seen[key]
        for publisher in self._publishers.pop(key, {}).values():
            self._node.destroy_publisher(publisher)
