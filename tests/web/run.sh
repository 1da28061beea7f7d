#!/usr/bin/env bash
# Runs tests of the local page inside the lab: `sekisho-lab run --page tests/web/run.sh FILE…`; NAMES chooses some by their names.
set -euo pipefail
cd "$(dirname "$0")"
exec timeout 900 node --test --test-concurrency=1 --test-timeout=600000 ${NAMES:+"--test-name-pattern=$NAMES"} "$@"
