//! One owner after another, each killed in a chosen state, and what survived.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pool::{ExitReason, Future, Kind, Outcome, Pool, TaskError};
use shm::lock::{MUTEX_BYTES, Mutex, take_file};
use shm::{Access, Segment, Span};

use harness::LabContext;
use harness::ending::{segments_left, workers_left};

use super::coordinator_kill;
use super::observe::{MAX_WAIT, Survived, clean, names_of, path_of, until, write};

/// The ways that states are shown by: one that copies, one that shares.
const WAYS: [&str; 2] = ["pipe", "shared"];
/// Items of a list that no pipe holds, and that no worker has copied at once.
const LIST_ITEMS: usize = 1 << 20;
/// Long enough for a worker to be in the midst of it.
const UNDER_WAY: Duration = Duration::from_millis(50);
/// A job that takes longer than that.
const LONGER_MS: i64 = 300;

/// States of a worker, each with what is done to bring one there.
const STATES: [(&str, State); 5] = [
    ("the task waits behind another", State::Queued),
    ("half of the list has come", State::Reading),
    ("the job computes", State::Computing),
    ("the job computes, and must not be repeated", State::Once),
    ("half of the answer is written", State::Replying),
];

#[derive(Clone, Copy, PartialEq)]
enum State {
    Queued,
    Reading,
    Computing,
    Once,
    Replying,
}

/// Kills owners of tasks, locks and segments, one in each state.
///
/// # Errors
/// There is no pool, or one could not be brought into its state.
pub(super) fn measure(context: &mut LabContext<'_>) -> anyhow::Result<()> {
    for way in WAYS {
        for (words, state) in STATES {
            // In a segment there is no half: a list is all there before its descriptor is.
            if way == "shared" && matches!(state, State::Reading | State::Replying) {
                continue;
            }
            let outcome = worker(context, way, state).with_context(|| format!("{way}: {words}"))?;
            write(context, "worker", way, words, outcome)?;
        }
    }
    locks(context)?;
    Kind::ALL.iter().try_for_each(|kind| segment(context, *kind))?;
    coordinator_kill::measure(context)
}

fn pool(context: &LabContext<'_>, way: &str) -> anyhow::Result<Pool> {
    let launch = context.run.program.launch.clone();
    let builder = Pool::builder().launch(launch).transport(way).workers(1).depth(2);
    Ok(builder.longest_list(LIST_ITEMS).longest_answer(LIST_ITEMS).build()?)
}

/// Brings a worker into that state and kills it.
fn worker(context: &LabContext<'_>, way: &str, state: State) -> anyhow::Result<Survived> {
    let pool = pool(context, way)?;
    let pid = pool.pids()[0];
    let list: Arc<[i64]> = (0..LIST_ITEMS as i64).collect();
    let sum = (LIST_ITEMS * (LIST_ITEMS - 1) / 2) as i64;
    let (future, want) = match state {
        State::Queued => {
            signal(pid, Signal::SIGSTOP)?;
            drop(pool.submit("sleep", 0, ())?);
            (pool.submit("sleep", 1, ())?, 1)
        }
        State::Reading => {
            signal(pid, Signal::SIGSTOP)?;
            // Sending takes until the worker reads, or can read no more.
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(UNDER_WAY);
                    signal(pid, Signal::SIGKILL)
                });
                pool.submit("sum", 0, list).map(|future| (future, sum))
            })?
        }
        State::Computing => (pool.submit("sleep", LONGER_MS, ())?, LONGER_MS),
        State::Once => {
            signal(pid, Signal::SIGSTOP)?;
            (pool.submit("panic", 0, ())?, 0)
        }
        // The coordinator looks away, and the pipe is full.
        State::Replying => (pool.submit("shift", 1, list)?, LIST_ITEMS as i64),
    };
    if state != State::Reading {
        std::thread::sleep(UNDER_WAY);
        signal(pid, Signal::SIGKILL)?;
    }
    let killed = Instant::now();
    let (outcome, known_ns) = known(&pool, pid, future, killed)?;
    let (outcome, well) = match outcome {
        Ok(answer) if answer.value != want.into() => ("a wrong answer".into(), false),
        Ok(answer) if answer.attempts == 1 => {
            ("another worker did it: it had not begun".into(), true)
        }
        Ok(answer) => (format!("begun again, {} times in all, and right", answer.attempts), true),
        Err(TaskError::WorkerDied { reason: ExitReason::Killed(9), attempts: 1, .. }) => {
            ("told: WorkerDied, by SIGKILL".into(), state == State::Once)
        }
        Err(other) => (other.to_string(), false),
    };
    drop(pool);
    let left = workers_left() + segments_left();
    Ok(Survived { outcome, well: well && left == 0, left, known_ns })
}

