#!/usr/bin/env bash
# Runs one sweep again and again, half of the times beside a busy process, and counts how often its
# verdicts agree.
set -euo pipefail

help() {
    cat <<'HELP'
Runs the same `coordinator sweep` several times with different seeds, every second time while another
process keeps a core busy, and compares the verdicts of each cell.

Usage: scripts/agreement.sh [OPTIONS] [-- OPTIONS OF coordinator sweep]

Options:
      --runs N    runs [default: 8]
      --out DIR   folder for the records, which must not be there yet [default: runs/agreement]
      --dry-run   print the commands, one a line, and run nothing
  -h, --help      print this

It needs python3. stdout carries the result alone: how many decided verdicts agree with the majority
of their cell, which cells contradict themselves (two different decided verdicts), and the share of
undecided verdicts. The variable COORDINATOR names another coordinator; then nothing is built.
Exit codes: 0 no cell contradicts itself, 1 one does, 2 usage, else the coordinator's.

Example: scripts/agreement.sh --runs 4 --out runs/agree -- --sizes 4KiB..1MiB*4 --budget 20s
HELP
}

refuse() {
    echo "agreement.sh: $1" >&2
    exit 2
}

runs=8
out=runs/agreement
dry_run=false
more=()
while (($# > 0)); do
    case $1 in
    -h | --help) help && exit ;;
    --dry-run) dry_run=true ;;
    --runs | --out)
        [[ -n ${2:-} && $2 != -* ]] || refuse "$1 needs a value: see --help"
        if [[ $1 == --runs ]]; then runs=$2; else out=$2; fi
        shift
        ;;
    --) more=("${@:2}") && break ;;
    *) refuse "there is no option \`$1\`: see --help; options of coordinator sweep go after --" ;;
    esac
    shift
done
[[ $runs =~ ^[1-9][0-9]{0,3}$ ]] || refuse "--runs takes a number from 1 to 9999, not \`$runs\`"
$dry_run || [[ ! -e $out ]] || refuse "$out is there already: name another --out"
$dry_run || command -v python3 >/dev/null || refuse "it needs python3 to read the records"

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
coordinator=${COORDINATOR:-${CARGO_TARGET_DIR:-$root/target}/release/coordinator}
if ! $dry_run; then
    if [[ -z ${COORDINATOR:-} ]]; then
        echo "build    the coordinator" >&2
        cargo build --release --quiet --manifest-path "$root/Cargo.toml" -p lab
    elif ! command -v "$coordinator" >/dev/null; then
        refuse "COORDINATOR names no program: $coordinator"
    fi
fi

busy=
trap 'if [[ -n $busy ]]; then kill "$busy" 2>/dev/null || true; fi' EXIT
for ((run = 0; run < runs; run++)); do
    beside=quiet
    if ((run % 2 == 1)); then beside=loaded; fi
    command=("$coordinator" sweep --quiet --seed "$run" --out "$out/$run-$beside" "${more[@]}")
    if $dry_run; then
        printf '%s\n' "${command[*]}"
        continue
    fi
    if [[ $beside == loaded ]]; then
        while :; do :; done &
        busy=$!
    fi
    echo "sweep    $beside, into $out/$run-$beside" >&2
    "${command[@]}" >/dev/null
    if [[ -n $busy ]]; then
        kill "$busy"
        wait "$busy" 2>/dev/null || true
        busy=
    fi
done
if $dry_run; then exit; fi

python3 - "$out" <<'PYTHON'
import collections, json, pathlib, sys

AXES = ["placement", "wakeup", "workers", "depth", "bytes", "transport", "residency"]
OPEN = "TOO CLOSE TO CALL"
cells = collections.defaultdict(list)
for record in sorted(pathlib.Path(sys.argv[1]).glob("*/run.jsonl")):
    for line in map(json.loads, record.open()):
        if line["kind"] == "comparison":
            cells[tuple(line[axis] for axis in AXES)].append(line["verdict"])
verdicts = sum(map(len, cells.values()))
decided = {cell: [v for v in all if v != OPEN] for cell, all in cells.items()}
count = sum(map(len, decided.values()))
agree = sum(max(map(v.count, v)) for v in decided.values() if v)
against = {cell: v for cell, v in decided.items() if len(set(v)) > 1}
percent = lambda part, whole: f"{100 * part / max(whole, 1):.1f} %"
print(f"cells {len(cells)}, verdicts {verdicts}, undecided {percent(verdicts - count, verdicts)}")
print(f"decided verdicts that agree with their cell's majority {percent(agree, count)}")
print(f"cells that contradict themselves {len(against)}")
for cell, v in against.items():
    print("  ", " ".join(map(str, cell)), dict(collections.Counter(v)))
sys.exit(1 if against else 0)
PYTHON
