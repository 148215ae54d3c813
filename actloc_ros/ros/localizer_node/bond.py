"""Form the bond by which a lifecycle manager such as Nav2's notices that the node has died."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node

TOPIC = 'bond'


def make_bond(node: Node) -> Any:
    """Return a started bond of the node with its manager; None where bondpy is not installed."""
    try:
        from bondpy.bondpy import Bond
    except ImportError:
        node.get_logger().debug('no bond is offered to lifecycle managers: install bondpy')
        return None
    bond = Bond(node, TOPIC, node.get_name())
    bond.start()
    return bond


def end_bond(node: Node, bond: Any) -> None:
    """End a bond in order, with what it had of the node."""
    bond.shutdown()
    node.destroy_subscription(bond.sub)
    node.destroy_publisher(bond.pub)
