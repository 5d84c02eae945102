//! `cargo bench`: the transports beside what this machine can do at all, as ratios taken in one run.
//!
//! Each yardstick is a loop that knows its list's length and does nothing else: two threads and one
//! cache line, one copy and one sum, or two processes with writev and read on a 1 MiB pipe. A row is
//! a pair of batches, taken in turn; its ratio is the median of the pairs' ratios.
#![forbid(unsafe_code)]

#[path = "hotpath/bare.rs"]
mod bare;
#[path = "hotpath/flat.rs"]
mod flat;
#[path = "hotpath/line.rs"]
mod line;
mod ours;
#[path = "hotpath/own.rs"]
mod own;
#[path = "hotpath/place.rs"]
mod place;
#[path = "hotpath/plain.rs"]
mod plain;
#[path = "hotpath/pooled.rs"]
mod pooled;
#[path = "hotpath/ring.rs"]
mod ring;

use std::hint::black_box;

use harness::list::{List, Windows};
use harness::placement::{allowed_cores, pin};
use measure::now;
use stats::median;
use transport::Residency;
use workload::sum::sum;

use bare::Bare;
use line::PingPong;
use ours::Ours;
use plain::PlainPipe;
use pooled::Pooled;

const LECTURE_ITEMS: usize = 50_000;
const PAIRS: usize = 21;
/// Trips of a batch whose tail counts.
const TAIL_TRIPS: usize = 10_000;
/// By this word in its environment a child knows that it is the yardstick's other end.
const OTHER_END: &str = "IPCLAB_BENCH_OTHER_END";

fn main() {
    if let Ok(role) = std::env::var(OTHER_END) {
        return match role.strip_prefix("bare ") {
            Some(role) => bare::other_end(role),
            None => plain::other_end(&role),
        };
    }
    let allowed = allowed_cores().expect("the allowed cores");
    let [here, there] = [allowed[0], allowed[1 % allowed.len()]];
    println!(
        "coordinator on core {here}, the other side on core {there} (spread) or {here} (same)"
    );
    println!("{:44} {:>10} {:>10} {:>7} {:>7}", "", "ours", "yardstick", "ratio", "target");
    pin(&[here]).expect("pinning");
    let source = List::range(LECTURE_ITEMS);
    let one = source.windows(1);
    let lecture = source.windows(LECTURE_ITEMS);

    if here != there {
        cache_line(&one, &lecture, there);
    }
    bare_figure("resident 8 B, what both sides do, no other core", own::ns_each());
    place::rows(here, there);
    pipes(&one, &lecture, here, there);
    waking(&one, allowed.len(), here, there);
    flat::lengths("same", "futex", here);
    flat::answers("same", ["futex", "block"], here);
    if here != there {
        flat::lengths("spread", "spin", there);
        flat::answers("spread", ["spin", "spin"], there);
    }
    if here != there {
        let each = ring::ns_each(there);
        figure(
            "ring alone, 64 entries of 32 B, by 8",
            &format!("{each:.1} ns"),
            each <= 16.0,
            "16 ns",
        );
        for chunk in [1, 8] {
            let rate = Pooled::start("hybrid", there, 64, chunk).tasks_a_second();
            let name = format!("pool, no list, depth 64, chunks of {chunk}");
            figure(&name, &format!("{:.2} M/s", rate / 1e6), rate >= 5e6, "5 M/s");
        }
    }
    sample_cost();
}

