#!/bin/sh
# Prints the path of a Chromium for the browser tests: one that is here, else Debian's package, else Playwright's own.
set -eu
find_one() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" && return 0
    done
    return 1
}
[ -n "${CXR_CHROMIUM:-}" ] && { echo "$CXR_CHROMIUM"; exit 0; }
find_one && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    { apt-get update -q && apt-get install -y -q --no-install-recommends chromium; } >&2 && find_one && exit 0
fi
.venv/bin/python -m playwright install chromium >&2
.venv/bin/python -c 'from playwright.sync_api import sync_playwright as p
with p() as api: print(api.chromium.executable_path)'
