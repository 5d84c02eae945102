//! Totals over an arm's batches, and the one place that makes a trial of them.

use measure::counters::{Io, Usage};
use measure::histogram::SAMPLES_FOR_P99;
use measure::{Histogram, Phase, Stamp, Timeline};
use record::pairs::Batch;
use record::{
    CpuNs, Faults, Hiccups, PagesGot, Params, Switches, TaskTimeline, Trial, TrialTable, WireBytes,
};
use stats::median;
use stats::median::median_of_sorted;

use crate::round_trips::counters::BatchCounters;
use crate::round_trips::exchange::Stamped;

/// Totals over all batches of one arm.
#[derive(Default)]
pub(crate) struct ArmTotals {
    /// Each task, from reserved to collected; through a pool, from submit to result.
    round_trips: Vec<u64>,
    /// Through a pool, each round of tasks.
    rounds: Vec<u64>,
    timelines: Vec<Timeline>,
    /// Some of them, with when and where they were.
    pub(crate) kept: Vec<TaskTimeline>,
    wall_ns: u64,
    tasks: u64,
    ok: u64,
    failed: u64,
    pub(crate) lost: u64,
    verified: u64,
    pub(crate) duplicated: u64,
    io: Option<Io>,
    workers_io: Option<Io>,
    rung_out: u64,
    rung_back: u64,
    tasks_unparked: u64,
    usage: Usage,
    workers: Usage,
    overlap: bool,
    /// Of each generation, the first task's round trip.
    pub(crate) firsts: Vec<u64>,
    pub(crate) pages: Option<PagesGot>,
    /// Of the smallest stream.
    buffer_bytes: Option<usize>,
}

/// What a trial says beside its totals.
pub(crate) struct TrialContext<'a> {
    pub(crate) id: u64,
    pub(crate) lab: &'a str,
    pub(crate) params: Params,
    pub(crate) cores: &'a [usize],
    pub(crate) table: TrialTable,
    /// Where the worker's program was found.
    pub(crate) worker: &'static str,
    pub(crate) generations: u32,
    pub(crate) pairs: u32,
    pub(crate) batches: &'a [Batch],
    pub(crate) stopped: Option<String>,
    /// What makes all arms of the cell doubtful.
    pub(crate) warnings: &'a [String],
    pub(crate) error: Option<String>,
}

/// Rounds through a pool, or alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds {
    /// Each task, from submit to result.
    pub(crate) tasks: Vec<u64>,
    /// Each round.
    pub(crate) rounds: Vec<u64>,
    /// Answers that were right.
    pub(crate) verified: u64,
}

impl ArmTotals {
    /// Adds a batch of round trips.
    pub(crate) fn add(&mut self, generation: u32, counted: BatchCounters) {
        let BatchCounters { batch, .. } = counted;
        if self.kept.last().is_none_or(|last| last.generation != generation) {
            let room = MAX_TIMELINES.saturating_sub(self.kept.len()).min(MAX_TIMELINES_EACH);
            let kept = batch.stamped.iter().filter(|of| of.timeline.at(Stamp::Collected) > 0);
            self.kept.extend(kept.take(room).map(|stamped| timeline_of(generation, stamped)));
        }
        self.round_trips.extend(batch.round_trips);
        self.timelines.extend(batch.stamped.iter().map(|stamped| stamped.timeline));
        self.wall_ns += batch.wall_ns;
        self.tasks += counted.tasks;
        self.ok += batch.ok;
        self.failed += batch.failed;
        self.verified += batch.verified;
        self.duplicated += batch.duplicated;
        self.io = add_io(self.io, counted.io);
        self.workers_io = add_io(self.workers_io, counted.workers_io);
        self.rung_out += counted.rung_out;
        self.rung_back += counted.rung_back;
        self.tasks_unparked += counted.tasks_unparked;
        self.usage += counted.usage;
        self.workers += counted.workers;
        self.overlap |= counted.overlap;
        self.buffer_bytes = self.buffer_bytes.into_iter().chain(counted.buffer_bytes).min();
    }

    /// Adds a batch of rounds through a pool, whose tasks all had answers.
    pub(crate) fn add_rounds(&mut self, batch: Rounds) {
        let tasks = batch.tasks.len() as u64;
        (self.tasks, self.ok) = (self.tasks + tasks, self.ok + tasks);
        self.verified += batch.verified;
        self.wall_ns += batch.rounds.iter().sum::<u64>();
        self.round_trips.extend(batch.tasks);
        self.rounds.extend(batch.rounds);
    }

