//! The lines of run.jsonl: the contract that every output is made from (docs/FORMAT.md).
//!
//! All times are integers in nanoseconds, all sizes in bytes. A reader skips kinds and fields that
//! it does not know.

mod outcome;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::compare::Verdict;
use crate::histogram::Distribution;
use crate::machine::Machine;
use crate::timeline::Phase;

pub use outcome::{OutcomeError, TaskOutcome};

/// Grows when a field changes its meaning.
pub const SCHEMA: u32 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Line {
    /// The first line: what was asked.
    Run(RunLine),
    /// Where it was asked.
    Machine(Machine),
    /// One cell: all batches of one arm.
    Trial(Box<Trial>),
    /// The same tasks, one after another in the coordinator.
    Sequential(Sequential),
    /// Two arms of one cell.
    Comparison(Box<Comparison>),
    /// A limit of this machine.
    Floor(Box<FloorLine>),
    /// What became of one task.
    Outcome(Box<TaskOutcome>),
    /// One arm against itself.
    Control(Box<Control>),
    /// From where on, along an axis, the other arm wins.
    Crossover(Box<CrossoverLine>),
    /// Something that the lecture says, and whether it was seen.
    Claim(Claim),
    /// What somebody guessed before.
    Guess(crate::prediction::Guess),
    /// The same beside what was measured.
    Score(crate::prediction::Score),
    /// What the trials of one way in one stratum come to as a model.
    Model(Box<crate::model::ModelLine>),
    /// What is advised for a case, and what each plan is predicted to take.
    Advice(Box<crate::plans::AdviceLine>),
    /// When what happened to some stamped tasks of a trial.
    Timelines(crate::timeline::Timelines),
    /// What of an owner survived that was killed in a chosen state.
    Fate(crate::owners::Fate),
    /// What became of tasks whose workers were killed at random instants.
    Storm(Box<crate::owners::StormLine>),
    /// The last line; missing where a run was killed.
    End(End),
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What was asked, by which program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunLine {
    /// Version of this format.
    pub schema: u32,
    /// Name of the run, from its start.
    pub id: String,
    /// The command line.
    pub command: Vec<String>,
    /// Version of the program.
    pub version: String,
    /// Hash of the program's sources.
    pub build: String,
    /// Commit it was built from, where known.
    pub commit: Option<String>,
    /// Seed of every random order.
    pub seed: u64,
    /// Fingerprint of the plan: only the same one is resumed.
    pub plan: String,
    /// When, in UTC.
    pub started: String,
    /// The run that this one goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<String>,
}

/// The axes of a cell: what was done, how and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The job that each task names.
    pub job: String,
    /// Name of the transport.
    pub transport: String,
    /// Where the list was before the task: place, build or resident.
    pub residency: String,
    /// How the other side was woken.
    pub wakeup: String,
    /// sleeping, polling or hybrid.
    pub regime: String,
    /// Kind of segment; null where nothing is shared.
    pub segment: Option<String>,
    /// What pages it was asked to be made of, where not of the usual ones, mapped before the first task:
    /// lazy, huge or huge-lazy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<String>,
    /// Worker processes.
    pub workers: usize,
    /// Tasks in flight per worker.
    pub depth: usize,
    /// same, spread or unpinned.
    pub placement: String,
    /// Core of the coordinator, then of each worker; empty where unpinned.
    pub cores: Vec<usize>,
    /// Bytes of the list.
    pub bytes: usize,
    /// Items of the list.
    pub items: usize,
    /// Computing that each task adds to its job.
    pub compute_ns: u64,
    /// Tasks a second, sent on a schedule; absent where the next is sent after an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
}

