"""Find what around the node keeps it from working well, though nothing is wrong with itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.node import Node

NAMESAKE_TIME = 5.0  # s for which nodes may be listed that have just ended


class Surroundings:
    """Checks for other nodes of the same name, and for simulated time that does not come."""

    def __init__(self, node: Node, warn: Callable[[str, str], None]) -> None:
        """Check what is around `node`; `warn` takes a kind and a text."""
        self._node, self._warn = node, warn
        self._namesake_since: float | None = None

    def hints(self) -> list[str]:
        """Return what is to be changed, and log it; call this regularly."""
        found = {'name': self._namesake(), 'clock': self._missing_clock()}
        for kind, text in found.items():
            if text:
                self._warn(kind, text)
        return [text for text in found.values() if text]

    def _namesake(self) -> str:
        node = self._node
        listed = node.get_node_names_and_namespaces()
        if listed.count((node.get_name(), node.get_namespace())) < 2:
            self._namesake_since = None
            return ''
        now = time.monotonic()
        self._namesake_since = self._namesake_since or now
        if now - self._namesake_since < NAMESAKE_TIME:
            return ''
        name = node.get_fully_qualified_name()
        return (
            f'several nodes are called {name}, so that their results mix: rename all but one'
            ' (one that was killed stays listed for about 20 s)'
        )

    def _missing_clock(self) -> str:
        node = self._node
        if node.get_parameter('use_sim_time').value and node.get_clock().now().nanoseconds == 0:
            return 'use_sim_time is true, but no time comes on /clock'
        return ''
