#!/usr/bin/env bash
# Prints apt sources of Debian 13, or of the one suite that is named, derived from this machine's own: the same mirrors.
# DEBIAN_MIRROR and DEBIAN_SECURITY_MIRROR name others, and have to where this machine has none of Debian's.
set -euo pipefail

# What a word of the machine's sources that begins with http and ends as told is; both styles of apt have such words.
mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed '/^[[:space:]]*#/d' | grep -oE "https?://[^][:space:]]*/$1/?" | head -n 1 || true
}
main=${DEBIAN_MIRROR:-$(mirror debian)}
security=${DEBIAN_SECURITY_MIRROR:-$(mirror debian-security)}
if [[ -z $main ]]; then
  echo "No mirror of Debian in /etc/apt. Name one: DEBIAN_MIRROR=http://…/debian make image" >&2
  exit 1
fi
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
sources=("$main trixie" "$main trixie-updates" "${security:-$main-security} trixie-security")
if (($#)); then
  sources=("$main $1")
fi
for source in "${sources[@]}"; do
  echo "deb [signed-by=$keyring] $source main"
done
