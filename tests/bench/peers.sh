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

# This machine's own release has an older one.
into=$tools/wireguard-go
if [[ "$(cat "$into/version" 2>/dev/null)" != "$go" ]]; then
  echo "Unpacking wireguard-go $go of Debian unstable into $into"
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  board/unstable.sh wireguard-go "$go" "$folder" || { echo "See tests/bench/peers.sh" >&2; exit 1; }
  mkdir -p "$into"
  dpkg -x "$folder"/wireguard-go_*.deb "$into"
  echo "$go" >"$into/version"
fi
echo "Peers: boringtun-cli $boringtun, wireguard-go $go"
