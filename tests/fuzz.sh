#!/usr/bin/env bash
# Runs every fuzz target of a folder for some seconds: fuzz.sh CARGO-FUZZ SECONDS FOLDER. Ends with an error where one
# finds something; the input then lies in artifacts/.
set -euo pipefail
fuzzer=$(realpath "$1")
seconds=$2
cd "$3"

# The compiler's coverage counters are there on stable too, only not promised. No sanitizer: what is fed of ours has no
# unsafe code.
export RUSTC_BOOTSTRAP=1

samples=(../../../config-samples/*/)
for target in $("$fuzzer" list --fuzz-dir .); do
  case $target in
    import) seeds=(../tests/golden/*/ ../tests/bad/CSV-*/) ;;
    question) seeds=(seeds) ;;
    client | decision | datagram | joining) seeds=("seeds/$target") ;;
    *) seeds=("${samples[@]}" ../tests/base) ;;
  esac
  mkdir -p "corpus/$target"
  echo "$target: $seconds seconds"
  "$fuzzer" run --fuzz-dir . --sanitizer none "$target" "corpus/$target" "${seeds[@]}" -- \
    -max_total_time="$seconds" -max_len=8192 -timeout=20 -verbosity=0 -print_final_stats=1
done
