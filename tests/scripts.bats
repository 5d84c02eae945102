#!/usr/bin/env bats
# What the scripts promise: scripts/sweep-sizes.sh against a coordinator that only pretends, and
# once against the real one; the help of scripts/check.

setup() {
    root=$BATS_TEST_DIRNAME/..
    sweep=$root/scripts/sweep-sizes.sh
    out=$BATS_TEST_TMPDIR/out
    export CALLS=$BATS_TEST_TMPDIR/calls
    export COORDINATOR=$BATS_TEST_TMPDIR/coordinator
    unset PRETEND
    : >"$CALLS"
    # Notes how it was called, writes a record as the real one would, and ends as PRETEND says.
    cat >"$COORDINATOR" <<'FAKE'
#!/usr/bin/env bash
if [[ $1 == labs ]]; then
    printf '{"done":"no","name":"%s","number":"1"}\n' first second
    exit
fi
if [[ $1 == report ]]; then
    echo "${!#}/overlaid.html"
    exit
fi
echo "$*" >>"$CALLS"
folder=$(sed 's/.* --out \([^ ]*\).*/\1/' <<<"$*")
mkdir -p "$folder"
end() {
    echo "{\"kind\":\"end\",\"status\":\"$1\",\"tasks\":1}" >>"$folder/run.jsonl"
    exit "$2"
}
printf -v command ',"%s"' "$@"
echo "{\"kind\":\"run\",\"command\":[\"coordinator\"$command]}" >>"$folder/run.jsonl"
echo "a table"
case ${PRETEND:-done} in
work)
    code=
    trap 'echo signal >>"$CALLS"; code=130' INT
    trap 'echo signal >>"$CALLS"; code=143' TERM
    echo ready >>"$CALLS"
    for _ in {1..100}; do [[ -n $code ]] || sleep 0.05; done
    sleep 0.4 # the cell that it is at
    end interrupted "${code:-1}"
    ;;
[0-9]*) exit "$PRETEND" ;;
esac
end "${PRETEND:-done}" 0
FAKE
    chmod +x "$COORDINATOR"
}

calls() {
    grep -cE '^(sweep|lab) ' "$CALLS" || true
}

# stdout_of COMMAND…: as `run`, without what goes to stderr.
stdout_of() {
    "$@" 2>/dev/null
}

# begun COMMAND…: starts it as a shell with job control does, and waits for the coordinator to work.
begun() {
    export PRETEND=work
    set -m
    "$@" >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" 3>&- &
    script=$!
    set +m
    for _ in {1..100}; do
        if grep -q ready "$CALLS"; then return; fi
        sleep 0.05
    done
    return 1
}

ended() {
    code=0
    wait "$script" || code=$?
}

@test "check -h says what it checks and checks nothing" {
    run "$root/scripts/check" -h
    [ "$status" -eq 0 ]
    [[ $output == *"Usage: scripts/check"* ]]
    [[ $output != *passed* ]]
}

@test "check refuses an option that it does not have" {
    run "$root/scripts/check" --fast
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -eq 1 ]
}

@test "sweep-sizes --help names each option and runs nothing" {
    for option in -h --help; do
        run "$sweep" "$option"
        [ "$status" -eq 0 ]
        [[ $output == *--sizes* && $output == *--out* && $output == *--dry-run* ]]
    done
    [ "$(calls)" -eq 0 ]
}

@test "a dry run prints two commands and runs nothing" {
    run stdout_of "$sweep" --dry-run --out "$out" --sizes '64B..1KiB*4' -- --seed 7
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 2 ]
    [[ ${lines[0]} == *" sweep --out $out/same-sleeping --pin same --wakeup futex "* ]]
    [[ ${lines[1]} == *" sweep --out $out/spread-hybrid --pin spread --wakeup hybrid "* ]]
    for line in "${lines[@]}"; do
        [[ $line == *" --transport pipe,pipe-serde,shared --residency place,resident "* ]]
        [[ $line == *" --sizes '64B..1KiB*4' --seed 7" ]]
    done
    [ "$(calls)" -eq 0 ]
    [ ! -e "$out" ]
}

