#!/usr/bin/env bash
# Sweeps the number of workers, and goes on where it was stopped.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help() {
    cat <<'HELP'
Sweeps the number of workers with `coordinator sweep`, one task and eight in flight for each, waiting
hybrid on cores that they share where there are more workers than cores. Started again after an
interruption, it goes on where it stopped.

Usage: scripts/sweep-workers.sh [OPTIONS] [-- OPTIONS OF coordinator sweep]

Options:
      --workers NUMBERS  numbers of workers [default: 1,2,4,8]
      --sizes SIZES      sizes of lists [default: 64B,64KiB,400KB]
      --out DIR          folder for both records, in depth-1 and depth-8
                         [default: runs/sweep-workers]
      --dry-run          print the commands that are left to run, one a line, and run nothing
  -h, --help             print this

A finished record is kept as it is: other options need another --out.
stdout carries the tables and, in its last line, the page of all of it; progress goes to stderr.
The variable COORDINATOR names another coordinator; then nothing is built.
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
