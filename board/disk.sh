#!/usr/bin/env bash
# disk.sh BOARD WORK KIND OUT: puts boot loader, root file system and more into a disk image, by board/BOARD/KIND.cfg: a box
# (slots and empty data), or an installer (what is in WORK/payload). Needs neither root nor loop devices.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
board=$here/$1 work=$(realpath "$2") kind=$3 out=$(realpath -m "$4")
PATH=$PATH:/usr/sbin:/sbin

disk=$work/disk
rm -rf "$disk"
mkdir -p "$disk"/{esp/EFI/BOOT,boot/grub}
cp "$work/grub/BOOTX64.EFI" "$disk/esp/EFI/BOOT/"
cp "$board/$kind.grub.cfg" "$disk/boot/grub/grub.cfg"
cp "$work/grub/grubenv" "$disk/boot/grub/grubenv"
cp "$work/grub/grubenv" "$disk/boot/grub/grubenv2"
cp "$work/root.squashfs" "$disk/"
find "$disk" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

fat() { # FILE LABEL SERIAL SIZE FOLDER
  truncate -s "$4" "$disk/$1"
  mkfs.vfat --invariant -i "$3" -n "$2" "$disk/$1" >/dev/null
  mcopy -s -m -i "$disk/$1" "$disk/$5"/* ::/
}
fat esp.vfat ESP 5e415401 16M esp
if [[ $kind == installer ]]; then
  # The boot loader of a box whose slots are both bad looks for this number.
  fat boot.vfat BOOT 5e415403 8M boot
  mksquashfs "$work/payload" "$disk/payload.squashfs" -quiet -no-progress -noI -noD -noF -noX -all-root
else
  fat boot.vfat BOOT 5e415402 8M boot
  truncate -s 64M "$disk/data.ext4"
  E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mkfs.ext4 -q -L data -U 5e415400-0000-4000-8000-00000000000d \
    -E hash_seed=5e415400-0000-4000-8000-00000000000e,lazy_itable_init=0,nodiscard -O ^metadata_csum_seed "$disk/data.ext4"
fi

# The places where the first sector finds the second, and that one the rest (GRUB's boot.S and diskboot.S): sectors 2048
# and 2049, eight bytes each, lowest first.
poke() { printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
cp "$work/grub/core.img" "$disk/"
poke "$disk/core.img" $((0x1f4)) '\x01\x08\0\0\0\0\0\0'
head -c 440 "$work/grub/boot.img" >"$disk/boot.img"
poke "$disk/boot.img" $((0x5c)) '\x00\x08\0\0\0\0\0\0'

mkdir "$disk/empty"
genimage --config "$board/$kind.cfg" --inputpath "$disk" --outputpath "$disk/out" --tmppath "$disk/tmp" \
  --rootpath "$disk/empty" >"$disk/genimage.log" 2>&1 || { cat "$disk/genimage.log" >&2; exit 1; }
dd if="$disk/boot.img" of="$disk/out/disk.img" conv=notrunc bs=440 count=1 status=none
mv "$disk/out/disk.img" "$out"
rm -rf "$disk"
