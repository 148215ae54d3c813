"""Check what packagers and installers read: manifest, versions, requirements, file headers."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    path
    for folder in ('actloc_ros', 'benchmark', 'launch', 'scripts', 'test')
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


def test_core_imports_no_ros():
    pattern = re.compile(
        r'^\s*(?:from|import) (rclpy|\w+_msgs|actloc_ros\.ros|actloc_ros\.msg)\b', re.M
    )
    for path in (ROOT / 'actloc_ros').rglob('*.py'):
        if not path.is_relative_to(ROOT / 'actloc_ros' / 'ros'):
            assert not pattern.search(path.read_text()), path


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text())), path


def test_no_code_is_loaded_from_data():
    for path in (ROOT / 'actloc_ros').rglob('*.py'):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ('eval', 'exec', 'pickle.load', 'pickle.loads'), path
                if called == 'torch.load':
                    assert 'weights_only=True' in ast.unparse(node), path
