#!/usr/bin/env bash
# write.sh IMAGE DEVICE: writes a disk image to a whole disk, with progress, and reads it back. Refuses what is likely to
# be the wrong disk. Called by `make flash` and by the USB installer.
set -euo pipefail

fail() { printf '%s\n' "$@" >&2; exit 1; }
(($# == 2)) || fail "Usage: write.sh IMAGE[.xz] DEVICE"
image=$1 device=$2
[[ -r $image ]] || fail "$image can't be read." "Build it first: make image"

candidates() {
  echo "Disks of this machine:"
  lsblk --nodeps --exclude 1,2,7,11 --output PATH,SIZE,TRAN,MODEL,SERIAL
}
[[ -n $device ]] || fail "Which disk? make flash DEVICE=/dev/sdX" "$(candidates)"
case $(lsblk --noheadings --nodeps --output TYPE "$device" 2>/dev/null) in
  disk | loop) ;;
  '') fail "$device is no disk. Nothing was written." "$(candidates)" ;;
  *) fail "$device is a part of a disk; name the whole disk. Nothing was written." "$(candidates)" ;;
esac
if lsblk --noheadings --output MOUNTPOINTS "$device" | grep -q '[^[:space:]]'; then
  fail "$device is in use: something of it is mounted or is swap. Nothing was written." "$(lsblk "$device")"
fi
[[ -w $device ]] || fail "$device can't be written by this user." "Run it as root: sudo make flash DEVICE=$device"

sums=${image%.img*}
sums=${sums%-installer}.sha256
if [[ -r $sums ]]; then
  (cd "$(dirname "$image")" && grep " $(basename "$image")\$" "$(basename "$sums")" | sha256sum --check --quiet) ||
    fail "$image is not what $sums says; it is damaged. Nothing was written."
fi

# How the bytes come, and how many.
case $image in
  *.xz)
    open=(xz --decompress --stdout)
    size=$(xz --robot --list "$image" | awk '/^totals/ { print $5 }') || fail "$image is damaged. Nothing was written."
    ;;
  *) open=(cat) size=$(stat -c %s "$image") ;;
esac
has=$(lsblk --noheadings --nodeps --bytes --output SIZE "$device" | tr -d ' ')
((has >= size)) || fail "$device holds $((has / 1000000)) MB, and the image needs $((size / 1000000)). Nothing was written."

lsblk --nodeps --output PATH,SIZE,TRAN,MODEL,SERIAL "$device"
if [[ ${YES-} != 1 ]]; then
  [[ -t 0 ]] || fail "Nobody can be asked here. Set YES=1 to write without being asked."
  read -rp "Everything on $device will be lost. Type its name to go on: " answer
  [[ $answer == "$device" ]] || fail "That is not $device. Nothing was written."
fi

echo "Writing $((size / 1000000)) MB"
"${open[@]}" "$image" | dd of="$device" bs=4M iflag=fullblock conv=fsync status=progress ||
  fail "$device could not be written to the end. What it held is lost; it may be broken."
echo "Reading it back"
blockdev --flushbufs "$device" 2>/dev/null || true
cmp --bytes="$size" <("${open[@]}" "$image") "$device" || fail "$device doesn't hold what was written; it may be broken."
echo "Done. $device starts with the first boot's questions."
