//! The lines of run.jsonl: the contract that every output is made from (docs/FORMAT.md).
//!
//! All times are integers in nanoseconds, all sizes in bytes. A reader skips kinds and fields that
//! it does not know.

mod advice;
mod faults;
mod guess;
mod outcome;
mod timelines;

use std::collections::BTreeMap;

use measure::machine::Machine;
use measure::{Distribution, Phase};
use serde::{Deserialize, Serialize};
use stats::paired_ratio::Verdict;

use crate::params::{LectureCase, Params, Placement, is_default};

pub use advice::{AdviceLine, PlanLine};
pub use faults::{Chaos, Kill};
pub use guess::{Guess, Score};
pub use outcome::{OutcomeError, TaskOutcome};
pub use timelines::{TaskTimeline, Timelines};

/// Grows when a field changes its meaning.
pub const SCHEMA: u32 = 2;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
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
    Limit(Box<Limit>),
    /// What became of one task.
    Outcome(Box<TaskOutcome>),
    /// One arm against itself.
    AaTest(Box<AaTest>),
    /// From where on, along an axis, the other arm wins.
    Crossover(Box<CrossoverLine>),
    /// Something that the lecture says, and whether it was seen.
    Claim(Claim),
    /// What a reader guessed before the measurement.
    Guess(Guess),
    /// The same beside what was measured.
    Score(Score),
    /// What is advised for a case, and what each plan is predicted to take.
    Advice(Box<AdviceLine>),
    /// When what happened to some stamped tasks of a trial.
    Timelines(Timelines),
    /// What was left of an owner that was killed in a chosen state.
    Kill(Kill),
    /// What became of tasks whose workers were killed at random instants.
    Chaos(Box<Chaos>),
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

/// One cell: all batches of one arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Number of this line, unique in its run.
    pub id: u64,
    /// Which lab asked.
    pub lab: String,
    /// What was measured.
    #[serde(flatten)]
    pub params: Params,
    /// Core of the coordinator, then of each worker; empty where they are not pinned.
    pub cores: Vec<usize>,
    /// Which table of a report shows it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub table: TrialTable,
    /// Where the worker's program was found: sibling (beside the coordinator), self (the coordinator itself) or path.
    pub worker: String,
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
    /// Median round trip from the size sweep, which measures all sizes of a stratum right after each other: what
    /// sizes are compared by, as in a cost model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interleaved_p50_ns: Option<u64>,
    /// In the lecture's labs: time of a whole round of tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_ns: Option<Distribution>,
    /// From phase tasks.
    pub phases_ns: BTreeMap<Phase, Distribution>,
    /// Whether phases overlap, so that they are not a partition of the round trip.
    pub overlap: bool,
    /// Bytes that the kernel counted, and descriptors put into rings; null where it does not count.
    pub wire_bytes: Option<WireBytes>,
    /// Bytes that the smallest stream to a worker held while it was not read, as the system made it.
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

/// The same tasks without any other process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sequential {
    /// Number of this line.
    pub id: u64,
    /// Which lab asked.
    pub lab: String,
    /// Which of the lecture's cases.
    #[serde(flatten)]
    pub case: LectureCase,
    /// Name of the job.
    pub job: String,
    /// Whether a task does nothing but read its list.
    #[serde(default)]
    pub only_reads: bool,
    /// Whether the tasks of a round differ from each other, so that one says nothing of the next.
    #[serde(default)]
    pub mixed: bool,
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
pub struct Limit {
    /// clock, null_system_call, copy_in_cache, copy_out_of_cache, page_fault, compute,
    /// cache_line_round_trip, yield_round_trip, futex_round_trip, pipe_round_trip, list_read or
    /// list_copied_and_read.
    pub what: String,
    /// On one core, or across two.
    pub placement: Placement,
    /// Bytes copied, touched or passed on.
    pub bytes: usize,
    /// One time; of short things the mean of a hundred, of page faults of 64.
    pub ns: Distribution,
}

/// Which table of a report shows a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrialTable {
    /// The table of its stratum; of a lecture's case, the table of its lab.
    #[default]
    Stratum,
    /// The table of wake-ups, which are set beside limits and not beside each other's sizes.
    Wakeups,
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
    /// Minor page faults (no I/O).
    pub minor: u64,
    /// Major page faults (I/O).
    pub major: u64,
}

/// Context switches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Switches {
    /// Voluntary: the process waited.
    pub voluntary: u64,
    /// Involuntary: the scheduler preempted the process.
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

/// One arm against itself, in two worker groups: a difference between them has another cause than the transport.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AaTest {
    /// Number of this line.
    pub id: u64,
    /// Which lab asked.
    pub lab: String,
    /// What was measured, the same for both.
    #[serde(flatten)]
    pub params: Params,
    /// Core of the coordinator, then of each worker; empty where they are not pinned.
    pub cores: Vec<usize>,
    /// Injected effect: how much longer the second arm's tasks computed, as a part of the round trip. The test must
    /// find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<f64>,
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
    /// SAME, TOO CLOSE TO CALL, or DIFFERENT: then the run is invalid, unless an effect was injected.
    pub verdict: String,
    /// What ended it, as in a trial.
    pub stopped: Option<String>,
    /// What makes it doubtful.
    pub warnings: Vec<String>,
    /// Why it stopped before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl AaTest {
    /// The verdict where an arm differs from itself.
    pub const DIFFERENT: &'static str = "DIFFERENT";

    /// Whether it found a difference where there is none.
    pub fn is_false_positive(&self) -> bool {
        self.injected.is_none() && self.verdict == AaTest::DIFFERENT
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
    /// What was measured by the other arm.
    #[serde(flatten)]
    pub params: Params,
    /// Core of the coordinator, then of each worker; empty where they are not pinned.
    pub cores: Vec<usize>,
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
    /// What was measured by the other arm; 0 along the axis.
    #[serde(flatten)]
    pub params: Params,
    /// Core of the coordinator, then of each worker; empty where they are not pinned.
    pub cores: Vec<usize>,
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
            "wakeup":"hybrid","wait":"hybrid","segment":null,"workers":1,"depth":2,"layer":"pool",
            "shared_wakeup":null,"rate":null,"pages":"ready",
            "placement":"spread","cores":[0,1],"bytes":64,"compute_ns":0,"at":null,
            "low":null,"high":null,"from":1000,"to":10000,"threshold":1.2,"confidence":0.95,
            "sign":"parallel wins above","pairs":360,"generations":6,
            "verdict":"none in [1000, 10000]","side":"below throughout"}"#;
        let line: Line = serde_json::from_str(text).unwrap();
        let Line::Crossover(crossover) = &line else { panic!("{line:?}") };
        assert_eq!((crossover.at, crossover.from, crossover.params.bytes), (None, 1000, 64));
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&line).unwrap(), value);
    }
}
