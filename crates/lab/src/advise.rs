//! Which plan for so many tasks of one kind: from the newest run that can say, or from a few seconds of
//! measuring; and the check of an advice by doing all plans.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::run_writer::RUNS;
use harness::speedup::{self, Case, arms, calibrate};
use harness::{LabContext, LabOptions, RunOptions, RunWriter, Scale, UsageError};
use measure::units::{size, time};
use pool::{Job, Value};
use record::{AdviceLine, Line, Record};
use report::analysis::advice::{self, Question, SEQUENTIAL};
use report::analysis::cost_models::hinges;
use stats::paired_ratio::Ratio;
use transport::Residency;
use workload::lecture::{
    HeavyWorkSmallData, LightWorkLargeData, LightWorkSmallData, SimulateWork, pack_repeats,
};

/// Time to measure what is lacking, unless the user says otherwise.
const SHORT_BUDGET: Duration = Duration::from_secs(10);
/// Checking an advice takes no longer than this for one round of a plan, in nanoseconds.
const MAX_ROUND_NS: u64 = 10_000_000_000;
/// Tasks of a round that is measured to learn from, as in the lecture.
const TASKS: usize = 8;
/// Square roots of a heavy task: some tenths of a millisecond.
const ROOTS: u32 = 200_000;
/// Ways through a pool.
const WAYS: [(&str, Residency); 3] =
    [("pipe", Residency::Place), ("shared", Residency::Place), ("shared", Residency::Resident)];

/// An advice, and how it came about.
pub struct Advised {
    /// The plans.
    pub advice: AdviceLine,
    /// Whether it was learnt from a run that had to be made.
    pub lacked: Option<String>,
    /// The record that was written, where something was measured, and what to end with.
    pub folder: Option<PathBuf>,
    /// What the process should end with.
    pub code: u8,
}

/// Answers `question` from `run`, or the newest run that can, or by measuring; checks it if `check`.
///
/// # Errors
/// `run` holds no record, or nothing could be measured.
pub fn advise(
    question: &Question,
    run: Option<&Path>,
    check: bool,
    options: &RunOptions,
) -> anyhow::Result<Advised> {
    let (mut advice, lacked) = match known(question, run)? {
        Ok(advice) => (Some(advice), None),
        Err(lack) => (None, Some(lack)),
    };
    if let (Some(advice), false) = (&advice, check) {
        return Ok(Advised { advice: advice.clone(), lacked: None, folder: None, code: 0 });
    }
    if let Some(advice) = &advice {
        checkable(advice)?;
    }
    let need = question.bytes.saturating_mul(4 * question.workers + 8);
    let free = shm::segment::memory_available().unwrap_or(usize::MAX);
    if need > free / 10 * 9 {
        return Err(refuse_memory(question.bytes, need, free).into());
    }
    let lab_options = LabOptions {
        workers: question.workers,
        scale: Scale::Calibrated,
        durations: None,
        kills: None,
        sizes: None,
        generations: 3,
        pairs: 3,
        run: options.clone(),
    };
    let mut run = RunWriter::begin(options, format!("advise {question:?} {check}"))?;
    let mut context = LabContext::new(&mut run, &lab_options, "advise");
    if let Some(lack) = &lacked {
        if !options.quiet {
            anstream::eprintln!("advise   no run has {lack}: measuring it");
        }
        context.run.deadline = Some(Instant::now() + options.budget.unwrap_or(SHORT_BUDGET));
        let cases = little(question.bytes);
        context.progress.expect(cases.len());
        cases.iter().try_for_each(|case| speedup::measure(&mut context, case))?;
        let learnt = learn(&context.run.record, question);
        advice = Some(learnt.map_err(|lack| anyhow::anyhow!("measuring did not give {lack}"))?);
    }
    let mut advice = advice.ok_or_else(|| anyhow::anyhow!("there is no advice to check"))?;
    if check {
        checkable(&advice)?;
        context.run.deadline = options.budget.map(|budget| Instant::now() + budget);
        context.progress.expect(1);
        let case = asked(question);
        speedup::measure(&mut context, &case)?;
        fill_in(&mut advice, &context.run.record, &case.name);
    }
    let outcome = context.outcome;
    run.append(Line::Advice(Box::new(advice.clone())))?;
    let done = run.end(outcome)?;
    Ok(Advised { advice, lacked, folder: Some(done.folder), code: done.code })
}