@test "the commands of a dry run can be pasted" {
    local spaced="$BATS_TEST_TMPDIR/with a space"
    "$sweep" --dry-run --out "$spaced" >"$BATS_TEST_TMPDIR/commands"
    words() { eval "set -- $1" && printf '%s\n' "$@"; }
    run words "$(head -n 1 "$BATS_TEST_TMPDIR/commands")"
    [ "${lines[0]}" = "$COORDINATOR" ]
    [[ $output == *"--out"$'\n'"$spaced/same-sleeping"* ]]
    [[ $output == *"--sizes"$'\n'"64B..64MiB*4"* ]]
}

@test "a bad option is refused in one sentence" {
    for bad in --size extra --out --sizes --out= "--out --dry-run"; do
        # shellcheck disable=SC2086
        run "$sweep" $bad # more than one word is meant
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
        [[ $output == "sweep-sizes.sh: "* ]]
        # shellcheck disable=SC2086
        run stdout_of "$sweep" $bad
        [ "$output" = "" ]
    done
    [ "$(calls)" -eq 0 ]
}

@test "a coordinator that is not there is refused" {
    COORDINATOR=$BATS_TEST_TMPDIR/nothing run "$sweep" --out "$out"
    [ "$status" -eq 2 ]
    [[ $output == *"COORDINATOR names no program"* ]]
}

@test "both strata are swept and the last line is the page of both" {
    run stdout_of "$sweep" --out "$out" --sizes 64B -- --budget 5s
    [ "$status" -eq 0 ]
    [ "${lines[-1]}" = "$out/overlaid.html" ]
    [ "${lines[0]}" = "a table" ]
    [ "$(calls)" -eq 2 ]
    [ "$(grep -c -- '--sizes 64B --budget 5s$' "$CALLS")" -eq 2 ]
    [ -e "$out/same-sleeping/run.jsonl" ]
    [ -e "$out/spread-hybrid/run.jsonl" ]
}

@test "a finished stratum is skipped, whether done or out of budget" {
    for end in "done" budget; do
        PRETEND=$end "$sweep" --out "$out-$end"
        : >"$CALLS"
        run "$sweep" --out "$out-$end"
        [ "$status" -eq 0 ]
        [ "${lines[0]}" = "already done: $out-$end/same-sleeping" ]
        [ "${lines[1]}" = "already done: $out-$end/spread-hybrid" ]
        [ "${lines[2]}" = "$out-$end/overlaid.html" ]
        [ "$(calls)" -eq 0 ]
        run stdout_of "$sweep" --out "$out-$end" --dry-run
        [ "$output" = "" ]
    done
}

@test "a stratum without an end, or with an interrupted one, is continued" {
    mkdir -p "$out/same-sleeping" "$out/spread-hybrid"
    echo '{"kind":"run"}' >"$out/same-sleeping/run.jsonl"
    echo '{"kind":"end","status":"interrupted"}' >"$out/spread-hybrid/run.jsonl"
    run "$sweep" --out "$out"
    [ "$status" -eq 0 ]
    [ "$(calls)" -eq 2 ]
}

@test "a finished sweep of other sizes is not taken for this one in silence" {
    "$sweep" --out "$out" --sizes 64B
    run "$sweep" --out "$out" --sizes 1MiB
    [ "$status" -eq 0 ]
    [[ $output == *"measured with other options"* ]]
    run "$sweep" --out "$out" --sizes 64B
    [[ $output != *warning* ]]
}

@test "a finished stratum with faults says so" {
    mkdir -p "$out/same-sleeping"
    echo '{"kind":"end","status":"done","reason":"a cell failed"}' >"$out/same-sleeping/run.jsonl"
    run "$sweep" --out "$out"
    [[ $output == *"warning: not all of it could be measured"* ]]
}

@test "a coordinator's failure is the script's, and ends it" {
    PRETEND=4 run "$sweep" --out "$out"
    [ "$status" -eq 4 ]
    [ "$(calls)" -eq 1 ]
}

