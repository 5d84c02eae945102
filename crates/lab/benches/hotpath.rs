//! `cargo bench`: the transports beside what this machine can do at all, as ratios taken in one run.
//!
//! Each yardstick is a loop that knows its list's length and does nothing else: two threads and one
//! cache line, one copy and one sum, or two processes with writev and read on a 1 MiB pipe. A row is
//! a pair of batches, taken in turn; its ratio is the median of the pairs' ratios.
#![forbid(unsafe_code)]

use std::hint::{black_box, spin_loop};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::thread::JoinHandle;
use std::time::Duration;

use lab::batch::{self, Load, Rooms};
use lab::placement::{allowed_cores, pin};
use lab::source::{Source, Windows};
use measure::compare::median;
use measure::now;
use pool::{Crew, CrewPlan, Launch};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{Errno, read, readv, write, writev};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use shm::{Descriptor, Kind, Lists, Resident, Segment, Slot, Slots, Use};
use transport::{Residency, Setup};
use workload::sum::sum;

const LECTURE_ITEMS: usize = 50_000;
const PAIRS: usize = 41;
/// By this word in its environment a child knows that it is the yardstick's other end.
const OTHER_END: &str = "IPCLAB_BENCH_OTHER_END";

fn main() {
    if let Ok(role) = std::env::var(OTHER_END) {
        return other_end(&role);
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
            2.0,
            2000,
            &mut || ours.batch(2000),
            &mut || line.trips(2000),
        );
        drop(ours);
        let mut ours = Ours::start("shared", "hybrid", &one, Residency::Resident, there);
        row(
            "resident 8 B, hybrid, spread / cache line",
            2.0,
            2000,
            &mut || ours.batch(2000),
            &mut || line.trips(2000),
        );
        drop(ours);
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
        let mut line = PingPong::start(there, LECTURE_ITEMS);
        let mut ours = Ours::start("shared", "spin", &lecture, Residency::Place, there);
        row(
            "place 400 kB, spin, spread / copy + sum",
            1.5,
            50,
            &mut || ours.batch(50),
            &mut || line.lists(&lecture, 50),
        );
    }
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
    sample_cost();
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
    let verdict = if ratio <= target { "" } else { "  missed" };
    println!(
        "{name:44} {:>10} {:>10} {ratio:>6.2}x {target:>6.2}x{verdict}",
        per_task(a),
        per_task(b)
    );
}

/// Our transport, through its hub, as a sweep drives it. A batch's time is its median times its
/// tasks, so that one preemption does not decide.
struct Ours<'a> {
    crew: Crew,
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
        let transport = transport::by_name(name).expect("a transport of ours");
        let room = windows.all.len();
        let setup = Setup {
            wakeup: wakeup.into(),
            segment: Kind::Memfd,
            workers: 1,
            depth: 1,
            room,
            answer: 0,
            residents: 1,
            apart: core != here(),
        };
        let program = PathBuf::from(env!("CARGO_BIN_EXE_worker"));
        let patience = Duration::from_secs(5);
        let launch = Launch { program, args: Vec::new(), build: lab::BUILD.into(), patience };
        let plan = CrewPlan {
            launch,
            transport,
            setup,
            initialiser: None,
            cores: vec![core],
            padding: 0,
            order: Vec::new(),
        };
        let mut crew = Crew::start(&plan).expect("a crew");
        let resident = (residency == Residency::Resident)
            .then(|| crew.hub().place(windows.all).expect("room for a resident list"));
        let mut ours = Ours { crew, windows, residency, resident, rooms: Rooms::default() };
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
            workers: 1,
            depth: 1,
            longest_ns,
            fewest,
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

/// Two threads and two words, each on a line of its own; the other thread may also sum a list that
/// this one has copied for it.
struct PingPong {
    shared: Arc<Lines>,
    thread: Option<JoinHandle<()>>,
    round: u64,
    slot: Slot,
}

#[repr(align(128))]
#[derive(Default)]
struct Line(AtomicU64);

#[derive(Default)]
struct Lines {
    ping: Line,
    pong: Line,
    parked: Line,
    took: Line,
}

