# Shared by the scripts of this folder: sourced, never run.

set -euo pipefail

packaging_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository_dir=$(dirname "$packaging_dir")

# Downloads are kept per user, outside the repository, so that a second clone finds them.
deps_dir=${HEADSCOPE_DEPS:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/headscope/deps}

say() { printf '%s\n' "[headscope] $*" >&2; }

die() {
  say "$*"
  exit 1
}

# All cores, but no more jobs than memory carries: a file with torch headers takes up to 1.1 GB.
default_jobs() {
  local cores memory_kb by_memory
  cores=$(nproc 2>/dev/null || echo 2)
  memory_kb=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo 2>/dev/null || echo 4000000)
  by_memory=$((memory_kb / 1200000))
  if [ "$by_memory" -lt 1 ]; then by_memory=1; fi
  if [ "$cores" -lt "$by_memory" ]; then echo "$cores"; else echo "$by_memory"; fi
}

has_nvidia_gpu() {
  [ -e /dev/nvidia0 ] || { command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1; }
}

# set_up: everything a build needs. Takes a fraction of a second when there is nothing to do.
set_up() {
  bash "$packaging_dir/install_system_packages.sh"
  bash "$packaging_dir/fetch_dependencies.sh"
}

# build PRESET JOBS [TARGETS]: configures if needed, then builds.
build() {
  local folder=$repository_dir/build/$1
  if [ ! -f "$folder/build.ninja" ] || ! grep -qxF "HEADSCOPE_DEPS:PATH=$deps_dir" "$folder/CMakeCache.txt"; then
    say "configuring build/$1"
    (cd "$repository_dir" && cmake --fresh --preset "$1" -DHEADSCOPE_DEPS="$deps_dir")
  fi
  say "building build/$1 with $2 jobs"
  cmake --build "$folder" --parallel "$2" ${3:+--target "${@:3}"}
}
