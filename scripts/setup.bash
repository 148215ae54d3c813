# Give this shell the package, its messages, its executables and `actloc`: `source scripts/setup.bash`.
_actloc_setup() {
  local root distro ros_source env_dir site
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  source "$root/scripts/place.bash"
  if [ ! -f "$env_dir/ws/install/setup.bash" ]; then
    echo "Not set up yet: run \`make build\` (or \`make demo\`, \`make test\`) in $root first." >&2
    return 1
  fi
  source "$root/scripts/environment.bash"
  source "$env_dir/ws/install/setup.bash"
  export PATH="$env_dir/ws/install/actloc_ros/lib/actloc_ros:$PATH"
  # For `benchmark`. Last, since the source tree of the package lacks the generated messages.
  case ":$PYTHONPATH:" in
    *":$root:"*) ;;
    *) export PYTHONPATH="$PYTHONPATH:$root" ;;
  esac
}
_actloc_setup
