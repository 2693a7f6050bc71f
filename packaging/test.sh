#!/usr/bin/env bash
# Sets up what is missing, builds, and runs every test. Tests of the window bring their own display (Xvfb).
#
#   bash packaging/test.sh [-j N] [--sanitizers] [--long] [release|debug|asan|tsan|asan-all]
#
# --sanitizers (always on where CI is set) also runs the torch-free parts under AddressSanitizer,
# UndefinedBehaviorSanitizer and ThreadSanitizer; asan-all is everything under AddressSanitizer (builds for long).
# --long repeats what the suite does in short (packaging/faults.md): 200 kills, every allocation refused once, 2,000
# slider moves and 200 model switches, eight hours of a blinking cursor. About an hour.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

jobs=$(default_jobs)
presets=()
long=
sanitizers=${CI:+yes}
while [ $# -gt 0 ]; do
  case $1 in
    -j) jobs=${2:?-j needs a number}; shift 2 ;;
    -j*) jobs=${1#-j}; shift ;;
    --sanitizers) sanitizers=yes; shift ;;
    --long) long=yes; shift ;;
    -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
    release | debug | asan | tsan | asan-all) presets+=("$1"); shift ;;
    *) die "unknown argument $1; see --help" ;;
  esac
done
if [ ${#presets[@]} -eq 0 ]; then
  presets=(release)
  if [ -n "$sanitizers" ]; then presets+=(asan tsan); fi
fi

# What is repeated for long, with the programs in $1.
long_tests() {
  say "for long: kills, refused allocations, slider moves, model switches, hours at rest"
  export HEADSCOPE_SOURCE_DIR=$repository_dir HEADSCOPE_BUILD_DIR=$1 HEADSCOPE_ALLOCATIONS=all HEADSCOPE_LONG_USE=1 HEADSCOPE_FAULTS=all
  python3 "$repository_dir/tests/test_cli_kill.py" --kills 200 &&
    python3 "$repository_dir/tests/test_cli_faults.py" &&
    "$1/tests/test_out_of_memory" &&
    "$1/tests/test_idle" &&
    bash "$repository_dir/packaging/with_display.sh" "$1/tests/test_ui_long_use"
}

set_up
failed=()
summaries=()
for preset in "${presets[@]}"; do
  build "$preset" "$jobs"
  say "testing build/$preset"
  log=$repository_dir/build/$preset/test.log
  # Side by side: most tests start programs that read files and compute on few rows. Threads of libtorch that wait
  # leave the core to the other test.
  if ! OMP_WAIT_POLICY=PASSIVE ctest --test-dir "$repository_dir/build/$preset" --parallel "$jobs" --output-on-failure --no-tests=error 2>&1 |
    tee "$log"; then
    failed+=("$preset")
  fi
  skipped=$(grep -h '^SKIPPED:' "$repository_dir/build/$preset/Testing/Temporary/LastTest.log" 2>/dev/null | sort -u || true)
  if [ -n "$long" ] && [ "$preset" = release ] && ! long_tests "$repository_dir/build/release"; then failed+=("--long"); fi
  summaries+=("$preset: $(grep -E 'tests passed' "$log" || echo 'no result')${skipped:+
$skipped}")
done

echo
echo "Summary"
for summary in "${summaries[@]}"; do echo "$summary"; done
if [ ${#failed[@]} -gt 0 ]; then die "failed: ${failed[*]}"; fi
