#!/bin/bash
# Runs the commands of README's section "On a cluster", word by word, in the
# node, with the overlay given:
#   readme.sh OVERLAY
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/env.sh"
root=$(readlink -f "$SRC/../..")
awk '/^## /{on = ($0 == "## On a cluster")} on && /^    /{print substr($0, 5)}' "$root/README.md" > $RUN/readme.sh
[ -s $RUN/readme.sh ] || { echo "README has no commands in its section \"On a cluster\"" >&2; exit 1; }
exec $SRC/kx env OVERLAY="$1" bash -c "cd '$root' && set -eux && . '$RUN/readme.sh'"
