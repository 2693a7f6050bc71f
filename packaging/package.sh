#!/usr/bin/env bash
# Builds packages for other machines and says how large they are: build/release/packages/headscope*.deb, *.tar.xz.
#
#   bash packaging/package.sh [-j N] [--fast] [deb|tarball|all]
#
# --fast: larger files, in a tenth of the time. headscope-cuda comes along when CUDA's libraries were fetched:
# HEADSCOPE_CUDA=1 bash packaging/fetch_dependencies.sh (gigabytes).

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

jobs=$(default_jobs)
what=all
deb_compression=xz archive=TXZ
while [ $# -gt 0 ]; do
  case $1 in
    -j) jobs=${2:?-j needs a number}; shift 2 ;;
    -j*) jobs=${1#-j}; shift ;;
    --fast) deb_compression=gzip archive=TGZ; shift ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    deb | tarball | all) what=$1; shift ;;
    *) die "unknown argument $1; see --help" ;;
  esac
done

bash "$packaging_dir/install_system_packages.sh" --packages
set_up
build release "$jobs" package_files headscope_torch
folder=$repository_dir/build/release
rm -rf "$folder/packages"
pack() { (cd "$folder" && cpack --config CPackConfig.cmake "$@" >&2); }
if [ "$what" != tarball ]; then pack -G DEB -D CPACK_DEBIAN_COMPRESSION_TYPE=$deb_compression; fi
if [ "$what" != deb ]; then pack -G "$archive"; fi
rm -rf "$folder/packages/_CPack_Packages"
ls -l "$folder/packages"
