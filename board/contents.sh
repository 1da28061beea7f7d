#!/usr/bin/env bash
# contents.sh WORK NAME: prints what the image is made of, as CycloneDX 1.6: Debian's packages and the crates in our programs.
set -euo pipefail
work=$1 name=$2
built=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)

# Those that aren't of Debian 13, as their files are named.
unstable=$(find "$work/unstable" -name '*.deb' -printf '%f\n' | sed 's/_.*//' | jq --raw-input --slurp 'split("\n") | map(select(. != ""))')

crates() {
  cargo tree --locked -p sekisho-gateway -p sekisho-console --edges normal,no-proc-macro --prefix none --format '{p}|{l}' \
    --target x86_64-unknown-linux-gnu | sed 's/ (\*)$//; s/ (.*)|/|/' | sort -u
}
{
  awk '{ print "deb|" $1 "|" $2 "|" $3 "|" $4 }' "$work/versions"
  crates | sed -nE 's/^([^ ]+) v([^ |]+)\|(.*)$/cargo|\1|\2|\3|/p'
} | jq --raw-input --slurp --arg name "$name" --arg built "$built" --argjson unstable "$unstable" '
  def debian: {
    type: "library", name: .[1], version: .[2], purl: "pkg:deb/debian/\(.[1])@\(.[2] | @uri)?arch=amd64&distro=debian-\(if .[1] | IN($unstable[]) then "unstable" else "13" end)",
    properties: [{ name: "source", value: "\(.[3]) \(.[4])" }]
  };
  def crate: {
    type: "library", name: .[1], version: .[2], purl: "pkg:cargo/\(.[1])@\(.[2])",
    licenses: (if .[3] == "" then [] else [{ expression: (.[3] | gsub("/"; " OR ")) }] end)
  };
  {
    bomFormat: "CycloneDX", specVersion: "1.6", version: 1,
    metadata: { timestamp: $built, component: { type: "firmware", name: $name } },
    components: split("\n") | map(select(. != "") | split("|") | if .[0] == "deb" then debian else crate end)
  }'
