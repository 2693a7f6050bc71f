#!/usr/bin/env bash
# Fuzzes readers of files with clang's libFuzzer under AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   bash packaging/fuzz.sh                    # the readers there are
#   bash packaging/fuzz.sh READER|all [RUNS]  # RUNS inputs each (1000000 without a number)
#
# Begins with tests/fuzz/corpus/READER; what it learns goes to build/fuzz/corpus/READER, so that the next run goes on
# from there. An input that breaks a reader is left in build/fuzz/found: mend the reader, and keep the input in
# tests/fuzz/corpus/READER. A line with the numbers of each run is added to build/fuzz/runs.txt. See packaging/fuzzing.md.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

folder=$repository_dir/build/fuzz
sources=$repository_dir/tests/fuzz
runs=${2:-1000000}

readers() { (cd "$sources" && ls fuzz_*.cpp | sed 's/^fuzz_//; s/\.cpp$//'); }

# comment READER KEY: the words after "// KEY:" in the reader's first lines.
comment() { sed -n "s|^// $2: *||p" "$sources/fuzz_$1.cpp" | head -1; }

# The words that a reader looks for, as its source spells them.
write_dictionary() {
  local files
  # shellcheck disable=SC2046  # the comment holds patterns of files
  files=$(cd "$repository_dir" && ls $(comment "$1" words) 2>/dev/null || true)
  [ -n "$files" ] || return 0
  (cd "$repository_dir" && grep -ohE '"[][A-Za-z_.:/#<>{}% -]{2,40}"' $files | grep -v '\.h"$' | sort -u) >"$2" || true
}

fuzz() {
  local reader=$1 program=$folder/fuzz_$1 kept=$folder/corpus/$1 log=$folder/logs/$1.txt options=()
  mkdir -p "$kept" "$folder/found" "$folder/logs" "$folder/words"
  write_dictionary "$reader" "$folder/words/$reader"
  if [ -s "$folder/words/$reader" ]; then options+=("-dict=$folder/words/$reader"); fi
  say "fuzzing $reader: $runs inputs"
  local state=finished
  # An input of these sizes may take no more than seconds under two sanitizers, and no reader needs more memory than this
  # for it.
  OMP_NUM_THREADS=1 UBSAN_OPTIONS=print_stacktrace=1 nice -n 19 "$program" \
    "-runs=$runs" "-max_len=$(comment "$reader" longest)" -timeout=120 -rss_limit_mb=2048 -malloc_limit_mb=512 \
 -print_final_stats=1 "-artifact_prefix=$folder/found/$reader-" "${options[@]}" \
    "$kept" "$sources/corpus/$reader" >"$log" 2>&1 || state="stopped by a finding"
  local edges executed second
  edges=$(grep -oE 'cov: [0-9]+' "$log" | tail -1 || true)
  executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  second=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
  printf '%s  %-16s %10s inputs  %6s a second  %s edges  %s\n' "$(date -u +%F)" "$reader" "${executed:-?}" "${second:-?}" \
    "${edges#cov: }" "$state" | tee -a "$folder/runs.txt"
  [ "$state" = finished ] || { tail -40 "$log" >&2; return 1; }
}

case ${1:-} in
  "") readers; exit 0 ;;
  -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
  all) chosen=$(readers) ;;
  *) chosen=$1; [ -f "$sources/fuzz_$1.cpp" ] || die "there is no reader $1; see bash packaging/fuzz.sh" ;;
esac
command -v clang++ >/dev/null || die "this needs clang++ and its sanitizers: apt-get install clang libclang-rt-14-dev"
[ -f "$folder/build.ninja" ] || (cd "$repository_dir" && cmake --preset fuzz -DHEADSCOPE_DEPS="$deps_dir")
# shellcheck disable=SC2046
cmake --build "$folder" --parallel "$(default_jobs)" --target $(printf 'fuzz_%s ' $chosen)
failed=()
for reader in $chosen; do fuzz "$reader" || failed+=("$reader"); done
if [ ${#failed[@]} -gt 0 ]; then die "inputs in build/fuzz/found break: ${failed[*]}"; fi