const PARK: u64 = u64::MAX - 1;
const STOP: u64 = u64::MAX;

impl PingPong {
    fn start(core: usize, items: usize) -> PingPong {
        let shared = Arc::new(Lines::default());
        let room = items.max(1);
        let bytes = Slots::segment_bytes(1, room).expect("a small segment");
        let segment = Segment::create(Kind::Memfd, Use::Lists, bytes).expect("a segment");
        let (grant, fd) = segment.grant().expect("a grant");
        let slot = Slots::new(segment, room).reserve(room).expect("a slot");
        let mut descriptor = Descriptor::default();
        slot.describe(0..items, &mut descriptor);
        let thread = std::thread::spawn({
            let shared = shared.clone();
            let lists = Lists::new(Segment::open(&grant, fd).expect("a segment"), room);
            move || {
                pin(&[core]).expect("pinning");
                let mut seen = 0;
                loop {
                    let ping = shared.ping.0.load(Acquire);
                    match ping {
                        STOP => return,
                        PARK => {
                            shared.parked.0.store(1, Release);
                            std::thread::park();
                        }
                        _ if ping != seen => {
                            seen = ping;
                            if items > 0 {
                                let started = now();
                                black_box(sum(lists.accept(&descriptor).expect("a list")));
                                shared.took.0.store(now() - started, Relaxed);
                            }
                            shared.pong.0.store(ping, Release);
                        }
                        _ => spin_loop(),
                    }
                }
            }
        });
        let mut line = PingPong { shared, thread: Some(thread), round: 0, slot };
        line.park();
        line
    }

    fn trip(&mut self) {
        self.round += 1;
        self.shared.ping.0.store(self.round, Release);
        while self.shared.pong.0.load(Acquire) != self.round {
            spin_loop();
        }
    }

    /// The other thread sleeps, so that nobody else is disturbed.
    fn park(&mut self) {
        self.shared.parked.0.store(0, Relaxed);
        self.shared.ping.0.store(PARK, Release);
        while self.shared.parked.0.load(Acquire) == 0 {
            std::thread::yield_now();
        }
    }

    fn unpark(&mut self) {
        self.shared.ping.0.store(self.round, Release);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
        (0..100).for_each(|_| self.trip());
    }

    fn trips(&mut self, count: usize) -> u64 {
        self.unpark();
        let took = (0..count).map(|_| {
            let started = now();
            self.trip();
            now() - started
        });
        let took = middle(took.collect());
        self.park();
        took * count as u64
    }

    /// The copy into lines that the other core holds, and its sum of lines that this one wrote.
    fn lists(&mut self, windows: &Windows<'_>, count: usize) -> u64 {
        self.unpark();
        let took = (0..count).map(|id| {
            let list = &windows.all[windows.part(id as u32)];
            let started = now();
            self.slot.items_mut().copy_from_slice(list);
            let copied = now() - started;
            self.trip();
            copied + self.shared.took.0.load(Relaxed)
        });
        let took = middle(took.collect());
        self.park();
        took * count as u64
    }
}

