#!/usr/bin/env bash
# Debian's Chromium on the clerk's PC, for whoever drives it over its two pipes (descriptors 3 and 4). Root in the lab is
# nobody outside, so the browser's own sandbox can't be set up there.
set -euo pipefail
exec ip netns exec clerk chromium --no-sandbox "$@"