    /// That part of the median round trip so far.
    pub(crate) fn part_of_median(&self, part: f64) -> u64 {
        let mut round_trips: Vec<f64> = self.round_trips.iter().map(|ns| *ns as f64).collect();
        (part * median(&mut round_trips)).round() as u64
    }

    /// Each round so far.
    pub(crate) fn rounds(&self) -> &[u64] {
        &self.rounds
    }

    /// The trial that they come to.
    pub(crate) fn trial(self, of: TrialContext<'_>) -> Trial {
        let round_trips = distribution(&self.round_trips);
        let warnings = self.warnings(&of, round_trips.count);
        let (ours, theirs) = (self.usage, self.workers);
        Trial {
            id: of.id,
            lab: of.lab.into(),
            params: of.params,
            cores: of.cores.to_vec(),
            table: of.table,
            worker: of.worker.into(),
            generations: of.generations,
            pairs: of.pairs,
            tasks: self.tasks + self.lost,
            ok: self.ok,
            failed: self.failed,
            lost: self.lost,
            verified: self.verified,
            wall_ns: self.wall_ns,
            round_trip_ns: round_trips,
            first_ns: (!self.firsts.is_empty()).then(|| distribution(&self.firsts)),
            interleaved_p50_ns: None,
            round_ns: (!self.rounds.is_empty()).then(|| distribution(&self.rounds)),
            phases_ns: self.phases_ns(),
            overlap: self.overlap,
            wire_bytes: self.wire_bytes(),
            buffer_bytes: self.buffer_bytes,
            syscalls_per_task: self.syscalls_per_task(),
            cpu_ns: CpuNs { coordinator: ours.cpu_ns, workers: theirs.cpu_ns },
            faults: Faults {
                minor: ours.minor_faults + theirs.minor_faults,
                major: ours.major_faults + theirs.major_faults,
            },
            switches: Switches {
                voluntary: ours.voluntary_switches + theirs.voluntary_switches,
                involuntary: ours.involuntary_switches + theirs.involuntary_switches,
            },
            hiccups: hiccups(&self.round_trips),
            stopped: of.stopped,
            steady: is_steady(of.batches),
            warnings,
            error: of.error,
            pages_got: self.pages,
        }
    }

    fn warnings(&self, of: &TrialContext<'_>, samples: u64) -> Vec<String> {
        let mut warnings = Vec::new();
        if samples < SAMPLES_FOR_P99 {
            warnings.push(format!("p99 is of {samples} samples only"));
        }
        let drift = drift(of.batches);
        if drift > MAX_DRIFT {
            warnings.push(format!(
                "successive batches are correlated (lag-1 autocorrelation {drift:.2})"
            ));
        }
        if let Some(bytes) = self.buffer_bytes.filter(|bytes| *bytes < USUAL_PIPE_BYTES) {
            warnings.push(format!(
                "a pipe of {bytes} bytes only: this user has reached /proc/sys/fs/pipe-user-pages-soft"
            ));
        }
        if of.cores.is_empty() {
            warnings.push("unpinned: placements are mixed, so there is no verdict".into());
        }
        warnings.extend(of.warnings.iter().cloned());
        warnings
    }

    fn phases_ns(&self) -> std::collections::BTreeMap<Phase, measure::Distribution> {
        let of = |phase: Phase| {
            let ns = |timeline: &Timeline| timeline.phases_ns()[phase as usize].1;
            (phase, self.timelines.iter().map(ns).collect::<Histogram>().distribution())
        };
        Phase::ALL.into_iter().filter(|_| !self.timelines.is_empty()).map(of).collect()
    }

    fn wire_bytes(&self) -> Option<WireBytes> {
        let (out, back) = self.io.zip(self.workers_io)?;
        let per = |bytes: u64, tasks: u64| one_digit(bytes as f64 / tasks.max(1) as f64);
        Some(WireBytes {
            per_task_out: per(out.written_bytes + self.rung_out, self.tasks),
            per_task_back: per(back.written_bytes + self.rung_back, self.tasks_unparked),
        })
    }

    fn syscalls_per_task(&self) -> Option<f64> {
        let (ours, theirs) = self.io.zip(self.workers_io)?;
        let calls = |io: Io, tasks: u64| (io.reads + io.writes) as f64 / tasks.max(1) as f64;
        Some(one_digit(calls(ours, self.tasks) + calls(theirs, self.tasks_unparked)))
    }
}

/// The distribution of times in nanoseconds.
pub(crate) fn distribution(times_ns: &[u64]) -> measure::Distribution {
    times_ns.iter().copied().collect::<Histogram>().distribution()
}

