//! One batch: tasks through a worker group, in a closed loop or in an open one.

use measure::now;
use pool::{PoolError, WorkerGroup};

use super::exchange::{Batch, Load, Run, StampBuffers, with_phases};
use super::{closed_loop, open_loop};
use crate::plan::job;

/// Sends `count` tasks and a few phase tasks, and waits for all answers.
///
/// # Errors
/// A worker died, or the transport failed.
pub fn run(
    group: &mut WorkerGroup,
    load: &Load<'_>,
    count: usize,
    stamps: &mut StampBuffers,
) -> Result<Batch, PoolError> {
    let total = with_phases(count);
    stamps.reserved.clear();
    stamps.reserved.resize(total, 0);
    stamps.latency_ns.clear();
    stamps.latency_ns.resize(total, 0);
    stamps.stamped.clear();
    stamps.stamped.reserve(total - count);
    let job = group.job(job(load.job, load.compute_ns)).unwrap_or(u16::MAX);
    let started = now();
    let batch = Batch::default();
    let mut run = Run { group, load, job, total, stamps, batch, started };
    match load.rate {
        None => closed_loop::run(&mut run)?,
        Some(rate) => open_loop::run(&mut run, rate)?,
    }
    let Run { stamps, mut batch, .. } = run;
    batch.wall_ns = now() - started;
    batch.round_trips = stamps.latency_ns.iter().copied().filter(|took| *took > 0).collect();
    batch.stamped = stamps.stamped.clone();
    Ok(batch)
}
