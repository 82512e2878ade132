#!/usr/bin/env bash
# The page's own tests, then a real browser against make run.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
[ -e package.json ] || exit 0
npm run --silent test
