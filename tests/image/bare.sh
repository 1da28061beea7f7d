#!/usr/bin/env bash
# Builds target/image/bare.img: Debian's kernel and systemd up to a login, on the same disk layout, packed the same way. It
# is what the box's boot time is held against.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}/image
work=$target/bare
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8 TZ=UTC
[[ -e $target/work/grub/core.img ]] || { echo "make image comes first: its boot loader serves here too" >&2; exit 1; }

rm -rf "$work"
mkdir -p "$work"
cp -r "$target/work/grub" "$work/"
board/apt-sources.sh >"$work/apt.list"
mode=root
((EUID == 0)) || mode=unshare
# shellcheck disable=SC2016 # mmdebstrap runs the hooks, and $1 is the root
mmdebstrap --quiet --mode=$mode --variant=essential --architectures=amd64 --aptopt='Apt::Install-Recommends "false"' \
  --include=linux-image-amd64,initramfs-tools,systemd-sysv,udev,login,zstd \
  --customize-hook='mv "$1"/boot/vmlinuz-* "$1/boot/vmlinuz"; mv "$1"/boot/initrd.img-* "$1/boot/initrd.img"' \
  trixie "$work/root.tar" "$work/apt.list"
sqfstar -quiet -no-progress -comp lzo -b 128K "$work/root.squashfs" <"$work/root.tar"
rm "$work/root.tar"
board/disk.sh ../tests/image/bare "$work" bare "$target/bare.img"
rm -rf "$work"
