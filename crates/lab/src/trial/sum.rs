//! Sums over an arm's batches, and the row that they come to.

use measure::compare::median;
use measure::counters::{Io, Usage};
use measure::histogram::SAMPLES_FOR_P99;
use measure::record::{CpuNs, Faults, Hiccups, PagesGot, Switches, Trial, WireBytes};
use measure::timeline::TaskTimeline;
use measure::{Histogram, Phase, Stamp, Timeline, middle};

use super::Setting;
use super::generation::Counted;
use crate::batch::Stamped;
use crate::placement::Placement;
use crate::plan::{Arm, Cell, Plan};

/// Sums over all batches of one arm.
#[derive(Default)]
pub(super) struct Sum {
    round_trips: Vec<u64>,
    timelines: Vec<Timeline>,
    /// Some of them, with when and where they were.
    pub(super) kept: Vec<TaskTimeline>,
    /// Generation, pair and median of each batch.
    pub(super) batches: Vec<(u32, u32, u64)>,
    wall_ns: u64,
    tasks: u64,
    ok: u64,
    failed: u64,
    pub(super) lost: u64,
    verified: u64,
    pub(super) duplicated: u64,
    io: Option<Io>,
    workers_io: Option<Io>,
    rung_out: u64,
    rung_back: u64,
    tasks_unparked: u64,
    usage: Usage,
    workers: Usage,
    overlap: bool,
    /// Of each generation, the first task's round trip.
    pub(super) firsts: Vec<u64>,
    pub(super) pages: Option<PagesGot>,
    /// Of the smallest stream.
    buffer_bytes: Option<usize>,
    pub(super) error: Option<String>,
}

