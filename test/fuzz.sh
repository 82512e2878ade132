#!/usr/bin/env bash
# Each fuzz target for FUZZTIME (a minute unless given), one after the other; with a
# package as argument those of it alone. What fails is kept under testdata/fuzz of
# its package, to be mended and committed.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
failed=()
while IFS=: read -r file target; do
  pkg=./$(dirname "$file")
  case "$pkg/" in "${1:-./}"*) ;; *) continue ;; esac
  echo "== $pkg $target"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-1m}" "$pkg" </dev/null || failed+=("$pkg $target")
done < <(git grep -oE '^func Fuzz\w+' -- '*_test.go' | sed 's/:func /:/')
[ ${#failed[@]} = 0 ] || { printf 'failed: %s\n' "${failed[@]}"; exit 1; }
