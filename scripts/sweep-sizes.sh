#!/usr/bin/env bash
# Sweeps list sizes in both strata, and goes on where it was stopped.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help() {
    cat <<'HELP'
Sweeps list sizes with `coordinator sweep`, once with `sleep` on the same core and once with `hybrid` on two
cores, with copies (pipe, pipe-serde) and with shared segments. After an interruption, run it again to
continue.

Usage: scripts/sweep-sizes.sh [OPTIONS] [-- OPTIONS OF coordinator sweep]

Options:
      --sizes SIZES  list sizes [default: 64B..64MiB*4]
      --out DIR      folder for both records, in same-sleeping and spread-hybrid
                     [default: runs/sweep-sizes]
      --dry-run      print the commands that are left to run, one per line, and run nothing
  -h, --help         print this help

A finished record is not changed: use another --out for other options.
The tables go to stdout, and as its last line the path of the page; progress goes to stderr.
The environment variable COORDINATOR names another coordinator; then nothing is built.
Exit codes: 2 usage, 130 and 143 interrupted (the same command continues), else the coordinator's.

Example: scripts/sweep-sizes.sh --sizes 4KiB..1MiB*4 --out runs/small -- --budget 60s
HELP
}

out=runs/sweep-sizes
sizes='64B..64MiB*4'
options "out sizes" "$@"

find_coordinator || finish $?
arms=(--transport "pipe,pipe-serde,shared" --residency "place,resident" --sizes "$sizes")
sweep same-sleeping --pin same --wakeup futex "${arms[@]}"
sweep spread-hybrid --pin spread --wakeup hybrid "${arms[@]}"
page
