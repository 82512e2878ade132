#!/usr/bin/env bash
# Formatting, vet and the short list of linters. The programs are built once into the toolchain folder.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
tools=$(shared/toolchain/fetch.sh dir)/tools/$(sha256sum lint.mod | cut -c1-12)
if [ ! -x "$tools/golangci-lint" ]; then
  echo "building the linters (about five minutes on two cores, once)"
  mkdir -p "$tools.part"
  CGO_ENABLED=0 go build -modfile=lint.mod -o "$tools.part/" mvdan.cc/gofumpt github.com/golangci/golangci-lint/v2/cmd/golangci-lint
  rm -rf "$tools"; mv "$tools.part" "$tools"
fi
unformatted=$("$tools/gofumpt" -l $(git ls-files '*.go' ':!*.pb.go'))
[ -z "$unformatted" ] || { echo "gofumpt would change (make format):"; echo "$unformatted"; exit 1; }
go vet ./...
go vet -tags cluster ./shared/platform/kubernetes # its tests on a real cluster
"$tools/golangci-lint" run
