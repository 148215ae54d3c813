"""Share where the examples are, and a recording with people."""

import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope='session')
def examples() -> Path:
    """Return the folder of the examples."""
    return Path(__file__).resolve().parents[2] / 'examples'


@pytest.fixture(scope='session')
def walk(tmp_path_factory) -> Path:
    """Return a short recording of people before a fixed camera."""
    path = tmp_path_factory.mktemp('walk') / 'walk.mp4'
    command = ['actloc', 'synth', path, '--seed', '5', '--seconds', '4']
    subprocess.run([*command, '--size', '320x240', '--rate', '15'], check=True, timeout=100)
    return path