@test "Ctrl-C and SIGTERM let the coordinator end, and the same command goes on" {
    declare -A codes=([INT]=130 [TERM]=143)
    for signal in INT TERM; do
        folder=$out-$signal
        : >"$CALLS"
        begun "$sweep" --out "$folder" --sizes '64B..1KiB*4'
        # A terminal tells the whole group, `kill` the script alone: the coordinator hears of it once.
        if [ "$signal" = INT ]; then kill -s INT -- "-$script"; else kill -s TERM "$script"; fi
        ended
        [ "$(grep -c signal "$CALLS")" -eq 1 ]
        [ "$code" -eq "${codes[$signal]}" ]
        [ "$(calls)" -eq 1 ]
        grep -q '"status":"interrupted"' "$folder/same-sleeping/run.jsonl"
        grep -q "to continue: $sweep --out $folder --sizes '64B..1KiB\*4'$" "$BATS_TEST_TMPDIR/stderr"
        [ "$(tail -n 1 "$BATS_TEST_TMPDIR/stdout")" = "$folder" ]

        PRETEND="done" run stdout_of "$sweep" --out "$folder" --sizes '64B..1KiB*4'
        [ "$status" -eq 0 ]
        [ "$(calls)" -eq 3 ]
    done
}

@test "two signals at once are passed on as one" {
    begun "$sweep" --out "$out"
    kill -s TERM "$script"
    sleep 0.1
    kill -s TERM "$script"
    ended
    [ "$code" -eq 143 ]
    [ "$(grep -c signal "$CALLS")" -eq 1 ]
}

@test "the real coordinator sweeps one size, and is done the second time" {
    target=${CARGO_TARGET_DIR:-$root/target}
    COORDINATOR=
    for profile in release debug; do
        if [ -x "$target/$profile/coordinator" ]; then
            COORDINATOR=$target/$profile/coordinator
            break
        fi
    done
    if [ -z "$COORDINATOR" ]; then
        [ "${IPCLAB_NO_SKIP:-}" != 1 ]
        skip "no coordinator is built"
    fi
    run stdout_of "$sweep" --out "$out" --sizes 64B -- --generations 1 --pairs 1
    [ "$status" -eq 0 ]
    [ "${lines[-1]}" = "$out/overlaid.html" ]
    [ -s "$out/overlaid.html" ]
    [[ $output == *"lost 0"* ]]
    for stratum in same-sleeping spread-hybrid; do
        [ "$(grep -c '"kind":"end","status":"done"' "$out/$stratum/run.jsonl")" -eq 1 ]
        # Both pipes, and sharing with the list placed and resident.
        [ "$(grep -c '"kind":"trial"' "$out/$stratum/run.jsonl")" -ge 4 ]
    done
    run "$sweep" --out "$out" --sizes 64B -- --generations 1 --pairs 1
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "already done: $out/same-sleeping" ]
    [[ $output != *warning* ]]
}

# real_coordinator: sets COORDINATOR to a built one, or skips.
real_coordinator() {
    local target=${CARGO_TARGET_DIR:-$root/target} profile
    for profile in release debug; do
        if [ -x "$target/$profile/coordinator" ]; then
            export COORDINATOR=$target/$profile/coordinator
            return
        fi
    done
    [ "${IPCLAB_NO_SKIP:-}" != 1 ]
    skip "no coordinator is built"
}

@test "scripts that test the method help, refuse in one sentence, and run nothing then" {
    for script in aa-test agreement advise-test injected-effect open-loop; do
        run "$root/scripts/$script.sh" --help
        [ "$status" -eq 0 ]
        [[ $output == *--out* && $output == *--dry-run* ]]
        for bad in --size extra --out; do
            run "$root/scripts/$script.sh" "$bad"
            [ "$status" -eq 2 ]
            [ "${#lines[@]}" -eq 1 ]
        done
    done
    run "$root/scripts/aa-test.sh" --cells none
    [ "$status" -eq 2 ]
    run "$root/scripts/agreement.sh" --runs 0
    [ "$status" -eq 2 ]
    [ "$(calls)" -eq 0 ]
}

