//! Carries a plan out: every cell in random order, every line written down as soon as it is known.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use measure::record::{End, Line, RunLine, SCHEMA};
use measure::run::{PAIRS, PairRow, RECORD, Record, Writer};
use measure::{machine, now};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::args::Common;
use crate::interrupt::Interrupt;
use crate::plan::{Cell, Plan};
use crate::progress::Progress;
use crate::refusal::Refusal;
use crate::source::Source;
use crate::trial::{self, Setting};
use crate::{BUILD, commit, launch, placement};

/// A finished, or interrupted, run.
pub struct Done {
    /// Every line of its record.
    pub lines: Vec<Line>,
    /// Where the record is.
    pub folder: PathBuf,
    /// What the process should end with.
    pub code: u8,
}

/// Carries `plan` out with lists from `source`, which is asked once the plan is known to fit.
///
/// # Errors
/// Nothing could be measured at all: a [`Refusal`] where the user can mend it.
pub fn carry_out(
    plan: &Plan,
    source: impl FnOnce() -> Result<Source, Refusal>,
    common: &Common,
) -> anyhow::Result<Done> {
    let started = now();
    let interrupt = Interrupt::listen().context("listening for Ctrl-C")?;
    let allowed = placement::allowed_cores()?;
    check(plan, &allowed)?;
    let source = source()?;
    let found = launch::find(common.worker.as_deref()).map_err(Refusal::usage)?;
    let begun = jiff::Timestamp::now();
    let id = begun.strftime("%Y-%m-%dT%H-%M-%S").to_string();
    let folder = common.out.clone().unwrap_or_else(|| Path::new("runs").join(&id));
    let before = earlier(&folder, plan)?;
    let writer = Writer::open(&folder, common.json.is_some()).map_err(|cause| {
        let folder = folder.display();
        Refusal::usage(format!(
            "the output folder {folder} cannot be written: {cause}; name another with --out"
        ))
    })?;
    let seed = common.seed.unwrap_or_else(rand::random);
    let lines = before.lines;
    let resumes = lines.iter().find_map(|line| match line {
        Line::Run(run) => Some(run.id.clone()),
        _ => None,
    });
    let machine = machine::this();
    if !common.quiet {
        anstream::eprintln!("{}", report::machine(&machine));
    }
    let mut book = Book { writer, lines };
    let run = RunLine {
        schema: SCHEMA,
        id: id.clone(),
        command: std::env::args().collect(),
        version: env!("CARGO_PKG_VERSION").into(),
        build: BUILD.into(),
        commit: commit(),
        seed,
        plan: plan.fingerprint(),
        started: begun.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        resumes,
    };
    book.say(Line::Run(run))?;
    book.say(Line::Machine(machine))?;

    let setting = Setting {
        found: &found,
        source: &source,
        allowed: &allowed,
        interrupt: &interrupt,
        run: &id,
    };
    let mut random = StdRng::seed_from_u64(seed);
    let mut left: Vec<&Cell> =
        plan.cells.iter().filter(|cell| !is_measured(cell, &book.lines, &allowed)).collect();
    left.shuffle(&mut random);
    let mut progress = Progress::new(left.len(), common.quiet);
    let deadline = common.budget.map(|budget| Instant::now() + *budget);
    let mut next_id = book.lines.iter().map(id_of).max().unwrap_or(0) + 1;
    let mut duplicated = 0;
    let mut short = false;
    let mut worker_lost = false;
    while let Some(cell) = left.pop() {
        if interrupt.signal().is_some() {
            break;
        }
        let name = format!("{} {}", report::size(cell.bytes), cell.placement);
        progress.begin(&name);
        let share = deadline.map(|deadline| share_of(deadline, cell, &left));
        let mut note = |rows: &[PairRow]| book.writer.write_pairs(rows);
        let measured = trial::measure(&setting, plan, cell, share, &mut random, &mut note)
            .with_context(|| format!("writing {}", folder.join(PAIRS).display()))?;
        duplicated += measured.duplicated;
        worker_lost |= measured.worker_lost;
        let first = next_id;
        for mut trial in measured.trials {
            trial.id = next_id;
            next_id += 1;
            short |= trial.generations < plan.generations && !measured.interrupted;
            book.say(Line::Trial(Box::new(trial)))?;
        }
        for (base, other, mut comparison) in measured.comparisons {
            comparison.id = next_id;
            next_id += 1;
            (comparison.base, comparison.other) = (first + base as u64, first + other as u64);
            book.say(Line::Comparison(comparison))?;
        }
        progress.finish(&name);
    }
    drop(progress);
    let (end, code) = end(&book.lines, &interrupt, duplicated, worker_lost, short, now() - started);
    book.say(Line::End(end))?;
    Ok(Done { lines: book.lines, folder, code })
}

/// The run so far, in memory and on the disk.
struct Book {
    writer: Writer,
    lines: Vec<Line>,
}

