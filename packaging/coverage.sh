#!/usr/bin/env bash
# How much of core/ the tests run: builds build/coverage (preset coverage: gcc --coverage, no window), runs its tests and
# prints lines in per cent, per folder and in all. Exit 1 below the least share. On demand: it is a full build.
#
#   bash packaging/coverage.sh [-j N] [--least PERCENT] [--report-only]
#
# --report-only takes the counts of the last run. Every line is in build/coverage/lines.html.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

jobs=$(default_jobs)
least=90
run=yes
while [ $# -gt 0 ]; do
  case $1 in
    -j) jobs=${2:?-j needs a number}; shift 2 ;;
    --least) least=${2:?--least needs a number}; shift 2 ;;
    --report-only) run=; shift ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) die "unknown argument $1; see --help" ;;
  esac
done

command -v gcovr >/dev/null 2>&1 || die "gcovr is not installed: apt-get install gcovr"
folder=$repository_dir/build/coverage
if [ -n "$run" ]; then
  set_up
  build coverage "$jobs"
  find "$folder" -name '*.gcda' -delete
  say "testing build/coverage"
  ctest --test-dir "$folder" --output-on-failure --no-tests=error || say "tests failed; what they ran counts all the same"
fi

cd "$repository_dir"
gcovr --root . --filter 'core/' --exclude-unreachable-branches --exclude-throw-branches \
  --json-summary "$folder/summary.json" --html-details "$folder/lines.html" "$folder" >/dev/null
python3 - "$folder/summary.json" "$least" <<'END'
import collections, json, sys
files = json.load(open(sys.argv[1]))["files"]
total, covered = collections.Counter(), collections.Counter()
for file in files:
    for name in ("/".join(file["filename"].split("/")[:2]), "core"):
        total[name] += file["line_total"]
        covered[name] += file["line_covered"]
for name in sorted(total):
    print(f"{name:20} {100 * covered[name] / total[name]:5.1f} % of {total[name]} lines")
print("\nfiles with most lines that no test runs:")
for file in sorted(files, key=lambda f: f["line_covered"] - f["line_total"])[:15]:
    print(f"{file['line_total'] - file['line_covered']:6} of {file['line_total']:4}  {file['filename']}")
sys.exit(100 * covered["core"] < float(sys.argv[2]) * total["core"])
END