/// Resident lists beside a cache line that two cores hand to each other.
fn cache_line(one: &Windows<'_>, lecture: &Windows<'_>, there: usize) {
    let mut line = PingPong::start(there, 0);
    let mut ours = Ours::start("shared", "spin", one, Residency::Resident, there);
    row(
        "resident 8 B, spin, spread / cache line",
        1.3,
        2000,
        &mut || ours.batch(2000),
        &mut || line.trips(2000),
    );
    tails(
        "p99.9 of the same, of all trips in turn",
        1.5,
        &mut || ours.samples(TAIL_TRIPS),
        &mut || line.samples(TAIL_TRIPS),
    );
    drop(ours);
    let mut ours = Ours::start("shared", "hybrid", one, Residency::Resident, there);
    row(
        "resident 8 B, hybrid, spread / cache line",
        1.4,
        2000,
        &mut || ours.batch(2000),
        &mut || line.trips(2000),
    );
    drop(ours);
    for wakeup in ["spin", "hybrid"] {
        let pooled = Pooled::start(wakeup, there, 1, 1);
        row(
            &format!("pool 8 B, {wakeup}, spread / cache line"),
            3.0,
            2000,
            &mut || pooled.batch(2000),
            &mut || line.trips(2000),
        );
    }
    let mut ours = Ours::start("shared", "spin", lecture, Residency::Resident, there);
    let alone = |line: &mut PingPong| line.trips(50) + sums(lecture, 50);
    row("resident 400 kB, spin, spread / line + sum", 2.0, 50, &mut || ours.batch(50), &mut || {
        alone(&mut line)
    });
}

/// The pipe beside a plain loop of reads and writes.
fn pipes(one: &Windows<'_>, lecture: &Windows<'_>, here: usize, there: usize) {
    for (core, placement) in [(here, "same"), (there, "spread")] {
        for (wakeup, strategy) in
            [("block", "sleeping"), ("spin", "polling"), ("hybrid", "polling")]
        {
            if here == core && wakeup == "spin" || here == there && placement == "spread" {
                continue;
            }
            let polls = strategy == "polling" && here != core;
            if wakeup == "hybrid" && !polls {
                continue;
            }
            for windows in [one, lecture] {
                let mut plain = PlainPipe::start(core, windows, polls);
                let mut ours = Ours::start("pipe", wakeup, windows, Residency::Place, core);
                let size = measure::units::size(windows.items * 8);
                let name = format!("pipe {size}, {wakeup}, {placement} / plain loop, {strategy}");
                // A short frame's head is checked, a plain loop's is not; 2 % is this machine's noise.
                let target = if windows.items == 1 { 1.15 } else { 1.02 };
                row(&name, target, 50, &mut || ours.batch(50), &mut || plain.trips(windows, 50));
            }
        }
    }
}

/// Wake-ups beside the barest loop of their kind, and the hybrid beside the best other one.
fn waking(one: &Windows<'_>, allowed: usize, here: usize, there: usize) {
    for wakeup in ["futex", "pipe"] {
        let mut bare = if wakeup == "pipe" { Bare::pipe(here) } else { Bare::futex(here) };
        let mut ours = Ours::start("shared", wakeup, one, Residency::Resident, here);
        let name = format!("resident 8 B, {wakeup}, same / two processes");
        row(&name, 1.15, 300, &mut || ours.batch(300), &mut || bare.trips(300));
        let mut hybrid = Ours::start("shared", "hybrid", one, Residency::Resident, here);
        let name = format!("resident 8 B, hybrid, same / bare {wakeup}");
        row(&name, 1.0, 300, &mut || hybrid.batch(300), &mut || bare.trips(300));
    }
    let crowd: Vec<usize> =
        (0..2 * allowed).map(|worker| if worker % 2 == 0 { there } else { here }).collect();
    for (placement, cores) in [("same", vec![here]), ("spread", vec![there]), ("crowded", crowd)] {
        if placement == "spread" && here == there {
            continue;
        }
        let start = |wakeup| Ours::start_on("shared", wakeup, one, Residency::Resident, &cores);
        let count = if placement == "crowded" { 50 } else { 200 };
        // A peer that spins on one's own core answers at the scheduler's tick: no rival.
        let rivals = ["futex", "pipe", "eventfd", "event", "spin"];
        let rivals = rivals.into_iter().filter(|name| placement == "spread" || *name != "spin");
        let timed = rivals.map(|name| (start(name).batch(count), name));
        let (_, best) = timed.min().expect("rivals");
        let (mut hybrid, mut other) = (start("hybrid"), start(best));
        let name = format!("resident 8 B, hybrid, {placement} / {best}");
        row(&name, 1.3, count as u64, &mut || hybrid.batch(count), &mut || other.batch(count));
    }
}

