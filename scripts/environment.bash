# Put the environment's programs and libraries on this shell's paths, before the package itself. To be sourced.
export PATH="$env_dir/venv/bin:$PATH"
if [ "$ros_source" = wheels ]; then
  export LD_LIBRARY_PATH="$env_dir/venv/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  export AMENT_PREFIX_PATH="$env_dir/venv${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}"
  export CMAKE_PREFIX_PATH="$env_dir/venv${CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}"
  export RMW_IMPLEMENTATION=rmw_fastrtps_cpp ROS_VERSION=2 ROS_PYTHON_VERSION=3
else
  # The venv is built on the system's Python; its own packages must be found by programs with a /usr/bin/python3 shebang.
  site=$("$env_dir/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  export PYTHONPATH="${site}${PYTHONPATH:+:$PYTHONPATH}"
fi
export ROS_DISTRO=$distro ACTLOC_ROS_SOURCE=$ros_source
# Python would otherwise find the source tree, which lacks the messages, before the package.
export PYTHONSAFEPATH=1