/// One cell: all batches of one arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Number of this line, unique in its run.
    pub id: u64,
    /// Which lab asked.
    pub lab: String,
    /// In the lecture's labs: which of its cases, at which scale.
    #[serde(flatten)]
    pub lecture: Option<LectureCase>,
    /// The cell's axes.
    #[serde(flatten)]
    pub cell: Cell,
    /// hub (the transport alone) or pool (submit to result).
    pub through: String,
    /// sibling (the worker binary), self (the coordinator in its role) or path.
    pub worker: String,
    /// closed (the next task after an answer) or open.
    pub arrival: String,
    /// Sets of fresh workers.
    pub generations: u32,
    /// Batches of this arm in each generation.
    pub pairs: u32,
    /// Measured tasks.
    pub tasks: u64,
    /// Tasks that came back with an answer.
    pub ok: u64,
    /// Tasks that came back with an error.
    pub failed: u64,
    /// Tasks that never came back.
    pub lost: u64,
    /// Answers that were right.
    pub verified: u64,
    /// Time of all measured batches together.
    pub wall_ns: u64,
    /// Reserved to collected, two stamps a task; phase tasks are not in it.
    pub round_trip_ns: Distribution,
    /// Round trip of the first task that each set of fresh workers had of this arm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ns: Option<Distribution>,
    /// What pages there were in the end, where others than the usual ones were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages_got: Option<PagesGot>,
    /// Round trip, as a batch's median, measured right after those of the other sizes of its stratum: what sizes are
    /// compared by, as in a cost model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside_ns: Option<u64>,
    /// In the lecture's labs: time of a whole round of tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_ns: Option<Distribution>,
    /// From phase tasks.
    pub phases_ns: BTreeMap<Phase, Distribution>,
    /// Whether phases overlap, so that they are not a partition of the round trip.
    pub overlap: bool,
    /// Bytes that the kernel counted, and descriptors put into rings; null where it does not count.
    pub wire_bytes: Option<WireBytes>,
    /// Bytes that the smallest stream to a worker held while nobody read, as the system gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer_bytes: Option<usize>,
    /// Reads and writes of coordinator and workers together that the kernel counted.
    pub syscalls_per_task: Option<f64>,
    /// Processor time over the measured batches.
    pub cpu_ns: CpuNs,
    /// Page faults of coordinator and workers over the measured batches.
    pub faults: Faults,
    /// Context switches of coordinator and workers over the measured batches.
    pub switches: Switches,
    /// Round trips that took more than ten times the median.
    #[serde(default)]
    pub hiccups: Hiccups,
    /// What ended it: decided, narrow, cap, budget or interrupted; null where a fault did.
    #[serde(default)]
    pub stopped: Option<String>,
    /// Whether the batches agree with each other.
    pub steady: bool,
    /// What makes this row doubtful.
    pub warnings: Vec<String>,
    /// Why it stopped before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One of the lecture's cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LectureCase {
    /// Its name, as the lecture prints it.
    pub case: String,
    /// lecture (its exact counts) or calibrated (heavy jobs last as long as in CPython).
    pub scale: String,
    /// Times that a heavy job does its exact loop.
    pub repeats: u32,
}

/// The same tasks without any other process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sequential {
    /// Number of this line.
    pub id: u64,
    /// Which lab asked.
    pub lab: String,
    /// Which of the lecture's cases.
    #[serde(flatten)]
    pub lecture: LectureCase,
    /// Name of the job.
    pub job: String,
    /// Tasks of one round.
    pub tasks: usize,
    /// Rounds measured.
    pub rounds: u64,
    /// Time of a whole round.
    pub wall_ns: Distribution,
    /// One task's answer, as CPython prints it.
    pub answer: String,
}

/// A limit of this machine: what no transport can go below.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FloorLine {
    /// clock, null_system_call, copy_in_cache, copy_out_of_cache, page_fault, compute,
    /// cache_line_round_trip, yield_round_trip, futex_round_trip, pipe_round_trip, list_read or
    /// list_copied_and_read.
    pub what: String,
    /// same (one core) or spread (across two).
    pub placement: String,
    /// Bytes copied, touched or passed on.
    pub bytes: usize,
    /// One time; of short things the mean of a hundred, of page faults of 64.
    pub ns: Distribution,
}

/// Something that the lecture says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Which lab checked it.
    pub lab: String,
    /// What the lecture says.
    pub text: String,
    /// Whether it was so here.
    pub seen: bool,
    /// Why not, or by what it was seen.
    pub reason: String,
}

/// What the kernel said of the mappings of a segment of lists, after the last task of a generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PagesGot {
    /// Bytes of the segment.
    pub bytes: usize,
    /// Of the coordinator's mapping.
    pub coordinator: Mapped,
    /// Of the worker's that got the fewest huge pages.
    pub worker: Mapped,
    /// Why there are no huge pages on one side, where they were asked for.
    pub why: Option<String>,
    /// How the coordinator's huge pages were got, if it has any: reservation or collapse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why they are not reserved ones, where such were tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_reserved: Option<String>,
}

/// What is in a page table, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mapped {
    /// Mapped at all.
    pub mapped: usize,
    /// Mapped by huge pages.
    pub huge: usize,
}

/// Bytes that left one side for each task.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WireBytes {
    /// Coordinator to worker.
    pub per_task_out: f64,
    /// Worker to coordinator.
    pub per_task_back: f64,
}

/// Processor time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CpuNs {
    /// Of the coordinator's measuring thread.
    pub coordinator: u64,
    /// Of all workers together.
    pub workers: u64,
}

/// Page faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Faults {
    /// Without a disk.
    pub minor: u64,
    /// With one.
    pub major: u64,
}

/// Context switches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Switches {
    /// Given away.
    pub voluntary: u64,
    /// Taken.
    pub involuntary: u64,
}

/// Round trips that took more than ten times the median; they are in every figure all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hiccups {
    /// How many.
    pub count: u64,
    /// How long they took, all together.
    pub ns: u64,
}