impl Sum {
    pub(super) fn add(&mut self, generation: u32, counted: Counted) {
        let Counted { batch, .. } = counted;
        if self.kept.last().is_none_or(|last| last.generation != generation) {
            let room = KEPT.saturating_sub(self.kept.len()).min(KEPT_EACH);
            let kept = batch.stamped.iter().filter(|of| of.timeline.at(Stamp::Collected) > 0);
            self.kept.extend(kept.take(room).map(|stamped| kept_of(generation, stamped)));
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

    /// That part of the median batch so far.
    pub(super) fn part(&self, part: f64) -> u64 {
        let mut medians: Vec<f64> = self.batches.iter().map(|(_, _, ns)| *ns as f64).collect();
        (part * median(&mut medians)).round() as u64
    }

    pub(super) fn trial(
        self,
        setting: &Setting<'_>,
        plan: &Plan,
        cell: &Cell,
        arm: &Arm,
        cores: &[usize],
        generations: u32,
    ) -> Trial {
        let per =
            |amount: u64, tasks: u64| (amount as f64 / tasks.max(1) as f64 * 10.0).round() / 10.0;
        let wire_bytes = self.io.zip(self.workers_io).map(|(out, back)| WireBytes {
            per_task_out: per(out.written_bytes + self.rung_out, self.tasks),
            per_task_back: per(back.written_bytes + self.rung_back, self.tasks_unparked),
        });
        let syscalls_per_task = self.io.zip(self.workers_io).map(|(ours, theirs)| {
            let calls = |io: Io, tasks: u64| (io.reads + io.writes) as f64 / tasks.max(1) as f64;
            let both = calls(ours, self.tasks) + calls(theirs, self.tasks_unparked);
            (both * 10.0).round() / 10.0
        });
        let phases_ns = Phase::ALL
            .into_iter()
            .filter(|_| !self.timelines.is_empty())
            .map(|phase| {
                let of = |timeline: &Timeline| timeline.phases_ns()[phase as usize].1;
                (phase, self.timelines.iter().map(of).collect::<Histogram>().distribution())
            })
            .collect();
        let round_trips = self.round_trips.iter().copied().collect::<Histogram>().distribution();
        let steady = steady(&self.batches);
        let mut warnings = Vec::new();
        if round_trips.count < SAMPLES_FOR_P99 {
            warnings.push(format!("p99 stands on {} samples", round_trips.count));
        }
        let drift = drift(&self.batches);
        if drift > MOST_DRIFT {
            warnings.push(format!(
                "batches follow their neighbours (lag-1 autocorrelation {drift:.2})"
            ));
        }
        if let Some(bytes) = self.buffer_bytes.filter(|bytes| *bytes < LEAST_PIPE) {
            warnings.push(format!(
                "a pipe of {bytes} bytes: this user's pipes are at /proc/sys/fs/pipe-user-pages-soft"
            ));
        }
        if cell.placement == Placement::Unpinned {
            warnings.push("unpinned: a mixture of regimes, which carries no verdict".into());
        }
        Trial {
            id: 0,
            lab: plan.lab.into(),
            lecture: None,
            cell: cell.record(arm, cores),
            through: "hub".into(),
            worker: setting.found.word.into(),
            arrival: if cell.rate.is_some() { "open" } else { "closed" }.into(),
            generations,
            pairs: plan.pairs,
            tasks: self.tasks + self.lost,
            ok: self.ok,
            failed: self.failed,
            lost: self.lost,
            verified: self.verified,
            wall_ns: self.wall_ns,
            round_trip_ns: round_trips,
            first_ns: (!self.firsts.is_empty())
                .then(|| self.firsts.iter().copied().collect::<Histogram>().distribution()),
            pages_got: self.pages,
            beside_ns: None,
            round_ns: None,
            phases_ns,
            overlap: self.overlap,
            wire_bytes,
            buffer_bytes: self.buffer_bytes,
            syscalls_per_task,
            cpu_ns: CpuNs { coordinator: self.usage.cpu_ns, workers: self.workers.cpu_ns },
            faults: Faults {
                minor: self.usage.minor_faults + self.workers.minor_faults,
                major: self.usage.major_faults + self.workers.major_faults,
            },
            switches: Switches {
                voluntary: self.usage.voluntary_switches + self.workers.voluntary_switches,
                involuntary: self.usage.involuntary_switches + self.workers.involuntary_switches,
            },
            hiccups: hiccups(&self.round_trips),
            stopped: None,
            steady,
            warnings,
            error: self.error,
        }
    }
}

/// Tasks of a trial whose timelines are recorded, at most; and of one generation.
const KEPT: usize = 24;
const KEPT_EACH: usize = 4;

fn kept_of(generation: u32, stamped: &Stamped) -> TaskTimeline {
    TaskTimeline {
        generation,
        task: stamped.task,
        worker: stamped.worker,
        reserved_ns: stamped.timeline.at(Stamp::Reserved),
        phases_ns: stamped.timeline.phases_ns().map(|(_, ns)| ns),
    }
}

/// Bytes of a pipe as the system makes one for whoever has not got too many.
const LEAST_PIPE: usize = 64 * 1024;

/// A batch that resembles the one before by more than this says less than a fresh one.
const MOST_DRIFT: f64 = 0.3;

/// How much each batch resembles the one before it in its generation: the lag-1 autocorrelation of
/// the medians' logarithms, each less its generation's mean, which is a level of chance of its own.
fn drift(batches: &[(u32, u32, u64)]) -> f64 {
    let (mut products, mut squares) = (0.0, 0.0);
    for generation in batches.chunk_by(|a, b| a.0 == b.0) {
        let logs: Vec<f64> = generation.iter().map(|(_, _, ns)| (*ns as f64).ln()).collect();
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        products += logs.windows(2).map(|two| (two[0] - mean) * (two[1] - mean)).sum::<f64>();
        squares += logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>();
    }
    if squares > 0.0 { products / squares } else { 0.0 }
}

/// A round trip that takes so many medians is a hiccup.
const HICCUP: u64 = 10;

/// Those of `round_trips` that took more than ten times their median.
fn hiccups(round_trips: &[u64]) -> Hiccups {
    let mut sorted = round_trips.to_vec();
    sorted.sort_unstable();
    let most = HICCUP * middle(&sorted);
    let long = &sorted[sorted.partition_point(|took| *took <= most)..];
    Hiccups { count: long.len() as u64, ns: long.iter().sum() }
}

/// Whether half of the batches lie within a tenth of the median of all.
pub(crate) fn steady(batches: &[(u32, u32, u64)]) -> bool {
    let mut medians: Vec<f64> = batches.iter().map(|(_, _, median)| *median as f64).collect();
    let middle = median(&mut medians);
    let quarter = medians.len() / 4;
    !medians.is_empty() && medians[medians.len() - 1 - quarter] - medians[quarter] <= 0.1 * middle
}

fn add_io(sum: Option<Io>, more: Option<Io>) -> Option<Io> {
    let mut more = more?;
    more += sum.unwrap_or_default();
    Some(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_that_follow_each_other_are_seen_and_a_generation_s_level_is_not_taken_for_it() {
        let batches = |of: fn(u32, u32) -> u64| -> Vec<(u32, u32, u64)> {
            (0..60).map(|i| (i / 10, i % 10, of(i / 10, i % 10))).collect()
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
}
