//! A run that is being measured: in memory as a [`Record`], and on the disk line by line.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use measure::machine::Machine;
use measure::{machine, now};
use record::store::{self, PAIRS, RECORD, Writer};
use record::{Line, PairRow, Record, RunLine, SCHEMA};

use crate::ending::{Outcome, ending};
use crate::interrupt::Interrupt;
use crate::options::RunOptions;
use crate::usage_error::UsageError;
use crate::worker_program::{self, WorkerProgram};
use crate::{BUILD, commit, placement};

/// Where runs are kept unless another folder is named.
pub const RUNS: &str = "runs";

/// A finished, or interrupted, run.
pub struct Done {
    /// What was recorded.
    pub record: Record,
    /// Where the record is.
    pub folder: PathBuf,
    /// What the process should end with.
    pub code: u8,
}

/// A run that is being measured.
pub struct RunWriter {
    /// Its name.
    pub id: String,
    /// Seed of every random order.
    pub seed: u64,
    /// The worker's program.
    pub program: WorkerProgram,
    /// Cores that may be used, as they were before any process was pinned.
    pub allowed: Vec<usize>,
    /// Whether a signal asked to end.
    pub interrupt: Interrupt,
    /// When time is over.
    pub deadline: Option<Instant>,
    /// Everything so far, the run that this one continues included.
    pub record: Record,
    writer: Writer,
    started: u64,
    next_id: u64,
}

impl RunWriter {
    /// Finds the worker, opens the folder, and writes the first two lines. `plan` is the plan in
    /// words: a record with the same ones that has not ended is continued.
    ///
    /// # Errors
    /// A [`UsageError`] where the user can mend it; the folder is not made then.
    pub fn begin(options: &RunOptions, plan: String) -> anyhow::Result<RunWriter> {
        let started = now();
        let interrupt = Interrupt::listen().context("listening for Ctrl-C")?;
        let allowed = placement::allowed_cores()?;
        let program = worker_program::find(options.worker.as_deref()).map_err(UsageError::new)?;
        let begun = jiff::Timestamp::now();
        let id = begun.strftime("%Y-%m-%dT%H-%M-%S").to_string();
        let record = RunWriter::before(options, &plan)?;
        let folder = options.folder.clone().unwrap_or_else(|| unused(&Path::new(RUNS).join(&id)));
        let writer = Writer::open(&folder, options.echo).map_err(|cause| {
            UsageError::new(format!(
                "the output folder {} cannot be written: {cause}; name another with --out",
                folder.display()
            ))
        })?;
        let seed = options.seed.unwrap_or_else(rand::random);
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
            resumes: record.run.as_ref().map(|run| run.id.clone()),
        };
        let deadline = options.budget.map(|budget| Instant::now() + budget);
        // A run that was killed has batches of trials that it did not come to write.
        let ids = record.pairs.iter().map(|row| row.trial);
        let next_id = ids.max().unwrap_or(0).max(record.max_id) + 1;
        let mut run_writer = RunWriter {
            id,
            seed,
            program,
            allowed,
            interrupt,
            deadline,
            record,
            writer,
            started,
            next_id,
        };
        run_writer.append(Line::Run(run))?;
        run_writer.append(Line::Machine(machine::this()))?;
        Ok(run_writer)
    }

    /// The record that a run of `plan` would go on with; an empty one if it would begin anew.
    ///
    /// # Errors
    /// The folder that was named holds a record that cannot be continued.
    pub fn before(options: &RunOptions, plan: &str) -> Result<Record, UsageError> {
        options.folder.as_ref().map_or(Ok(Record::default()), |folder| earlier(folder, plan))
    }

    /// The machine, as it was when this run began.
    pub fn machine(&self) -> Option<&Machine> {
        self.record.machine()
    }

    /// A number for a line that no other line of this record has.
    pub fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Writes one line, at once.
    ///
    /// # Errors
    /// The disk is full, or stdout is closed.
    pub fn append(&mut self, line: Line) -> anyhow::Result<()> {
        let record = self.writer.folder().join(RECORD);
        self.writer.write(&line).with_context(|| format!("writing {}", record.display()))?;
        self.record.push(line);
        Ok(())
    }

    /// Writes the batches of one pair, at once.
    ///
    /// # Errors
    /// The disk is full.
    pub fn append_pairs(&mut self, rows: &[PairRow]) -> anyhow::Result<()> {
        let pairs = self.writer.folder().join(PAIRS);
        self.writer.write_pairs(rows).with_context(|| format!("writing {}", pairs.display()))?;
        self.record.pairs.extend_from_slice(rows);
        Ok(())
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
        let (end, code) = ending(&self.record, self.interrupt.signal(), outcome, self.started);
        self.append(Line::End(end))?;
        Ok(Done { record: self.record, folder: self.writer.folder().to_owned(), code })
    }
}

/// The record that `folder` holds already, if a run with this plan can go on with it.
fn earlier(folder: &Path, plan: &str) -> Result<Record, UsageError> {
    if !folder.join(RECORD).exists() {
        return Ok(Record::default());
    }
    let refuse = |why: &str| {
        let folder = folder.display();
        Err(UsageError::new(format!(
            "{folder} holds a record that {why}: name another --out or --save"
        )))
    };
    let record = match store::read(folder) {
        Ok(stored) => stored.record,
        Err(cause) => return refuse(&format!("cannot be read ({cause})")),
    };
    let ended = record.end.as_ref().is_some_and(|end| end.status != "interrupted");
    if ended && !record.has_failed() {
        return refuse("is complete");
    }
    let mut runs = record.run.iter().chain(&record.continued);
    let same = runs.all(|run| run.plan == plan && run.build == BUILD);
    if same { Ok(record) } else { refuse("comes from another plan or another build") }
}

/// `folder`, or the first of folder-2, folder-3, … that is not there: two runs may begin at once.
fn unused(folder: &Path) -> PathBuf {
    let numbered = (2..).map(|number| format!("{}-{number}", folder.display()).into());
    let mut names = std::iter::once(folder.to_owned()).chain(numbered);
    names.find(|name: &PathBuf| !name.exists()).unwrap_or_else(|| folder.to_owned())
}
