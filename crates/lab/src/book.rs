//! The run so far: in memory, on the disk, and how it ends.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use measure::owners::StormLine;
use measure::record::{Control, End, Line, RunLine, SCHEMA, Trial};
use measure::run::{PAIRS, PairRow, RECORD, Record, Writer};
use measure::{machine, now};

use crate::args::Common;
use crate::interrupt::Interrupt;
use crate::launch::{self, Found};
use crate::refusal::Refusal;
use crate::{BUILD, commit, placement, saved};

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
    /// Whether somebody was moved from the core where it was pinned.
    pub strayed: bool,
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
    /// Every batch so far, likewise.
    pub pairs: Vec<PairRow>,
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
        let before = Book::before(common, &plan)?;
        let folder = named(common).unwrap_or_else(|| unused(&Path::new(saved::RUNS).join(&id)));
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
        let Record { lines, pairs, .. } = before;
        let mut book = Book {
            id,
            seed,
            found,
            allowed,
            interrupt,
            deadline,
            lines,
            pairs,
            writer,
            started,
            next_id,
        };
        book.say(Line::Run(run))?;
        book.say(Line::Machine(machine))?;
        Ok(book)
    }

    /// The record that a run of `plan` would go on with; an empty one if it would begin anew.
    ///
    /// # Errors
    /// The folder that was named holds a record that cannot be continued.
    pub fn before(common: &Common, plan: &str) -> Result<Record, Refusal> {
        named(common).map_or(Ok(Record::default()), |folder| earlier(&folder, plan))
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
        self.writer.write_pairs(rows).with_context(|| format!("writing {}", pairs.display()))?;
        self.pairs.extend_from_slice(rows);
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
        let (end, code) = self.ending(outcome);
        self.say(Line::End(end))?;
        Ok(Done { lines: self.lines, folder: self.writer.folder().to_owned(), code })
    }

    fn ending(&self, outcome: Outcome) -> (End, u8) {
        let (status, reason, code) = status(&self.lines, self.interrupt.signal(), outcome);
        let end = End {
            status: status.into(),
            reason: reason.map(Into::into),
            tasks: trials(&self.lines).map(|trial| trial.tasks).sum::<u64>()
                + storms(&self.lines).map(|storm| storm.tasks).sum::<u64>(),
            lost: trials(&self.lines).map(|trial| trial.lost).sum::<u64>()
                + storms(&self.lines).map(|storm| storm.lost).sum::<u64>(),
            duplicated: outcome.duplicated,
            segments_left: segments_left(),
            workers_left: workers_left(),
            wall_ns: now() - self.started,
        };
        (end, code)
    }
}

fn trials(lines: &[Line]) -> impl Iterator<Item = &Trial> + Clone {
    lines.iter().filter_map(|line| match line {
        Line::Trial(trial) => Some(&**trial),
        _ => None,
    })
}

fn storms(lines: &[Line]) -> impl Iterator<Item = &StormLine> {
    lines.iter().filter_map(|line| match line {
        Line::Storm(storm) => Some(&**storm),
        _ => None,
    })
}

fn controls(lines: &[Line]) -> impl Iterator<Item = &Control> + Clone {
    lines.iter().filter_map(|line| match line {
        Line::Control(control) => Some(&**control),
        _ => None,
    })
}

/// The last line's status and reason, and the code to end with.
fn status(
    lines: &[Line],
    signal: Option<u8>,
    outcome: Outcome,
) -> (&'static str, Option<&'static str>, u8) {
    let Outcome { duplicated, worker_lost, strayed, short } = outcome;
    let wrong = trials(lines).any(|trial| trial.verified != trial.ok) || duplicated > 0;
    match signal {
        _ if wrong => ("invalid", Some("an answer was wrong"), 6),
        _ if !storms(lines).all(StormLine::is_well) => {
            ("invalid", Some("a killed worker took something along, or left something"), 6)
        }
        _ if strayed => ("invalid", Some("somebody was moved from its core"), 6),
        _ if controls(lines).any(Control::names_a_false_winner) => {
            ("invalid", Some("a control named a winner: the same differs from itself"), 6)
        }
        Some(signal) => ("interrupted", Some("by a signal"), 128 + signal),
        None if worker_lost => ("done", Some("a worker was lost"), 4),
        None if has_failed_cell(lines) => ("done", Some("a cell failed"), 3),
        None if short => ("budget", Some("fewer generations than planned"), 0),
        None => ("done", None, 0),
    }
}

/// Whether an arm of a cell failed and was not measured again since.
fn has_failed_cell(lines: &[Line]) -> bool {
    let again = |failed: &Control| {
        let mut later = controls(lines).filter(|control| control.id > failed.id);
        later.any(|control| control.error.is_none() && control.cell == failed.cell)
    };
    let failed = |control: &&Control| control.error.is_some() && !again(control);
    let broken = storms(lines).any(|storm| storm.error.is_some());
    if broken || controls(lines).any(|control| failed(&control)) {
        return true;
    }
    let same = |a: &Trial, b: &Trial| a.cell == b.cell && a.lecture == b.lecture;
    trials(lines).filter(|trial| trial.error.is_some()).any(|failed| {
        let mut later = trials(lines).filter(|trial| trial.id > failed.id);
        !later.any(|trial| trial.error.is_none() && same(trial, failed))
    })
}

/// The folder that was asked for.
fn named(common: &Common) -> Option<PathBuf> {
    common.out.clone().or(common.save.as_deref().map(saved::folder))
}

