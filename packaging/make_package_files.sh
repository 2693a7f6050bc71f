#!/usr/bin/env bash
# Makes what packages hold beside the programs, as they are in BUILD: man pages from what their --help says, the icon
# as PNG, the changelog that Debian asks for. Called by the target package_files.
#
#   bash packaging/make_package_files.sh BUILD VERSION OUT

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

programs=${1:?BUILD} version=${2:?VERSION} out=${3:?OUT}
for tool in help2man rsvg-convert gzip; do
  command -v "$tool" >/dev/null || die "$tool is missing: bash packaging/install_system_packages.sh --packages installs it"
done
rm -rf "$out"
man=$out/man/man1
mkdir -p "$man"

# man_page NAME "COMMAND LINE": the first line of --help becomes the name's description.
man_page() {
  local summary
  summary=$($2 --help)
  summary=${summary%%$'\n'*}
  (cd "$programs" && PATH=$programs:$PATH help2man --no-info --section 1 --source "Headscope $version" --manual "Headscope" \
    --version-string "$version" --name "${summary%.}" "$2") | gzip -9n >"$man/$1.1.gz"
}
PATH=$programs:$PATH
man_page headscope headscope
man_page headscope-cli headscope-cli
for command in $(headscope-cli --help | sed -n '/^Words:/q; s/^  \([a-z][a-z-]*\)  .*/\1/p'); do
  man_page "headscope-cli-$command" "headscope-cli $command"
done

for size in 48 128; do
  mkdir -p "$out/icons/hicolor/${size}x$size/apps"
  rsvg-convert -w $size -h $size "$packaging_dir/desktop/headscope.svg" -o "$out/icons/hicolor/${size}x$size/apps/headscope.png"
done

mkdir -p "$out/doc/headscope"
printf 'headscope (%s) stable; urgency=low\n\n  * See the history of the repository.\n\n -- Headscope contributors <headscope@localhost>  %s\n' \
  "$version" "$(git -C "$repository_dir" log -1 --format=%aD)" | gzip -9n >"$out/doc/headscope/changelog.gz"
