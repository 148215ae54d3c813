"""Declare the node's parameters with their descriptions, read them and judge changes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import ParameterUninitializedException
from rclpy.node import Node
from rclpy.parameter import Parameter

from actloc_ros.parameter_spec import Mutability, ParameterSpec
from actloc_ros.settings import SPECS, Settings, settings_of


def declare(node: Node) -> None:
    """Declare all parameters on `node`; rclpy raises where an override has a wrong type."""
    for spec in SPECS:
        node.declare_parameter(spec.name, spec.default, _descriptor(spec))


def read(node: Node) -> Settings:
    """Return the node's parameters.

    Raises:
        ValueError: A value is none that the parameter may have; the text says which.
    """
    return settings_of(_values(node))


def changed(node: Node, parameters: Sequence[Parameter], active: bool) -> Settings:
    """Return the settings that `parameters` would make of the node's.

    Raises:
        ValueError: A value is not allowed, or not while the node is active.
    """
    values = _values(node)
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


def _values(node: Node) -> dict[str, Any]:
    """Return the value of each parameter; an empty list in a file is one that ROS leaves unset."""
    values = {}
    for spec in SPECS:
        try:
            value = node.get_parameter(spec.name).value
        except ParameterUninitializedException:
            value = None
        values[spec.name] = spec.default if value is None else value
    return values


def refusal(error: ValueError) -> SetParametersResult:
    """Return the answer that refuses a change."""
    return SetParametersResult(successful=False, reason=str(error))


def _descriptor(spec: ParameterSpec) -> ParameterDescriptor:
    """Return the descriptor that tools show."""
    descriptor = ParameterDescriptor(
        description=spec.description,
        additional_constraints=spec.constraints(),
        read_only=spec.change is Mutability.START,
    )
    if isinstance(spec.default, float):
        limits = FloatingPointRange(from_value=spec.low, to_value=spec.high)
        descriptor.floating_point_range = [limits]
    return descriptor
