#!/usr/bin/env bash
# Fuzzes what comes from peers and files, driven by coverage, for a bounded number of inputs.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help() {
    cat <<'HELP'
Runs the coverage-guided fuzz targets of crates/fuzz with the address sanitizer: frames, descriptors, messages
and list files. An input that panics, takes 10 s, or needs more memory than allowed ends the run, and is
kept in target/fuzz/found. The corpora stay in target/fuzz/corpus, and the next run continues from them.

Usage: scripts/fuzz.sh [OPTIONS]

Options:
      --inputs N     number of number of inputs in all [default: 10000000], most of them for the fastest targets
      --target NAME  run this target only: shared_worker, shared_hub,
                     stream_worker, stream_hub, control_socket, list_file
      --dry-run      print the commands, one per line, and run nothing
  -h, --help         print this help

It needs Linux on 64-bit x86 or ARM, and a C++ compiler for LLVM's fuzzer.
The table goes to stdout, progress to stderr.
Exit codes: 0 no fault was found, 1 a fault was found, 2 usage, 3 it cannot be built here, 130 and 143
interrupted.
HELP
}

# Each target, its share of the inputs in percent, and the longest input in bytes.
targets=(
    "shared_worker 50 96"
    "stream_worker 25 1024"
    "list_file 8 512"
    "stream_hub 8 2048"
    "control_socket 5 512"
    "shared_hub 4 512"
)

inputs=10000000
target=
options "inputs target" "$@"
number inputs 999999999
if [[ -n $target ]]; then
    found=$(printf '%s\n' "${targets[@]}" | grep "^$target " || true)
    [[ -n $found ]] || refuse "there is no target \`$target\`: see --help"
    read -r name _ longest <<<"$found"
    targets=("$name 100 $longest")
fi

triple=$(uname -m)-unknown-linux-gnu
folder=$root/target/fuzz
# What cargo-fuzz sets too: counters at every edge, compared values told, the address sanitizer.
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares
    -Zsanitizer=address -Ccodegen-units=1"
# Sanitizers are for nightly compilers; this lets the stable one have them, here alone.
build=(env RUSTC_BOOTSTRAP=1 "RUSTFLAGS=$(tr -s ' \n' ' ' <<<"$flags")"
    cargo build --release --quiet --locked --manifest-path "$root/crates/fuzz/Cargo.toml"
    --target "$triple" --target-dir "$folder")
if $dry_run; then
    quoted "${build[@]}"
else
    echo "build    crates/fuzz" >&2
    attend "${build[@]}" || finish 3
fi

total=0
$dry_run || printf '%-16s %12s %9s %12s %10s\n' target inputs seconds inputs/s "peak MiB"
for line in "${targets[@]}"; do
    read -r name percent longest <<<"$line"
    count=$((inputs * percent / 100))
    run=("$folder/$triple/release/$name" "-runs=$count" "-max_len=$longest" -timeout=10
        -rss_limit_mb=1024 -malloc_limit_mb=16 -print_final_stats=1
        "-artifact_prefix=$folder/found/$name-" "$folder/corpus/$name")
    if $dry_run; then
        quoted "${run[@]}"
        continue
    fi
    mkdir -p "$folder/found" "$folder/corpus/$name"
    echo "fuzz     $name, $count inputs" >&2
    begun=$SECONDS
    code=0
    attend "${run[@]}" 2>"$folder/$name.log" || code=$?
    if [[ -n $stopped ]]; then exit "$stopped"; fi
    if ((code != 0)); then
        tail -40 "$folder/$name.log" >&2
        echo "fuzz.sh: $name found something: see $folder/found and $folder/$name.log" >&2
        exit 1
    fi
    took=$((SECONDS - begun > 0 ? SECONDS - begun : 1))
    done=$(awk '/number_of_executed_units/ { print $2 }' "$folder/$name.log")
    peak=$(awk '/peak_rss_mb/ { print $2 }' "$folder/$name.log")
    printf '%-16s %12d %9d %12d %10d\n' "$name" "$done" "$took" $((done / took)) "$peak"
    total=$((total + done))
done
$dry_run || printf '%-16s %12d  nothing found\n' all "$total"
