//! The limits of this machine, below which no transport can go: so that every figure can be read as a multiple of a
//! limit.
//!
//! Each yardstick is the barest loop that can be written for it: two threads instead of two
//! processes, no checks, nothing but the thing itself. A sample is one time there and back, or the
//! mean of a hundred where one is too short for the clock.

mod compute;
mod lists;

use std::hint::{black_box, spin_loop};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use anyhow::Context;
use measure::{Histogram, now};
use memmap2::MmapMut;
use record::{Limit, Line};
use rustix::io::{read, write};
use rustix::thread::futex;

use crate::ending::Outcome;
use crate::options::RunOptions;
use crate::placement::{Placement, pin};
use crate::plan::Plan;
use crate::run_writer::{Done, RunWriter};
use workload::lecture::LECTURE_BYTES;

/// How long a yardstick is used, and how often before that, with cold caches.
#[derive(Clone, Copy)]
struct Span {
    long: Duration,
    cold: u32,
}

/// As the command `limits` does it.
const FULL: Span = Span { long: Duration::from_millis(150), cold: 10 };
/// Beside the cells of a plan, which want the time for themselves.
const SHORT: Span = Span { long: Duration::from_millis(20), cold: 3 };
/// The same for each size of a list.
const EACH_LIST: Span = Span { long: Duration::from_millis(5), cold: 2 };

/// Samples of a yardstick, at least and at most.
const MIN_SAMPLES: usize = 5;
const MAX_SAMPLES: usize = 100_000;
/// Times that something short is done for one sample.
const TOGETHER: u64 = 100;

/// Bytes of a copy that stays in a core's own cache, and of one that fits into none.
const IN_CACHE: usize = 16 << 10;
const OUT_OF_CACHE: usize = 64 << 20;
/// Pages that are touched for the first time, for one sample.
const PAGES: usize = 64;

/// Measures the limits as a run of its own.
///
/// # Errors
/// The folder cannot be written, or the system refused a thread or a pipe.
pub fn execute(options: &RunOptions, begun: impl FnOnce(&RunWriter)) -> anyhow::Result<Done> {
    let mut run = RunWriter::begin(options, "limits".into())?;
    begun(&run);
    measure(&mut run)?;
    run.end(Outcome::default())
}

/// Measures every limit that this machine has, and writes them down; some three seconds.
///
/// # Errors
/// As [`execute`].
pub fn measure(run: &mut RunWriter) -> anyhow::Result<()> {
    let here = run.allowed[0];
    pin(&[here])?;
    let alone = Placement::Same.word();
    let mut lines = vec![
        line("clock", alone, 0, FULL, &mut || together(now)),
        line("null_system_call", alone, 0, FULL, &mut || together(rustix::process::getppid)),
        copies("copy_in_cache", IN_CACHE),
        copies("copy_out_of_cache", OUT_OF_CACHE),
        faults()?,
        compute::alone(FULL),
        lists::read(LECTURE_BYTES, FULL)?,
        lists::copied(LECTURE_BYTES, FULL)?,
    ];
    lines.extend(wakes(here, here, FULL)?);
    if let Some(&there) = run.allowed.get(1) {
        lines.push(compute::on_both(there, FULL)?);
        lines.push(lists::carried(LECTURE_BYTES, there, FULL)?);
        lines.extend(wakes(here, there, FULL)?);
    }
    lines.into_iter().try_for_each(|line| run.append(Line::Limit(Box::new(line))))
}

