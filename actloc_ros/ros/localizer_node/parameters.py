"""Declare the node's parameters with their descriptions, read them and judge changes of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from actloc_ros.parameter_spec import Mutability
from actloc_ros.ros.common import node_parameters
from actloc_ros.settings import Settings, describe_unknown, settings_of
from actloc_ros.settings.specs import DEFAULTS, SPECS

# What rclpy itself declares, some of it only later.
ROS_PARAMETERS = re.compile(
    r'use_sim_time|start_type_description_service|qos_overrides\..*|bond_.*'
)


def declare(node: Node) -> None:
    """Declare all parameters on `node`; rclpy raises where an override has a wrong type."""
    node_parameters.declare(node, SPECS)


def check_names(node: Node, strict: bool) -> None:
    """Warn of each parameter that was given to the node and that it does not have.

    Raises:
        ValueError: There is one, and `strict` refuses it.
    """
    for name in sorted(node._parameter_overrides):
        if name not in DEFAULTS and not ROS_PARAMETERS.fullmatch(name):
            text = describe_unknown(name)
            if strict:
                raise ValueError(f'{text}; strict is true, so that the node does not start')
            node.get_logger().warning(f'{text}; it is ignored')


def read(node: Node) -> Settings:
    """Return the node's parameters.

    Raises:
        ValueError: A value is none that the parameter may have; the text says which.
    """
    return settings_of(node_parameters.values(node, SPECS))


def changed(node: Node, parameters: Sequence[Parameter], why_fixed: str) -> Settings:
    """Return the settings that `parameters` would make of the node's.

    Args:
        node: The node.
        parameters: What is to change.
        why_fixed: What must be done before the model's parameters may change; empty: nothing.

    Raises:
        ValueError: A value is not allowed, or not now.
    """
    values = node_parameters.values(node, SPECS)
    for parameter in parameters:
        spec = next((spec for spec in SPECS if spec.name == parameter.name), None)
        if spec is None:
            continue
        if type(parameter.value) is not type(spec.default):
            raise ValueError(f'{spec.name} must be of the type {type(spec.default).__name__}')
        if why_fixed and spec.change is Mutability.INACTIVE:
            raise ValueError(f'{spec.name} {spec.change.value}: {why_fixed}')
        values[spec.name] = parameter.value
    return settings_of(values)


def refusal(error: ValueError) -> SetParametersResult:
    """Return the answer that refuses a change."""
    return SetParametersResult(successful=False, reason=str(error))
