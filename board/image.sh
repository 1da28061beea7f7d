#!/usr/bin/env bash
# Builds the disk image of a board: target/image/sekisho-BOARD-VERSION.img, the same packed, its checksums, a list of all
# that is in it (CycloneDX) and the exact versions. Called by `make image`.
set -euo pipefail

usage() {
  cat <<'END'
image.sh BOARD [--release KEYS] [--lock]

  --release KEYS  a build for the field. KEYS is a folder that stays outside the project:
                    operator.pub     the operator's Ed25519 public key, base64: signs platform profiles
                    update-ca.pem    the certificate authority of updates
                    update.pem, update.key  a certificate of that authority for code signing, and its key
  --lock          write the versions that were found into board/BOARD/versions.lock
END
}

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
board='' keys='' lock=''
while (($#)); do
  case $1 in
    --release) keys=${2:?--release needs the folder of the keys} && shift ;;
    --lock) lock=yes ;;
    --help) usage && exit ;;
    -*) usage >&2 && exit 2 ;;
    *) board=$1 ;;
  esac
  shift
done
[[ -n $board && -d board/$board ]] || { usage >&2; exit 2; }

fail() { printf '%s\n' "$@" >&2; exit 1; }
say() { printf '%(%H:%M:%S)T %s\n' -1 "$*"; }

# A fixed time makes the same bytes of the same sources: that of the last commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8 TZ=UTC
floor=$(cat "$here/floor")
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
target=${CARGO_TARGET_DIR:-target}/image
work=$target/work
name=sekisho-$board-$version

# Keys: development's are public and lie in the project; a release without its own is none.
if [[ -n $keys ]]; then
  kind=release
  for file in operator.pub update-ca.pem update.pem update.key; do
    [[ -r $keys/$file ]] || fail "A release needs $keys/$file, and it can't be read. Nothing was built." \
      "Give the folder of the release keys: make image RELEASE=FOLDER"
  done
  for file in operator.pub update-ca.pem; do
    ! cmp -s "$keys/$file" "board/$board/keys/$file" ||
      fail "$keys/$file is the development key, which is public. Nothing was built."
  done
  signs() {
    openssl verify -CAfile "$keys/update-ca.pem" -purpose any "$keys/update.pem" >/dev/null &&
      openssl x509 -in "$keys/update.pem" -noout -ext extendedKeyUsage | grep -q 'Code Signing'
  }
  signs ||
    fail "$keys/update.pem is no certificate for code signing of $keys/update-ca.pem. Nothing was built."
  [[ $(openssl x509 -in "$keys/update.pem" -noout -pubkey) == "$(openssl pkey -in "$keys/update.key" -pubout)" ]] ||
    fail "$keys/update.key is not the key of $keys/update.pem. Nothing was built."
  git diff --quiet HEAD || fail "A release is built of a commit, and there are changes that are none. Nothing was built."
else
  kind=development keys=board/$board/keys name=$name-development
fi
base64 -d "$keys/operator.pub" 2>/dev/null | wc -c | grep -qx 32 || fail "$keys/operator.pub holds no Ed25519 key in base64."

rm -rf "$work"
mkdir -p "$work/bin"
cp "$keys/operator.pub" "$keys/update-ca.pem" "$work/"
printf 'version = "%s"\nfloor = "%s"\nkind = "%s"\nbuilt = %s\n' "$version" "$floor" "$kind" "$SOURCE_DATE_EPOCH" >"$work/release.toml"

say "Programs"
programs=(sekishod sekisho sekisho-ports sekisho-console sekisho-web sekisho-snmp)
# Without the time, which nothing of them has in it: C libraries would be compiled anew for each commit, and all that is linked to them.
RUSTFLAGS="--remap-path-prefix=$PWD=/sekisho --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo" \
  env -u SOURCE_DATE_EPOCH cargo build --locked --release --target-dir "$target/build" "${programs[@]/#/--bin=}"
cp "${programs[@]/#/$target/build/release/}" "$work/bin/"
strip "$work"/bin/*

say "Root file system"
"$here/root.sh" "$board" "$work"
if [[ -n $lock ]]; then
  cp "$work/versions" "board/$board/versions.lock"
elif ! diff "board/$board/versions.lock" "$work/versions" >"$work/drift"; then
  if [[ $kind == release ]]; then
    fail "These packages are not those of board/$board/versions.lock (<: locked, >: found):" "$(cat "$work/drift")" \
      "Look at what changed, test it, then: make image LOCK=1"
  fi
  say "Packages have moved on since board/$board/versions.lock (<: locked, >: found):"
  cat "$work/drift"
fi

say "Packing it"
sqfstar -quiet -no-progress -comp lzo -b 128K "$work/root.squashfs" <"$work/root.tar"
rm "$work/root.tar"

say "Disk"
"$here/disk.sh" "$board" "$work" box "$target/$name.img"
"$here/contents.sh" "$work" "$name" >"$target/$name.cdx.json"
cp "$work/versions" "$target/$name.versions"
xz --keep --force --threads=2 -1 "$target/$name.img"
checksums() { (cd "$target" && sha256sum "${@/#/$name}" >"$name.sha256"); }
checksums .img .img.xz .cdx.json .versions

say "Installer for a USB stick"
mkdir "$work/payload"
cp "$target/$name.img.xz" "$target/$name.sha256" "$work/payload/"
"$here/disk.sh" "$board" "$work" installer "$target/$name-installer.img"
checksums .img .img.xz -installer.img .cdx.json .versions
if [[ $kind == release ]]; then
  openssl cms -sign -binary -nosmimecap -in "$target/$name.sha256" -signer "$keys/update.pem" -inkey "$keys/update.key" \
    -outform PEM -out "$target/$name.sha256.p7s"
fi
say "Done: $target/$name.img.xz, $(($(stat -c %s "$target/$name.img.xz") / 1000000)) MB ($kind)"
