#!/usr/bin/env bash
# Sweeps how long a task computes, alone and through pools, and goes on where it was stopped.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help() {
    cat <<'HELP'
Sweeps the computing time of a task with `coordinator lab crossover`: alone, and through pools of 1, 2 and 4
workers that get their lists by pipe or by shared segment. After an interruption, run it again to continue.

Usage: scripts/sweep-compute.sh [OPTIONS] [-- OPTIONS OF coordinator lab]

Options:
      --durations TIMES  computing times of a task [default: 1us,4us,16us,64us,256us,1ms,4ms]
      --sizes SIZES      sizes of its list [default: none,400KB]
      --out DIR          folder for the records, in workers-1, workers-2, workers-4
                         [default: runs/sweep-compute]
      --dry-run          print the commands that are left to run, one per line, and run nothing
  -h, --help             print this help

A finished record is not changed: use another --out for other options.
The tables go to stdout, and as its last line the path of the page; progress goes to stderr.
The environment variable COORDINATOR names another coordinator; then nothing is built.
Exit codes: 2 usage, 130 and 143 interrupted (the same command continues), else the coordinator's.

Example: scripts/sweep-compute.sh --sizes none --out runs/none -- --budget 60s
HELP
}

out=runs/sweep-compute
durations=1us,4us,16us,64us,256us,1ms,4ms
sizes=none,400KB
options "out durations sizes" "$@"

find_coordinator || finish $?
for workers in 1 2 4; do
    lab "workers-$workers" crossover --workers "$workers" --durations "$durations" --sizes "$sizes"
done
page
