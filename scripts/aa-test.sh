#!/usr/bin/env bash
# Sets transports against themselves, and counts how often a winner is named all the same.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help() {
    cat <<'HELP'
A/A test: compares a pipe and a shared segment with themselves in many cells of `coordinator sweep`, and
prints the percentage of cells that named a winner. Each such verdict is a false positive.

Usage: scripts/aa-test.sh [OPTIONS] [-- OPTIONS OF coordinator sweep]

Options:
      --cells N   minimum number of cells [default: 48]; each run adds 12 of each transport
      --out DIR   folder for the records; it must not exist yet [default: runs/aa-test]
      --dry-run   print the commands, one per line, and run nothing
  -h, --help      print this help

The result goes to stdout, progress to stderr.
The environment variable COORDINATOR names another coordinator; then nothing is built.
Exit codes: 0 at most 1 % of the cells named a winner, 1 more did, 2 usage, else the coordinator's.

Example: scripts/aa-test.sh --cells 24 --out runs/aa -- --generations 6 --pairs 4
HELP
}

cells=48
out=runs/aa-test
options "cells out" "$@"
number cells 999999
fresh "$out"
find_coordinator

# Two placements and two wait strategies of three sizes: 12 cells a run. Transports take turns.
planned=0
run=0
while ((planned < cells)); do
    transport=pipe
    if ((run % 2 == 1)); then transport=shared; fi
    command=("$coordinator" sweep --transport "$transport,$transport" --residency place
        --pin same --pin spread --wakeup "futex,hybrid" --sizes "64B,4KiB,256KiB" --quiet
        --seed "$run" --out "$out/$run-$transport" "${more[@]}")
    if $dry_run; then
        quoted "${command[@]}"
    else
        echo "sweep    $transport against itself, into $out/$run-$transport" >&2
        code=0
        attend "${command[@]}" >/dev/null || code=$?
        # 6 says that an A/A test found a difference: that is what is counted here.
        ((code == 0 || code == 6)) || exit "$code"
    fi
    planned=$((planned + 12))
    run=$((run + 1))
done
if $dry_run; then exit; fi

# count VERDICT: cells of all records with that verdict.
count() {
    cat "$out"/*/run.jsonl | grep '"kind":"aa_test"' | grep -c "\"verdict\":\"$1\"" || true
}
different=$(count DIFFERENT)
same=$(count SAME)
open=$(count "TOO CLOSE TO CALL")
all=$((different + same + open))
((all > 0)) || refuse "no cell was measured: see $out"
echo "cells $all: named a winner $different, same $same, too close to call $open"
awk -v winners="$different" -v all="$all" \
    'BEGIN { printf "false winners %.1f %%\n", 100 * winners / all; exit winners > all / 100 }'
