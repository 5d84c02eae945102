#!/usr/bin/env bash
# How good is an advice? Asks `coordinator advise` for points that no run was made for, has each checked
# by measuring all of its plans, and counts: winners that were right among those that were decided, and
# the median error of the predicted times.
#
#   scripts/advise-test.sh [RUN]      RUN: the run to learn from; a fresh `quick` unless given
#
# COORDINATOR names the program. Nothing is asserted: the figures are for reading.
set -euo pipefail

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
    exit
fi
coordinator=${COORDINATOR:-cargo run --release --quiet --bin coordinator --}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
run=${1:-$out/quick}
# shellcheck disable=SC2086 # it may be several words
[[ -e $run/run.jsonl ]] || $coordinator quick --quiet --out "$run" >/dev/null

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
advices=$out/advices
while read -r bytes compute tasks; do
    [[ -n $bytes ]] || continue
    # shellcheck disable=SC2086
    $coordinator advise --bytes "$bytes" --compute "$compute" --tasks "$tasks" --run "$run" \
        --measure --json - --quiet --out "$out/$bytes-$compute" 2>/dev/null |
        grep '"kind":"advice"' >>"$advices"
done <<<"$points"

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
