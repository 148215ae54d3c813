"""Declare a node's parameters with their descriptions, and read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterUninitializedException
from rclpy.node import Node

from actloc_ros.parameter_spec import Mutability, ParameterSpec


def declare(node: Node, specs: Sequence[ParameterSpec]) -> None:
    """Declare all parameters on `node`; rclpy raises where an override has a wrong type.

    Raises:
        ValueError: A parameter that is no list was given no value.
    """
    _ignore_empty_lists(node, specs)
    for spec in specs:
        node.declare_parameter(spec.name, spec.default, descriptor(spec))


def values(node: Node, specs: Sequence[ParameterSpec]) -> dict[str, Any]:
    """Return the value of each parameter; an empty list in a file is one that ROS leaves unset."""
    found = {}
    for spec in specs:
        try:
            value = node.get_parameter(spec.name).value
        except ParameterUninitializedException:
            value = None
        found[spec.name] = spec.default if value is None else value
    return found


def descriptor(spec: ParameterSpec) -> ParameterDescriptor:
    """Return the descriptor that tools show."""
    shown = ParameterDescriptor(
        description=spec.description,
        additional_constraints=spec.constraints(),
        read_only=spec.change is Mutability.START,
    )
    if type(spec.default) is int:
        shown.integer_range = [IntegerRange(from_value=int(spec.low), to_value=int(spec.high))]
    elif isinstance(spec.default, float):
        limits = FloatingPointRange(from_value=spec.low, to_value=spec.high)
        shown.floating_point_range = [limits]
    return shown


def _ignore_empty_lists(node: Node, specs: Sequence[ParameterSpec]) -> None:
    """Take an empty list in a parameter file as the default: ROS reads it as no value at all."""
    overrides = node._parameter_overrides
    for spec in specs:
        given = overrides.get(spec.name)
        if given is not None and given.value is None:
            if not isinstance(spec.default, list):
                raise ValueError(f'{spec.name} has no value; leave it out for its default')
            del overrides[spec.name]
