#!/usr/bin/env bash
# Makes one of two equal arms a tenth slower, and counts how often that is found.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help() {
    cat <<'HELP'
Positive control: compares transports with themselves in `coordinator sweep --inject`, where the tasks of the
second arm compute for a part of the round trip longer. Prints in how many runs that injected effect was
found: the whole interval on the right side of the 5 % margin.

Usage: scripts/injected-effect.sh [OPTIONS] [-- OPTIONS OF coordinator sweep]

Options:
      --runs N      number of runs, each with its own seed [default: 20]
      --part PART   how much longer [default: 10%]
      --out DIR     folder for the records; it must not exist yet [default: runs/injected-effect]
      --dry-run     print the commands, one per line, and run nothing
  -h, --help        print this help

Each run has four cells: a pipe at 256 KiB and a resident list of 1 MiB, on one core with `sleep` and across
cores with `hybrid`. Their round trips take 10 us or more, because the added time is wrong by up to two clock
readings.
It needs jq. The result goes to stdout, progress to stderr.
The environment variable COORDINATOR names another coordinator; then nothing is built.
Exit codes: 0 the effect was found in 95 % of the runs of each cell, 1 otherwise, 2 usage, else the coordinator's.

Example: scripts/injected-effect.sh --runs 5 --part 8% --out runs/eight -- --generations 6
HELP
}

runs=20
part=10%
out=runs/injected-effect
options "runs part out" "$@"
number runs 9999
fresh "$out"
needs jq "read the records"
find_coordinator

# plant NAME OPTION…: one sweep with a difference, into the folder NAME of $out.
plant() {
    local command=("$coordinator" sweep --inject "$part" --quiet --seed "$run" --out "$out/$1-$run"
        "${@:2}" "${more[@]}")
    if $dry_run; then
        quoted "${command[@]}"
    else
        echo "sweep    with $part more, into $out/$1-$run" >&2
        attend "${command[@]}" >/dev/null
    fi
}

for ((run = 1; run <= runs; run++)); do
    for stratum in "same futex" "spread hybrid"; do
        pinned=(--pin "${stratum% *}" --wakeup "${stratum#* }")
        plant "pipe-${stratum% *}" "${pinned[@]}" --transport "pipe,pipe" --sizes 256KiB
        plant "resident-${stratum% *}" "${pinned[@]}" --transport "shared,shared" \
            --residency resident --sizes 1MiB
    done
done
if $dry_run; then exit; fi

cat "$out"/*/run.jsonl | jq -rs '
  def found: .verdict == "DIFFERENT" and .high < 1;
  def times: [.[] | .ratio] | sort | "1/ratio \(1 / last | . * 1000 | round / 1000) to \(1 / first | . * 1000 | round / 1000)";
  [.[] | select(.kind == "aa_test" and .injected != null)]
  | group_by([.placement, .transport, .bytes])
  | (.[] | "\(.[0].placement), \(.[0].wait): \(.[0].transport) \(.[0].residency), \(.[0].bytes) B: "
      + "found in \([.[] | select(found)] | length) of \(length) runs, \(times)"),
    "all: found in \([.[][] | select(found)] | length) of \([.[][]] | length)",
    if length == 0 or any(.[]; ([.[] | select(found)] | length) < 0.95 * length)
    then "not found often enough" | halt_error(1) else empty end'
