# Say where the environment lies: sets root, distro, ros_source (sourced or wheels) and env_dir. To be sourced.
root=${root:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
if [ -n "${ACTLOC_ROS_SOURCE:-}" ]; then
  ros_source=$ACTLOC_ROS_SOURCE
  distro=$ROS_DISTRO
elif [ -n "${ROS_DISTRO:-}" ] && python3 -c 'import rclpy' 2>/dev/null; then
  ros_source=sourced
  distro=$ROS_DISTRO
else
  ros_source=wheels
  distro=${DISTRO:-jazzy}
fi
env_dir=$root/.env/$distro
