#!/usr/bin/env bash
# Checks what a program is made of.
#
#   check_binary.sh cli PROGRAM      no symbol and no library of ImGui, GLFW or OpenGL
#   check_binary.sh window PROGRAM   libtorch is not linked, the test engine is not inside
#   check_binary.sh paths PROGRAM SOURCE_DIR DEPS_DIR   no path of this machine is baked in
#   check_binary.sh network PROGRAM  what is linked into it asks the system for no network, and for no shell
#   check_binary.sh objects FOLDER   of our own objects (FOLDER/**/libheadscope_*.a) none does either, and those
#                                    alone start programs that are named below
#   check_binary.sh can-fail         both find small programs that do
set -euo pipefail
# What stands last in a pipeline runs in this shell: `found` outlives it.
shopt -s lastpipe

kind=$1 program=${2:-}
found=
refuse() { # refuse PATTERN WHAT: fails if a line of standard input matches
  local lines
  lines=$(grep -E "$1" | sed -n 1,5p || true)
  if [ -n "$lines" ]; then
    printf '%s\n%s\n' "$program has $2:" "$lines"
    found=yes
  fi
}
symbols() { nm -C "$program" 2>/dev/null; }
libraries() { readelf -d "$program" | grep NEEDED; }

# Names of the C library, and of whoever speaks HTTP or TLS.
network='socket|socketpair|connect|bind|listen|accept4?|send|sendto|sendmsg|sendmmsg|recv|recvfrom|recvmsg|recvmmsg'
network="$network|getaddrinfo|getnameinfo|gethostby[a-z_]+|getservby[a-z_]+|res_[a-z]+|curl_[a-z_]+|(SSL|TLS|BIO_s)_[A-Za-z_]+"
shell='system|popen'
starts='fork|vfork|clone|exec[lv][lpe]*|fexecve|posix_spawnp?'
# platform_posix.cpp runs what the user asked for (our own commands, peers of bench, xdg-open, the clipboard's
# program); the two views ask the desktop's own file dialog (portable-file-dialogs).
may_start='platform_posix|path_dialog|export_menu'

undefined() { nm "$@" --undefined-only | sed 's/@.*//'; }

check_network() {
  # The table that the loader resolves: stripping leaves it.
  [ "$(undefined -D "$program" | wc -l)" -gt 10 ] || { echo "$program asks for no symbols at all"; exit 1; }
  undefined -D "$program" | refuse " ($network|$shell)$" "calls that reach the network or a shell"
}

check_objects() {
  local archives
  mapfile -t archives < <(find "$program" -name 'libheadscope_*.a' ! -name '*testing*' ! -name '*doctest*' ! -name '*pch*')
  [ ${#archives[@]} -gt 0 ] || { echo "$program has no libheadscope_*.a"; exit 1; }
  local all
  all=$(undefined -A "${archives[@]}" 2>/dev/null)
  refuse " U ($network|$shell)$" "objects that reach the network or a shell" <<<"$all"
  grep -vE "[:/]($may_start)\.cpp\.o:" <<<"$all" | refuse " U ($starts)$" "objects that start programs"
}

check_can_fail() {
  local call
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  for call in socket getaddrinfo popen posix_spawnp; do
    printf 'int %s(); int main() { return %s(); }\n' "$call" "$call" >"$folder/plain.c"
    "${CC:-cc}" -w -fno-builtin -c "$folder/plain.c" -o "$folder/plain.cpp.o"
    rm -f "$folder/libheadscope_plain.a"
    ar rc "$folder/libheadscope_plain.a" "$folder/plain.cpp.o"
    if bash "$0" objects "$folder" >"$folder/said"; then echo "an object that calls $call passed"; found=yes; fi
    grep -q "U $call" "$folder/said" || { echo "the object that calls $call was not named"; found=yes; }
  done
  # bash opens /dev/tcp.
  if bash "$0" network "$(command -v bash)" >/dev/null; then echo "a program that connects passed"; found=yes; fi
}

case $kind in
  network | objects) "check_$kind"; [ -z "$found" ]; exit ;;
  can-fail) check_can_fail; [ -z "$found" ]; exit ;;
esac

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
