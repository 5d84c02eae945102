#!/usr/bin/env bash
# Runs one sweep again and again, half of the times beside a busy process, and counts how often its
# verdicts agree.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help() {
    cat <<'HELP'
Runs the same `coordinator sweep` several times with different seeds, every second time beside a process
that keeps a core busy, and compares the verdicts of each cell.

Usage: scripts/agreement.sh [OPTIONS] [-- OPTIONS OF coordinator sweep]

Options:
      --runs N    number of runs [default: 8]
      --out DIR   folder for the records; it must not exist yet [default: runs/agreement]
      --dry-run   print the commands, one per line, and run nothing
  -h, --help      print this help

It needs python3. Prints how many decided verdicts agree with the majority of their cell, which cells
contradict themselves (two different decided verdicts), and the percentage of undecided verdicts.
The environment variable COORDINATOR names another coordinator; then nothing is built.
Exit codes: 0 no cell contradicts itself, 1 one does, 2 usage, else the coordinator's.

Example: scripts/agreement.sh --runs 4 --out runs/agree -- --sizes 4KiB..1MiB*4 --budget 20s
HELP
}

runs=8
out=runs/agreement
options "runs out" "$@"
number runs 9999
fresh "$out"
needs python3 "read the records"
find_coordinator

busy=
trap 'if [[ -n $busy ]]; then kill "$busy" 2>/dev/null || true; fi' EXIT
for ((run = 0; run < runs; run++)); do
    beside=quiet
    if ((run % 2 == 1)); then beside=loaded; fi
    command=("$coordinator" sweep --quiet --seed "$run" --out "$out/$run-$beside" "${more[@]}")
    if $dry_run; then
        quoted "${command[@]}"
        continue
    fi
    if [[ $beside == loaded ]]; then
        while :; do :; done &
        busy=$!
    fi
    echo "sweep    $beside, into $out/$run-$beside" >&2
    code=0
    attend "${command[@]}" >/dev/null || code=$?
    # 6 says that an A/A test found a difference: its run is invalid, and counted below.
    ((code == 0 || code == 6)) || exit "$code"
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
invalid = 0
for record in sorted(pathlib.Path(sys.argv[1]).glob("*/run.jsonl")):
    lines = list(map(json.loads, record.open()))
    if lines[-1].get("status") == "invalid":
        invalid += 1
        continue
    for line in lines:
        if line["kind"] == "comparison":
            cells[tuple(line[axis] for axis in AXES)].append(line["verdict"])
verdicts = sum(map(len, cells.values()))
decided = {cell: [v for v in all if v != OPEN] for cell, all in cells.items()}
count = sum(map(len, decided.values()))
agree = sum(max(map(v.count, v)) for v in decided.values() if v)
against = {cell: v for cell, v in decided.items() if len(set(v)) > 1}
percent = lambda part, whole: f"{100 * part / max(whole, 1):.1f} %"
if invalid:
    print(f"runs that called themselves invalid and are left out: {invalid}")
print(f"cells {len(cells)}, verdicts {verdicts}, undecided {percent(verdicts - count, verdicts)}")
print(f"decided verdicts that agree with their cell's majority {percent(agree, count)}")
print(f"cells that contradict themselves {len(against)}")
for cell, v in against.items():
    print("  ", " ".join(map(str, cell)), dict(collections.Counter(v)))
sys.exit(1 if against else 0)
PYTHON
