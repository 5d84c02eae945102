//! The open loop: tasks are sent on a schedule, and their time counts from when each *should* have been sent. A worker
//! that stalls delays all tasks that were due meanwhile, as a user would see it; a closed loop would send fewer tasks
//! and see one slow answer.

use std::time::Duration;

use measure::now;
use pool::PoolError;

use super::exchange::Run;

/// Sleeping until a moment comes late by up to this long: the last of it is waited for awake.
const SPIN_BEFORE_DUE: Duration = Duration::from_micros(100);

/// Sends all tasks of `run` at `rate` a second, and collects their answers.
pub(super) fn run(run: &mut Run<'_>, rate: f64) -> Result<(), PoolError> {
    let depth = run.load.depth;
    let gap_ns = 1e9 / rate;
    let started = run.started;
    let due = |id: usize| started + (id as f64 * gap_ns) as u64;
    let mut in_hand = vec![0; run.load.workers];
    let (mut next, mut answered) = (0, 0);
    while answered < run.total {
        // What is due and finds all workers busy waits here, and its time runs.
        while next < run.total && now() >= due(next) {
            let least = in_hand.iter_mut().enumerate().min_by_key(|(_, tasks)| **tasks);
            let Some((worker, tasks)) = least.filter(|(_, tasks)| **tasks < depth) else { break };
            *tasks += 1;
            run.send(worker, next)?;
            run.stamps.reserved[next] = due(next);
            next += 1;
        }
        let room = in_hand.iter().any(|tasks| *tasks < depth);
        let until_due = (next < run.total && room).then(|| due(next).saturating_sub(now()));
        let timeout = until_due.map(|ns| Duration::from_nanos(ns).saturating_sub(SPIN_BEFORE_DUE));
        if let Some((worker, _)) = run.collect(timeout)? {
            in_hand[worker] -= 1;
            answered += 1;
        }
    }
    Ok(())
}