/// Whether carrying all plans out takes no longer than people wait.
fn checkable(advice: &AdviceLine) -> Result<(), UsageError> {
    let longest = advice.plans.iter().map(|plan| plan.predicted_ns).max().unwrap_or(0);
    if longest <= MAX_ROUND_NS {
        return Ok(());
    }
    Err(UsageError::new(format!(
        "--measure: a round of the slowest plan would take about {}: ask for fewer --tasks or less --compute",
        time(longest)
    )))
}

/// Why lists of `bytes` are too large.
pub fn refuse_memory(bytes: usize, need: usize, free: usize) -> UsageError {
    UsageError::new(format!(
        "--bytes {}: lists of that size need about {} of memory, and {} are free",
        size(bytes),
        size(need),
        size(free),
    ))
}

/// What runs that are there say; or what they lack.
fn known(
    question: &Question,
    run: Option<&Path>,
) -> Result<Result<AdviceLine, String>, UsageError> {
    let of = |folder: &Path| -> Result<Result<AdviceLine, String>, UsageError> {
        let stored = record::store::read(folder).map_err(|cause| {
            UsageError::new(format!("--run {}: there is no record ({cause})", folder.display()))
        })?;
        Ok(learn(&stored.record, question))
    };
    if let Some(folder) = run {
        return of(folder);
    }
    let entries = std::fs::read_dir(RUNS).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.sort();
    let mut lack = Err(format!("tasks through pools of {} workers", question.workers));
    for folder in folders.iter().rev() {
        match of(folder) {
            Ok(Ok(advice)) => return Ok(Ok(advice)),
            Ok(Err(why)) => lack = Err(why),
            Err(_) => {} // a folder of something else
        }
    }
    Ok(lack)
}

/// What `record` says of `question`; or what it lacks.
fn learn(record: &Record, question: &Question) -> Result<AdviceLine, String> {
    advice::advise(record, &hinges(record), question)
}

/// The cases that a model of a pool needs: light without a list, light with one, heavy.
fn little(bytes: usize) -> Vec<Case> {
    let list = list(bytes);
    let one = Value::Int(1);
    let mut cases = vec![
        case("light".into(), &LightWorkSmallData, one, TASKS, 1, None),
        case("heavy".into(), &HeavyWorkSmallData, pack_repeats(ROOTS, 1), TASKS, 1, None),
    ];
    if list.is_some() {
        let name = format!("light, {}", size(bytes));
        let of = case(name, &LightWorkLargeData, Value::Int(0), TASKS, 1, list);
        cases.push(Case { only_reads: true, ..of });
    }
    cases
}

/// The case that was asked about.
fn asked(question: &Question) -> Case {
    let millisecond = |repeats| pack_repeats(1000, repeats);
    let repeats = calibrate(&SimulateWork, &millisecond, &[], Duration::from_millis(1));
    let us = (question.compute_ns as f64 / 1000.0).round() as u32;
    let arg = pack_repeats(us, repeats);
    let name = format!("{} × {}, {} B", question.tasks, time(question.compute_ns), question.bytes);
    let list = list(question.bytes);
    let of = case(name, &SimulateWork, arg, question.tasks, repeats, list);
    Case { compute_ns: question.compute_ns, ..of }
}

fn case(
    name: String,
    job: &'static dyn Job,
    arg: Value,
    tasks: usize,
    repeats: u32,
    list: Option<Arc<[i64]>>,
) -> Case {
    Case {
        name,
        job,
        args: vec![arg; tasks],
        arms: arms(&WAYS, list.is_some()),
        list,
        repeats,
        compute_ns: 0,
        only_reads: false,
        mixed: false,
        judge: Ratio::speedup,
    }
}

fn list(bytes: usize) -> Option<Arc<[i64]>> {
    (bytes > 0).then(|| (0..(bytes / shm::ITEM_BYTES) as i64).collect())
}

/// Sets what each plan took beside what it was predicted to take.
fn fill_in(advice: &mut AdviceLine, record: &Record, case: &str) {
    let alone = record.sequentials.iter().filter(|alone| alone.case.case == case);
    let alone = alone.map(|alone| (SEQUENTIAL.to_owned(), alone.wall_ns.p50));
    let of_case = |of: &&record::Trial| of.params.case.as_ref().is_some_and(|of| of.case == case);
    let pools = record.trials.iter().filter(of_case).map(|trial| {
        (trial.params.arm.name(), trial.round_ns.as_ref().map_or(0, |rounds| rounds.p50))
    });
    for (plan, took) in alone.chain(pools) {
        let of_plan = advice.plans.iter_mut().filter(|of| of.plan == plan && took > 0);
        of_plan.for_each(|of| of.measured_ns = Some(took));
    }
}