impl Book {
    fn say(&mut self, line: Line) -> anyhow::Result<()> {
        let record = self.writer.folder().join(RECORD);
        self.writer.write(&line).with_context(|| format!("writing {}", record.display()))?;
        self.lines.push(line);
        Ok(())
    }
}

/// What can be refused before anything is started.
fn check(plan: &Plan, allowed: &[usize]) -> Result<(), Refusal> {
    let free = shm::segment::memory_available().unwrap_or(usize::MAX);
    for cell in &plan.cells {
        let need = cell.memory_bytes();
        if need > free / 10 * 9 {
            return Err(Refusal::usage(format!(
                "a list of {} with {} workers and depth {} needs about {} of memory, and {} are free: ask for a smaller --sizes",
                report::size(cell.bytes),
                cell.workers,
                cell.depth,
                report::size(need),
                report::size(free),
            )));
        }
        let cores = cell.placement.cores(allowed, cell.workers);
        if let Some(core) = cores.iter().find(|core| !allowed.contains(core)) {
            return Err(Refusal::usage(format!(
                "core {core} may not be used by this process: --pin takes cores of {allowed:?}"
            )));
        }
    }
    Ok(())
}

/// The record that `folder` holds already, if this plan can go on with it.
fn earlier(folder: &Path, plan: &Plan) -> Result<Record, Refusal> {
    if !folder.join(RECORD).exists() {
        return Ok(Record::default());
    }
    let refuse = |why: &str| {
        let folder = folder.display();
        Err(Refusal::usage(format!("{folder} holds a record that {why}: name another --out")))
    };
    let record = match measure::run::read(folder) {
        Ok(record) => record,
        Err(cause) => return refuse(&format!("cannot be read ({cause})")),
    };
    if record.lines.iter().any(|line| matches!(line, Line::End(end) if end.status != "interrupted"))
    {
        return refuse("is complete");
    }
    let same = record.lines.iter().all(|line| match line {
        Line::Run(run) => run.plan == plan.fingerprint() && run.build == BUILD,
        _ => true,
    });
    if same { Ok(record) } else { refuse("comes from another plan or another build") }
}

/// Whether the record has a complete trial for each arm of `cell`.
fn is_measured(cell: &Cell, lines: &[Line], allowed: &[usize]) -> bool {
    let cores = cell.placement.cores(allowed, cell.workers);
    cell.arms.iter().all(|arm| {
        let want = cell.record(arm, &cores);
        lines.iter().any(|line| {
            matches!(line, Line::Trial(trial) if trial.cell == want && trial.error.is_none())
        })
    })
}

/// When `cell` must be done so that those in `left` get their share of the time too.
fn share_of(deadline: Instant, cell: &Cell, left: &[&Cell]) -> Instant {
    // Starting workers costs as much as a batch of a few MiB.
    let weight = |cell: &Cell| 1.0 + cell.bytes as f64 / (2 << 20) as f64;
    let all = weight(cell) + left.iter().map(|cell| weight(cell)).sum::<f64>();
    let time = deadline.saturating_duration_since(Instant::now());
    Instant::now() + time.mul_f64(weight(cell) / all)
}

fn id_of(line: &Line) -> u64 {
    match line {
        Line::Trial(trial) => trial.id,
        Line::Comparison(comparison) => comparison.id,
        _ => 0,
    }
}

/// The last line, and the code to end with.
fn end(
    lines: &[Line],
    interrupt: &Interrupt,
    duplicated: u64,
    worker_lost: bool,
    short: bool,
    wall_ns: u64,
) -> (End, u8) {
    let trials = || {
        lines.iter().filter_map(|line| match line {
            Line::Trial(trial) => Some(trial),
            _ => None,
        })
    };
    let wrong = trials().any(|trial| trial.verified != trial.ok) || duplicated > 0;
    let lost: u64 = trials().map(|trial| trial.lost).sum();
    let (status, reason, code) = match interrupt.signal() {
        _ if wrong => ("invalid", Some("an answer was wrong"), 6),
        Some(signal) => ("interrupted", Some("by a signal"), 128 + signal),
        None if worker_lost => ("done", Some("a worker was lost"), 4),
        None if trials().any(|trial| trial.error.is_some()) => ("done", Some("a cell failed"), 3),
        None if short => ("budget", Some("fewer generations than planned"), 0),
        None => ("done", None, 0),
    };
    let end = End {
        status: status.into(),
        reason: reason.map(Into::into),
        tasks: trials().map(|trial| trial.tasks).sum(),
        lost,
        duplicated,
        segments_left: segments_left(),
        workers_left: workers_left(),
        wall_ns,
    };
    (end, code)
}

/// Named segments of this process that are still there.
fn segments_left() -> u64 {
    let ours = format!("ipclab-{}-", std::process::id());
    let entries = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&ours)).count() as u64
}

/// Children of this process that are still there.
fn workers_left() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("children")).ok()?;
        Some(text.split_whitespace().count() as u64)
    });
    children.sum()
}
