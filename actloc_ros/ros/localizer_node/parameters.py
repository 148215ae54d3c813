"""Declare the node's parameters with their descriptions, read them and judge changes of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import ParameterUninitializedException
from rclpy.node import Node
from rclpy.parameter import Parameter

from actloc_ros.parameter_spec import Mutability, ParameterSpec
from actloc_ros.settings import DEFAULTS, SPECS, Settings, describe_unknown, settings_of

# What rclpy itself declares, some of it only later.
ROS_PARAMETERS = re.compile(
    r'use_sim_time|start_type_description_service|qos_overrides\..*|bond_.*'
)


def declare(node: Node) -> None:
    """Declare all parameters on `node`; rclpy raises where an override has a wrong type."""
    _ignore_empty_lists(node)
    for spec in SPECS:
        node.declare_parameter(spec.name, spec.default, _descriptor(spec))


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
    return settings_of(_values(node))


def changed(node: Node, parameters: Sequence[Parameter], why_fixed: str) -> Settings:
    """Return the settings that `parameters` would make of the node's.

    Args:
        node: The node.
        parameters: What is to change.
        why_fixed: What must be done before the model's parameters may change; empty: nothing.

    Raises:
        ValueError: A value is not allowed, or not now.
    """
    values = _values(node)
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
    if type(spec.default) is int:
        limits = IntegerRange(from_value=int(spec.low), to_value=int(spec.high))
        descriptor.integer_range = [limits]
    elif isinstance(spec.default, float):
        limits = FloatingPointRange(from_value=spec.low, to_value=spec.high)
        descriptor.floating_point_range = [limits]
    return descriptor


def _ignore_empty_lists(node: Node) -> None:
    """Take an empty list in a parameter file as the default: ROS reads it as no value at all."""
    overrides = node._parameter_overrides
    for spec in SPECS:
        given = overrides.get(spec.name)
        if given is not None and given.value is None:
            if not isinstance(spec.default, list):
                raise ValueError(f'{spec.name} has no value; leave it out for its default')
            del overrides[spec.name]
