#!/usr/bin/env bash
# Brings what the data plane is measured beside, at fixed versions, into the target folder. Does nothing where it is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH="$HOME/.cargo/bin:$PATH:/usr/sbin:/sbin"
tools=${CARGO_TARGET_DIR:-target}/tools

boringtun=0.7.1
go=0.0.20260522-1

if [[ "$("$tools/bin/boringtun-cli" --version 2>/dev/null)" != "boringtun $boringtun" ]]; then
  echo "Building boringtun-cli $boringtun, once; this takes a minute."
  cargo install --locked --root "$tools" boringtun-cli --version "$boringtun" || {
    echo "boringtun-cli $boringtun can't be built; does cargo reach its registry, and is there a C compiler?" >&2
    exit 1
  }
fi

# This machine's own release has an older one, so a list of unstable's packages is fetched beside; apt's own stay as they are.
into=$tools/wireguard-go
if [[ "$(cat "$into/version" 2>/dev/null)" != "$go" ]]; then
  echo "Unpacking wireguard-go $go of Debian unstable into $into"
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  if [[ ! -e $keyring ]] || ! command -v apt-get >/dev/null; then
    echo "wireguard-go $go comes from Debian unstable: this takes apt-get and debian-archive-keyring" >&2
    exit 1
  fi
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  # apt gives up root for fetching, and then has to write here.
  chmod 755 "$folder"
  mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
  board/apt-sources.sh unstable >"$folder/list" 2>/dev/null ||
    DEBIAN_MIRROR=http://deb.debian.org/debian board/apt-sources.sh unstable >"$folder/list"
  options=(
    -o "Dir::Etc::SourceList=$folder/list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache" -o Acquire::Languages=none
  )
  if ! { timeout 300 apt-get "${options[@]}" update -q &&
    (cd "$folder" && timeout 120 apt-get "${options[@]}" download -q "wireguard-go=$go"); } >"$folder/log" 2>&1; then
    cat "$folder/log" >&2
    echo "wireguard-go $go can't be fetched from Debian unstable, which keeps only its newest: see tests/bench/peers.sh" >&2
    exit 1
  fi
  mkdir -p "$into"
  dpkg -x "$folder"/wireguard-go_*.deb "$into"
  echo "$go" >"$into/version"
fi
echo "Peers: boringtun-cli $boringtun, wireguard-go $go"
