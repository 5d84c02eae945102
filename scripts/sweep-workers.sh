#!/usr/bin/env bash
# Sweeps the number of workers, and goes on where it was stopped.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help() {
    cat <<'HELP'
Sweeps the number of workers with `coordinator sweep`, with one task and with eight in flight per worker, and
the wait strategy `hybrid`. If there are more workers than cores, they share cores. After an interruption,
run it again to continue.

Usage: scripts/sweep-workers.sh [OPTIONS] [-- OPTIONS OF coordinator sweep]

Options:
      --workers NUMBERS  numbers of workers [default: 1,2,4,8]
      --sizes SIZES      list sizes [default: 64B,64KiB,400KB]
      --out DIR          folder for both records, in depth-1 and depth-8
                         [default: runs/sweep-workers]
      --dry-run          print the commands that are left to run, one per line, and run nothing
  -h, --help             print this help

A finished record is not changed: use another --out for other options.
The tables go to stdout, and as its last line the path of the page; progress goes to stderr.
The environment variable COORDINATOR names another coordinator; then nothing is built.
Exit codes: 2 usage, 130 and 143 interrupted (the same command continues), else the coordinator's.

Example: scripts/sweep-workers.sh --workers 1,2 --out runs/two -- --budget 60s
HELP
}

out=runs/sweep-workers
workers=1,2,4,8
sizes=64B,64KiB,400KB
options "out workers sizes" "$@"

find_coordinator || finish $?
for depth in 1 8; do
    sweep "depth-$depth" --pin spread --depth "$depth" --workers "$workers" --sizes "$sizes"
done
page
