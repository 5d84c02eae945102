//! A whole coordinator, killed at work: what becomes of its workers and of its segments.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use harness::LabContext;
use pool::Kind;
use procfs::process::Process;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::observe::{Survived, clean, names_of, path_of, until, write};

/// Workers of the coordinator that is killed.
const WORKERS: usize = 2;
/// By then no worker may live.
const MAX_WORKER_LIFE: Duration = Duration::from_secs(1);

/// Kills one with a memfd segment and one with a posix segment.
///
/// # Errors
/// There is no coordinator, or it does not work.
pub(super) fn measure(context: &mut LabContext<'_>) -> anyhow::Result<()> {
    for kind in [Kind::Memfd, Kind::Posix] {
        let folder = tempfile::tempdir()?;
        let mut victim = Victim(begin(kind, folder.path())?);
        let survived = kill(&mut victim.0, kind).with_context(|| format!("a coordinator, {kind}"));
        clean(victim.0.id())?;
        write(context, "coordinator", kind.name(), "its workers work", survived?)?;
    }
    Ok(())
}

/// A coordinator that is killed at the latest when this is dropped.
struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A sweep without an end.
fn begin(kind: Kind, folder: &Path) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["sweep", "--quiet", "--no-limits", "--transport", "shared", "--sizes", "1MiB"]);
    command.args(["--segment", kind.name(), "--generations", "1000", "--pairs", "1000"]);
    command.args(["--workers", &WORKERS.to_string(), "--pin", "none"]);
    command.arg("--out").arg(folder.join("run"));
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(quiet.spawn()?)
}

fn kill(victim: &mut Child, kind: Kind) -> anyhow::Result<Survived> {
    let pid = victim.id();
    let mut workers = Vec::new();
    until("a coordinator works", || {
        workers = workers_of(pid);
        workers.len() == WORKERS && path_of(pid, kind).is_some()
    })?;
    ensure!(victim.try_wait()?.is_none(), "it ended by itself");
    victim.kill()?;
    let killed = Instant::now();
    victim.wait()?;
    let mut alive = 0;
    for worker in &workers {
        let left = MAX_WORKER_LIFE.saturating_sub(killed.elapsed());
        let left = Timespec { tv_sec: 0, tv_nsec: left.as_nanos().min(999_999_999) as _ };
        // A process's descriptor can be read once it has ended.
        alive += u64::from(poll(&mut [PollFd::new(worker, PollFlags::IN)], Some(&left))? == 0);
    }
    let names = names_of(pid);
    let segment = match names {
        0 => "and the segment with them",
        _ => "name and memory stay: doctor --clean",
    };
    let outcome = match alive {
        0 => format!("its workers end at once, {segment}"),
        _ => format!("{alive} of its workers live a second later, {segment}"),
    };
    let well = alive == 0 && (names > 0) == (kind == Kind::Posix);
    Ok(Survived { outcome, well, left: alive + names, known_ns: None })
}

/// The processes that process `pid` has started.
fn workers_of(pid: u32) -> Vec<std::os::fd::OwnedFd> {
    let threads = Process::new(pid as i32).and_then(|process| process.tasks());
    let threads = threads.into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| thread.children().ok()).flatten();
    let open = |child: u32| pidfd_open(Pid::from_raw(child as i32)?, PidfdFlags::empty()).ok();
    children.filter_map(open).collect()
}
