#!/usr/bin/env bash
# Draws the book's pictures anew, from a run on this machine.
set -euo pipefail

help() {
    cat <<'HELP'
Draws the pictures of the book, docs/pictures/*.png, from the page of a recorded run.

Usage: scripts/book-pictures.sh [OPTIONS]

Options:
      --run DIR   the run to draw, whose folder has a report.html [default: a fresh `coordinator quick`]
      --out DIR   folder for the pictures [default: docs/pictures]
      --dry-run   print the commands, and run nothing
  -h, --help      print this help

It needs chromium. The last line on stdout is the folder.
The environment variable COORDINATOR names another coordinator; then nothing is built.
Exit codes: 0 done, 2 usage, else the coordinator's or the browser's.

Example: scripts/book-pictures.sh --run runs/monday
HELP
}

# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

run=
out=$root/docs/pictures
options "run out" "$@"
needs chromium "draw a page"
page=$run/report.html
if [[ -z $run ]]; then
    find_coordinator || finish $?
    page=$(mktemp -d)/run/report.html
    command=("$coordinator" quick --quiet --out "${page%/*}")
    if $dry_run; then
        quoted "${command[@]}"
    else
        attend "${command[@]}" >/dev/null || finish $?
    fi
fi
$dry_run || [[ -e $page ]] || refuse "--run: there is no $page"

# draw FIGURE HEIGHT: one figure of the page, all else of it hidden, as a picture.
draw() {
    local alone=${page%/*}/$1.html
    local style="header, main > section:not([aria-labelledby=figures-title]), #figures-title, #choice, .zoom,
        .remark, .note, figure details, figure:not(#$1) { display: none !important } .figures { display: block !important }"
    local browser=(chromium --headless --no-sandbox --hide-scrollbars --force-device-scale-factor=1.5
        --window-size="720,$2" --screenshot="$out/$1.png" "file://$(realpath -m "$alone")")
    if $dry_run; then
        quoted "${browser[@]}"
        return
    fi
    sed "s|</head>|<style>${style//$'\n'/ }</style></head>|" "$page" >"$alone"
    attend "${browser[@]}" 2>/dev/null || finish $?
    rm "$alone"
}

$dry_run || mkdir -p "$out"
draw latency 530
draw percentiles 500
draw phases 380
draw crossover 500
$dry_run || finish 0
