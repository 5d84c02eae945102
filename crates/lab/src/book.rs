//! The run so far: in memory, on the disk, and how it ends.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use measure::record::{End, Line, RunLine, SCHEMA};
use measure::run::{PAIRS, PairRow, RECORD, Record, Writer};
use measure::{machine, now};

use crate::args::Common;
use crate::interrupt::Interrupt;
use crate::launch::{self, Found};
use crate::refusal::Refusal;
use crate::{BUILD, commit, placement};

/// A finished, or interrupted, run.
pub struct Done {
    /// Every line of its record.
    pub lines: Vec<Line>,
    /// Where the record is.
    pub folder: PathBuf,
    /// What the process should end with.
    pub code: u8,
}

/// What the lines alone do not say of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Answers that came twice.
    pub duplicated: u64,
    /// Whether a worker died.
    pub worker_lost: bool,
    /// Whether there are fewer generations than planned, for want of time.
    pub short: bool,
}

/// A run that is being measured.
pub struct Book {
    /// Its name.
    pub id: String,
    /// Seed of every random order.
    pub seed: u64,
    /// The worker's program.
    pub found: Found,
    /// Cores that may be used, as they were before anyone was pinned.
    pub allowed: Vec<usize>,
    /// Whether somebody asked to end.
    pub interrupt: Interrupt,
    /// When time is over.
    pub deadline: Option<Instant>,
    /// Every line so far, those of the run that this one continues included.
    pub lines: Vec<Line>,
    writer: Writer,
    started: u64,
    next_id: u64,
}

impl Book {
    /// Finds the worker, opens the folder, and writes the first two lines. `plan` is the plan in
    /// words: a record with the same ones that has not ended is continued.
    ///
    /// # Errors
    /// A [`Refusal`] where the user can mend it; the folder is not made then.
    pub fn begin(common: &Common, plan: String) -> anyhow::Result<Book> {
        let started = now();
        let interrupt = Interrupt::listen().context("listening for Ctrl-C")?;
        let allowed = placement::allowed_cores()?;
        let found = launch::find(common.worker.as_deref()).map_err(Refusal::usage)?;
        let begun = jiff::Timestamp::now();
        let id = begun.strftime("%Y-%m-%dT%H-%M-%S").to_string();
        let folder = common.out.clone().unwrap_or_else(|| unused(&Path::new("runs").join(&id)));
        let before = earlier(&folder, &plan)?;
        let writer = Writer::open(&folder, common.json.is_some()).map_err(|cause| {
            Refusal::usage(format!(
                "the output folder {} cannot be written: {cause}; name another with --out",
                folder.display()
            ))
        })?;
        let seed = common.seed.unwrap_or_else(rand::random);
        let machine = machine::this();
        if !common.quiet {
            anstream::eprintln!("{}", report::machine(&machine));
        }
        let resumes = before.lines.iter().find_map(|line| match line {
            Line::Run(run) => Some(run.id.clone()),
            _ => None,
        });
        let run = RunLine {
            schema: SCHEMA,
            id: id.clone(),
            command: std::env::args().collect(),
            version: env!("CARGO_PKG_VERSION").into(),
            build: BUILD.into(),
            commit: commit(),
            seed,
            plan,
            started: begun.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            resumes,
        };
        let deadline = common.budget.map(|budget| Instant::now() + *budget);
        let next_id = before.lines.iter().map(id_of).max().unwrap_or(0) + 1;
        let lines = before.lines;
        let mut book =
            Book { id, seed, found, allowed, interrupt, deadline, lines, writer, started, next_id };
        book.say(Line::Run(run))?;
        book.say(Line::Machine(machine))?;
        Ok(book)
    }

    /// A number for a line that no other line of this record has.
    pub fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Writes one line down, at once.
    ///
    /// # Errors
    /// The disk is full, or stdout is closed.
    pub fn say(&mut self, line: Line) -> anyhow::Result<()> {
        let record = self.writer.folder().join(RECORD);
        self.writer.write(&line).with_context(|| format!("writing {}", record.display()))?;
        self.lines.push(line);
        Ok(())
    }