/// The outcome, and how long after the kill another worker was there.
fn known(
    pool: &Pool,
    pid: u32,
    future: Future,
    killed: Instant,
) -> anyhow::Result<(Outcome, Option<u64>)> {
    let mut future = future;
    let mut replaced = None;
    loop {
        let came = future.result_timeout(Duration::from_millis(1));
        if replaced.is_none() && !pool.pids().contains(&pid) {
            replaced = Some(killed.elapsed().as_nanos() as u64);
        }
        match came {
            Ok(outcome) => return Ok((outcome, replaced)),
            Err(later) => future = later,
        }
        ensure!(killed.elapsed() < MAX_WAIT, "nothing came of it");
    }
}

/// A worker that holds raw_sync's mutex and the lock on a file is killed.
fn locks(context: &mut LabContext<'_>) -> anyhow::Result<()> {
    let segment = Segment::create(Kind::Memfd, Access::Words, MUTEX_BYTES)?;
    let mutex = Mutex::create(Span::of(&segment, 0, MUTEX_BYTES))?;
    let file = File::from(segment.grant()?.1.context("a memfd has a descriptor")?);
    let number = file.as_raw_fd();
    let mine = File::options().read(true).write(true).open(format!("/proc/self/fd/{number}"))?;
    let pool = pool(context, "pipe")?;
    let _held = pool.submit("hold_locks", number, ())?;
    let held = || {
        let again = File::options().write(true).open(format!("/proc/self/fd/{number}"));
        again.is_ok_and(|again| !take_file(again))
    };
    until("the locks are held", held)?;
    signal(pool.pids()[0], Signal::SIGKILL)?;
    drop((_held, pool));
    let free = |free: bool| match free {
        true => "free at once: the kernel drops it with its holder".to_owned(),
        false => "held for ever: a process that asks for it waits in vain".to_owned(),
    };
    for (of, free_now, wanted) in [
        ("raw_sync's mutex", mutex.take(), false),
        ("a lock on the file (OFD)", take_file(&mine), true),
    ] {
        let well = free_now == wanted;
        let survived = Survived { outcome: free(free_now), well, left: 0, known_ns: None };
        write(context, "lock", of, "held, and its holder is killed", survived)?;
    }
    Ok(())
}

/// A worker that has made a segment of that kind is killed; and another has it shrunk under it.
fn segment(context: &mut LabContext<'_>, kind: Kind) -> anyhow::Result<()> {
    let place = Kind::ALL.iter().position(|other| *other == kind).unwrap_or(0) as i64;
    for shrink in [false, true] {
        let pool = pool(context, "pipe")?;
        let pid = pool.pids()[0];
        let owned = pool.submit("own_segment", place, ())?;
        let mut found = None;
        until("there is a segment", || {
            found = path_of(pid, kind);
            found.is_some()
        })?;
        let path = found.context("it was just there")?;
        until("it is made", || is_made(&path, kind))?;
        std::thread::sleep(UNDER_WAY);
        let outcome = if shrink {
            let file = File::options().write(true).open(&path)?;
            match file.set_len(0) {
                Err(refused) => {
                    signal(pid, Signal::SIGKILL)?;
                    format!("refused: {refused}")
                }
                Ok(()) => match owned.result() {
                    Err(TaskError::WorkerDied { reason, .. }) => {
                        format!("done, and of the owner: {reason}")
                    }
                    other => format!("done, and of the owner: {other:?}"),
                },
            }
        } else {
            signal(pid, Signal::SIGKILL)?;
            match owned.result() {
                Err(TaskError::WorkerDied { .. }) => String::new(),
                other => format!("{other:?}"),
            }
        };
        drop(pool);
        let left = names_of(pid);
        let sealed = outcome.starts_with("refused");
        let (state, outcome, well) = match (shrink, left) {
            (true, _) => ("another shrinks it", outcome, sealed == (kind == Kind::Memfd)),
            (false, 0) => {
                ("its owner is killed", "gone with its last map".into(), kind != Kind::Posix)
            }
            (false, _) => {
                let words = "its name and its memory stay: doctor --clean".to_owned();
                ("its owner is killed", words, kind == Kind::Posix)
            }
        };
        clean(pid)?;
        let survived = Survived { outcome, well, left, known_ns: None };
        write(context, "segment", kind.name(), state, survived)?;
    }
    Ok(())
}

/// Whether the segment has been sealed by its maker, if it can be sealed.
fn is_made(path: &Path, kind: Kind) -> bool {
    let seals = || {
        let got = fcntl(File::open(path).ok()?, FcntlArg::F_GET_SEALS).ok()?;
        Some(SealFlag::from_bits_truncate(got))
    };
    kind != Kind::Memfd || seals().is_some_and(|seals| seals.contains(SealFlag::F_SEAL_SHRINK))
}

/// To a worker that its pool has not replaced: it is not reaped, and the number is still its own.
fn signal(pid: u32, signal: Signal) -> anyhow::Result<()> {
    Ok(kill(Pid::from_raw(i32::try_from(pid)?), signal)?)
}
