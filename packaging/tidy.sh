#!/usr/bin/env bash
# clang-tidy with the tree's .clang-tidy; on demand, it takes about as long as a build. Every finding is an error.
#
#   bash packaging/tidy.sh [-j N] [--base REVISION | --all | FILE...]
#
# Without files: what differs from REVISION (main), changes that are not committed included. Of a header, the .cpp beside it
# is read. Needs a configured build/release.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

jobs=1
base=main
files=()
all=
while [ $# -gt 0 ]; do
  case $1 in
    -j) jobs=${2:?-j needs a number}; shift 2 ;;
    --base) base=${2:?--base needs a revision}; shift 2 ;;
    --all) all=yes; shift ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) die "unknown option $1; see --help" ;;
    *) files+=("$1"); shift ;;
  esac
done

command -v clang-tidy >/dev/null 2>&1 || die "clang-tidy is not installed: apt-get install clang-tidy"
cd "$repository_dir"
database=build/release/compile_commands.json
[ -f "$database" ] || die "$database is missing: cmake --preset release"

if [ -n "$all" ]; then
  mapfile -t files < <(git ls-files 'core/*.cpp' 'app/*.cpp' 'tests/*.cpp')
elif [ ${#files[@]} -eq 0 ]; then
  since=$(git merge-base HEAD "$base") || die "there is no revision $base: name one with --base"
  mapfile -t files < <({ git diff --name-only --diff-filter=d "$since"; git ls-files -o --exclude-standard; } |
    grep -E '^(core|app|tests)/.*\.(cpp|h)$' || true)
fi

# Sources that the build knows, each once.
mapfile -t sources < <(for file in "${files[@]/%.h/.cpp}"; do echo "$file"; done | sort -u |
  while read -r file; do grep -qF "/$file\"" "$database" && echo "$file"; done || true)
[ ${#sources[@]} -gt 0 ] || { say "nothing to check"; exit 0; }
say "clang-tidy on ${#sources[@]} files, $jobs at a time"
# GCC's own options in the database are nothing to clang.
printf '%s\n' "${sources[@]}" | nice -n 19 xargs -P "$jobs" -n 1 \
  clang-tidy -p build/release --quiet --warnings-as-errors='*' --extra-arg=-Wno-unknown-warning-option \
  --extra-arg=-Wno-ignored-optimization-argument 2> >(grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed' >&2 || true)