/// Measures what the rows of `plan` are set against: waking in each placement, and each list read, and
/// copied and read. Some tenths of a second.
///
/// What cannot be had, for want of memory say, is left out: the cell that needs it fails by itself, and
/// says why.
///
/// # Errors
/// The record cannot be written.
pub fn of_plan(run: &mut RunWriter, plan: &Plan) -> anyhow::Result<()> {
    let mut known = Vec::new();
    for cell in plan.cells.iter().filter(|cell| !cell.is_aa_test()) {
        let cores = cell.placement.cores(&run.allowed, 1);
        let [here, there] = cores[..] else { continue };
        if run.interrupt.signal().is_some() {
            break;
        }
        let placement = cell.placement.word();
        let mut lines = Vec::new();
        for bytes in [0, cell.bytes] {
            if !known.contains(&(placement, bytes)) {
                lines.extend(limits(here, there, bytes).unwrap_or_default());
            }
            known.push((placement, bytes));
        }
        lines.into_iter().try_for_each(|line| run.append(Line::Limit(Box::new(line))))?;
    }
    Ok(())
}

/// Waking, where `bytes` is 0; else a list of so many, read here, and copied and read there.
fn limits(here: usize, there: usize, bytes: usize) -> anyhow::Result<Vec<Limit>> {
    pin(&[here])?;
    if bytes == 0 {
        return wakes(here, there, SHORT);
    }
    let carried = match here == there {
        true => lists::copied(bytes, EACH_LIST)?,
        false => lists::carried(bytes, there, EACH_LIST)?,
    };
    Ok(vec![lists::read(bytes, EACH_LIST)?, carried])
}

/// There and back between two cores, or on one: polling, and sleeping in two ways.
fn wakes(here: usize, there: usize, span: Span) -> anyhow::Result<Vec<Limit>> {
    let placement = if here == there { Placement::Same } else { Placement::Spread }.word();
    let words = Words::pair();
    let polling = match here == there {
        // Two threads on one core that never give it away take turns by the scheduler's tick.
        true => {
            let what = "yield_round_trip";
            there_and_back(what, placement, 4, there, span, both(words, Looking::<true>))?
        }
        false => {
            let what = "cache_line_round_trip";
            there_and_back(what, placement, 64, there, span, both(words, Looking::<false>))?
        }
    };
    let futex = both(Words::pair(), Futex);
    Ok(vec![
        polling,
        there_and_back("futex_round_trip", placement, 4, there, span, futex)?,
        there_and_back("pipe_round_trip", placement, 8, there, span, Pipe::pair()?)?,
    ])
}

/// Samples of one yardstick.
fn line(
    what: &str,
    placement: record::Placement,
    bytes: usize,
    span: Span,
    sample: &mut dyn FnMut() -> u64,
) -> Limit {
    for _ in 0..span.cold {
        sample();
    }
    let started = now();
    let mut samples = Vec::new();
    let in_time = || now() - started < span.long.as_nanos() as u64;
    while samples.len() < MIN_SAMPLES || (samples.len() < MAX_SAMPLES && in_time()) {
        samples.push(sample());
    }
    let ns = samples.into_iter().collect::<Histogram>().distribution();
    Limit { what: what.into(), placement, bytes, ns }
}

/// The mean of doing something short a hundred times.
fn together<T>(once: impl Fn() -> T) -> u64 {
    let started = now();
    for _ in 0..TOGETHER {
        black_box(once());
    }
    (now() - started) / TOGETHER
}

fn copies(what: &str, bytes: usize) -> Limit {
    let from = vec![1u8; bytes];
    let mut to = vec![0u8; bytes];
    line(what, Placement::Same.word(), bytes, FULL, &mut || {
        let started = now();
        black_box(&mut to).copy_from_slice(black_box(&from));
        now() - started
    })
}

/// The first touch of a page, as the mean over several in a row.
fn faults() -> anyhow::Result<Limit> {
    let page = rustix::param::page_size();
    MmapMut::map_anon(PAGES * page).context("mapping memory")?;
    Ok(line("page_fault", Placement::Same.word(), page, FULL, &mut || {
        let Ok(mut fresh) = MmapMut::map_anon(PAGES * page) else { return 0 };
        let started = now();
        fresh.iter_mut().step_by(page).for_each(|byte| *black_box(byte) = 1);
        (now() - started) / PAGES as u64
    }))
}

/// One end of something that goes there and back.
trait End: Send + 'static {
    /// Passes `round` on.
    fn ring(&mut self, round: u32);
    /// Waits for `round`, or for [`STOP`], and says which came.
    fn wait(&mut self, round: u32) -> u32;
}

