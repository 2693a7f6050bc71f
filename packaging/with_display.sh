#!/usr/bin/env bash
# Runs a program on a virtual screen of its own with software rendering: the same picture on every machine.
#
#   bash packaging/with_display.sh PROGRAM [ARGUMENTS]

set -euo pipefail

command -v Xvfb >/dev/null || { echo "SKIPPED: Xvfb is not installed (packaging/install_system_packages.sh does it)"; exit 77; }

number_file=$(mktemp)
# The server picks a free display and says which.
Xvfb -displayfd 3 -screen 0 1920x1200x24 +extension GLX -nolisten tcp -noreset 3>"$number_file" 2>/dev/null &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -f "$number_file"' EXIT
for _ in $(seq 100); do
  [ -s "$number_file" ] && break
  kill -0 "$server" 2>/dev/null || { echo "Xvfb did not start" >&2; exit 1; }
  sleep 0.1
done

unset WAYLAND_DISPLAY
export DISPLAY=:$(cat "$number_file") XDG_SESSION_TYPE=x11 LIBGL_ALWAYS_SOFTWARE=1 GALLIUM_DRIVER=llvmpipe
"$@"
