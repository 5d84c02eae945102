//! `cargo bench`: the transports beside what this machine can do at all, as ratios taken in one run.
//!
//! Each yardstick is a loop that knows its list's length and does nothing else: two threads and one
//! cache line, one copy and one sum, or two processes with writev and read on a 1 MiB pipe. A row is
//! a pair of batches, taken in turn; its ratio is the median of the pairs' ratios.
#![forbid(unsafe_code)]

#[path = "hotpath/bare.rs"]
mod bare;
#[path = "hotpath/line.rs"]
mod line;
#[path = "hotpath/plain.rs"]
mod plain;
#[path = "hotpath/pooled.rs"]
mod pooled;
#[path = "hotpath/ring.rs"]
mod ring;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use lab::batch::{self, Load, Rooms};
use lab::placement::{allowed_cores, pin};
use lab::source::{Source, Windows};
use measure::compare::median;
use measure::now;
use pool::{Crew, CrewPlan, Launch};
use shm::{Kind, Resident};
use transport::{Residency, Setup};
use workload::sum::sum;

use bare::Bare;
use line::PingPong;
use plain::PlainPipe;
use pooled::Pooled;

const LECTURE_ITEMS: usize = 50_000;
const PAIRS: usize = 21;
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
    let source = Source::range(LECTURE_ITEMS);
    let one = source.windows(1);
    let lecture = source.windows(LECTURE_ITEMS);

    if here != there {
        let mut line = PingPong::start(there, 0);
        let mut ours = Ours::start("shared", "spin", &one, Residency::Resident, there);
        row(
            "resident 8 B, spin, spread / cache line",
            1.3,
            2000,
            &mut || ours.batch(2000),
            &mut || line.trips(2000),
        );
        drop(ours);
        let mut ours = Ours::start("shared", "hybrid", &one, Residency::Resident, there);
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
        let mut ours = Ours::start("shared", "spin", &lecture, Residency::Resident, there);
        let alone = |line: &mut PingPong| line.trips(50) + sums(&lecture, 50);
        row(
            "resident 400 kB, spin, spread / line + sum",
            2.0,
            50,
            &mut || ours.batch(50),
            &mut || alone(&mut line),
        );
        drop((ours, line));
        placing(&lecture, there);
    }
    let mut to = vec![0; LECTURE_ITEMS];
    let mut ours = Ours::start("shared", "hybrid", &lecture, Residency::Place, here);
    row("place 400 kB, hybrid, same / copy + sum", 1.5, 50, &mut || ours.batch(50), &mut || {
        copies(&lecture, &mut to, 50) + sums(&lecture, 50)
    });
    drop(ours);
    for (core, placement) in [(here, "same"), (there, "spread")] {
        for (wakeup, regime) in [("block", "sleeping"), ("spin", "polling"), ("hybrid", "polling")]
        {
            if here == core && wakeup == "spin" || here == there && placement == "spread" {
                continue;
            }
            let polls = regime == "polling" && here != core;
            if wakeup == "hybrid" && !polls {
                continue;
            }
            for windows in [&one, &lecture] {
                let mut plain = PlainPipe::start(core, windows, polls);
                let mut ours = Ours::start("pipe", wakeup, windows, Residency::Place, core);
                let size = report::size(windows.items * 8);
                let name = format!("pipe {size}, {wakeup}, {placement} / plain loop, {regime}");
                // A short frame's head is checked, a plain loop's is not; 2 % is this machine's noise.
                let target = if windows.items == 1 { 1.15 } else { 1.02 };
                row(&name, target, 50, &mut || ours.batch(50), &mut || plain.trips(windows, 50));
            }
        }
    }
    waking(&one, allowed.len(), here, there);
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

/// A list that is placed while its worker, on another core, reads it.
fn placing(lecture: &Windows<'_>, there: usize) {
    for wakeup in ["spin", "hybrid"] {
        let mut line = PingPong::start(there, LECTURE_ITEMS);
        let mut ours = Ours::start("shared", wakeup, lecture, Residency::Place, there);
        row(
            &format!("place 400 kB, {wakeup}, spread / copy + sum"),
            0.8,
            50,
            &mut || ours.batch(50),
            &mut || line.lists(lecture, 50),
        );
    }
    for (bytes, target, count) in [(4_000_000, 1.2, 20), (64_000_000, 1.4, 2)] {
        let source = Source::range(bytes / 8);
        let windows = source.windows(bytes / 8);
        let mut to = vec![0; windows.items];
        let mut ours = Ours::start("shared", "hybrid", &windows, Residency::Place, there);
        row(
            &format!("place {}, hybrid, spread / one copy", report::size(bytes)),
            target,
            count as u64,
            &mut || ours.batch(count),
            &mut || copies(&windows, &mut to, count),
        );
    }
    for bytes in [64 << 10, 400_000, 4_000_000] {
        let source = Source::range(bytes / 8);
        let windows = source.windows(bytes / 8);
        let mut ours = Ours::start("shared", "futex", &windows, Residency::Place, there);
        let mut socket = Ours::start("socket", "block", &windows, Residency::Place, there);
        row(
            &format!("place {}, futex, spread / socket", report::size(bytes)),
            1.0,
            20,
            &mut || ours.batch(20),
            &mut || socket.batch(20),
        );
    }
}

