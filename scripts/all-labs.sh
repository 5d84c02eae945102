#!/usr/bin/env bash
# Runs every lab, each into its own folder, and goes on where it was stopped.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help() {
    cat <<'HELP'
Runs every lab that `coordinator labs` lists, one after another. After an interruption, run it again to
continue.

Usage: scripts/all-labs.sh [OPTIONS] [-- OPTIONS OF coordinator lab]

Options:
      --answers DIR  folder with a file LAB of guesses for each lab, to be scored
      --out DIR      folder for the records, each in a folder of its lab's name
                     [default: runs/all-labs]
      --dry-run      print the commands that are left to run, one per line, and run nothing
  -h, --help         print this help

A finished record is not changed: use another --out for other options.
The tables go to stdout, and as its last line the folder; progress goes to stderr. `coordinator labs DIR`
lists the finished labs and the scores of the guesses.
The environment variable COORDINATOR names another coordinator; then nothing is built. --dry-run needs a
built coordinator, to know the labs.
Exit codes: 2 usage, 130 and 143 interrupted (the same command continues), else the coordinator's.

Example: scripts/all-labs.sh --out runs/monday -- --budget 60s
HELP
}

out=runs/all-labs
answers=
options "out answers" "$@"
[[ -z $answers || -d $answers ]] || refuse "--answers: there is no folder $answers"

find_coordinator || finish $?
command -v "$coordinator" >/dev/null || refuse "no coordinator is built: leave --dry-run out, or name one in COORDINATOR"
# A name of each, in the order in which they are taught.
names=$("$coordinator" labs --json - | sed -n 's/.*"name":"\([a-z]*\)".*/\1/p')
for name in $names; do
    if [[ -n $answers && -e $answers/$name ]]; then
        lab "$name" "$name" --answers "$answers/$name"
    else
        lab "$name" "$name"
    fi
done
$dry_run || finish 0
