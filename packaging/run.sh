#!/usr/bin/env bash
# Sets up what is missing, builds, and opens the window.
#
#   bash packaging/run.sh [-j N] [-- arguments of headscope]

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

jobs=$(default_jobs)
while [ $# -gt 0 ]; do
  case $1 in
    -j) jobs=${2:?-j needs a number}; shift 2 ;;
    -j*) jobs=${1#-j}; shift ;;
    -h | --help) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
    --) shift; break ;;
    *) die "unknown option $1; arguments of headscope go after --" ;;
  esac
done

set_up
build release "$jobs"

if [ -z "${DISPLAY:-}" ] && [ -z "${WAYLAND_DISPLAY:-}" ]; then
  say "built, but there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window opens."
  say "Everything the window does, build/release/headscope-cli does too: try build/release/headscope-cli --help"
  exit 0
fi
exec "$repository_dir/build/release/headscope" "$@"
