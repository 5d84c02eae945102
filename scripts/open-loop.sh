#!/usr/bin/env bash
# What an open loop sees and a closed one does not: a queue, and a worker that stands still.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help() {
    cat <<'HELP'
Measures with `coordinator sweep` in a closed and in an open loop (--rate), and checks that only the open loop
sees queueing:

  1. at half of one worker's capacity, and at 1.2 times the capacity. There a queue grows for as long as the
     batch lasts: at its end a task waits for a sixth of that time;
  2. with 1,000 tasks a second and a worker that is stopped for 200 ms every 2 s. A tenth of the tasks is due
     meanwhile, so the p99 must be 180 ms.

Usage: scripts/open-loop.sh [OPTIONS]

Options:
      --seconds N  length of each measurement of the second kind [default: 20]
      --out DIR    folder for the records; it must not exist yet [default: runs/open-loop]
      --dry-run    print the commands that do not depend on others, one per line, and run nothing
  -h, --help       print this help

It needs jq. The result goes to stdout, progress to stderr.
The environment variable COORDINATOR names another coordinator; then nothing is built.
Exit codes: 0 only the open loop saw both, 1 otherwise, 2 usage, else the coordinator's.
HELP
}

seconds=20
out=runs/open-loop
options "seconds out" "$@"
number seconds 600
fresh "$out"
needs jq "read the records"
find_coordinator

# A list of 64 KiB through a pipe, on one core: some 20 us.
one=(--quiet --no-limits --sizes 64KiB --transport pipe --generations 1 --pairs 1)
still=(--quiet --no-limits --sizes 64B --transport shared --residency place --generations 1 --pairs 1)

# run NAME OPTION…: a sweep to its end.
run() {
    local command=("$coordinator" sweep --out "$out/$1" "${@:2}")
    if $dry_run; then
        quoted "${command[@]}"
    else
        echo "sweep    $1" >&2
        attend "${command[@]}" >/dev/null
    fi
}

# run_stopped NAME OPTION…: the same, while its worker is stopped for 200 ms every 2 s.
run_stopped() {
    if $dry_run; then run "$@" && return; fi
    echo "sweep    $1, its worker stopped for 200 ms every 2 s" >&2
    "$coordinator" sweep --out "$out/$1" "${@:2}" </dev/null >/dev/null &
    child=$!
    sleep 1 # for starting and warming up
    local workers signal
    while kill -0 "$child" 2>/dev/null; do
        read -r -d '' -a workers < <(cat /proc/"$child"/task/*/children 2>/dev/null) || true
        for signal in STOP CONT; do
            if ((${#workers[@]} > 0)); then kill -s "$signal" "${workers[@]}" 2>/dev/null || true; fi
            if [[ $signal == STOP ]]; then sleep 0.2; else sleep 1.8; fi
        done
    done
    wait "$child"
    child=
}

# of NAME EXPRESSION: of the trial in that record.
of() {
    jq -r "select(.kind == \"trial\") | $2" "$out/$1/run.jsonl"
}

run closed "${one[@]}" --pin same --wakeup futex --tasks 20000
if ! $dry_run; then
    capacity=$(of closed '1e9 / .round_trip_ns.mean | floor')
    echo "capacity $capacity tasks/s" >&2
    # Two seconds each.
    run half "${one[@]}" --pin same --wakeup futex --rate "$((capacity / 2))/s" --tasks "$capacity"
    run over "${one[@]}" --pin same --wakeup futex --rate "$((capacity * 6 / 5))/s" \
        --tasks "$((capacity * 12 / 5))"
fi
run_stopped stopped-open "${still[@]}" --rate 1000/s --tasks "$((seconds * 1000))"
run_stopped stopped-closed "${still[@]}" --pin same --wakeup futex --tasks 400000
if $dry_run; then exit; fi

p99() {
    of "$1" '.round_trip_ns.p99'
}
jq -rn --argjson closed "$(p99 closed)" --argjson half "$(p99 half)" --argjson over "$(p99 over)" \
    --argjson open "$(p99 stopped-open)" --argjson still "$(p99 stopped-closed)" '
  def ms: . / 1e4 | round | . / 100 | "\(.) ms";
  "p99 closed \($closed | ms), open at half the capacity \($half | ms), at 1.2 times \($over | ms)",
  "p99 with a worker that stands still: open \($open | ms) (180 ms are due), closed \($still | ms)",
  if $over > 10 * $closed and $over > 1e8 and $open > 162e6 and $open < 198e6 and $still < 5e7
  then "the open loop sees both, the closed loop neither" else "not as it should be" | halt_error(1) end'
