#!/usr/bin/env bash
# Sets up what is missing, builds, and runs every test. Tests of the window bring their own display (Xvfb).
#
#   bash packaging/test.sh [-j N] [--sanitizers] [release|debug|asan|tsan]
#
# --sanitizers (always on where CI is set) also runs the torch-free parts under AddressSanitizer,
# UndefinedBehaviorSanitizer and ThreadSanitizer.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

jobs=$(default_jobs)
presets=()
sanitizers=${CI:+yes}
while [ $# -gt 0 ]; do
  case $1 in
    -j) jobs=${2:?-j needs a number}; shift 2 ;;
    -j*) jobs=${1#-j}; shift ;;
    --sanitizers) sanitizers=yes; shift ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    release | debug | asan | tsan) presets+=("$1"); shift ;;
    *) die "unknown argument $1; see --help" ;;
  esac
done
if [ ${#presets[@]} -eq 0 ]; then
  presets=(release)
  if [ -n "$sanitizers" ]; then presets+=(asan tsan); fi
fi

set_up
failed=()
summaries=()
for preset in "${presets[@]}"; do
  build "$preset" "$jobs"
  say "testing build/$preset"
  log=$repository_dir/build/$preset/test.log
  # One test at a time where there is libtorch: it computes on all cores by itself.
  at_once=1
  case $preset in asan | tsan) at_once=$jobs ;; esac
  if ! ctest --test-dir "$repository_dir/build/$preset" --parallel "$at_once" --output-on-failure --no-tests=error 2>&1 |
    tee "$log"; then
    failed+=("$preset")
  fi
  skipped=$(grep -h '^SKIPPED:' "$repository_dir/build/$preset/Testing/Temporary/LastTest.log" 2>/dev/null | sort -u || true)
  summaries+=("$preset: $(grep -E 'tests passed' "$log" || echo 'no result')${skipped:+
$skipped}")
done

echo
echo "Summary"
for summary in "${summaries[@]}"; do echo "$summary"; done
if [ ${#failed[@]} -gt 0 ]; then die "failed: ${failed[*]}"; fi
