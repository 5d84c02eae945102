#!/usr/bin/env bash
# How good is an advice? Asks for points that no run was made for, and measures what was advised.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help() {
    cat <<'HELP'
Asks `coordinator advise` about twenty points that are in no run, and measures all plans of each. Prints how
many of the decided winners were right, the median error of the predicted times, and how many intervals
held.

Usage: scripts/advise-test.sh [OPTIONS]

Options:
      --run RUN  the run to learn from [default: a fresh `quick`]
      --out DIR  folder for the records; it must not exist yet [default: runs/advise-test]
      --dry-run  print the commands, one per line, and run nothing
  -h, --help     print this help

It needs jq. The result goes to stdout, progress to stderr.
The environment variable COORDINATOR names another coordinator; then nothing is built.
Exit codes: 0 done, with any figures; 2 usage, else the coordinator's.
HELP
}

run=
out=runs/advise-test
options "run out" "$@"
fresh "$out"
needs jq "read the advices"
find_coordinator

if [[ -z $run ]]; then
    run=$out/quick
    command=("$coordinator" quick --quiet --out "$run")
    if $dry_run; then quoted "${command[@]}"; else attend "${command[@]}" >/dev/null; fi
fi

# Bytes, computing and tasks: none of them in quick's own points.
points="
none 7us 20
none 30us 100
none 120us 12
none 900us 24
3KB 3us 50
3KB 40us 30
3KB 300us 16
24KB 5us 64
24KB 90us 40
100KB 2us 100
100KB 60us 25
100KB 700us 12
300KB 10us 40
300KB 150us 20
1500KB 50us 16
1500KB 400us 30
6MB 200us 12
6MB 2ms 10
20MB 1ms 6
20MB 8ms 5
"
advices=$out/advices.jsonl
while read -r bytes compute tasks; do
    if [[ -z $bytes ]]; then continue; fi
    command=("$coordinator" advise --bytes "$bytes" --compute "$compute" --tasks "$tasks" --run "$run"
        --measure --json - --quiet --out "$out/$bytes-$compute")
    if $dry_run; then
        quoted "${command[@]}"
    else
        echo "advise   $bytes, $compute, $tasks tasks" >&2
        attend "${command[@]}" 2>/dev/null | grep '"kind":"advice"' >>"$advices"
    fi
done <<<"$points"
if $dry_run; then exit; fi

jq -rs '
  def winner: .plans | min_by(.measured_ns) | .plan;
  def median: sort | if length == 0 then null else .[length / 2 | floor] end;
  def percent: . * 1000 | round / 10;
  (map(.plans |= map(select(.measured_ns != null)))) as $all
  | [$all[] | select(.verdict != "TOO CLOSE TO CALL")] as $decided
  | [$all[].plans[] | (.predicted_ns / .measured_ns - 1) | fabs] as $errors
  | [$all[].plans[] | select(.low_ns <= .measured_ns and .measured_ns <= .high_ns)] as $held
  | ($all[] | "\(.bytes) B  \(.compute_ns / 1000) µs  \(.tasks) tasks: said \(.verdict), was \(winner)  "
      + ([.plans[] | "\(.plan) \(.predicted_ns / 1000 | round)/\(.measured_ns / 1000 | round) µs"] | join(", "))),
    "points \($all | length), decided \($decided | length), right \([$decided[] | select(.verdict == winner)] | length)",
    "error of time: median \($errors | median | percent) %, intervals that held \($held | length) of \($errors | length)"
' "$advices"
