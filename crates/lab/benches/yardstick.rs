//! Our transports beside other programs that do the same task, in turns in one run:
//! `cargo bench -p lab --bench yardstick`.
//!
//! By itself it builds benches/yardstick.c, the best C program that we can write for the same messages,
//! and holds `pipe` and `socket` against it. With `-- --against PROGRAM`, as scripts/peers.sh calls it,
//! the other program is that of crates/peers. Either is started as `PROGRAM WAY WAIT CORE CORE BYTES`
//! and prints, for each number on its stdin, the median of so many round trips in nanoseconds.
//!
//! A ratio is the median of the pairs' ratios, ours ÷ theirs: above its target it says `missed`.
#![forbid(unsafe_code)]

mod ours;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use harness::list::List;
use harness::placement::{allowed_cores, pin};
use ours::Ours;
use stats::median;
use transport::Residency::{self, Place, Resident};

/// Pairs of batches in a row.
const PAIRS: usize = 15;

/// Bytes of a list, and round trips of a batch.
const SIZES: [(usize, usize); 5] =
    [(8, 500), (4096, 500), (64 * 1024, 200), (400_000, 50), (4 << 20, 10)];

/// What is held against what: theirs by way and wait, ours by transport, wake-up and residency.
struct Row {
    way: &'static str,
    wait: &'static str,
    ours: (&'static str, &'static str, Residency),
    /// Where it makes sense: on one core, and on two.
    same: bool,
    spread: bool,
}

const fn row(
    way: &'static str,
    wait: &'static str,
    ours: (&'static str, &'static str, Residency),
    [same, spread]: [bool; 2],
) -> Row {
    Row { way, wait, ours, same, spread }
}

/// Who polls on one core yields there.
const YARDSTICK: [Row; 6] = [
    row("pipe", "block", ("pipe", "block", Place), [true, true]),
    row("pipe", "poll", ("pipe", "hybrid", Place), [true, false]),
    row("pipe", "poll", ("pipe", "spin", Place), [false, true]),
    row("socket", "block", ("socket", "block", Place), [true, true]),
    row("socket", "poll", ("socket", "hybrid", Place), [true, false]),
    row("socket", "poll", ("socket", "spin", Place), [false, true]),
];

/// Each way of a peer beside that of ours which leaves the list where the peer does.
const PEERS: [Row; 8] = [
    row("iceoryx2-idx", "spin", ("shared", "spin", Resident), [false, true]),
    row("iceoryx2-copy", "spin", ("shared", "spin", Place), [false, true]),
    row("iceoryx2-idx", "event", ("shared", "futex", Resident), [true, true]),
    row("iceoryx2-copy", "event", ("shared", "futex", Place), [true, true]),
    row("ipc-channel-idx", "block", ("shared", "futex", Resident), [true, true]),
    row("ipc-channel-fresh", "block", ("shared", "futex", Place), [true, true]),
    row("ipc-channel-bytes", "block", ("socket", "block", Place), [true, true]),
    row("ipc-channel-vec", "block", ("pipe-serde", "block", Place), [true, true]),
];

fn main() {
    let mut words = std::env::args().skip(1).skip_while(|word| word != "--against");
    let (program, rows, target) = match words.nth(1) {
        Some(peers) => (PathBuf::from(peers), &PEERS[..], 1.0),
        // Two percent and more are this machine's noise.
        None => match compiled() {
            Ok(yardstick) => (yardstick, &YARDSTICK[..], 1.05),
            Err(why) => return println!("skipped: {why}"),
        },
    };
    let allowed = allowed_cores().expect("the allowed cores");
    let [here, there] = [allowed[0], allowed[1 % allowed.len()]];
    println!("coordinator on core {here}, the worker there (same) or on core {there} (spread)");
    println!("{:58} {:>9} {:>9} {:>7} {:>7}", "", "ours", "theirs", "ratio", "target");
    pin(&[here]).expect("pinning");
    for (placement, core) in [("same", here), ("spread", there)] {
        if placement == "spread" && here == there {
            println!("one core only: nothing is spread");
            continue;
        }
        let fitting = |row: &&Row| if placement == "same" { row.same } else { row.spread };
        for row in rows.iter().filter(fitting) {
            for (bytes, trips) in SIZES {
                measure_row(&program, row, placement, [here, core], bytes, trips, target);
            }
        }
    }
}

/// The C program, where a compiler can be found.
fn compiled() -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/yardstick.c");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("yardstick");
    let mut cc = Command::new("cc");
    cc.args(["-O3", "-march=native", "-o"]).arg(&program).arg(&source);
    match cc.status() {
        Ok(status) if status.success() => Ok(program),
        Ok(status) => Err(format!("cc could not build {}: {status}", source.display())),
        Err(fault) => Err(format!("no C compiler is called cc here: {fault}")),
    }
}

/// One line: both sides in turn, and who begins alternates.
fn measure_row(
    program: &Path,
    row: &Row,
    placement: &str,
    cores: [usize; 2],
    bytes: usize,
    trips: usize,
    target: f64,
) {
    let Row { way, wait, ours: (transport, wakeup, residency), .. } = row;
    let words = if *residency == Resident { "resident" } else { "place" };
    let name = format!(
        "{placement:6} {:8} {transport} {words} {wakeup} / {way} {wait}",
        measure::units::size(bytes)
    );
    let source = List::range(bytes / shm::ITEM_BYTES);
    let windows = source.windows(bytes / shm::ITEM_BYTES);
    let mut ours = Ours::start(transport, wakeup, &windows, *residency, cores[1]);
    let mut ours = || ours.batch(trips) / trips as u64;
    let mut theirs = match Theirs::start(program, way, wait, cores, bytes) {
        Ok(theirs) => theirs,
        Err(fault) => return println!("{name:58} failed: {fault}"),
    };
    ours();
    let mut pairs = Vec::new();
    for pair in 0..PAIRS {
        let first = (pair % 2 == 0).then(&mut ours);
        let b = match theirs.median(trips) {
            Ok(b) => b,
            Err(fault) => return println!("{name:58} failed: {fault}"),
        };
        pairs.push((first.unwrap_or_else(&mut ours) as f64, b as f64));
    }
    let of =
        |value: fn(&(f64, f64)) -> f64| median(&mut pairs.iter().map(value).collect::<Vec<_>>());
    let (a, b, ratio) = (of(|pair| pair.0), of(|pair| pair.1), of(|pair| pair.0 / pair.1));
    let verdict = if ratio <= target { "" } else { "  missed" };
    let time = |ns: f64| measure::units::time(ns as u64);
    println!("{name:58} {:>9} {:>9} {ratio:>6.2}x {target:>6.2}x{verdict}", time(a), time(b));
}

/// The other program, which ends with its stdin and leaves nothing then.
struct Theirs {
    child: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Theirs {
    fn start(
        program: &Path,
        way: &str,
        wait: &str,
        [here, there]: [usize; 2],
        bytes: usize,
    ) -> std::io::Result<Theirs> {
        let mut command = Command::new(program);
        command.args([way, wait, &here.to_string(), &there.to_string(), &bytes.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let ask = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut theirs = Theirs { child, ask, answers };
        theirs.median(20)?;
        Ok(theirs)
    }

    fn median(&mut self, trips: usize) -> std::io::Result<u64> {
        writeln!(self.ask.as_mut().expect("open until dropped"), "{trips}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        line.trim().parse().map_err(|_| std::io::Error::other(format!("it said `{}`", line.trim())))
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        self.ask = None;
        let _ = self.child.wait();
    }
}
