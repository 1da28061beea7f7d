#!/usr/bin/env bash
# root.sh BOARD WORK: makes the root file system from Debian's packages and the programs in WORK/bin: WORK/root.tar,
# WORK/grub/ (boot loader), WORK/versions (what is in it). Needs no root where users may have namespaces.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
board=$here/$1 work=$(realpath "$2")

words() { sed 's/[[:space:]]*#.*//; /^$/d' "$1"; }

options=()
exclude() { for path; do options+=(--dpkgopt="path-exclude=$path"); done; }
include() { for path; do options+=(--dpkgopt="path-include=$path"); done; }
exclude '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/info/*' '/usr/share/locale/*' '/usr/share/i18n/*' \
  '/usr/share/lintian/*' '/usr/share/bash-completion/*' '/usr/share/zsh/*' '/usr/share/bug/*' '/usr/share/menu/*' \
  '/usr/share/pixmaps/*' '/usr/share/zoneinfo/right/*' '/usr/lib/systemd/catalog/*' '/usr/lib/udev/hwdb.d/*' \
  '/usr/share/snmp/*' '/usr/share/misc/pci.ids*' '/boot/System.map*' '/boot/config*'
include '/usr/share/doc/*/copyright'
modules='/usr/lib/modules/*/kernel'
exclude "$modules/drivers/*" "$modules/fs/*" "$modules/net/*" "$modules/sound/*" "$modules/samples/*" "$modules/arch/x86/kvm/*"
while read -r module; do
  include "$modules/$module" "$modules/$module/*"
done < <(words "$board/kernel-modules")

# A release without one of these isn't what its versions.lock says; another build goes without.
mkdir -p "$work/unstable"
while read -r package version sum; do
  "$here/unstable.sh" "$package" "$version" "$work/../unstable" "$sum" || { echo "The image is built without $package." >&2; continue; }
  cp "$work/../unstable/${package}_${version//:/%3a}_amd64.deb" "$work/unstable/"
done < <(words "$board/unstable")

mode=root
((EUID == 0)) || mode=unshare
"$here/apt-sources.sh" >"$work/apt.list"
mkdir -p "$work/grub"
# shellcheck disable=SC2016 # mmdebstrap runs the hooks, and $1 is the root
mmdebstrap --mode=$mode --variant=essential --skip=cleanup/apt,cleanup/mmdebstrap --architectures=amd64 \
  --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' "${options[@]}" \
  --include="$(words "$board/packages" | paste -sd,)" \
  --essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d"' \
  --essential-hook='printf "MODULES=list\nCOMPRESS=zstd\n" >"$1/etc/initramfs-tools/conf.d/sekisho"' \
  --customize-hook="'$here/customize.sh' \"\$1\" '$board' '$work'" \
  --customize-hook="sync-out /boot/loader '$work/grub'" \
  --customize-hook="download /usr/share/sekisho/versions '$work/versions'" \
  --customize-hook='rm -rf "$1/boot/loader"' \
  trixie "$work/root.tar" "$work/apt.list"
