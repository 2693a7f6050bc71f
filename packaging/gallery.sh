#!/usr/bin/env bash
# Makes the pictures of the window anew: assets/gallery/*.png, which the tests of the four uses
# (tests/test_ui_use_*.cpp) compare with, and assets/screenshot.png of the README. Look at them before committing.
#
#   bash packaging/gallery.sh [-j N] [--built]
#
# --built: the programs of build/release are new enough.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

jobs=$(default_jobs)
built=
while [ $# -gt 0 ]; do
  case $1 in
    -j) jobs=${2:?-j needs a number}; shift 2 ;;
    -j*) jobs=${1#-j}; shift ;;
    --built) built=yes; shift ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) die "unknown argument $1; see --help" ;;
  esac
done
if [ -z "$built" ]; then
  set_up
  build release "$jobs"
fi

folder=$repository_dir/build/release
gallery=$repository_dir/assets/gallery
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
if [ -d "$gallery" ]; then mv "$gallery" "$before/gallery"; fi
mkdir "$gallery"
if ! HEADSCOPE_GALLERY=write ctest --test-dir "$folder" -R '^test_ui_use_' --output-on-failure --no-tests=error; then
  rm -r "$gallery"
  if [ -d "$before/gallery" ]; then mv "$before/gallery" "$gallery"; fi
  die "the sessions failed: the gallery stays as it was"
fi
bash "$packaging_dir/with_display.sh" "$folder/headscope" --scale 2 --screenshot "$repository_dir/assets/screenshot.png"

size=$(du -cb "$gallery"/*.png | tail -1 | cut -f1)
say "$(ls "$gallery" | wc -l) pictures, $((size / 1024)) KiB, and assets/screenshot.png"
if [ "$size" -gt 3145728 ]; then die "the gallery is over 3 MiB: fewer pictures, or smaller ones"; fi
