//! A thread that kills this process's children, one at a time, at instants that it draws.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use procfs::process::Process;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Between two kills, in microseconds: from within one task to longer than a worker needs to start.
/// The instants are spread evenly over the orders of magnitude, so that none is favoured.
const MIN_PAUSE_US: f64 = 50.0;
const MAX_PAUSE_US: f64 = 20_000.0;

/// Kills until it has killed enough, or is dropped.
pub(super) struct Killer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    // Relaxed throughout: these are a count and a flag that nothing else hangs on.
    kills: AtomicU32,
    enough: AtomicBool,
}

impl Killer {
    /// Starts to kill, `most` times.
    ///
    /// # Errors
    /// No thread to be had.
    pub(super) fn start(most: u32, seed: u64) -> std::io::Result<Killer> {
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new().name("killer".into()).spawn({
            let shared = shared.clone();
            move || kill_all_the_time(&shared, most, StdRng::seed_from_u64(seed))
        })?;
        Ok(Killer { shared, thread: Some(thread) })
    }

    /// Processes killed so far, each counted once.
    pub(super) fn kills(&self) -> u32 {
        self.shared.kills.load(Relaxed)
    }
}

impl Drop for Killer {
    fn drop(&mut self) {
        self.shared.enough.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn kill_all_the_time(shared: &Shared, most: u32, mut random: StdRng) {
    let mut killed = HashSet::new();
    while shared.kills.load(Relaxed) < most && !shared.enough.load(Relaxed) {
        let pause = random.random_range(MIN_PAUSE_US.ln()..MAX_PAUSE_US.ln()).exp();
        std::thread::sleep(Duration::from_secs_f64(pause / 1e6));
        let Some(&pid) = children().choose(&mut random) else { continue };
        if let Some(victim) = kill(pid, &killed) {
            killed.insert(victim);
            shared.kills.fetch_add(1, Relaxed);
        }
    }
}

/// Processes that this one started and that are not reaped.
fn children() -> Vec<u32> {
    let threads = Process::myself().and_then(|this| this.tasks());
    let threads = threads.into_iter().flatten().flatten();
    threads.filter_map(|thread| thread.children().ok()).flatten().collect()
}

/// Kills child `pid`, unless it is among those `killed`; gives its number and when it began.
fn kill(pid: u32, killed: &HashSet<(u32, u64)>) -> Option<(u32, u64)> {
    let number = i32::try_from(pid).ok()?;
    let victim = pidfd_open(Pid::from_raw(number)?, PidfdFlags::empty()).ok()?;
    // Who the descriptor means is known only now: the number may have gone to a stranger meanwhile.
    let stat = Process::new(number).and_then(|process| process.stat()).ok()?;
    let this = (pid, stat.starttime);
    let ours = stat.ppid.unsigned_abs() == std::process::id();
    if !ours || stat.state == 'Z' || killed.contains(&this) {
        return None;
    }
    pidfd_send_signal(victim, Signal::KILL).ok()?;
    Some(this)
}
