#!/usr/bin/env bash
# Set up all that this repository needs: ROS 2 (the sourced one, else wheels), Python packages, the colcon build.
#
# usage: scripts/bootstrap.sh [--messages-only]
# DISTRO=jazzy|kilted chooses the wheels where no ROS 2 is sourced (default: jazzy). Costs nothing when all is there.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
messages_only=${1:-}
source "$root/scripts/place.bash"
mkdir -p "$env_dir"
exec 9>"$env_dir/lock"
flock 9

say() { printf '[setup] %s\n' "$*"; }

# A command's output goes to a log, which is shown if it fails; pip's network time-outs bound it.
quietly() {
  local log="$env_dir/setup.log"
  if ! "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    say "failed: $* (whole log: $log)" >&2
    exit 1
  fi
}

# Say what the machine lacks before anything is installed.
check_machine() {
  local need=9 free lacking=()
  [ "$messages_only" = --messages-only ] && need=2
  command -v "${CXX:-c++}" >/dev/null || lacking+=("a C++ compiler: sudo apt install g++")
  command -v cmake >/dev/null || lacking+=("CMake: sudo apt install cmake")
  free=$(df -Pk "$env_dir" | awk 'NR == 2 { print int($4 / 1048576) }')
  [ "$free" -ge "$need" ] || lacking+=("disk: $need GB are needed in $env_dir, and $free GB are free")
  if [ "$ros_source" = wheels ] && [ "$(uname -m)" != x86_64 ]; then
    lacking+=("ROS 2: its wheels are for x86_64 alone, and this is $(uname -m): install ROS 2 from its packages, source it")
  fi
  [ "${#lacking[@]}" -eq 0 ] && return
  say "This machine lacks, and nothing was installed:" >&2
  printf '  - %s\n' "${lacking[@]}" >&2
  return 1
}

# The versions of Python that there are wheels for.
wheel_pythons() {
  if [ "$distro" = kilted ]; then echo 3.11 3.12 3.13 3.14; else echo 3.11; fi
}

find_python() {
  local version candidate
  if [ "$ros_source" = sourced ]; then echo python3; return; fi
  for version in $(wheel_pythons); do
    for candidate in "python$version" python3; do
      if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
        echo "$candidate"; return
      fi
    done
  done
  bring_python
}

# uv, from PyPI, brings a Python into the environment's folder; nothing outside of it changes.
bring_python() {
  local log="$env_dir/setup.log" uv="$env_dir/uv/bin/uv"
  say "there are ROS 2 $distro wheels for Python $(wheel_pythons | tr ' ' ','), and none is on PATH: bringing 3.11 with uv" >&2
  export UV_PYTHON_INSTALL_DIR="$env_dir/python"
  if { python3 -m venv "$env_dir/uv" && "$env_dir/uv/bin/pip" install -q uv &&
    "$uv" python install --no-bin 3.11; } >"$log" 2>&1; then
    "$uv" python find --managed-python 3.11
    return
  fi
  tail -n 5 "$log" >&2
  say "Python 3.11 could not be brought by uv (whole log: $log). Install Python 3.11 (and python3-venv), or source a ROS 2." >&2
  return 1
}

ros_wheels() {
  local name
  for name in rclpy rmw-fastrtps-cpp sensor-msgs diagnostic-msgs nav-msgs shape-msgs trajectory-msgs \
    visualization-msgs std-srvs rosidl-default-generators \
    rosidl-core-generators ament-cmake ament-cmake-ros ament-cmake-gmock ament-cmake-gtest ament-cmake-pytest \
    ament-cmake-include-directories; do
    echo "ros-$distro-$name"
  done
  case "$distro" in
    jazzy) echo ros-ament-package==0.16.4 ros-jazzy-python-cmake-module ;;
    kilted) echo ros-ament-package ros-kilted-ament-cmake-ros-core ;;
    *) say "DISTRO=$distro has no wheels; use jazzy or kilted, or source a ROS 2." >&2; return 1 ;;
  esac
}

# The wheels carry absolute paths of the machine that built them; point them at this interpreter.
relocate_wheels() {
  "$env_dir/venv/bin/python" - "$env_dir/venv/share" <<'PY'
import pathlib
import sys
import sysconfig

import numpy

version = f'{sys.version_info.major}.{sys.version_info.minor}'
tag = 'cp' + version.replace('.', '')
base = f'/opt/python/{tag}-{tag}/'
moved = {
    f'{base}include/python{version}': sysconfig.get_paths()['include'],
    f'{base}lib/python{version}/site-packages/numpy/_core/include': numpy.get_include(),
}
for path in pathlib.Path(sys.argv[1]).rglob('*.cmake'):
    text = path.read_text()
    new = text
    for old, value in moved.items():
        new = new.replace(old, value)
    if new != text:
        path.write_text(new)
PY
}

install_ros() {
  local python
  check_machine
  python=$(find_python)
  if [ "$ros_source" = sourced ]; then
    say "using the sourced ROS 2 $distro"
    quietly "$python" -m venv --system-site-packages "$env_dir/venv"
    command -v colcon >/dev/null || quietly "$env_dir/venv/bin/pip" install -q colcon-common-extensions
  else
    say "installing ROS 2 $distro from wheels (about half a minute)"
    quietly "$python" -m venv "$env_dir/venv"
    # shellcheck disable=SC2046
    quietly "$env_dir/venv/bin/pip" install -q $(ros_wheels) colcon-common-extensions 'setuptools<80' numpy
    relocate_wheels
  fi
}

install_packages() {
  say "installing PyTorch and other Python packages (about two minutes; 6 GB)"
  quietly "$env_dir/venv/bin/pip" install -q -r "$root/requirements.txt" -r "$root/requirements-dev.txt"
}

# --symlink-install makes edits count at once; only messages, build files and the set of files need a new build.
build_key() {
  (cd "$root" && find actloc_ros scripts launch config examples -type f -not -name '*.pyc' | sort &&
    cat msg/*.msg CMakeLists.txt package.xml) | sha256sum
}

# CMake refuses include directories below the source directory, and the environment lies there: so the workspace has a
# source directory of its own, of links.
link_sources() {
  local source="$env_dir/ws/src/actloc_ros" name
  mkdir -p "$source"
  for name in CMakeLists.txt package.xml msg actloc_ros scripts launch config examples; do
    ln -sfn "$root/$name" "$source/$name"
  done
}

build() {
  say "building the package with colcon (about 20 seconds)"
  link_sources
  cd "$env_dir/ws"
  quietly colcon build --symlink-install --cmake-args -DBUILD_TESTING=OFF \
    "-DPython3_EXECUTABLE=$env_dir/venv/bin/python" --no-warn-unused-cli
  find "$env_dir/ws/install" -xtype l -delete # links to files that are gone
}

# Run a step unless it ran before with the same key.
once() {
  local step=$1 key=$2 stamp="$env_dir/.$1"
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ] && return
  "$step"
  echo "$key" >"$stamp"
}

once install_ros "$(sha256sum <"$root/scripts/bootstrap.sh") $distro"
source "$root/scripts/environment.bash"
if [ "$messages_only" != --messages-only ]; then
  once install_packages "$(cat "$root"/requirements*.txt | sha256sum)"
fi
once build "$(build_key)"
