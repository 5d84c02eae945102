//! The sizes of a plan right after each other, stratum by stratum: what its cost models are made from.

use std::time::Instant;

use measure::model::{FEWEST, quicker_half};
use pool::PoolError;
use rand::rngs::StdRng;

use crate::book::Book;
use crate::plan::Cell;
use crate::source::Source;
use crate::trial::{Setting, ladder};

/// Part of the time left that all of this may take, where that is limited.
const PART: f64 = 0.1;

/// For cells, the median round trip of each arm beside the other sizes; 0 where there is none.
#[derive(Default)]
pub(crate) struct Beside<'a> {
    medians: Vec<(&'a Cell, Vec<u64>)>,
    /// Whether a worker died meanwhile.
    pub(crate) worker_lost: bool,
}

impl<'a> Beside<'a> {
    /// Measures it for each stratum of `cells` that has sizes enough for a model.
    pub(crate) fn measure(
        book: &Book,
        cells: &[&'a Cell],
        source: &Source,
        random: &mut StdRng,
    ) -> Beside<'a> {
        let strata = strata(cells);
        let began = Instant::now();
        let part = book.deadline.map(|deadline| {
            let left = deadline.saturating_duration_since(began);
            left.mul_f64(PART) / strata.len().max(1) as u32
        });
        let setting = Setting {
            found: &book.found,
            source,
            allowed: &book.allowed,
            interrupt: &book.interrupt,
            run: &book.id,
        };
        let mut beside = Beside::default();
        for (stratum, nth) in strata.iter().zip(1..) {
            let deadline = part.map(|part| began + part * nth);
            let rounds = ladder::measure(&setting, stratum, deadline, random);
            beside.worker_lost |= matches!(rounds, Err(PoolError::Died(_)));
            // Whatever else fails here fails in its own cell too, and is said there.
            let rounds = rounds.unwrap_or_default();
            beside.medians.extend(stratum.iter().enumerate().map(|(at, cell)| {
                let of = |arm: usize| {
                    let of_arm = |round: &Vec<Vec<u64>>| -> Vec<u64> {
                        round.iter().map(|size| size[arm]).collect()
                    };
                    let rounds: Vec<Vec<u64>> = rounds.iter().map(of_arm).collect();
                    quicker_half(&rounds).get(at).copied().unwrap_or(0)
                };
                (*cell, (0..cell.arms.len()).map(of).collect())
            }));
        }
        beside
    }

    /// Of arm number `arm` of `cell`, if it was measured.
    pub(crate) fn of(&self, cell: &Cell, arm: usize) -> Option<u64> {
        let (_, medians) = self.medians.iter().find(|(known, _)| std::ptr::eq(*known, cell))?;
        medians.get(arm).copied().filter(|ns| *ns > 0)
    }
}

/// Those of `cells` that differ by nothing but their size, where they are enough; open loops, controls
/// and tasks that compute have no model.
fn strata<'a>(cells: &[&'a Cell]) -> Vec<Vec<&'a Cell>> {
    let mut strata: Vec<Vec<&Cell>> = Vec::new();
    let of_model = |cell: &&&Cell| !cell.control && cell.rate.is_none() && cell.compute_ns == 0;
    for &cell in cells.iter().filter(of_model) {
        match strata.iter_mut().find(|stratum| stratum[0].is_beside(cell)) {
            Some(stratum) => stratum.push(cell),
            None => strata.push(vec![cell]),
        }
    }
    strata.retain(|stratum| stratum.len() >= FEWEST);
    strata
}
