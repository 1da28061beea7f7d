#!/usr/bin/env bash
# Runs a command of cargo whose programs need namespaces and a TUN device of their own. Where this user may not have
# them, says so and has cargo run the programs, and only them, through sudo; what is built stays the user's.
set -euo pipefail
PATH="$PATH:/usr/sbin:/sbin"

why=
if ((EUID != 0)); then
  # Ubuntu 24.04 grants the namespace but no rights inside it, so a right has to be tried.
  unshare -Urnm ip link add type veth 2>/dev/null || why="ordinary users may not have namespaces here"
  [[ -r /dev/net/tun && -w /dev/net/tun ]] || why="/dev/net/tun is for root only here"
fi
if [[ -n $why ]]; then
  if ! command -v sudo >/dev/null; then
    echo "$why, and there is no sudo. Run the same command as root." >&2
    exit 1
  fi
  echo "$why: test programs run through sudo" >&2
  host=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
  export "CARGO_TARGET_${host}_RUNNER=sudo env PATH=$PATH${SEKISHO_BIN:+ SEKISHO_BIN=$SEKISHO_BIN}"
fi
exec "$@"
