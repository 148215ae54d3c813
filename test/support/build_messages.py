"""Build what no wheel carries: tf2 for Python, and messages, cut down to what the tests need.

The packages keep their names, so that types are those of the real packages; tf2 is built as it is.

usage: ACTLOC_MESSAGE_SOURCES=FOLDER python test/support/build_messages.py WORKSPACE [PACKAGE…]

FOLDER holds check-outs of the packages, at any depth: see `SOURCES`. Source WORKSPACE/install/
local_setup.bash afterwards, and the tests find them. PACKAGE limits what is built: `tf2_ros_py`
alone takes half a minute. Nothing is fetched.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

SOURCES = {
    'tf2_msgs': 'https://github.com/ros2/geometry2, the branch of the distribution',
    'nav2_msgs': 'https://github.com/ros-navigation/navigation2',
    'people_msgs': 'https://github.com/wg-perception/people, branch ros2',
    'vision_msgs': 'https://github.com/ros-perception/vision_msgs',
    'hri_msgs': 'https://github.com/ros4hri/hri_msgs, branch humble-devel',
    'hri_actions_msgs': 'https://github.com/ros4hri/hri_actions_msgs, branch humble-devel',
    'octomap_msgs': 'https://github.com/OctoMap/octomap_msgs, branch ros2',
    'object_recognition_msgs': 'https://github.com/wg-perception/object_recognition_msgs, ros2',
    'moveit_msgs': 'https://github.com/moveit/moveit_msgs, branch ros2',
    'foxglove_msgs': 'https://github.com/foxglove/foxglove-sdk',
    'audio_common_msgs': 'https://github.com/ros-drivers/audio_common, branch ros2',
}
WHOLE = ('tf2', 'tf2_py', 'tf2_ros_py')  # in this order, after tf2_msgs, from its source
WANTED = (
    'tf2_msgs/msg/TFMessage',
    'tf2_msgs/srv/FrameGraph',
    'tf2_msgs/action/LookupTransform',
    'nav2_msgs/msg/SpeedLimit',
    'people_msgs/msg/People',
    'vision_msgs/msg/Detection2DArray',
    'vision_msgs/msg/Detection3DArray',
    'vision_msgs/msg/LabelInfo',
    'hri_msgs/msg/IdsList',
    'hri_msgs/msg/NormalizedRegionOfInterest2D',
    'hri_msgs/msg/Skeleton2D',
    'hri_msgs/msg/BodyPosture',
    'hri_msgs/msg/Gesture',
    'hri_actions_msgs/msg/Intent',
    'moveit_msgs/msg/CollisionObject',
    'moveit_msgs/srv/GetPlanningScene',
    'moveit_msgs/srv/ApplyPlanningScene',
    'foxglove_msgs/msg/ImageAnnotations',
    'foxglove_msgs/msg/SceneUpdate',
    'foxglove_msgs/msg/Event',
    'audio_common_msgs/msg/AudioDataStamped',
    'audio_common_msgs/msg/AudioInfo',
)
FIELD = re.compile(r'^\s*(?:(\w+)/)?([A-Z]\w*)(?:\[[^\]]*\])?\s+\w+\s*(?:#.*)?$', re.MULTILINE)

CMAKE = """\
cmake_minimum_required(VERSION 3.8)
project({name})
find_package(ament_cmake REQUIRED)
find_package(rosidl_default_generators REQUIRED)
{finds}
rosidl_generate_interfaces(${{PROJECT_NAME}}
  {files}
  DEPENDENCIES {depends}
)
ament_export_dependencies(rosidl_default_runtime)
ament_package()
"""
PACKAGE = """\
<package format="3">
  <name>{name}</name><version>0.0.0</version><description>Cut for tests</description>
  <maintainer email="nobody@example.org">nobody</maintainer><license>see its source</license>
  <buildtool_depend>ament_cmake</buildtool_depend>
  <buildtool_depend>rosidl_default_generators</buildtool_depend>
  {depends}
  <exec_depend>rosidl_default_runtime</exec_depend>
  <member_of_group>rosidl_interface_packages</member_of_group>
  <export><build_type>ament_cmake</build_type></export>
