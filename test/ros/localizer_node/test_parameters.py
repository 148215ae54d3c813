"""Check that the node takes a parameter file as the offline tools do."""

from pathlib import Path

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node

from actloc_ros.params_file import read_params
from actloc_ros.ros.localizer_node import parameters
from actloc_ros.settings import settings_of
from actloc_ros.settings.specs import DEFAULTS


@pytest.mark.parametrize('name', ['cameras', 'instances.overrides'])
def test_a_list_that_a_file_leaves_empty_is_the_default(tmp_path: Path, name: str) -> None:
    path, context = tmp_path / 'params.yaml', Context()
    path.write_text(f'/**: {{ros__parameters: {{{name}: [], max_rate: 1e1}}}}')
    rclpy.init(args=['--ros-args', '--params-file', str(path)], context=context)
    try:
        node = Node('action_localizer', context=context)
        parameters.declare(node)
        read = parameters.read(node)
    finally:
        rclpy.shutdown(context=context)
    assert read == settings_of(read_params(path, DEFAULTS))
    assert read.max_rate == 10.0
