#!/usr/bin/env bash
# customize.sh ROOT BOARD WORK: makes a box of an unpacked Debian. Called by root.sh.
set -euo pipefail
root=$1 board=$2 work=$3
kernel=$(ls "$root/usr/lib/modules")

# Our programs and files, and what this build is.
cp -r --no-preserve=ownership "$board/overlay/." "$root/"
install -m 755 "$work"/bin/* "$root/usr/bin/"
install -D -m 644 "$work/operator.pub" "$root/etc/sekisho/operator.pub"
install -D -m 644 "$work/update-ca.pem" "$root/etc/sekisho/update-ca.pem"
install -m 755 "$board/../write.sh" "$root/usr/lib/sekisho/write"
install -m 644 "$work/release.toml" "$board/board.toml" "$root/usr/lib/sekisho/"
if grep -q development "$work/release.toml"; then
  cp -r --no-preserve=ownership "$board/development/." "$root/"
fi

# Modules as they are: squashfs packs them better, and the initial RAM disk is packed whole.
find "$root/usr/lib/modules" -name '*.ko.xz' -print0 | xargs -0 -r -n 40 xz -d
chroot "$root" depmod "$kernel"
install -D -m 755 /dev/stdin "$root/etc/initramfs-tools/hooks/disks" <<'END'
#!/bin/sh
# Drivers of disks, loaded where the box has such a disk.
if [ "$1" != prereqs ]; then
  . /usr/share/initramfs-tools/hook-functions
  manual_add_modules ahci sd_mod nvme mmc_block sdhci_pci virtio_pci virtio_blk usb_storage uas xhci_pci ehci_pci squashfs
fi
END
chroot "$root" mkinitramfs -o /boot/initrd.img "$kernel"
rm -f "$root/boot/initrd.img-$kernel"
mv "$root/boot/vmlinuz-$kernel" "$root/boot/vmlinuz"

# The boot loader, made by the release of GRUB that is in the image.
mkdir -p "$root/boot/loader" "$root/boot/state"
loader='part_gpt fat squash4 normal configfile loadenv linux test regexp serial terminal echo sleep reboot'
# shellcheck disable=SC2086 # one word a module
chroot "$root" grub-mkimage -O i386-pc -o /boot/loader/core.img -p '(,gpt3)/grub' biosdisk $loader
# shellcheck disable=SC2086
chroot "$root" grub-mkimage -O x86_64-efi -o /boot/loader/BOOTX64.EFI -p '(,gpt3)/grub' $loader
cp "$root/usr/lib/grub/i386-pc/boot.img" "$root/boot/loader/"
chroot "$root" grub-editenv /boot/loader/grubenv create
chroot "$root" grub-editenv /boot/loader/grubenv set 'ORDER=A B' A_OK=1 B_OK=0 A_TRY=0 B_TRY=0

# Users and units.
chroot "$root" systemd-sysusers
sed -i 's/^root:[^:]*:/root:!*:/' "$root/etc/shadow"
echo sekisho >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 sekisho\n' >"$root/etc/hosts"
: >"$root/etc/machine-id"
rm -f "$root/etc/resolv.conf" "$root/var/lib/dbus/machine-id"
ln -sfn ../proc/self/mounts "$root/etc/mtab"
units=$(cd "$board/overlay/usr/lib/systemd/system" && grep -l '^\[Install\]' -- *.service *.path *.timer *.mount | grep -v @)
# shellcheck disable=SC2086 # one word a unit
systemctl --root="$root" --quiet enable $units sekisho-console@ttyS0.service chrony.service
systemctl --root="$root" --quiet set-default multi-user.target
systemctl --root="$root" --quiet mask getty@tty1.service serial-getty@ttyS0.service getty-static.service ldconfig.service \
  systemd-hwdb-update.service systemd-machine-id-commit.service systemd-firstboot.service systemd-update-done.service \
  systemd-pcrlock-make-policy.service e2scrub_reap.service e2scrub_all.timer apt-daily.timer apt-daily-upgrade.timer \
  dpkg-db-backup.timer fstrim.timer smartmontools.service systemd-journal-catalog-update.service \
  systemd-repart.service systemd-logind.service debug-shell.service ctrl-alt-del.target grub-common.service systemd-tpm2-setup.service systemd-tpm2-setup-early.service
touch -d "@$SOURCE_DATE_EPOCH" "$root/usr/lib/clock-epoch"

# What was installed, then without the tools that installed it.
mkdir -p "$root/usr/share/sekisho"
# shellcheck disable=SC2016 # dpkg-query's own variables
chroot "$root" dpkg-query -W -f '${Package} ${Version} ${source:Package} ${source:Version}\n' >"$root/usr/share/sekisho/versions"
rm -rf "$root"/usr/lib/grub "$root"/usr/share/{grub,perl*,initramfs-tools,gcc,debconf,i18n,locale,bash-completion} \
  "$root"/usr/lib/x86_64-linux-gnu/{perl*,gconv} "$root"/usr/bin/{perl*,dpkg*,apt*,openssl,zstd,busybox} \
  "$root"/usr/lib/{klibc*,dracut,apt,dpkg,initramfs-tools} "$root"/usr/sbin/{grub-*,mkinitramfs,update-initramfs} \
  "$root"/etc/{apt,dpkg,cron*,init.d,rc?.d,initramfs-tools,grub.d,kernel,default/grub*,network,ssh}
find "$root/usr/bin" -name 'grub-*' ! -name grub-editenv -delete
find "$root/var" -mindepth 1 -delete
mkdir -p "$root/var" "$root/run" "$root/tmp"
