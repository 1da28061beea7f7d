#!/usr/bin/env bash
# customize.sh ROOT BOARD WORK: makes a box of an unpacked Debian. Called by root.sh.
set -euo pipefail
root=$1 board=$2 work=$3
kernel=$(ls "$root/usr/lib/modules")

words() { sed 's/[[:space:]]*#.*//; /^$/d' "$1"; }

# What trixie hasn't: installed without its own unit and settings, since ours stand in their place.
if compgen -G "$work/unstable/*.deb" >/dev/null; then
  mkdir "$root/unstable"
  cp "$work"/unstable/*.deb "$root/unstable/"
  chroot "$root" sh -euc 'PATH=/usr/sbin:/usr/bin dpkg --install /unstable/*.deb >/dev/null'
  rm -r "$root/unstable" "$root/etc/rauc-hawkbit-updater" "$root/usr/lib/systemd/system/rauc-hawkbit-updater.service"
  find "$root/etc/systemd" -name rauc-hawkbit-updater.service -delete
fi

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

# The initial RAM disk: one script on busybox, and the drivers of what the root file system may lie on.
install -D -m 755 "$board/../init" "$root/boot/initrd/init"
# shellcheck disable=SC2046 # one word a module
chroot "$root" sh -eu -s "$kernel" $(words "$board/disk-modules") <<'END'
kernel=$1
shift
cd /boot/initrd
mkdir -p bin dev proc sys root usr/lib usr/lib64
ln -s usr/lib usr/lib64 .
cp /usr/bin/busybox bin/
for applet in sh mount find xargs cat sort grep modprobe sleep reboot switch_root; do
  ln -s busybox "bin/$applet"
done
cp -L --parents $(ldd /usr/bin/busybox | grep -o '/[^ ]*') .
cp --parents $(modprobe --all --set-version "$kernel" --show-depends "$@" | sed -n 's/^insmod //p' | sort -u) .
cp --parents "/usr/lib/modules/$kernel/modules.order" "/usr/lib/modules/$kernel/modules.builtin" .
depmod -b . "$kernel"
find . -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 --reproducible | zstd -q -19 >/boot/initrd.img
END
rm -rf "$root/boot/initrd" "$root/boot/initrd.img-$kernel"
mv "$root/boot/vmlinuz-$kernel" "$root/boot/vmlinuz"

# The boot loader, made by the release of GRUB that is in the image.
mkdir -p "$root/boot/loader" "$root/boot/state"
loader='part_gpt fat squash4 normal configfile loadenv linux test regexp serial terminal echo sleep reboot search search_fs_uuid'
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
units=$(cd "$board/overlay/usr/lib/systemd/system" && grep -l '^\[Install\]' -- *.service *.socket *.path *.timer *.mount | grep -v @)
# shellcheck disable=SC2086 # one word a unit
systemctl --root="$root" --quiet enable $units sekisho-console@ttyS0.service chrony.service
systemctl --root="$root" --quiet set-default multi-user.target
# What the box doesn't do isn't started either; each unit is a process, and together they'd be a fifth of the start.
systemctl --root="$root" --quiet mask getty@tty1.service serial-getty@ttyS0.service getty-static.service ldconfig.service \
  systemd-hwdb-update.service systemd-machine-id-commit.service systemd-firstboot.service systemd-update-done.service \
  systemd-pcrlock-make-policy.service e2scrub_reap.service e2scrub_all.timer apt-daily.timer apt-daily-upgrade.timer \
  dpkg-db-backup.timer fstrim.timer smartmontools.service snmpd.service systemd-journal-catalog-update.service \
  dev-hugepages.mount dev-mqueue.mount run-lock.mount sys-fs-fuse-connections.mount sys-kernel-config.mount \
  sys-kernel-debug.mount sys-kernel-tracing.mount proc-sys-fs-binfmt_misc.automount systemd-binfmt.service \
  kmod-static-nodes.service systemd-tmpfiles-setup-dev-early.service systemd-tmpfiles-setup-dev.service \
  modprobe@configfs.service modprobe@fuse.service modprobe@drm.service systemd-udev-load-credentials.service \
  systemd-user-sessions.service systemd-ask-password-console.path systemd-ask-password-wall.path \
  systemd-creds.socket systemd-sysext.socket systemd-hostnamed.socket systemd-initctl.socket systemd-hibernate-clear.service \
  systemd-repart.service systemd-logind.service debug-shell.service ctrl-alt-del.target grub-common.service systemd-tpm2-setup.service systemd-tpm2-setup-early.service \
  rauc-mark-good.service
touch -d "@$SOURCE_DATE_EPOCH" "$root/usr/lib/clock-epoch"
# Generators: units of /etc/fstab and words of the kernel's command line. Rules of devices: those that a gateway has.
find "$root/usr/lib/systemd/system-generators" -type f ! -name systemd-debug-generator ! -name systemd-fstab-generator -delete
find "$root/usr/lib/udev/rules.d" -name '*.rules' | grep -vFf <(words "$board/udev-rules") | xargs rm

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
