#!/usr/bin/env bash
# Measures other libraries and ours on the same task, in turns in one run.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help() {
    cat <<'HELP'
Compares our transports with iceoryx2 and ipc-channel (crates/peers): a list is handed over, the receiver
adds up every item, 8 bytes come back and are checked. Prints a line for each way, wait strategy, size and
placement: the medians and their ratio, ours / theirs.

Usage: scripts/peers.sh [OPTIONS]

Options:
      --dry-run  print the commands, one per line, and run nothing
  -h, --help     print this help

stdout carries the table alone. It takes about a minute once everything is built.
Exit codes: 0 it ran, 2 usage, else cargo's.
HELP
}

options "" "$@"
peers=(cargo build --release --quiet --locked --manifest-path "$root/crates/peers/Cargo.toml"
    --target-dir "$root/target/peers")
bench=(cargo bench --quiet --manifest-path "$root/Cargo.toml" -p lab --bench yardstick --
    --against "$root/target/peers/release/peers")
if $dry_run; then
    quoted "${peers[@]}"
    quoted "${bench[@]}"
    exit
fi
echo "build    crates/peers" >&2
attend "${peers[@]}" || finish $?
attend "${bench[@]}" || finish $?
