#!/usr/bin/env bash
# Builds the page into dist/ when a source is newer than it. Without Node the placeholder stays.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
[ -e package.json ] || exit 0
if ! command -v npm >/dev/null; then echo "ui: no npm, the page is left out of the binary (install nodejs and npm)" >&2; exit 0; fi
sum() { cat package.json package-lock.json vite.config.ts index.html $(git ls-files src public | sort) 2>/dev/null | sha256sum | cut -c1-16; }
now=$(sum)
[ "$(cat dist/.sum 2>/dev/null)" = "$now" ] && [ -e dist/index.html ] && exit 0
echo "ui: building the page"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund
rm -rf dist/assets # names carry hashes: the old ones would be embedded, too
npm run --silent build
echo "$now" > dist/.sum
