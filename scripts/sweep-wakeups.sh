#!/usr/bin/env bash
# Sweeps the ways to wake the other side, and goes on where it was stopped.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help() {
    cat <<'HELP'
Sweeps wake-ups with `coordinator sweep`, on one core and on two, copying through a pipe and sharing a
segment. Those that only poll are left out on one core, where neither side could run. Started again
after an interruption, it goes on where it stopped.

Usage: scripts/sweep-wakeups.sh [OPTIONS] [-- OPTIONS OF coordinator sweep]

Options:
      --sizes SIZES  sizes of lists [default: 64B,4KiB,64KiB]
      --out DIR      folder for both records, in same and spread [default: runs/sweep-wakeups]
      --dry-run      print the commands that are left to run, one a line, and run nothing
  -h, --help         print this

A finished record is kept as it is: other options need another --out.
stdout carries the tables and, in its last line, the page of all of it; progress goes to stderr.
The variable COORDINATOR names another coordinator; then nothing is built.
Exit codes: 2 usage, 130 and 143 interrupted (the same command continues), else the coordinator's.

Example: scripts/sweep-wakeups.sh --sizes 64B --out runs/short -- --budget 60s
HELP
}

out=runs/sweep-wakeups
sizes=64B,4KiB,64KiB
options "out sizes" "$@"

find_coordinator || finish $?
sleeping="futex,pipe,event"
sweep same --pin same --wakeup "$sleeping" --sizes "$sizes"
sweep spread --pin spread --wakeup "$sleeping,hybrid,spin" --sizes "$sizes"
page
