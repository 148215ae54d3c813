"""Declare the node's parameters with their descriptions, read them and judge changes of them."""

from __future__ import annotations

from collections.abc import Sequence

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from actloc_ros.parameter_spec import Mutability
from actloc_ros.ros.common import node_parameters
from actloc_ros.settings import SPECS, Settings, settings_of


def declare(node: Node) -> None:
    """Declare all parameters on `node`; rclpy raises where an override has a wrong type."""
    node_parameters.declare(node, SPECS)


def read(node: Node) -> Settings:
    """Return the node's parameters.

    Raises:
        ValueError: A value is none that the parameter may have; the text says which.
    """
    return settings_of(node_parameters.values(node, SPECS))


def changed(node: Node, parameters: Sequence[Parameter], active: bool) -> Settings:
    """Return the settings that `parameters` would make of the node's.

    Raises:
        ValueError: A value is not allowed, or not while the node is active.
    """
    values = node_parameters.values(node, SPECS)
    for parameter in parameters:
        spec = next((spec for spec in SPECS if spec.name == parameter.name), None)
        if spec is None:
            continue
        if type(parameter.value) is not type(spec.default):
            raise ValueError(f'{spec.name} must be of the type {type(spec.default).__name__}')
        if active and spec.change is Mutability.INACTIVE:
            raise ValueError(f'{spec.name} {spec.change.value}: deactivate it first')
        values[spec.name] = parameter.value
    return settings_of(values)


def refusal(error: ValueError) -> SetParametersResult:
    """Return the answer that refuses a change."""
    return SetParametersResult(successful=False, reason=str(error))