</package>
"""


@dataclass
class Cut:
    """What one package is cut down to.

    Attributes:
        files: The files needed, by their path in the package.
        depends: The packages whose messages they hold.
    """

    files: dict[str, Path] = field(default_factory=dict)
    depends: set[str] = field(default_factory=set)


def find(sources: Path, package: str, kind: str, name: str) -> Path:
    """Return the file that defines an interface; foxglove keeps those for ROS 2 in `ros2`."""
    for folder in (kind, 'ros2'):
        for path in sorted(sources.rglob(f'{package}/{folder}/{name}.{kind}')):
            return path
    raise SystemExit(
        f'{package}/{kind}/{name} is not below {sources}; check out {SOURCES[package]}'
    )


def collect(sources: Path, wanted: tuple[str, ...]) -> dict[str, Cut]:
    """Return, by package, the files for `wanted` and for all that they hold."""
    cuts: dict[str, Cut] = {}
    left = list(wanted)
    while left:
        package, kind, name = left.pop().split('/')
        cut = cuts.setdefault(package, Cut())
        relative = f'{kind}/{name}.{kind}'
        if relative in cut.files:
            continue
        cut.files[relative] = find(sources, package, kind, name)
        for other, held in FIELD.findall(cut.files[relative].read_text()):
            owner = other or ('std_msgs' if held == 'Header' else package)
            if owner != package:
                cut.depends.add(owner)
            if owner in SOURCES:
                left.append(f'{owner}/msg/{held}')
    return cuts


def write(folder: Path, name: str, cut: Cut) -> None:
    """Write a package below `folder`."""
    depends = sorted(cut.depends)
    target = folder / name
    for relative, source in cut.files.items():
        (target / relative).parent.mkdir(parents=True, exist_ok=True)
        (target / relative).write_bytes(source.read_bytes())
    (target / 'CMakeLists.txt').write_text(
        CMAKE.format(
            name=name,
            finds='\n'.join(f'find_package({other} REQUIRED)' for other in depends),
            files='\n  '.join(f'"{relative}"' for relative in sorted(cut.files)),
            depends=' '.join(depends),
        )
    )
    (target / 'package.xml').write_text(
        PACKAGE.format(
            name=name, depends='\n  '.join(f'<depend>{other}</depend>' for other in depends)
        )
    )


def copy(folder: Path, sources: Path, package: str) -> None:
    """Copy a package as it is below `folder`."""
    for path in sorted(sources.rglob(f'{package}/package.xml')):
        shutil.copytree(path.parent, folder / package, dirs_exist_ok=True)
        return
    raise SystemExit(f'{package} is not below {sources}; check out {SOURCES["tf2_msgs"]}')


def main(workspace: Path, only: list[str]) -> int:
    """Cut and build packages in `workspace`: all, or those in `only` with what they need."""
    sources = Path(os.environ['ACTLOC_MESSAGE_SOURCES'])
    wanted = WANTED
    if only:
        named = {*only, *(['tf2_msgs'] if set(only) & set(WHOLE) else [])}
        wanted = tuple(name for name in WANTED if name.partition('/')[0] in named)
    for name, cut in collect(sources, wanted).items():
        write(workspace / 'src', name, cut)
    if not only or set(only) & set(WHOLE):
        for name in WHOLE:
            copy(workspace / 'src', sources, name)
    command = [
        *('colcon', 'build', '--executor', 'sequential', '--cmake-args', '-DBUILD_TESTING=OFF'),
        f'-DPython3_EXECUTABLE={sys.executable}',
        '-DCMAKE_CXX_FLAGS=-O0',
        '--no-warn-unused-cli',
    ]
    slow = {**os.environ, 'MAKEFLAGS': '-j1'}
    return subprocess.run(command, cwd=workspace, env=slow).returncode


if __name__ == '__main__':
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
