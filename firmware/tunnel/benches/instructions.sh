#!/usr/bin/env bash
# Counts the processor's instructions for each packet, each way, outside the kernel: instructions.sh TARGET-FOLDER.
# They are the same in every run to within a percent, however busy the machine is.
set -euo pipefail
target=$(realpath "$1")
cd "$(dirname "$0")"

if ! command -v valgrind >/dev/null; then
  echo "Instructions aren't counted: there is no valgrind here (apt-get install valgrind)."
  exit 0
fi
cargo build --release --locked --quiet --target-dir "$target" --bin instructions

batches=50
echo "bytes  instructions a packet: cut (tun-rs), up, down, join (tun-rs)"
# The last line is after 30 new keys, which must make no difference.
for what in "64 0" "200 0" "1420 0" "1420 30"; do
  read -r length renewals <<<"$what"
  counts=()
  for way in cut up down join; do
    packets=$((batches * 128))
    if [[ $way == cut ]]; then packets=$((batches * 46)); fi
    file=$target/callgrind.$way.$length.$renewals
    collected=$(valgrind --tool=callgrind --callgrind-out-file="$file" --toggle-collect="*benches*::$way*" \
      "$target/release/instructions" "$batches" "$length" "$renewals" 2>&1 | sed -n 's/.*Collected : //p')
    counts+=($((collected / packets)))
  done
  echo "$length  ${counts[*]}$( ((renewals)) && echo ", after $renewals new keys")"
done
echo "Where they go: callgrind_annotate $target/callgrind.WAY.BYTES.KEYS"
