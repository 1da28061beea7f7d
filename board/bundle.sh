#!/usr/bin/env bash
# bundle.sh BOARD [--release KEYS]: packs the root file system of the image that was built last as a signed update:
# target/image/sekisho-BOARD-VERSION.raucb. Called by `make bundle`. What is inside is the same for the same commit and
# packages; RAUC's salt and the signature are others each time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
board=$1 keys=board/$1/keys
shift
while (($#)); do
  case $1 in
    --release) keys=${2:?--release needs the folder of the keys} && shift ;;
    *) echo "bundle.sh BOARD [--release KEYS]" >&2 && exit 2 ;;
  esac
  shift
done

fail() { printf '%s\n' "$@" >&2; exit 1; }
target=${CARGO_TARGET_DIR:-target}/image
work=$target/work
[[ -r $work/root.squashfs ]] || fail "There is no root file system in $work. Build it first: make image"
fact() { sed -n "s/^$1 = \"\\(.*\\)\"/\\1/p" "$work/release.toml"; }
version=$(fact version) kind=$(fact kind) floor=$(fact floor)
name=sekisho-$board-$version
[[ $kind == release ]] || name+=-development
cmp -s "$keys/update-ca.pem" "$work/update-ca.pem" ||
  fail "The image in $work believes another authority than $keys/update-ca.pem; its boxes would refuse this bundle." \
    "Build both with the same keys: RELEASE=FOLDER"
size=$(stat -c %s "$work/root.squashfs")
slot=$(sed -n '/partition rootfs-a/,/}/s/.*size = \([0-9]*\)M.*/\1/p' "board/$board/box.cfg")
((size <= slot << 20)) || fail "The root file system has $size bytes, and a slot of $board holds $slot MiB. Nothing was packed."

rm -rf "$work/bundle"
mkdir "$work/bundle"
trap 'rm -rf "$work/bundle"' EXIT
ln "$work/root.squashfs" "$work/bundle/rootfs.img"
cat >"$work/bundle/manifest.raucm" <<END
[update]
compatible=sekisho-$board
version=$version

[bundle]
format=verity

[image.rootfs]
filename=rootfs.img
END
find "$work/bundle" ! -name rootfs.img -exec touch -h -d "@$(sed -n 's/^built = //p' "$work/release.toml")" {} +
rm -f "$target/$name.raucb"
# It is packed already.
rauc --cert="$keys/update.pem" --key="$keys/update.key" --mksquashfs-args='-noD -noF -no-progress' \
  bundle "$work/bundle" "$target/$name.raucb" >"$work/bundle.log" 2>&1 || fail "$(cat "$work/bundle.log")"
(cd "$target" && sha256sum "$name.raucb" >"$name.raucb.sha256")
echo "Done: $target/$name.raucb, $(($(stat -c %s "$target/$name.raucb") / 1000000)) MB ($kind; version $version, floor $floor)"