/// The record that `folder` holds already, if a run with this plan can go on with it.
fn earlier(folder: &Path, plan: &str) -> Result<Record, Refusal> {
    if !folder.join(RECORD).exists() {
        return Ok(Record::default());
    }
    let refuse = |why: &str| {
        let folder = folder.display();
        Err(Refusal::usage(format!(
            "{folder} holds a record that {why}: name another --out or --save"
        )))
    };
    let record = match measure::run::read(folder) {
        Ok(record) => record,
        Err(cause) => return refuse(&format!("cannot be read ({cause})")),
    };
    let ended = |line: &Line| matches!(line, Line::End(end) if end.status != "interrupted");
    if record.lines.iter().any(ended) && !has_failed_cell(&record.lines) {
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
        Line::Crossover(crossover) => crossover.id,
        Line::Control(control) => control.id,
        _ => 0,
    }
}

/// Named segments of this process that are still there.
pub(crate) fn segments_left() -> u64 {
    let ours = format!("ipclab-{}-", std::process::id());
    let entries = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&ours)).count() as u64
}

/// Children of this process that are still there.
pub(crate) fn workers_left() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("children")).ok()?;
        Some(text.split_whitespace().count() as u64)
    });
    children.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trial as a record has it, with some fields changed.
    fn trial(id: u64, change: impl Fn(&mut Trial)) -> Line {
        let text = r#"{"id":1,"lab":"sweep","job":"sum","transport":"pipe","residency":"place",
            "wakeup":"block","regime":"sleeping","segment":null,"workers":1,"depth":1,
            "placement":"same","cores":[0,0],"bytes":8,"items":1,"compute_ns":0,"through":"hub",
            "worker":"self","arrival":"closed","generations":1,"pairs":1,"tasks":9,"ok":9,
            "failed":0,"lost":0,"verified":9,"wall_ns":1,"round_trip_ns":{"count":0,"min":0,
            "p50":0,"p90":0,"p99":0,"p999":0,"max":0,"mean":0,"hdr":""},"phases_ns":{},
            "overlap":false,"wire_bytes":null,"syscalls_per_task":null,
            "cpu_ns":{"coordinator":0,"workers":0},"faults":{"minor":0,"major":0},
            "switches":{"voluntary":0,"involuntary":0},"steady":true,"warnings":[]}"#;
        let mut trial: Trial = serde_json::from_str(text).unwrap();
        trial.id = id;
        change(&mut trial);
        Line::Trial(Box::new(trial))
    }

    fn code(lines: &[Line], signal: Option<u8>, outcome: Outcome) -> (&'static str, u8) {
        let (status, _, code) = status(lines, signal, outcome);
        (status, code)
    }

    #[test]
    fn one_wrong_or_second_answer_makes_the_run_invalid_whatever_else_happened() {
        let fine = Outcome::default();
        assert_eq!(code(&[trial(1, |_| ())], None, fine), ("done", 0));
        let wrong = [trial(1, |_| ()), trial(2, |trial| trial.verified = 8)];
        assert_eq!(code(&wrong, None, fine), ("invalid", 6));
        assert_eq!(code(&wrong, Some(2), fine), ("invalid", 6));
        let twice = Outcome { duplicated: 1, ..fine };
        assert_eq!(code(&[trial(1, |_| ())], None, twice), ("invalid", 6));
    }

    #[test]
    fn a_control_that_names_a_winner_or_a_process_that_was_moved_makes_the_run_invalid() {
        let planted = |verdict: &str, planted: Option<f64>| -> Line {
            let Line::Trial(trial) = trial(1, |_| ()) else { unreachable!() };
            Line::Control(Box::new(Control {
                id: 1,
                lab: "sweep".into(),
                cell: trial.cell,
                planted,
                ratio: Some(1.2),
                low: Some(1.1),
                high: Some(1.3),
                confidence: 0.95,
                threshold: 1.05,
                pairs: 24,
                generations: 6,
                verdict: verdict.into(),
                stopped: None,
                warnings: Vec::new(),
                error: None,
            }))
        };
        let control = |verdict: &str| planted(verdict, None);
        let fine = Outcome::default();
        assert_eq!(code(&[planted("DIFFERENT", Some(0.1))], None, fine), ("done", 0));
        assert_eq!(code(&[control("DIFFERENT")], None, fine), ("invalid", 6));
        assert_eq!(code(&[control("DIFFERENT")], Some(2), fine), ("invalid", 6));
        for verdict in ["SAME", "TOO CLOSE TO CALL"] {
            assert_eq!(code(&[control(verdict)], None, fine), ("done", 0));
        }
        let moved = Outcome { strayed: true, ..fine };
        assert_eq!(code(&[trial(1, |_| ())], None, moved), ("invalid", 6));
    }

    #[test]
    fn a_failed_cell_is_forgiven_once_it_was_measured_again() {
        let fine = Outcome::default();
        let failed = trial(1, |trial| trial.error = Some("interrupted".into()));
        assert_eq!(code(std::slice::from_ref(&failed), None, fine), ("done", 3));
        assert_eq!(code(std::slice::from_ref(&failed), Some(15), fine), ("interrupted", 143));
        assert_eq!(code(&[failed.clone(), trial(2, |_| ())], None, fine), ("done", 0));
        let another = trial(2, |trial| trial.cell.bytes = 16);
        assert_eq!(code(&[failed, another], None, fine), ("done", 3));
        let lost = Outcome { worker_lost: true, ..fine };
        assert_eq!(code(&[], None, lost), ("done", 4));
    }
}
