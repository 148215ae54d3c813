"""Check what packagers and installers read: manifest, versions, requirements, file headers."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    path
    for folder in ('actloc_ros', 'benchmark', 'examples', 'fuzz', 'launch', 'scripts')
    for path in (ROOT / folder).rglob('*.py')
)


def manifest():
    catkin_pkg = pytest.importorskip('catkin_pkg.package')
    return catkin_pkg.parse_package(str(ROOT / 'package.xml'))


def test_manifest_is_valid_and_complete():
    package = manifest()
    package.validate()
    assert package.package_format == 3
    assert package.licenses == ['Apache-2.0']
    assert {url.type for url in package.urls} == {'website', 'repository', 'bugtracker'}
    assert package.get_build_type() == 'ament_cmake'
    declared = {d.name for d in package.exec_depends}
    assert {'rclpy', 'cv_bridge', 'message_filters', 'launch_ros', 'tf2_ros_py'} <= declared


def test_setup_py_takes_its_version_from_the_manifest(tmp_path):
    package = manifest()
    shown = subprocess.run(
        ['python', ROOT / 'setup.py', '--version'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split()[-1] == package.version


def test_every_ros_import_is_declared():
    declared = {d.name for d in manifest().exec_depends} | {'actloc_ros', 'tf2_ros'}
    pattern = re.compile(
        r'^\s*(?:from|import) (\w+_msgs|\w+_srvs|rcl\w*|launch\w*|tf2_\w+|\w+_interfaces)'
    )
    for path in SOURCES:
        if path.is_relative_to(ROOT / 'actloc_ros') or path.is_relative_to(ROOT / 'launch'):
            for line in path.read_text().splitlines():
                match = pattern.match(line)
                assert not match or match.group(1) in declared, f'{path}: {line}'


def test_torch_files_are_read_as_tensors_alone():
    """Loading a pickle runs what is in it; ruff (S301) knows pickle, but not torch.load."""
    calls = [
        ast.unparse(node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == 'torch.load'
    ]
    assert calls
    assert [call for call in calls if 'weights_only=True' not in call] == []