/// What the other side ends with.
const STOP: u32 = u32::MAX;

/// Round trips with a thread on core `there`, which answers each.
fn there_and_back(
    what: &str,
    placement: record::Placement,
    bytes: usize,
    there: usize,
    span: Span,
    (mut ours, mut theirs): (impl End, impl End),
) -> anyhow::Result<Limit> {
    let thread = std::thread::Builder::new().name("echo".into()).spawn(move || {
        let pinned = pin(&[there]);
        for round in 1.. {
            if theirs.wait(round) == STOP {
                return pinned;
            }
            theirs.ring(round);
        }
        pinned
    })?;
    let mut round = 0;
    let line = line(what, placement, bytes, span, &mut || {
        round += 1;
        let started = now();
        ours.ring(round);
        ours.wait(round);
        now() - started
    });
    ours.ring(STOP);
    let pinned = thread.join().map_err(|_| anyhow::anyhow!("the answering thread panicked"))?;
    pinned.context("pinning the answering thread")?;
    Ok(line)
}

/// A word on cache lines of its own: neighbours are fetched in pairs.
#[repr(align(128))]
#[derive(Default)]
struct Apart<T>(T);

/// Both ends as ends of a kind.
fn both<T, E>((ours, theirs): (T, T), end: fn(T) -> E) -> (E, E) {
    (end(ours), end(theirs))
}

/// Two words, one each way.
struct Words {
    out: Arc<Apart<AtomicU32>>,
    back: Arc<Apart<AtomicU32>>,
}

impl Words {
    fn pair() -> (Words, Words) {
        let (out, back) = (Arc::default(), Arc::default());
        (Words { out: Arc::clone(&out), back: Arc::clone(&back) }, Words { out: back, back: out })
    }
}

/// Words that both sides look at again and again: two cores, or two threads on one core, where each
/// `YIELDS` it in between.
struct Looking<const YIELDS: bool>(Words);

/// Across cores.
type CacheLine = Looking<false>;

impl<const YIELDS: bool> End for Looking<YIELDS> {
    fn ring(&mut self, round: u32) {
        self.0.out.0.store(round, Release);
    }
    fn wait(&mut self, round: u32) -> u32 {
        loop {
            match self.0.back.0.load(Acquire) {
                seen if seen == round || seen == STOP => return seen,
                _ if YIELDS => std::thread::yield_now(),
                _ => spin_loop(),
            }
        }
    }
}

/// Words that two threads sleep on.
struct Futex(Words);

impl End for Futex {
    fn ring(&mut self, round: u32) {
        self.0.out.0.store(round, Release);
        let _ = futex::wake(&self.0.out.0, futex::Flags::PRIVATE, 1);
    }
    fn wait(&mut self, round: u32) -> u32 {
        loop {
            match self.0.back.0.load(Acquire) {
                seen if seen == round || seen == STOP => return seen,
                seen => {
                    let _ = futex::wait(&self.0.back.0, futex::Flags::PRIVATE, seen, None);
                }
            }
        }
    }
}

/// Two pipes.
struct Pipe {
    write: OwnedFd,
    read: OwnedFd,
}

impl Pipe {
    fn pair() -> anyhow::Result<(Pipe, Pipe)> {
        let (there, out) = rustix::pipe::pipe().context("a pipe")?;
        let (here, back) = rustix::pipe::pipe().context("a pipe")?;
        Ok((Pipe { write: out, read: here }, Pipe { write: back, read: there }))
    }
}

impl End for Pipe {
    fn ring(&mut self, round: u32) {
        let _ = write(&self.write, &u64::from(round).to_ne_bytes());
    }
    fn wait(&mut self, _round: u32) -> u32 {
        let mut word = [0; 8];
        match read(&self.read, &mut word) {
            Ok(8) => u64::from_ne_bytes(word) as u32,
            _ => STOP,
        }
    }
}
