#!/usr/bin/env bash
# Kills workers, and coordinators, at random instants, and counts what is lost and what is left.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help() {
    cat <<'HELP'
Chaos test: kills workers at random instants under load with `coordinator lab owners`, over every transport
and kind of segment. Then kills whole coordinators, half of them with memfd segments and half with posix
ones. Counts results that are lost, duplicated or wrong, and what is left behind.

Usage: scripts/storm.sh [OPTIONS] [-- OPTIONS OF coordinator lab owners]

Options:
      --kills N         number of workers to kill [default: 10000]
      --coordinators N  number of coordinators to kill [default: 500]
      --out DIR         folder for the record; it must not exist yet [default: runs/storm]
      --dry-run         print the commands, one per line, and run nothing
  -h, --help            print this help

With only one of --kills and --coordinators, only that part runs. The second part also removes what earlier
killed runs have left in /dev/shm. The result goes to stdout, progress to stderr.
The environment variable COORDINATOR names another coordinator; then nothing is built.
Exit codes: 0 nothing was lost or left, 1 otherwise, 2 usage, else the coordinator's.

Example: scripts/storm.sh --kills 1000 --out runs/calm -- --workers 2
HELP
}

kills=
coordinators=
out=runs/storm
options "kills coordinators out" "$@"
if [[ -z $kills$coordinators ]]; then
    kills=10000
    coordinators=500
fi
[[ -z $kills ]] || number kills 9999999
[[ -z $coordinators ]] || number coordinators 99999
fresh "$out"
find_coordinator || exit $?
faults=0

# storm: workers are killed; the coordinator counts.
storm() {
    local command=("$coordinator" lab owners --kills "$kills" --out "$out/workers" "${more[@]}") code=0
    if $dry_run; then
        quoted "${command[@]}"
        return
    fi
    attend "${command[@]}" || code=$?
    case $code in
    0) ;;
    6) faults=1 ;;
    *) exit "$code" ;;
    esac
}

# alive MARK: how many processes carry that mark in their environment, as workers do that a coordinator
# with it has started.
alive() {
    { grep -lsz "^IPCLAB_STORM=$1" /proc/[0-9]*/environ || true; } | wc -l
}

# named PID: named segments that were made by the process with that number.
named() {
    find /dev/shm -maxdepth 1 -name "ipclab-$1-*" | wc -l
}

# begin SEGMENT MARK FOLDER: a coordinator at work, in the variable victim.
begin() {
    # Cells come in random order, and one of pipes alone would have no segment for minutes: nor would an
    # A/A test, of which there is none in an unpinned run.
    local ways=pipe,shared
    if [[ $1 == posix ]]; then ways=shared; fi
    local command=("$coordinator" sweep --quiet --transport "$ways" --residency "place,resident" --pin none
        --segment "$1" --workers 2 --sizes "4KiB,1MiB" --generations 1000 --no-limits --out "$3")
    if $dry_run; then
        quoted "${command[@]}"
        return
    fi
    IPCLAB_STORM=$2 "${command[@]}" </dev/null >/dev/null 2>&1 &
    victim=$!
}

# end_of MARK: waits for at most a second until no process carries that mark, and counts those that still do.
end_of() {
    local until=$((${EPOCHREALTIME//[!0-9]/} + 1000000))
    while (($(alive "$1") > 0 && ${EPOCHREALTIME//[!0-9]/} < until)); do sleep 0.02; done
    alive "$1"
}

# fell: coordinators are killed, every other one with posix segments; one with posix segments lives.
fell() {
    local run segment mark=$$-$RANDOM survivors=0 left_memfd=0 left_posix=0 after=0 living=0 pids=()
    local folder
    folder=$(mktemp -d)
    # shellcheck disable=SC2064 # as it is now
    trap "rm -rf '$folder'" EXIT
    if $dry_run; then
        begin memfd "$mark-0" "$folder/0"
        begin posix "$mark-living" "$folder/living"
        quoted "$coordinator" doctor --clean
        return
    fi
    local bystander killed=0
    for ((run = 0; run < coordinators && ${#stopped} == 0; run++)); do
        segment=memfd
        if ((run % 2 == 1)); then segment=posix; fi
        begin "$segment" "$mark-$run" "$folder/$run"
        sleep "0.$(printf %04d $((RANDOM % 4000)))" # anywhere from its start to its third cell
        kill -KILL "$victim" && killed=$((killed + 1))
        wait "$victim" 2>/dev/null || true
        survivors=$((survivors + $(end_of "$mark-$run")))
        case $segment in
        memfd) left_memfd=$((left_memfd + $(named "$victim"))) ;;
        posix) left_posix=$((left_posix + $(named "$victim"))) && pids+=("$victim") ;;
        esac
        rm -rf "${folder:?}/$run"
        ((run % 50 != 49)) || echo "killed   $((run + 1))/$coordinators coordinators" >&2
    done
    begin posix "$mark-living" "$folder/living"
    bystander=$victim
    # Between two generations it has none for a moment.
    for ((run = 0; run < 3000; run++)); do
        living=$(named "$bystander")
        ((living == 0)) || break
        sleep 0.01
    done
    "$coordinator" doctor --clean --json - | grep '"leftovers"' >&2 || true
    for victim in "${pids[@]}"; do after=$((after + $(named "$victim"))); done
    # A worker that finds no segment of its name says so, and that is a failed cell.
    local failed code=0
    sleep 2
    kill -INT "$bystander"
    wait "$bystander" || code=$?
    failed=$(grep -o '"error":"[^"]*' "$folder/living/run.jsonl" | grep segment | tee -a /dev/stderr | wc -l || true)
    echo "coordinators killed $killed: workers alive a second later $survivors, left with memfd $left_memfd"
    echo "left with posix $left_posix, after doctor --clean $after; a living run had $living, failed cells $failed"
    if ((survivors + left_memfd + after + failed > 0 || living == 0 || code != 130)); then faults=1; fi
}

if [[ -n $kills ]]; then storm; fi
if [[ -n $coordinators ]]; then fell; fi
if [[ -n $stopped ]]; then exit "$stopped"; fi
exit "$faults"
