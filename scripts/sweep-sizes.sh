#!/usr/bin/env bash
# Sweeps list sizes in both strata, and goes on where it was stopped.
set -euo pipefail

help() {
    cat <<'HELP'
Sweeps list sizes with `coordinator sweep`, once sleeping on the same core and once hybrid on two
cores, with copies (pipe, pipe-serde) and with shared segments. Started again after an interruption,
it goes on where it stopped.

Usage: scripts/sweep-sizes.sh [OPTIONS] [-- OPTIONS OF coordinator sweep]

Options:
      --sizes SIZES  sizes of lists [default: 64B..64MiB*4]
      --out DIR      folder for both records, in same-sleeping and spread-hybrid
                     [default: runs/sweep-sizes]
      --dry-run      print the commands that are left to run, one a line, and run nothing
  -h, --help         print this

A finished record is kept as it is: other options need another --out.
stdout carries the tables and, in its last line, the folder; progress goes to stderr.
The variable COORDINATOR names another coordinator; then nothing is built.
Exit codes: 2 usage, 130 and 143 interrupted (the same command continues), else the coordinator's.

Example: scripts/sweep-sizes.sh --sizes 4KiB..1MiB*4 --out runs/small -- --budget 60s
HELP
}

refuse() {
    echo "sweep-sizes.sh: $1" >&2
    exit 2
}

# quoted WORD…: as a shell reads them back.
quoted() {
    local word text=
    for word; do
        if [[ $word =~ ^[[:alnum:]_./:=,+-]+$ ]]; then text+=" $word"; else text+=" ${word@Q}"; fi
    done
    printf '%s\n' "${text:1}"
}

out=runs/sweep-sizes
sizes='64B..64MiB*4'
dry_run=false
more=()
again=$(quoted "$0" "$@")
while (($# > 0)); do
    case $1 in
    -h | --help) help && exit ;;
    --dry-run) dry_run=true ;;
    --out | --sizes)
        [[ -n ${2:-} && $2 != -* ]] || refuse "$1 needs a value: see --help"
        if [[ $1 == --out ]]; then out=$2; else sizes=$2; fi
        shift
        ;;
    --out=?*) out=${1#*=} ;;
    --sizes=?*) sizes=${1#*=} ;;
    --) more=("${@:2}") && break ;;
    *) refuse "there is no option \`$1\`: see --help; options of coordinator sweep go after --" ;;
    esac
    shift
done

# Background jobs get groups of their own (-m): a Ctrl-C reaches this script alone, which passes it
# on. The coordinator ends in order at the first signal and at once at a second.
set -m
child=
stopped=
passed_on=-2
trap 'stop INT 130' INT
trap 'stop TERM 143' TERM HUP

# stop SIGNAL CODE: passes the signal on, but of two at once, as from `timeout`, the first only.
stop() {
    stopped=$2
    if [[ -n $child ]] && ((SECONDS > passed_on + 1)); then
        passed_on=$SECONDS
        kill -s "$1" "$child" 2>/dev/null || true
    fi
}

# attend COMMAND…: runs it to its end, whatever signals come, and returns its code.
attend() {
    local code=0
    "$@" </dev/null &
    child=$!
    if [[ -n $stopped ]]; then kill "$child" || true; fi # a signal came before there was a child
    wait "$child" || code=$?
    while kill -0 "$child" 2>/dev/null; do # a signal ended the wait, not the command
        code=0
        wait "$child" || code=$?
    done
    child=
    return "${stopped:-$code}"
}

# finish CODE: says where the records are, and how to continue.
finish() {
    case $1 in
    130 | 143) echo "interrupted: what was measured is kept; to continue: $again" >&2 ;;
    esac
    if [[ -d $out ]]; then printf '%s\n' "$out"; fi
    exit "$1"
}

# is_done FOLDER: whether its record has ended for good; warns where that may disappoint.
is_done() {
    local record=$1/run.jsonl asked
    grep -Eqs '"kind":"end".*"status":"(done|budget)"' "$record" || return 1
    echo "already done: $1" >&2
    if grep -q '"kind":"end".*"status":"done".*"reason":' "$record"; then
        echo "warning: not all of it could be measured: see $record" >&2
    fi
    printf -v asked ',"%s"' --sizes "$sizes" "${more[@]}"
    if grep -q '"command":' "$record" && ! grep -qF -- "$asked]" "$record"; then
        echo "warning: it was swept with other options: name another --out for these" >&2
    fi
}

# sweep NAME OPTION…: one stratum, into its own folder.
sweep() {
    local folder=$out/$1
    if is_done "$folder"; then return; fi
    # --sizes and what follows it stay last: is_done looks for them there.
    local command=("$coordinator" sweep "${@:2}" --transport "pipe,pipe-serde,shared"
        --residency "place,resident" --out "$folder" --sizes "$sizes" "${more[@]}")
    if $dry_run; then
        quoted "${command[@]}"
    else
        echo "sweep    $1, into $folder" >&2
        attend "${command[@]}" || finish $?
    fi
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
coordinator=${COORDINATOR:-${CARGO_TARGET_DIR:-$root/target}/release/coordinator}
if ! $dry_run; then
    if [[ -z ${COORDINATOR:-} ]]; then
        echo "build    the coordinator" >&2
        attend cargo build --release --quiet --manifest-path "$root/Cargo.toml" -p lab || finish $?
    elif ! command -v "$coordinator" >/dev/null; then
        refuse "COORDINATOR names no program: $coordinator"
    fi
fi
sweep same-sleeping --pin same --wakeup futex
sweep spread-hybrid --pin spread --wakeup hybrid
$dry_run || finish 0
