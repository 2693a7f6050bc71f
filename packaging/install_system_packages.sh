#!/usr/bin/env bash
# Installs the Debian packages the build and its tests need: only what is missing, and nothing when all is there.
# --packages: also those that make packages for other machines.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

packages=(
  # tools
  g++ cmake ninja-build ccache pkg-config python3 python3-pip ca-certificates binutils
  # core
  nlohmann-json3-dev libexpected-dev libonig-dev libicu-dev zlib1g-dev libssl-dev libboost-math-dev libzip-dev
  libcairo2-dev libpango1.0-dev libpugixml-dev libmd4c-dev libcli11-dev
  # window
  libepoxy-dev libfreetype-dev libfontconfig-dev fontconfig fonts-dejavu-core
  libx11-dev libxrandr-dev libxinerama-dev libxcursor-dev libxi-dev libxext-dev
  libwayland-dev wayland-protocols libxkbcommon-dev libgl1 libegl1 libgl1-mesa-dri
  # tests
  doctest-dev xvfb openmpi-bin doxygen strace python3-jsonschema
)
if [ "${1:-}" = --packages ]; then
  packages+=(dpkg-dev file help2man librsvg2-bin lintian desktop-file-utils shared-mime-info)
fi

if ! command -v dpkg-query >/dev/null 2>&1; then
  say "this is not Debian or Ubuntu: going on in the hope that the equivalents of these packages are installed:"
  say "  ${packages[*]}"
  exit 0
fi

# Name of each installed package, without the architecture that libraries carry.
installed=$(dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
  awk '$2 == "installed" { sub(/:.*/, "", $1); print $1 }' || true)
missing=()
for package in "${packages[@]}"; do
  grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

say "installing: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    die "not root and no sudo here. Ask an administrator for: apt-get install ${missing[*]}"
  fi
  as_root=(sudo)
fi
# Waits for another installation rather than failing on its lock.
apt_options=(-o DPkg::Lock::Timeout=300 -qq)
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "${apt_options[@]}" update >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "${apt_options[@]}" install -y --no-install-recommends \
  "${missing[@]}" >&2
