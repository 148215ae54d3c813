"""Find what around the node keeps it from working well, though nothing is wrong with itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.node import Node

PATIENCE = 5.0  # s: nodes that have just ended may be listed, and a player's clock may just start


class Surroundings:
    """Checks for other nodes of the same name, and for simulated time that does not come."""

    def __init__(self, node: Node, warn: Callable[[str, str], None]) -> None:
        """Check what is around `node`; `warn` takes a kind and a text."""
        self._node, self._warn = node, warn
        self._since: dict[str, float] = {}

    def hints(self) -> list[str]:
        """Return what has been wrong for a while, and log it; call this regularly."""
        now = time.monotonic()
        found = {'namesake': self._namesake(), 'clock': self._missing_clock()}
        self._since = {kind: self._since.get(kind, now) for kind, text in found.items() if text}
        lasting = [kind for kind, since in self._since.items() if now - since >= PATIENCE]
        for kind in lasting:
            self._warn(kind, found[kind])
        return [found[kind] for kind in lasting]

    def _namesake(self) -> str:
        node = self._node
        listed = node.get_node_names_and_namespaces()
        if listed.count((node.get_name(), node.get_namespace())) < 2:
            return ''
        return (
            f'several nodes are called {node.get_fully_qualified_name()}, so that their results'
            ' mix: rename all but one (one that was killed stays listed for about 20 s)'
        )

    def _missing_clock(self) -> str:
        node = self._node
        if node.get_parameter('use_sim_time').value and node.get_clock().now().nanoseconds == 0:
            return 'use_sim_time is true, but no time comes on /clock'
        return ''
