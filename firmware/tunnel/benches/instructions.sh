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
for length in 64 200 1420; do
  counts=()
  for way in cut up down join; do
    packets=$((batches * 128))
    if [[ $way == cut ]]; then packets=$((batches * 46)); fi
    file=$target/callgrind.$way.$length
    collected=$(valgrind --tool=callgrind --callgrind-out-file="$file" --toggle-collect="*benches*::$way*" \
      "$target/release/instructions" "$batches" "$length" 2>&1 | sed -n 's/.*Collected : //p')
    counts+=($((collected / packets)))
  done
  echo "$length  ${counts[*]}"
done
echo "Where they go: callgrind_annotate $target/callgrind.WAY.BYTES"
