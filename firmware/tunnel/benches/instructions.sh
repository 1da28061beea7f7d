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
packets=$((batches * 128))
echo "bytes  instructions a packet: up, down"
for length in 64 200 1420; do
  counts=()
  for way in up down; do
    file=$target/callgrind.$way.$length
    collected=$(valgrind --tool=callgrind --callgrind-out-file="$file" --toggle-collect="*Path*::$way*" \
      "$target/release/instructions" "$batches" "$length" 2>&1 | sed -n 's/.*Collected : //p')
    counts+=($((collected / packets)))
  done
  echo "$length  ${counts[*]}"
done
echo "Where they go: callgrind_annotate $target/callgrind.WAY.BYTES"
