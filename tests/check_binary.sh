#!/usr/bin/env bash
# Checks what a program is made of.
#
#   check_binary.sh cli PROGRAM      no symbol and no library of ImGui, GLFW or OpenGL
#   check_binary.sh window PROGRAM   libtorch is not linked, the test engine is not inside
#   check_binary.sh paths PROGRAM SOURCE_DIR DEPS_DIR   no path of this machine is baked in
set -euo pipefail

kind=$1 program=$2
found=
refuse() { # refuse PATTERN WHAT: fails if a line of standard input matches
  local lines
  lines=$(grep -E "$1" | head -5 || true)
  if [ -n "$lines" ]; then
    printf '%s\n%s\n' "$program has $2:" "$lines"
    found=yes
  fi
}
symbols() { nm -C "$program" 2>/dev/null; }
libraries() { readelf -d "$program" | grep NEEDED; }

# A stripped program would pass everything.
[ "$(symbols | wc -l)" -gt 100 ] || { echo "$program has no symbol table to look at"; exit 1; }

case $kind in
  cli)
    symbols | refuse ' (ImGui|ImPlot|Im[A-Z][A-Za-z]*::|glfw[A-Z]|_glfw|epoxy_|gl[A-Z][A-Za-z0-9]+$)' "symbols of the window"
    libraries | refuse 'lib(GL|EGL|GLX|OpenGL|epoxy|glfw|X11|wayland)' "libraries of the window"
    ;;
  window)
    libraries | refuse 'lib(torch|c10|cudart|headscope_torch)' "libtorch linked, which delays its start"
    symbols | refuse ' (at|c10|torch)::' "symbols of libtorch"
    symbols | refuse 'ImGuiTestEngine_|ImGuiTestContext' "the test engine inside, which must not be shipped"
    ;;
  paths)
    strings -a "$program" | refuse "^($3|$4)/" "paths of this machine"
    # Every entry of the library path begins with $ORIGIN, the folder of the program.
    readelf -d "$program" | sed -nE 's/.*R(UN)?PATH.*\[(.*)\]/\2/p' | tr ':' '\n' | sed '/^[$]ORIGIN/d' |
      refuse '.' "a library path that does not begin at the program"
    ;;
  *) echo "unknown check $kind"; exit 2 ;;
esac
[ -z "$found" ]
