//! All sizes of one stratum right after each other, by the same workers, so that they can be set beside
//! each other as a cost model does.
//!
//! Cells are measured one at a time, so two sizes of them may have met two states of the machine: the
//! host of a virtual machine moves its cores, and what passes between them may then take three times as
//! long, for seconds. A rung-by-rung round lasts about a second and has all sizes in one state.

use std::time::{Duration, Instant};

use measure::middle;
use pool::PoolError;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::Setting;
use super::generation::{Generation, WARM_FEW};
use crate::plan::Cell;

/// Rounds, each with workers of its own.
const ROUNDS: usize = 5;

/// Medians of every arm of every cell of `cells`, in nanoseconds, by round; an arm that cannot be had
/// here has 0. All cells are of one stratum. Rounds that would not be done before `deadline` are not
/// begun, and one that is interrupted or late is left out.
///
/// # Errors
/// A worker died, or a transport failed: nothing that a cell would not say of itself.
pub(crate) fn measure(
    setting: &Setting<'_>,
    cells: &[&Cell],
    deadline: Option<Instant>,
    random: &mut StdRng,
) -> Result<Vec<Vec<Vec<u64>>>, PoolError> {
    let Some(largest) = cells.iter().max_by_key(|cell| cell.bytes) else { return Ok(Vec::new()) };
    let all = setting.source.windows(largest.items());
    let cores = largest.placement.cores(setting.allowed, largest.workers);
    let arms: Vec<usize> = (0..largest.arms.len()).collect();
    let mut rounds = Vec::new();
    let mut longest = Duration::ZERO;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let is_over = |needs: Duration| {
            let late = deadline.is_some_and(|deadline| Instant::now() + needs > deadline);
            late || setting.interrupt.signal().is_some()
        };
        if is_over(longest) {
            break;
        }
        let mut fresh = Generation::begin(setting, largest, &arms, &all, &cores, random)?;
        let mut order: Vec<usize> = (0..cells.len()).collect();
        order.shuffle(random);
        let mut medians = vec![vec![0; arms.len()]; cells.len()];
        for at in order {
            let cell = cells[at];
            let windows = setting.source.windows(cell.items());
            let mut turns = arms.clone();
            turns.retain(|arm| fresh.has(*arm));
            turns.shuffle(random);
            for arm in turns {
                if is_over(Duration::ZERO) {
                    return Ok(rounds);
                }
                fresh.warm(cell, arm, &windows, WARM_FEW)?;
                let mut took = fresh.batch(cell, arm, &windows)?.batch.round_trips;
                took.sort_unstable();
                medians[at][arm] = middle(&took);
            }
        }
        rounds.push(medians);
        longest = longest.max(began.elapsed());
    }
    Ok(rounds)
}
