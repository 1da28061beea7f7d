#!/usr/bin/env bash
# Asks the local page's API everything that its document allows, as each role, inside the lab: `sekisho-lab run --page tests/api/run.sh`.
set -euo pipefail
cd "$(dirname "$0")"
tools=$(realpath "${CARGO_TARGET_DIR:-../../target}/tools/schemathesis")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
clerk() { ip netns exec clerk "$@"; }
clerk curl -fsSk -o "$folder/ca.pem" "${LAB_PAGE}api/ca.pem"
REQUESTS_CA_BUNDLE=$folder/ca.pem PYTHONDONTWRITEBYTECODE=1 \
  clerk timeout 1500 "$tools/bin/python" roles.py "$tools/bin/schemathesis" "$LAB_PAGE"
