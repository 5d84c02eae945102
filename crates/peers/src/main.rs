//! The laboratory's task by other libraries, each used at its best: `peers WAY WAIT CORE CORE BYTES`.
//!
//! Two processes, one on each core. A list is handed over, the worker sums every item, eight bytes come
//! back and are checked. For each number on stdin it makes so many round trips and prints their median
//! in nanoseconds; at the end of file it ends. `cargo bench -p lab --bench yardstick` drives it.
#![forbid(unsafe_code)]

mod iceoryx;
mod ipc;

use std::io::BufRead;
use std::process::{Child, Command};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Every way, and how it can wait.
const WAYS: [(&str, &[&str]); 6] = [
    ("iceoryx2-copy", &["spin", "event"]),
    ("iceoryx2-idx", &["spin", "event"]),
    ("ipc-channel-vec", &["block"]),
    ("ipc-channel-bytes", &["block"]),
    ("ipc-channel-fresh", &["block"]),
    ("ipc-channel-idx", &["block"]),
];

/// Items between the two windows of one list that take turns: a list seen before has another sum.
const SHIFT: usize = 16;
/// A task of this number is the last.
const STOP: u64 = u64::MAX;
/// Round trips before those that count.
const WARM: u64 = 5;

/// What is to be done, as both processes know it.
struct Plan {
    way: String,
    spins: bool,
    /// Items of each window.
    items: usize,
    /// What the worker looks for: a name of this run.
    name: String,
}

impl Plan {
    /// Where task `task`'s list lies among all items.
    fn window(&self, task: u64) -> std::ops::Range<usize> {
        let start = if task % 2 == 0 { 0 } else { SHIFT };
        start..start + self.items
    }
}

/// One way, as the side that asks has it.
trait Peer {
    /// Hands over the list of task `task`, out of `all` items, and gives the answer.
    fn trip(&mut self, task: u64, all: &[i64]) -> Result<i64>;

    /// Tells the worker to end.
    fn stop(&mut self) -> Result<()>;
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["worker", way, wait, core, bytes, name] => {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            pin(core)?;
            let plan = plan(way, wait, bytes, name.to_owned())?;
            if way.starts_with("iceoryx2") { iceoryx::work(&plan) } else { ipc::work(&plan) }
        }
        [way, wait, here, there, bytes] => ask(way, wait, here, there, bytes),
        _ => bail!("usage: peers WAY WAIT CORE CORE BYTES; ways and waits are {WAYS:?}"),
    }
}

fn plan(way: &str, wait: &str, bytes: &str, name: String) -> Result<Plan> {
    let known = WAYS.iter().any(|(name, waits)| *name == way && waits.contains(&wait));
    ensure!(known, "no way `{way} {wait}`; there are {WAYS:?}");
    let items = bytes.parse::<usize>().context("BYTES is a number")? / 8;
    Ok(Plan { way: way.into(), spins: wait == "spin", items, name })
}

fn ask(way: &str, wait: &str, here: &str, there: &str, bytes: &str) -> Result<()> {
    pin(here)?;
    let mut plan = plan(way, wait, bytes, format!("ipclab-peers-{}", std::process::id()))?;
    let all: Vec<i64> = (0..(plan.items + SHIFT) as i64).collect();
    let sums = [0, 1].map(|task| sum(&all[plan.window(task)]));
    let start = |name: &str| -> Result<Child> {
        let mut worker = Command::new(std::env::current_exe()?);
        Ok(worker.args(["worker", way, wait, there, bytes, name]).spawn()?)
    };
    let (mut worker, mut peer): (Child, Box<dyn Peer>) = if way.starts_with("iceoryx2") {
        let worker = start(&plan.name)?;
        (worker, Box::new(iceoryx::Asks::new(&plan, &all)?))
    } else {
        let (server, name) = ipc::Asks::server()?;
        plan.name = name;
        let worker = start(&plan.name)?;
        (worker, Box::new(ipc::Asks::new(&plan, server, &all)?))
    };
    // A worker that spins would take the core from the side that is measured next.
    let pid = Pid::from_child(&worker);
    let signal = |signal| if plan.spins { kill_process(pid, signal) } else { Ok(()) };
    let mut task = 0;
    for line in std::io::stdin().lock().lines() {
        let trips: usize = line?.trim().parse().context("a number of round trips")?;
        let mut took = Vec::with_capacity(trips);
        signal(Signal::CONT)?;
        for trip in 0..trips as u64 + WARM {
            let began = Instant::now();
            let answer = peer.trip(task, &all)?;
            if trip >= WARM {
                took.push(began.elapsed().as_nanos());
            }
            ensure!(answer == sums[(task % 2) as usize], "a wrong answer to task {task}");
            task += 1;
        }
        signal(Signal::STOP)?;
        took.sort_unstable();
        println!("{}", took.get(took.len() / 2).context("no round trip at all")?);
    }
    signal(Signal::CONT)?;
    peer.stop()?;
    ensure!(worker.wait()?.success(), "the worker failed");
    Ok(())
}

/// Reads every item, by the same loop as the laboratory's job `sum`.
fn sum(list: &[i64]) -> i64 {
    let (blocks, rest) = list.as_chunks::<16>();
    let mut lanes = [0i64; 16];
    for block in blocks {
        for (lane, item) in lanes.iter_mut().zip(block) {
            *lane = lane.wrapping_add(*item);
        }
    }
    lanes.iter().chain(rest).fold(0, |sum, item| sum.wrapping_add(*item))
}

fn pin(core: &str) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core.parse().context("CORE is a number")?);
    Ok(sched_setaffinity(None, &cores)?)
}
