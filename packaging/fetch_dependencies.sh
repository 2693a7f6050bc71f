#!/usr/bin/env bash
# Fetches what dependencies.lock lists into a folder outside the repository and unpacks it there.
# Run it as often as you like: it checks hashes, repairs what was interrupted, and does nothing when all is there.
# HEADSCOPE_DEPS chooses the folder. HEADSCOPE_CUDA=0|1 overrides the search for an NVIDIA GPU.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

lock_file=$packaging_dir/dependencies.lock
downloads=$deps_dir/downloads

# The wheels carry C++ libraries; which Python they name matters to pip alone.
wheel_options=(--only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --abi none)
for glibc in 28 27 26 25 24 18 17 12 5; do wheel_options+=(--platform "manylinux_2_${glibc}_x86_64"); done
wheel_options+=(--platform manylinux2014_x86_64 --platform any)

locked() { # locked GROUP: lines "name version sha256"
  awk -v group="$1" '$1 == group { print $2, $3, $4 }' "$lock_file"
}

has_hash() { # has_hash FILE SHA256
  [ "$(sha256sum "$1" | cut -d ' ' -f 1)" = "$2" ]
}

# Prints the path of the downloaded file; the name of a file begins with the name of its package.
find_download() { # find_download NAME VERSION SHA256
  local file
  for file in "$downloads/${1//-/_}-$2"[-.]*; do
    [ -f "$file" ] || continue
    if has_hash "$file" "$3"; then
      echo "$file"
      return 0
    fi
    say "$(basename "$file") is damaged: fetching it again"
    rm -f "$file"
  done
  return 1
}

download() { # download NAME VERSION SHA256 [pip options]
  local name=$1 version=$2 hash=$3 partial file
  shift 3
  if find_download "$name" "$version" "$hash"; then return 0; fi
  say "fetching $name $version"
  partial=$(mktemp -d "$downloads/.partial.XXXXXX")
  # pip compares the hash before it opens a package, so nothing unknown is ever run.
  printf '%s==%s --hash=sha256:%s\n' "$name" "$version" "$hash" >"$partial/requirements.txt"
  if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-cache-dir --require-hashes \
    --dest "$partial/files" -r "$partial/requirements.txt" "$@" >&2; then
    rm -rf "$partial"
    die "could not fetch $name $version (network down, or the file is not the one in packaging/dependencies.lock)"
  fi
  for file in "$partial"/files/*; do mv -f "$file" "$downloads/"; done
  rm -rf "$partial"
  find_download "$name" "$version" "$hash" || die "$name $version: the download does not have the expected hash"
}

# unpack_wheel FILE FOLDER STAMP: merges the wheel into FOLDER; the stamp is written last.
unpack_wheel() {
  local fresh
  say "unpacking $(basename "$1")"
  fresh=$(mktemp -d "$deps_dir/.unpack.XXXXXX")
  python3 -m zipfile -e "$1" "$fresh"
  find "$fresh" -name '*.py' -delete
  mkdir -p "$2"
  cp -rlf --remove-destination "$fresh/." "$2/"
  rm -rf "$fresh"
  touch "$3"
}

fetch_wheels() { # fetch_wheels GROUP
  local name version hash stamp file
  while read -r name version hash; do
    stamp=$libtorch_dir/.$name-$version-${hash:0:12}
    [ -f "$stamp" ] && continue
    file=$(download "$name" "$version" "$hash" "${wheel_options[@]}")
    unpack_wheel "$file" "$libtorch_dir" "$stamp"
  done < <(locked "$1")
}

# pip runs the build back end of a source package for its metadata: ours is pinned and installed aside.
backend_path() {
  local folder=$deps_dir/backend name version hash file
  folder+=-$(locked backend | sha256sum | cut -c 1-12)
  if [ ! -d "$folder" ]; then
    local fresh
    fresh=$(mktemp -d "$deps_dir/.unpack.XXXXXX")
    while read -r name version hash; do
      file=$(download "$name" "$version" "$hash" --only-binary=:all:)
      python3 -m zipfile -e "$file" "$fresh"
    done < <(locked backend)
    mv -T "$fresh" "$folder"
  fi
  echo "$folder"
}

# kept_members NAME: patterns of the members of a source package that are unpacked.
# Of llama.cpp that is its Jinja engine, the GGUF reader and de-quantisation of ggml, and what tests compare with.
kept_members() {
  case $1 in
    llama-cpp-python)
      local llama='*/vendor/llama.cpp'
      printf '%s\n' "$llama/LICENSE" "$llama/common/jinja/*" "$llama/common/unicode.*" \
        "$llama/ggml/CMakeLists.txt" "$llama/ggml/include/*" \
        "$llama/ggml/src/ggml*.c" "$llama/ggml/src/ggml*.cpp" "$llama/ggml/src/ggml*.h" "$llama/ggml/src/ggml*.in" \
        "$llama/ggml/src/gguf.cpp" "$llama/ggml/src/ggml-cpu/ggml-cpu-impl.h" \
        "$llama/models/templates/*" "$llama/models/ggml-vocab-*"
      ;;
    *) echo '*' ;;
  esac
}

fetch_sources() {
  local name version hash file folder fresh backend stamp
  local -a members
  while read -r name version hash; do
    folder=$deps_dir/$name-$version
    mapfile -t members < <(kept_members "$name")
    stamp=.complete-${hash:0:12}
    if [ "${members[*]}" != '*' ]; then stamp+=-$(printf '%s' "${members[*]}" | sha256sum | cut -c 1-8); fi
    [ -f "$folder/$stamp" ] && continue
    if ! file=$(find_download "$name" "$version" "$hash"); then
      backend=$(backend_path)
      file=$(PYTHONPATH=$backend download "$name" "$version" "$hash" --no-binary "$name" --no-build-isolation)
    fi
    say "unpacking $(basename "$file")"
    fresh=$(mktemp -d "$deps_dir/.unpack.XXXXXX")
    tar -xzf "$file" -C "$fresh" --strip-components=1 --wildcards --no-wildcards-match-slash "${members[@]}"
    touch "$fresh/$stamp"
    rm -rf "$folder"
    mv -T "$fresh" "$folder"
  done < <(locked source)
}

mkdir -p "$downloads"
exec 9>"$deps_dir/.lock"
if ! flock -n 9; then
  say "another set-up is running: waiting for it"
  flock 9
fi
# Only the holder of the lock writes here, so what lies about was interrupted.
rm -rf "$deps_dir"/.unpack.* "$downloads"/.partial.*

libtorch_dir=$deps_dir/libtorch-$(locked libtorch | awk '$1 == "torch" { print $2 }')
fetch_wheels libtorch
fetch_sources
if [ "${HEADSCOPE_CUDA:-}" = 1 ] || { [ "${HEADSCOPE_CUDA:-}" != 0 ] && has_nvidia_gpu; }; then
  fetch_wheels cuda
fi
