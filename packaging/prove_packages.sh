#!/usr/bin/env bash
# Proves that what packaging/package.sh made runs on a machine without build tree and Python: makes a Debian of only
# what is essential, installs a package there, runs the self-test as an ordinary user and opens the window on a virtual
# display. Pictures are left in build/release/packages. Needs root, debootstrap and the network; takes minutes.
#
#   bash packaging/prove_packages.sh [--suite bookworm] [--base FOLDER] [deb|tarball]...
#
# --base: where the minimal Debian is kept, to be taken again.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

suite=bookworm
base=
kinds=()
while [ $# -gt 0 ]; do
  case $1 in
    --suite) suite=${2:?--suite needs a name}; shift 2 ;;
    --base) base=${2:?--base needs a folder}; shift 2 ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    deb | tarball) kinds+=("$1"); shift ;;
    *) die "unknown argument $1; see --help" ;;
  esac
done
if [ ${#kinds[@]} -eq 0 ]; then kinds=(deb tarball); fi
packages=$repository_dir/build/release/packages
[ "$(id -u)" -eq 0 ] || die "chroot needs root"
command -v debootstrap >/dev/null || die "debootstrap is missing"

place=$(mktemp -d)
trap 'for root in "$place"/*/; do umount -q "$root/proc" || true; done; rm -rf --one-file-system "$place"' EXIT
base=${base:-$place/base}
if [ ! -f "$base/etc/debian_version" ]; then
  say "making a minimal Debian ($suite)"
  debootstrap --variant=minbase "$suite" "$base" >&2
fi

inside() { # inside ROOT COMMAND: with nothing of this machine's environment
  chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/home/user LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    sh -c "$2"
}
as_user() { inside "$1" "setpriv --reuid=1000 --regid=1000 --clear-groups sh -c '$2'"; }

for kind in "${kinds[@]}"; do
  root=$place/$kind
  cp -a "$base" "$root"
  mount -t proc proc "$root/proc"
  mkdir -p "$root/home/user/packages"
  say "$kind: installing"
  if [ "$kind" = deb ]; then
    cp "$packages"/headscope_*.deb "$root/home/user/packages/"
    inside "$root" 'apt-get -qq update && apt-get -qq install -y --no-install-recommends /home/user/packages/*.deb' >&2
    bin=/usr/bin
  else
    tar -xf "$packages"/headscope-*.tar.* -C "$root/home/user"
    mv "$root"/home/user/headscope-* "$root/home/user/moved here"
    bin="/home/user/moved here/bin"
  fi
  chown -R 1000:1000 "$root/home/user"
  if inside "$root" 'command -v python3 || ls /usr/lib/*/libtorch* 2>/dev/null'; then die "$kind: that machine has Python or libtorch"; fi
  as_user "$root" "\"$bin/headscope-cli\" version"
  as_user "$root" "\"$bin/headscope-cli\" selftest"
  # The display is the machine's, not the package's.
  inside "$root" 'apt-get -qq update && apt-get -qq install -y --no-install-recommends xvfb libgl1-mesa-dri libgl1 fonts-dejavu-core' >&2
  if inside "$root" 'command -v python3'; then die "$kind: the display brought Python"; fi
  as_user "$root" "export GALLIUM_DRIVER=llvmpipe LIBGL_ALWAYS_SOFTWARE=1 DISPLAY=:93; Xvfb :93 -screen 0 1920x1200x24 2>/dev/null &
    sleep 3; \"$bin/headscope\" --screenshot /home/user/window.png; code=\$?; kill %1; exit \$code"
  cp "$root/home/user/window.png" "$packages/window-$kind-$suite.png"
  say "$kind: self-test passed, window opened: $packages/window-$kind-$suite.png"
done
