#!/usr/bin/env bash
# The page's own tests, then a real browser against kafkaml run. Ends with a count.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")"
[ -e package.json ] || exit 0
command -v npm >/dev/null || { echo "ui: no npm (install nodejs and npm)" >&2; exit 1; }
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund || exit 1
if ! [ -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
  echo "ui: fetching a browser (package chromium)"
  { apt-get install -y -qq chromium || { apt-get update -qq && apt-get install -y -qq chromium; }; } >/dev/null 2>&1 || { echo "ui: no chromium; install it, or name it in CHROMIUM" >&2; exit 1; }
fi
mkdir -p test/artefacts
rm -f test/artefacts/*.json
(cd .. && go test -count=1 -run TestTheDocumentsAreServed ./cmd/kafkaml) || failed=1
npx --no-install vitest run --reporter=default --reporter=json --outputFile=test/artefacts/units.json || failed=1
npx --no-install svelte-check --tsconfig ./tsconfig.json --fail-on-warnings && types=1 || failed=1
npx --no-install playwright test || failed=1
TYPES=${types:-0} node test/count.mjs
exit "${failed:-0}"