@test "fuzz helps, refuses in one sentence, and plans each target or the one that is asked for" {
    run "$root/scripts/fuzz.sh" --help
    [ "$status" -eq 0 ]
    for bad in --size --inputs --inputs=none --target=nobody; do
        run "$root/scripts/fuzz.sh" "$bad"
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
    done
    run "$root/scripts/fuzz.sh" --dry-run --inputs 1000
    [ "${#lines[@]}" -eq 7 ]
    for target in "$root"/crates/fuzz/src/bin/*.rs; do
        [[ $output == *"/$(basename "$target" .rs) -runs="* ]]
    done
    run "$root/scripts/fuzz.sh" --dry-run --target shared_hub --inputs 1000
    [ "${#lines[@]}" -eq 2 ]
    [[ ${lines[1]} == *"/shared_hub -runs=1000 "* ]]
}

@test "storm helps, refuses in one sentence, and says what it would run" {
    run "$root/scripts/storm.sh" --help
    [ "$status" -eq 0 ]
    for bad in --size --kills --kills=none --coordinators=few; do
        run "$root/scripts/storm.sh" "$bad"
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
    done
    run "$root/scripts/storm.sh" --dry-run --kills 7 --out "$out"
    [ "${#lines[@]}" -eq 1 ]
    [[ ${lines[0]} == *" lab owners --kills 7 --out $out/workers" ]]
    run "$root/scripts/storm.sh" --dry-run --coordinators 7 --out "$out"
    [ "${#lines[@]}" -eq 3 ]
    [ "$(calls)" -eq 0 ]
}

@test "storm kills workers and coordinators and finds nothing lost and nothing left" {
    real_coordinator
    run stdout_of "$root/scripts/storm.sh" --kills 20 --coordinators 4 --out "$out" -- --workers 2
    [ "$status" -eq 0 ]
    [[ $output == *"20 kills during "* ]]
    [[ $output == *"coordinators killed 4: workers alive a second later 0, left with memfd 0"* ]]
    [[ $output == *"after doctor --clean 0; a living run had "*", failed cells 0"* ]]
}

@test "peers helps, refuses in one sentence, and says what it would run" {
    run "$root/scripts/peers.sh" --help
    [ "$status" -eq 0 ]
    run "$root/scripts/peers.sh" --sizes
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -eq 1 ]
    run "$root/scripts/peers.sh" --dry-run
    [ "${#lines[@]}" -eq 2 ]
    [[ ${lines[1]} == *" --bench yardstick -- --against "*/peers ]]
}

@test "a dry run of aa-test plans enough cells, and of agreement as many runs as asked for" {
    run "$root/scripts/aa-test.sh" --dry-run --cells 25 -- --budget 9s
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 3 ]
    [[ ${lines[0]} == *" --transport pipe,pipe "*" --budget 9s" ]]
    [[ ${lines[1]} == *" --transport shared,shared "* ]]
    run "$root/scripts/agreement.sh" --dry-run --runs 3
    [ "${#lines[@]}" -eq 3 ]
    run "$root/scripts/injected-effect.sh" --dry-run --runs 2 --part 8% -- --budget 9s
    [ "${#lines[@]}" -eq 8 ]
    [[ ${lines[0]} == *" --inject '8%' "*" --budget 9s" ]]
    [ "$(calls)" -eq 0 ]
}

@test "aa-test counts its cells from the records" {
    real_coordinator
    run stdout_of "$root/scripts/aa-test.sh" --cells 12 --out "$out" -- \
        --generations 1 --pairs 1 --tasks 8
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "cells 12: named a winner 0, same 0, too close to call 12" ]
    [ "${lines[1]}" = "false winners 0.0 %" ]
}

@test "injected-effect counts what was found from the records" {
    command -v jq >/dev/null || skip "no jq"
    real_coordinator
    run stdout_of "$root/scripts/injected-effect.sh" --runs 1 --out "$out" -- --generations 1 --pairs 1
    [ "$status" -eq 1 ]
    [[ ${lines[0]} == "same, sleep: pipe place, 262144 B: found in 0 of 1 runs, "* ]]
    [ "${lines[4]}" = "all: found in 0 of 4" ]
}

@test "agreement counts verdicts from the records" {
    command -v python3 >/dev/null || skip "no python3"
    real_coordinator
    run stdout_of "$root/scripts/agreement.sh" --runs 2 --out "$out" -- \
        --sizes 4KiB --generations 1 --pairs 1 --tasks 8
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "cells 2, verdicts 4, undecided 100.0 %" ]
    [ "${lines[2]}" = "cells that contradict themselves 0" ]
}

# Each script that goes on where it was stopped, and how often it calls the coordinator.
resuming="sweep-sizes:2 sweep-compute:3 sweep-workers:2 sweep-wakeups:2 all-labs:2"

