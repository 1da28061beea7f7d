#!/usr/bin/env bash
# unstable.sh PACKAGE VERSION FOLDER [SHA256]: fetches one package of Debian unstable into a folder, for what the machine's own
# release doesn't have. Beside apt's own lists, which stay as they are. Does nothing where the folder has it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
package=$1 version=$2 into=$3 sum=${4-}

fail() { printf '%s\n' "$@" >&2; exit 1; }
# apt writes a colon of the version as %3a.
file=$into/${package}_${version//:/%3a}_amd64.deb
whole() { [[ -e $file && (-z $sum || $(sha256sum <"$file") == "$sum  -") ]]; }
if whole; then
  exit
fi
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [[ ! -e $keyring ]] || ! command -v apt-get >/dev/null; then
  fail "$package $version comes from Debian unstable: this takes apt-get and debian-archive-keyring"
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# apt gives up root for fetching, and then has to write here.
chmod 755 "$folder"
mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$into"
"$here/apt-sources.sh" unstable >"$folder/list" 2>/dev/null ||
  DEBIAN_MIRROR=http://deb.debian.org/debian "$here/apt-sources.sh" unstable >"$folder/list"
options=(
  -o "Dir::Etc::SourceList=$folder/list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache" -o Acquire::Languages=none
)
if ! { timeout 300 apt-get "${options[@]}" update -q &&
  (cd "$folder" && timeout 120 apt-get "${options[@]}" download -q "$package=$version"); } >"$folder/log" 2>&1; then
  fail "$(cat "$folder/log")" "$package $version can't be fetched from Debian unstable, which keeps only its newest"
fi
cp "$folder/$(basename "$file")" "$file"
whole || { rm "$file"; fail "$package $version of Debian unstable has another SHA-256 than $sum"; }