/// One figure without a yardstick.
fn figure(name: &str, value: &str, met: bool, target: &str) {
    let verdict = if met { "met" } else { "missed" };
    println!("{name:44} {value:>10} {:>10} {:>7} {target:>7}  {verdict}", "", "");
}

/// One figure that has no target: it explains others.
fn bare_figure(name: &str, ns: f64) {
    println!("{name:44} {:>10}", format!("{ns:.0} ns"));
}

/// One row: `count` tasks a batch, both sides in turn.
fn row(
    name: &str,
    target: f64,
    count: u64,
    ours: &mut dyn FnMut() -> u64,
    yardstick: &mut dyn FnMut() -> u64,
) {
    let pairs: Vec<(f64, f64)> =
        in_turn(ours, yardstick).into_iter().map(|(a, b)| (a as f64, b as f64)).collect();
    let of =
        |value: fn(&(f64, f64)) -> f64| median(&mut pairs.iter().map(value).collect::<Vec<_>>());
    let per_task = |ns: f64| ns / count as f64;
    let (a, b, ratio) = (of(|pair| pair.0), of(|pair| pair.1), of(|pair| pair.0 / pair.1));
    beside(name, target, per_task(a), per_task(b), ratio);
}

/// One row of tails: what one trip in a thousand exceeds. A batch has a few such trips, and its own is
/// chance, so they are sought among all trips of each side, which both met the same minutes.
fn tails(
    name: &str,
    target: f64,
    ours: &mut dyn FnMut() -> Vec<u64>,
    yardstick: &mut dyn FnMut() -> Vec<u64>,
) {
    let (a, b): (Vec<_>, Vec<_>) = in_turn(ours, yardstick).into_iter().unzip();
    let tail = |batches: Vec<Vec<u64>>| {
        let mut all = batches.concat();
        all.sort_unstable();
        all[all.len() * 999 / 1000] as f64
    };
    let (a, b) = (tail(a), tail(b));
    beside(name, target, a, b, a / b);
}

/// Both sides in turn, once for nothing and then as often as there are pairs; who begins alternates.
fn in_turn<T>(ours: &mut dyn FnMut() -> T, yardstick: &mut dyn FnMut() -> T) -> Vec<(T, T)> {
    ours();
    yardstick();
    let turn = |pair| {
        if pair % 2 == 0 {
            let a = ours();
            (a, yardstick())
        } else {
            let b = yardstick();
            (ours(), b)
        }
    };
    (0..PAIRS).map(turn).collect()
}

/// Prints a row: nanoseconds of both sides, and how they compare.
fn beside(name: &str, target: f64, ours: f64, yardstick: f64, ratio: f64) {
    let verdict = if ratio <= target { "met" } else { "missed" };
    println!(
        "{name:44} {:>10} {:>10} {ratio:>6.2}x {target:>6.2}x  {verdict}",
        measure::units::time(ours as u64),
        measure::units::time(yardstick as u64)
    );
}

/// `count` sums in this core's cache.
fn sums(windows: &Windows<'_>, count: usize) -> u64 {
    let took = (0..count).map(|id| {
        let started = now();
        black_box(sum(black_box(&windows.all[windows.part(id as u32)])));
        now() - started
    });
    middle(took.collect()) * count as u64
}

/// What the harness itself adds to each sample.
fn sample_cost() {
    let mut samples = vec![0u64; 100_000];
    let started = now();
    for sample in &mut samples {
        let reserved = now();
        *sample = black_box(now() - reserved);
    }
    let each = (now() - started) as f64 / samples.len() as f64;
    figure("two stamps and one store, a sample", &format!("{each:.0} ns"), each <= 100.0, "100 ns");
}

fn middle(mut samples: Vec<u64>) -> u64 {
    samples.sort_unstable();
    samples[samples.len() / 2]
}