fn one_digit(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Tasks of a trial whose timelines are recorded, at most; and of one generation.
const MAX_TIMELINES: usize = 24;
const MAX_TIMELINES_EACH: usize = 4;

fn timeline_of(generation: u32, stamped: &Stamped) -> TaskTimeline {
    TaskTimeline {
        generation,
        task: stamped.task,
        worker: stamped.worker,
        reserved_ns: stamped.timeline.at(Stamp::Reserved),
        phases_ns: stamped.timeline.phases_ns().map(|(_, ns)| ns),
    }
}

/// Bytes of a pipe as the system makes one for a user who has not got too many.
const USUAL_PIPE_BYTES: usize = 64 * 1024;

/// A batch that resembles the one before by more than this says less than a fresh one.
const MAX_DRIFT: f64 = 0.3;

/// How much each batch resembles the one before it in its generation: the lag-1 autocorrelation of
/// the medians' logarithms, each less its generation's mean, which is a level of chance of its own.
fn drift(batches: &[Batch]) -> f64 {
    let (mut products, mut squares) = (0.0, 0.0);
    for generation in batches.chunk_by(|a, b| a.generation == b.generation) {
        let logs: Vec<f64> = generation.iter().map(|of| (of.median_ns as f64).ln()).collect();
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        products += logs.windows(2).map(|two| (two[0] - mean) * (two[1] - mean)).sum::<f64>();
        squares += logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>();
    }
    if squares > 0.0 { products / squares } else { 0.0 }
}

/// A round trip that takes so many medians is a hiccup.
const HICCUP_MEDIANS: u64 = 10;

/// Those of `round_trips` that took more than ten times their median.
fn hiccups(round_trips: &[u64]) -> Hiccups {
    let mut sorted = round_trips.to_vec();
    sorted.sort_unstable();
    let most = HICCUP_MEDIANS * median_of_sorted(&sorted);
    let long = &sorted[sorted.partition_point(|took| *took <= most)..];
    Hiccups { count: long.len() as u64, ns: long.iter().sum() }
}

/// The middle half of steady batches is at most this part of their median wide.
const MAX_SPREAD: f64 = 0.1;

/// Whether half of the batches lie within a tenth of the median of all.
fn is_steady(batches: &[Batch]) -> bool {
    let mut medians: Vec<f64> = batches.iter().map(|of| of.median_ns as f64).collect();
    let middle = median(&mut medians);
    let quarter = medians.len() / 4;
    !medians.is_empty()
        && medians[medians.len() - 1 - quarter] - medians[quarter] <= MAX_SPREAD * middle
}

fn add_io(total: Option<Io>, more: Option<Io>) -> Option<Io> {
    let mut more = more?;
    more += total.unwrap_or_default();
    Some(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_that_follow_each_other_are_seen_and_a_generation_s_level_is_not_taken_for_it() {
        let batches = |of: fn(u32, u32) -> u64| -> Vec<Batch> {
            let places = (0..60).map(|i| (i / 10, i % 10));
            places
                .map(|(generation, pair)| Batch {
                    generation,
                    pair,
                    median_ns: of(generation, pair),
                })
                .collect()
        };
        assert!(drift(&batches(|_, pair| 1000 + 10 * u64::from(pair))) > 0.5);
        // Levels far apart, and inside them one up, one down.
        let levels = batches(|g, pair| 1000 + 500 * u64::from(g) + 10 * u64::from(pair % 2));
        assert!(drift(&levels) < 0.0);
        assert_eq!(drift(&batches(|_, _| 1000)), 0.0);
        assert_eq!(drift(&[]), 0.0);
    }

    #[test]
    fn hiccups_are_counted_with_their_time_and_ten_medians_are_none() {
        let mut round_trips = vec![10; 99];
        round_trips.extend([100, 101, 5000]);
        assert_eq!(hiccups(&round_trips), Hiccups { count: 2, ns: 5101 });
        assert_eq!(hiccups(&[]), Hiccups::default());
    }

    #[test]
    fn batches_are_steady_if_the_middle_half_of_them_lies_within_a_tenth_of_the_median() {
        let of = |spread: u64| -> Vec<Batch> {
            let ns = (0..8).map(|at| 1000 + spread * at / 4);
            ns.map(|median_ns| Batch { generation: 0, pair: 0, median_ns }).collect()
        };
        assert!(is_steady(&of(90)) && !is_steady(&of(160)) && !is_steady(&of(400)));
        assert!(!is_steady(&[]));
    }
}
