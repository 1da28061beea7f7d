#!/usr/bin/env bash
# Installs what building and testing need on Debian 12, 13 and Ubuntu 24.04. Says and does nothing where all is there.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$HOME/.cargo/bin:$PATH:/usr/sbin:/sbin"

# Program, and the package that brings it.
wanted=(
  cc build-essential          # C and assembly of the cryptography
  pkg-config pkg-config
  curl curl                   # rustup; a client in the lab
  update-ca-certificates ca-certificates
  git git                     # which files make check looks at
  ip iproute2                 # the lab's hosts and wires
  nft nftables                # the device's packet filter
  tcpdump tcpdump             # reads the lab's recordings
  strace strace               # refuses the daemon its calls, one by one
  faketime faketime           # a wrong clock for the daemon
  wireguard-go wireguard-go   # another WireGuard, which the tunnel is tested against
  shellcheck shellcheck       # make check
)
missing=()
for ((i = 0; i < ${#wanted[@]}; i += 2)); do
  command -v "${wanted[i]}" >/dev/null || missing+=("${wanted[i + 1]}")
done

if ((${#missing[@]})); then
  install="apt-get install -y --no-install-recommends ${missing[*]}"
  if ! command -v apt-get >/dev/null; then
    echo "Missing, and this is no Debian or Ubuntu: ${missing[*]}" >&2
    exit 1
  elif ((EUID == 0)); then
    root=()
  elif command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
    root=(sudo)
  else
    echo "Missing: ${missing[*]}. As root, run:" >&2
    echo "  apt-get update && $install" >&2
    exit 1
  fi
  echo "Installing ${missing[*]}"
  "${root[@]}" apt-get update -q
  # shellcheck disable=SC2086 # the words of the line that a user would type
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive $install
fi

needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
new_enough() {
  local version
  version=$(cargo --version 2>/dev/null | cut -d' ' -f2) && [[ -n $version ]] &&
    printf '%s\n%s\n' "$needed" "$version" | sort -VC
}
if ! new_enough; then
  if command -v rustup >/dev/null; then
    echo "Rust is older than $needed: rustup update stable"
    rustup update stable --no-self-update
  else
    echo "Installing Rust into ~/.cargo and ~/.rustup"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
      sh -s -- -y --profile minimal --component clippy,rustfmt --no-modify-path
  fi
  hash -r
  if ! new_enough; then
    echo "cargo is still older than $needed: $(command -v cargo) (rustup override, or another toolchain first in PATH?)" >&2
    exit 1
  fi
fi
if ! command -v cargo-clippy >/dev/null || ! command -v cargo-fmt >/dev/null; then
  if command -v rustup >/dev/null; then
    rustup component add clippy rustfmt
  else
    echo "cargo has no clippy or rustfmt; make check needs them" >&2
  fi
fi
