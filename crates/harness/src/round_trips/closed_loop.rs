//! The closed loop: the next task is sent after an answer. A round trip is service time: a slow worker is also sent
//! fewer tasks (coordinated omission).

use pool::PoolError;

use super::exchange::Run;

/// Sends all tasks of `run`, or as many as its time allows, and collects their answers.
pub(super) fn run(run: &mut Run<'_>) -> Result<(), PoolError> {
    let (workers, depth) = (run.load.workers, run.load.depth);
    let mut next = 0;
    // One after another to each worker, so that all begin at once.
    for slot in 0..(workers * depth).min(run.total) {
        run.send(slot % workers, slot)?;
        next += 1;
    }
    let mut answered = 0;
    while answered < next {
        let Some((worker, collected)) = run.collect(None)? else { continue };
        answered += 1;
        let late = collected - run.started > run.load.max_ns;
        if next < run.total && !(late && answered >= run.load.min_answers) {
            run.send(worker, next)?;
            next += 1;
        }
    }
    Ok(())
}
