#!/usr/bin/env bash
# Sweeps the ways to wake the other side, and goes on where it was stopped.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help() {
    cat <<'HELP'
Sweeps wake-ups with `coordinator sweep`, on one core and on two, copying through a pipe and sharing a
segment. Wake-ups that only spin are left out on one core, where the other side could not run. After an
interruption, run it again to continue.

Usage: scripts/sweep-wakeups.sh [OPTIONS] [-- OPTIONS OF coordinator sweep]

Options:
      --sizes SIZES  list sizes [default: 64B,4KiB,64KiB]
      --out DIR      folder for both records, in same and spread [default: runs/sweep-wakeups]
      --dry-run      print the commands that are left to run, one per line, and run nothing
  -h, --help         print this help

A finished record is not changed: use another --out for other options.
The tables go to stdout, and as its last line the path of the page; progress goes to stderr.
The environment variable COORDINATOR names another coordinator; then nothing is built.
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