/// One row: `count` tasks a batch, both sides in turn.
fn row(
    name: &str,
    target: f64,
    count: u64,
    ours: &mut dyn FnMut() -> u64,
    yardstick: &mut dyn FnMut() -> u64,
) {
    ours();
    yardstick();
    let pairs: Vec<(f64, f64)> = (0..PAIRS)
        .map(|pair| {
            if pair % 2 == 0 {
                let a = ours();
                (a as f64, yardstick() as f64)
            } else {
                let b = yardstick();
                (ours() as f64, b as f64)
            }
        })
        .collect();
    let of =
        |value: fn(&(f64, f64)) -> f64| median(&mut pairs.iter().map(value).collect::<Vec<_>>());
    let per_task = |ns: f64| report::time((ns / count as f64) as u64);
    let (a, b, ratio) = (of(|pair| pair.0), of(|pair| pair.1), of(|pair| pair.0 / pair.1));
    let verdict = if ratio <= target { "met" } else { "missed" };
    println!(
        "{name:44} {:>10} {:>10} {ratio:>6.2}x {target:>6.2}x  {verdict}",
        per_task(a),
        per_task(b)
    );
}

/// Our transport, through its hub, as a sweep drives it. A batch's time is its median times its
/// tasks, so that one preemption does not decide.
struct Ours<'a> {
    crew: Crew,
    workers: usize,
    windows: &'a Windows<'a>,
    residency: Residency,
    resident: Option<Resident>,
    rooms: Rooms,
}

impl<'a> Ours<'a> {
    fn start(
        name: &str,
        wakeup: &str,
        windows: &'a Windows<'a>,
        residency: Residency,
        core: usize,
    ) -> Self {
        Ours::start_on(name, wakeup, windows, residency, &[core])
    }

    /// With a worker on each of `cores`.
    fn start_on(
        name: &str,
        wakeup: &str,
        windows: &'a Windows<'a>,
        residency: Residency,
        cores: &[usize],
    ) -> Self {
        let transport = transport::by_name(name).expect("a transport of ours");
        let room = windows.all.len();
        let setup = Setup {
            wakeup: wakeup.into(),
            segment: Kind::Memfd,
            workers: cores.len(),
            depth: 1,
            room,
            answer: 0,
            residents: 1,
            apart: cores[0] != here(),
        };
        let program = PathBuf::from(env!("CARGO_BIN_EXE_worker"));
        let patience = Duration::from_secs(5);
        let launch = Launch { program, args: Vec::new(), build: lab::BUILD.into(), patience };
        let plan = CrewPlan {
            launch,
            transport,
            setup,
            initialiser: None,
            cores: cores.to_vec(),
            padding: 0,
            order: Vec::new(),
        };
        let mut crew = Crew::start(&plan).expect("a crew");
        let resident = (residency == Residency::Resident)
            .then(|| crew.hub().place(windows.all).expect("room for a resident list"));
        let workers = cores.len();
        let mut ours =
            Ours { crew, workers, windows, residency, resident, rooms: Rooms::default() };
        ours.batch(200);
        ours.crew.park().expect("parking");
        ours
    }

    fn batch(&mut self, count: usize) -> u64 {
        let parked = self.rooms_used();
        if parked {
            self.crew.unpark().expect("unparking");
        }
        let (windows, residency) = (self.windows, self.residency);
        let resident = self.resident.as_ref();
        let (longest_ns, fewest) = (u64::MAX, 1);
        let load = Load {
            windows,
            residency,
            resident,
            workers: self.workers,
            depth: 1,
            longest_ns,
            fewest,
            compute_ns: 0,
            rate: None,
        };
        batch::run(&mut self.crew, &load, 5, &mut self.rooms).expect("warm tasks");
        let batch = batch::run(&mut self.crew, &load, count, &mut self.rooms).expect("tasks");
        assert_eq!(batch.verified, batch.ok);
        if parked {
            self.crew.park().expect("parking");
        }
        middle(batch.round_trips) * count as u64
    }

    /// Whether a batch has run before: from then on workers are parked between batches.
    fn rooms_used(&self) -> bool {
        !self.rooms.is_empty()
    }
}

/// `count` copies into memory of this core's own.
fn copies(windows: &Windows<'_>, to: &mut [i64], count: usize) -> u64 {
    let took = (0..count).map(|id| {
        let list = black_box(&windows.all[windows.part(id as u32)]);
        let started = now();
        to.copy_from_slice(list);
        black_box(&mut *to);
        now() - started
    });
    middle(took.collect()) * count as u64
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

/// The core that this thread was pinned to.
fn here() -> usize {
    allowed_cores().expect("the core of this thread")[0]
}

fn middle(mut samples: Vec<u64>) -> u64 {
    samples.sort_unstable();
    samples[samples.len() / 2]
}