    /// Writes the batches of one pair down, at once.
    ///
    /// # Errors
    /// The disk is full.
    pub fn write_pairs(&mut self, rows: &[PairRow]) -> anyhow::Result<()> {
        let pairs = self.writer.folder().join(PAIRS);
        self.writer.write_pairs(rows).with_context(|| format!("writing {}", pairs.display()))
    }

    /// Whether the run should end: by a signal, or for want of time.
    pub fn is_over(&self) -> bool {
        let late = self.deadline.is_some_and(|deadline| Instant::now() > deadline);
        late || self.interrupt.signal().is_some()
    }

    /// Writes the last line.
    ///
    /// # Errors
    /// The disk is full, or stdout is closed.
    pub fn end(mut self, outcome: Outcome) -> anyhow::Result<Done> {
        let (end, code) = self.ending(outcome);
        self.say(Line::End(end))?;
        Ok(Done { lines: self.lines, folder: self.writer.folder().to_owned(), code })
    }

    /// Whether an arm of a cell failed and was not measured again since.
    fn has_failed_cell(&self) -> bool {
        let trials = || {
            self.lines.iter().filter_map(|line| match line {
                Line::Trial(trial) => Some(trial),
                _ => None,
            })
        };
        trials().filter(|trial| trial.error.is_some()).any(|failed| {
            let again = trials().filter(|trial| trial.id > failed.id && trial.error.is_none());
            !again
                .clone()
                .any(|trial| (&trial.cell, &trial.lecture) == (&failed.cell, &failed.lecture))
        })
    }

    fn ending(&self, outcome: Outcome) -> (End, u8) {
        let trials = || {
            self.lines.iter().filter_map(|line| match line {
                Line::Trial(trial) => Some(trial),
                _ => None,
            })
        };
        let Outcome { duplicated, worker_lost, short } = outcome;
        let wrong = trials().any(|trial| trial.verified != trial.ok) || duplicated > 0;
        let (status, reason, code) = match self.interrupt.signal() {
            _ if wrong => ("invalid", Some("an answer was wrong"), 6),
            Some(signal) => ("interrupted", Some("by a signal"), 128 + signal),
            None if worker_lost => ("done", Some("a worker was lost"), 4),
            None if self.has_failed_cell() => ("done", Some("a cell failed"), 3),
            None if short => ("budget", Some("fewer generations than planned"), 0),
            None => ("done", None, 0),
        };
        let end = End {
            status: status.into(),
            reason: reason.map(Into::into),
            tasks: trials().map(|trial| trial.tasks).sum(),
            lost: trials().map(|trial| trial.lost).sum(),
            duplicated,
            segments_left: segments_left(),
            workers_left: workers_left(),
            wall_ns: now() - self.started,
        };
        (end, code)
    }
}

/// The record that `folder` holds already, if a run with this plan can go on with it.
fn earlier(folder: &Path, plan: &str) -> Result<Record, Refusal> {
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
    let ended = |line: &Line| matches!(line, Line::End(end) if end.status != "interrupted");
    if record.lines.iter().any(ended) {
        return refuse("is complete");
    }
    let same = record.lines.iter().all(|line| match line {
        Line::Run(run) => run.plan == plan && run.build == BUILD,
        _ => true,
    });
    if same { Ok(record) } else { refuse("comes from another plan or another build") }
}

/// `folder`, or the first of folder-2, folder-3, … that is not there: two runs may begin at once.
fn unused(folder: &Path) -> PathBuf {
    let numbered = (2..).map(|number| format!("{}-{number}", folder.display()).into());
    let mut names = std::iter::once(folder.to_owned()).chain(numbered);
    names.find(|name: &PathBuf| !name.exists()).unwrap_or_else(|| folder.to_owned())
}

fn id_of(line: &Line) -> u64 {
    match line {
        Line::Trial(trial) => trial.id,
        Line::Sequential(sequential) => sequential.id,
        Line::Comparison(comparison) => comparison.id,
        _ => 0,
    }
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