impl Drop for PingPong {
    fn drop(&mut self) {
        self.shared.ping.0.store(STOP, Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
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

/// What a C program would write: the length is known to both, one writev, read until all is there,
/// sum, sixteen bytes back.
struct PlainPipe {
    child: Child,
    to: Option<OwnedFd>,
    from: OwnedFd,
    polls: bool,
}

impl PlainPipe {
    fn start(core: usize, windows: &Windows<'_>, polls: bool) -> PlainPipe {
        let (their_in, to) = big_pipe();
        let (from, their_out) = big_pipe();
        if polls {
            fcntl_setfl(&to, OFlags::NONBLOCK).expect("a pipe that does not block");
            fcntl_setfl(&from, OFlags::NONBLOCK).expect("a pipe that does not block");
            fcntl_setfl(&their_in, OFlags::NONBLOCK).expect("a pipe that does not block");
        }
        let child = Command::new(std::env::current_exe().expect("this program"))
            .env(OTHER_END, format!("{core} {} {polls}", windows.items))
            .stdin(Stdio::from(their_in))
            .stdout(Stdio::from(their_out))
            .spawn()
            .expect("the other end");
        let mut plain = PlainPipe { child, to: Some(to), from, polls };
        plain.trips(windows, 200);
        plain
    }

    fn trips(&mut self, windows: &Windows<'_>, count: usize) -> u64 {
        let to = self.to.as_ref().expect("open until dropped");
        // A byte that says go, and a byte that says rest: a polling end would disturb the others.
        if self.polls {
            std::thread::sleep(Duration::from_micros(1));
        }
        let took = (0..count).map(|id| {
            let list = &windows.all[windows.part(id as u32)];
            let rest = u64::from(id + 1 == count);
            let started = now();
            let head = [list.len() as u64, rest];
            let mut slices = [
                IoSlice::new(bytemuck::cast_slice(&head)),
                IoSlice::new(bytemuck::cast_slice(list)),
            ];
            let mut left = &mut slices[..];
            while !left.iter().all(|slice| slice.is_empty()) {
                match writev(to, left) {
                    Ok(count) => IoSlice::advance_slices(&mut left, count),
                    Err(Errno::AGAIN) => spin_loop(),
                    Err(error) => panic!("writev: {error}"),
                }
            }
            let mut answer = [0u8; 16];
            read_whole(&self.from, &mut answer);
            now() - started
        });
        middle(took.collect()) * count as u64
    }
}

impl Drop for PlainPipe {
    fn drop(&mut self) {
        self.to = None;
        let _ = self.child.wait();
    }
}

/// The plain loop's other process.
fn other_end(role: &str) {
    let mut words = role.split(' ');
    let core = words.next().and_then(|word| word.parse().ok()).expect("a core");
    let items: usize = words.next().and_then(|word| word.parse().ok()).expect("a length");
    pin(&[core]).expect("pinning");
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().expect("stdin");
    let stdout = std::io::stdout().as_fd().try_clone_to_owned().expect("stdout");
    let mut list = vec![0i64; items];
    let mut resting = false;
    loop {
        if resting {
            let mut ready = [rustix::event::PollFd::new(&stdin, rustix::event::PollFlags::IN)];
            let _ = rustix::event::poll(&mut ready, None);
        }
        let mut head = [0u64; 2];
        let mut got = 0;
        while got < 16 + items * 8 {
            let result = if got == 0 {
                let mut slices = [
                    IoSliceMut::new(bytemuck::cast_slice_mut(&mut head)),
                    IoSliceMut::new(bytemuck::cast_slice_mut(&mut list)),
                ];
                readv(&stdin, &mut slices)
            } else {
                read(&stdin, &mut bytemuck::cast_slice_mut::<i64, u8>(&mut list)[got - 16..])
            };
            match result {
                Ok(0) => return,
                Ok(count) => got += count,
                Err(Errno::AGAIN) => spin_loop(),
                Err(error) => panic!("read: {error}"),
            }
        }
        resting = head[1] == 1;
        let answer = [sum(&list), 0];
        write(&stdout, bytemuck::cast_slice(&answer)).expect("write");
    }
}

fn big_pipe() -> (OwnedFd, OwnedFd) {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    let _ = fcntl_setpipe_size(&write, 1 << 20);
    (read, write)
}

fn read_whole(fd: &OwnedFd, bytes: &mut [u8]) {
    let mut got = 0;
    while got < bytes.len() {
        match read(fd, &mut bytes[got..]) {
            Ok(0) => panic!("the other end is gone"),
            Ok(count) => got += count,
            Err(Errno::AGAIN) => spin_loop(),
            Err(error) => panic!("read: {error}"),
        }
    }
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
    let verdict = if each <= 100.0 { "" } else { "  missed" };
    println!("two stamps and one store: {each:.0} ns a sample (target 100){verdict}");
}

/// The core that this thread was pinned to.
fn here() -> usize {
    allowed_cores().expect("the core of this thread")[0]
}

fn middle(mut samples: Vec<u64>) -> u64 {
    samples.sort_unstable();
    samples[samples.len() / 2]
}