@test "each sweep and all-labs help, refuse in one sentence, and run nothing then" {
    for script in $resuming; do
        script=$root/scripts/${script%:*}.sh
        run "$script" -h
        [ "$status" -eq 0 ]
        [[ $output == *"Usage: scripts/${script##*/} "*--out*--dry-run* ]]
        for bad in --size extra --out; do
            run "$script" "$bad"
            [ "$status" -eq 2 ]
            [ "${#lines[@]}" -eq 1 ]
        done
    done
    run "$root/scripts/all-labs.sh" --answers /nowhere
    [ "$status" -eq 2 ]
    [ "$(calls)" -eq 0 ]
}

@test "each sweep and all-labs dry-run what is left, and the second time nothing is" {
    for entry in $resuming; do
        script=$root/scripts/${entry%:*}.sh
        folder=$out/${entry%:*}
        : >"$CALLS"
        run stdout_of "$script" --out "$folder" --dry-run -- --budget 9s
        [ "$status" -eq 0 ]
        [ "${#lines[@]}" -eq "${entry#*:}" ]
        [[ ${lines[0]} == *" --out $folder/"*" --budget 9s" ]]
        [ "$(calls)" -eq 0 ]
        [ ! -e "$folder" ]
        run stdout_of "$script" --out "$folder" -- --budget 9s
        [ "$status" -eq 0 ]
        [ "$(calls)" -eq "${entry#*:}" ]
        case $script in
        */all-labs.sh) [ "${lines[-1]}" = "$folder" ] ;;
        *) [ "${lines[-1]}" = "$folder/overlaid.html" ] ;;
        esac
        run "$script" --out "$folder" -- --budget 9s
        [ "$status" -eq 0 ]
        [ "$(grep -c '^already done' <<<"$output")" -eq "${entry#*:}" ]
        [[ $output != *warning* ]]
        [ "$(calls)" -eq "${entry#*:}" ]
    done
}

@test "each sweep and all-labs let the coordinator end at Ctrl-C, and go on" {
    for entry in $resuming; do
        script_file=$root/scripts/${entry%:*}.sh
        folder=$out/${entry%:*}
        : >"$CALLS"
        begun "$script_file" --out "$folder"
        kill -s INT -- "-$script"
        ended
        [ "$code" -eq 130 ]
        [ "$(grep -c signal "$CALLS")" -eq 1 ]
        grep -q "to continue: $script_file --out $folder$" "$BATS_TEST_TMPDIR/stderr"
        [ "$(tail -n 1 "$BATS_TEST_TMPDIR/stdout")" = "$folder" ]
        : >"$CALLS"
        PRETEND="done" run stdout_of "$script_file" --out "$folder"
        [ "$status" -eq 0 ]
        [ "$(calls)" -eq "${entry#*:}" ]
    done
}

@test "all-labs hands each lab its file of guesses, where there is one" {
    mkdir "$BATS_TEST_TMPDIR/class"
    echo "a = 1" >"$BATS_TEST_TMPDIR/class/second"
    run stdout_of "$root/scripts/all-labs.sh" --out "$out" --answers "$BATS_TEST_TMPDIR/class"
    [ "$status" -eq 0 ]
    [ "$(grep -c -- --answers "$CALLS")" -eq 1 ]
    grep -q -- "^lab --out $out/second second --answers $BATS_TEST_TMPDIR/class/second$" "$CALLS"
}

@test "the real coordinator takes every option that the sweeps and all-labs give it" {
    real_coordinator
    for entry in $resuming; do
        name=${entry%:*}
        small=(--generations 1 --pairs 1 --budget 10ms)
        own=()
        case $name in
        sweep-sizes) own=(--sizes 64B) ;;
        sweep-compute) own=(--sizes none --durations 1us) ;;
        sweep-workers) own=(--sizes 64B --workers 1,2) ;;
        sweep-wakeups) own=(--sizes 64B) ;;
        # Its labs take longer than a test may: their options are tried on the first of them.
        all-labs)
            run "$root/scripts/all-labs.sh" --out "$out/$name" --dry-run
            [ "${#lines[@]}" -ge 5 ]
            [[ ${lines[0]} == *" lab --out $out/$name/copy copy" ]]
            continue
            ;;
        esac
        run stdout_of "$root/scripts/$name.sh" --out "$out/$name" "${own[@]}" -- "${small[@]}"
        [ "$status" -eq 0 ]
        [[ ${lines[-1]} == "$out/$name/"*.html && -s ${lines[-1]} ]]
    done
}
