//! What a case comes to in the record.

use record::{LectureCase, Line, Params, Sequential, TrialTable};
use stats::paired_ratio;
use stats::stopping::Stopped;

use super::case::Case;
use super::pool::Alone;
use crate::context::LabContext;
use crate::experiment::comparisons::{Lines, pair_up, speedup};
use crate::experiment::schedule::Measured;
use crate::experiment::totals::{ArmTotals, TrialContext, distribution};

/// A case that was measured, as far as that went.
pub(super) struct MeasuredCase {
    pub(super) case: LectureCase,
    /// What each arm measured.
    pub(super) params: Vec<Params>,
    pub(super) cores: Vec<usize>,
    /// Numbers of the arms' trials, and last of the sequential line.
    pub(super) ids: Vec<u64>,
    /// One for each arm, and the last for doing it alone.
    pub(super) totals: Vec<ArmTotals>,
    pub(super) measured: Measured,
}

/// Writes the rows of a case: sequential, one trial for each way, and their comparisons.
pub(super) fn write(
    context: &mut LabContext<'_>,
    case: &Case,
    alone: &Alone<'_>,
    of: MeasuredCase,
) -> anyhow::Result<()> {
    let MeasuredCase { case: lecture, params, cores, ids, totals, measured } = of;
    let (lab, options) = (context.lab, context.options);
    let run = &mut *context.run;
    let cut = measured.stopped == Some(Stopped::Interrupted);
    let (generations, planned) = (measured.generations, options.generations);
    let cut_error =
        cut.then(|| format!("interrupted after {generations} of {planned} generations"));
    // Each way is set against doing it alone: if one could not be measured, the case is measured anew.
    let failed = measured.errors.iter().flatten().next().cloned();
    let mut warnings = Vec::new();
    if options.workers > run.allowed.len() {
        let cores = run.allowed.len();
        let workers = options.workers;
        warnings.push(format!("{workers} workers on {cores} cores: the ceiling is {cores}×"));
    }
    let arms = params.len();
    let base = ids[arms];
    run.append(Line::Sequential(Sequential {
        id: base,
        lab: lab.into(),
        case: lecture,
        job: case.job.name().into(),
        only_reads: case.only_reads,
        mixed: case.mixed,
        tasks: case.args.len(),
        rounds: totals[arms].rounds().len() as u64,
        wall_ns: distribution(totals[arms].rounds()),
        answer: alone.answer(),
    }))?;
    for (arm, totals) in totals.into_iter().take(arms).enumerate() {
        let trial = totals.trial(TrialContext {
            id: ids[arm],
            lab,
            params: params[arm].clone(),
            cores: &cores,
            table: TrialTable::Stratum,
            worker: run.program.word,
            generations,
            pairs: measured.pairs,
            batches: &measured.batches[arm],
            stopped: measured.stopped.map(|why| why.name().into()),
            warnings: &warnings,
            error: measured.errors[arm]
                .clone()
                .or_else(|| cut_error.clone())
                .or_else(|| failed.clone()),
        });
        run.append(Line::Trial(Box::new(trial)))?;
    }
    if cut || failed.is_some() {
        return Ok(());
    }
    for (arm, params) in params.into_iter().enumerate() {
        let pairs = pair_up(&measured.batches[arms], &measured.batches[arm]);
        let Some(ratio) = paired_ratio::ratio(&pairs) else { continue };
        let lines =
            Lines { lab, params, cores: &cores, base, other: ids[arm], base_name: "sequential" };
        let mut comparison = speedup(&ratio, (case.judge)(&ratio), lines);
        comparison.id = run.next_id();
        run.append(Line::Comparison(Box::new(comparison)))?;
    }
    Ok(())
}