/// One arm against itself, in two crews: whatever makes it name a winner is no transport.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Number of this line.
    pub id: u64,
    /// Which lab asked.
    pub lab: String,
    /// The cell of both.
    #[serde(flatten)]
    pub cell: Cell,
    /// What the second one's tasks computed besides, as a part of their round trip: a difference made on
    /// purpose, which must be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planted: Option<f64>,
    /// First / second; null where nothing was measured.
    pub ratio: Option<f64>,
    /// Lower end of its interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Probability that the interval is made for; 0 with one generation, which has none.
    pub confidence: f64,
    /// Ratio from which a difference would matter.
    pub threshold: f64,
    /// Pairs behind it.
    pub pairs: usize,
    /// Generations behind it.
    pub generations: usize,
    /// SAME, TOO CLOSE TO CALL, or DIFFERENT: then the run is invalid, unless that was planted.
    pub verdict: String,
    /// What ended it, as in a trial.
    pub stopped: Option<String>,
    /// What makes it doubtful.
    pub warnings: Vec<String>,
    /// Why it stopped before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Control {
    /// What is said where the same differs from itself.
    pub const DIFFERENT: &'static str = "DIFFERENT";

    /// Whether it says that the same differs from itself.
    pub fn names_a_false_winner(&self) -> bool {
        self.planted.is_none() && self.verdict == Control::DIFFERENT
    }
}

/// Two arms of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Number of this line.
    pub id: u64,
    /// Which lab asked.
    pub lab: String,
    /// The trial that is divided.
    pub base: u64,
    /// The trial that it is divided by.
    pub other: u64,
    /// `copy÷share`, or `speedup` where the base is a sequential line.
    pub what: String,
    /// Transport of the base; `sequential` for none.
    pub base_transport: String,
    /// In the lecture's labs: which of its cases, at which scale.
    #[serde(flatten)]
    pub lecture: Option<LectureCase>,
    /// The other arm's cell.
    #[serde(flatten)]
    pub cell: Cell,
    /// base / other: the geometric mean of the generations' medians.
    pub ratio: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Probability that the interval is made for; 0 with one generation, which has none.
    pub confidence: f64,
    /// Ratio from which a difference matters.
    pub threshold: f64,
    /// Pairs behind it.
    pub pairs: usize,
    /// Generations behind it.
    pub generations: usize,
    /// What can be said.
    pub verdict: Verdict,
    /// About how many pairs in all would decide it; null where it is decided, and where the ratio
    /// lies too near to the threshold.
    #[serde(default)]
    pub pairs_to_decide: Option<u64>,
}

/// From where on, along an axis, the other arm wins by the threshold: there and everywhere above.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrossoverLine {
    /// Number of this line.
    pub id: u64,
    /// Which lab asked.
    pub lab: String,
    /// Along which field of the cell: `compute_ns`. `at` to `to` have its unit.
    pub axis: String,
    /// lecture (its exact counts) or calibrated (as long as in CPython).
    pub scale: String,
    /// The other arm's cell; 0 along the axis.
    #[serde(flatten)]
    pub cell: Cell,
    /// Where; null where no crossover was found.
    pub at: Option<u64>,
    /// Lower end of its interval.
    pub low: Option<u64>,
    /// Upper end.
    pub high: Option<u64>,
    /// Smallest place measured.
    pub from: u64,
    /// Largest place measured.
    pub to: u64,
    /// Ratio base / other that is reached there.
    pub threshold: f64,
    /// Probability that the interval holds the crossover.
    pub confidence: f64,
    /// Who wins on which side: `parallel wins above`.
    pub sign: String,
    /// Pairs behind it, at all points.
    pub pairs: usize,
    /// Fewest generations at any point near it.
    pub generations: usize,
    /// `found`, `none in [1000, 10000]` or `too few generations`.
    pub verdict: String,
    /// Where there is none: above throughout, below throughout or undecided; else null.
    pub side: Option<String>,
}

/// How the run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// done, interrupted, budget or invalid.
    pub status: String,
    /// Why, where it is not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Measured tasks.
    pub tasks: u64,
    /// Tasks that never came back.
    pub lost: u64,
    /// Answers that came twice.
    pub duplicated: u64,
    /// Named segments of ours that are still there.
    pub segments_left: u64,
    /// Workers of ours that still live.
    pub workers_left: u64,
    /// From the first line to this one.
    pub wall_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crossover_comes_back_from_its_line_and_says_null_where_there_is_none() {
        let text = r#"{"kind":"crossover","id":12,"lab":"crossover","axis":"compute_ns",
            "scale":"lecture","job":"burn","transport":"pipe","residency":"place",
            "wakeup":"hybrid","regime":"hybrid","segment":null,"workers":1,"depth":2,
            "placement":"spread","cores":[0,1],"bytes":64,"items":8,"compute_ns":0,"at":null,
            "low":null,"high":null,"from":1000,"to":10000,"threshold":1.2,"confidence":0.95,
            "sign":"parallel wins above","pairs":360,"generations":6,
            "verdict":"none in [1000, 10000]","side":"below throughout"}"#;
        let line: Line = serde_json::from_str(text).unwrap();
        let Line::Crossover(crossover) = &line else { panic!("{line:?}") };
        assert_eq!((crossover.at, crossover.from, crossover.cell.bytes), (None, 1000, 64));
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&line).unwrap(), value);
    }
}
