# shellcheck shell=bash
# What the scripts share: options, the coordinator that they run, and sweeps that go on where they
# were stopped. It is sourced, never run. A script sources it, has a function `help`, sets its options'
# defaults in variables of their names, and calls `options`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=
dry_run=false
more=()

# refuse TEXT: bad usage, in one sentence.
refuse() {
    echo "${0##*/}: $1" >&2
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

# options "NAME…" WORD…: reads the command line. Each NAME is an option with a value, which goes into
# the variable of that name; --dry-run sets dry_run; what follows -- goes into the array more.
options() {
    local names=" $1 " name
    again=$(quoted "$0" "${@:2}")
    shift
    while (($# > 0)); do
        name=${1%%=*}
        name=${name#--}
        case $1 in
        -h | --help) help && exit ;;
        --dry-run) dry_run=true ;;
        --) more=("${@:2}") && break ;;
        --?*=?*)
            [[ $names == *" $name "* ]] || unknown "$1"
            printf -v "$name" %s "${1#*=}"
            ;;
        --?*)
            [[ $names == *" $name "* ]] || unknown "$1"
            [[ -n ${2:-} && $2 != -* ]] || refuse "--$name needs a value: see --help"
            printf -v "$name" %s "$2"
            shift
            ;;
        *) unknown "$1" ;;
        esac
        shift
    done
}

unknown() {
    refuse "there is no option \`$1\`: see --help; options of coordinator sweep go after --"
}

# number NAME MOST: refuses a value of --NAME that is no number from 1 to MOST.
number() {
    if ! [[ ${!1} =~ ^[1-9][0-9]{0,8}$ ]] || ((${!1} > $2)); then
        refuse "--$1 takes a number from 1 to $2, not \`${!1}\`"
    fi
}

# fresh FOLDER: refuses one that is there already.
fresh() {
    $dry_run || [[ ! -e $1 ]] || refuse "$1 is there already: name another --out"
}

# needs PROGRAM WHY: refuses where it is missing.
needs() {
    $dry_run || command -v "$1" >/dev/null || refuse "it needs $1 to $2"
}

# find_coordinator: the program, in the variable coordinator. It is built unless COORDINATOR names one,
# or nothing is run.
find_coordinator() {
    coordinator=${COORDINATOR:-${CARGO_TARGET_DIR:-$root/target}/release/coordinator}
    if $dry_run; then return; fi
    if [[ -z ${COORDINATOR:-} ]]; then
        echo "build    the coordinator" >&2
        attend cargo build --release --quiet --manifest-path "$root/Cargo.toml" -p lab
    elif ! command -v "$coordinator" >/dev/null; then
        refuse "COORDINATOR names no program: $coordinator"
    fi
}

# A script passes a signal on to what `attend` runs, and waits for it to end. Background jobs get groups
# of their own (-m): a Ctrl-C reaches the script alone. The coordinator ends in order at the first signal
# and at once at a second.
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

# attend COMMAND…: runs it to its end, passes signals on, and returns its code.
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

# finish CODE: ends the script, says where its records are ($out), and how to continue.
finish() {
    case $1 in
    130 | 143) echo "interrupted: what was measured is kept; to continue: $again" >&2 ;;
    esac
    if [[ -d $out ]]; then printf '%s\n' "$out"; fi
    exit "$1"
}

# page: lays the records in $out over each other in one page, and ends the script with its path as the last
# line; with the folder, where they are more than one page holds.
page() {
    if $dry_run; then exit; fi
    local records=("$out"/*/run.jsonl)
    if ((${#records[@]} > 4)); then finish 0; fi
    attend "$coordinator" report "${records[@]%/run.jsonl}" --format html --out "$out" || finish $?
    exit 0
}

# sweep NAME OPTION…: `coordinator sweep` with these options and those after --, into the folder NAME of
# $out. A record that has ended for good is kept as it is, and another continued. Ends the script where
# the coordinator failed.
sweep() { measured sweep "$@"; }

# lab NAME LAB OPTION…: the same for `coordinator lab`.
lab() { measured lab "$@"; }

measured() {
    local folder=$out/$2 asked=("${@:3}" "${more[@]}")
    if is_done "$folder" "${asked[@]}"; then return; fi
    local command=("$coordinator" "$1" --out "$folder" "${asked[@]}")
    if $dry_run; then
        quoted "${command[@]}"
    else
        printf '%-8s %s, into %s\n' "$1" "$2" "$folder" >&2
        attend "${command[@]}" || finish $?
    fi
}

# is_done FOLDER OPTION…: whether its record has ended for good; warns where that may disappoint.
is_done() {
    local record=$1/run.jsonl asked
    grep -Eqs '"kind":"end".*"status":"(done|budget)"' "$record" || return 1
    echo "already done: $1" >&2
    if grep -q '"kind":"end".*"status":"done".*"reason":' "$record"; then
        echo "warning: not all of it could be measured: see $record" >&2
    fi
    printf -v asked ',"%s"' "${@:2}"
    if grep -q '"command":' "$record" && ! grep -qF -- "$asked]" "$record"; then
        echo "warning: it was measured with other options: name another --out for these" >&2
    fi
}
