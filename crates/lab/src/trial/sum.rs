//! Sums over an arm's batches, and the row that they come to.

use measure::compare::median;
use measure::counters::{Io, Usage};
use measure::histogram::SAMPLES_FOR_P99;
use measure::record::{CpuNs, Faults, Switches, Trial, WireBytes};
use measure::{Histogram, Phase, Timeline};

use super::Setting;
use super::generation::Counted;
use crate::placement::Placement;
use crate::plan::{Arm, Cell, Plan};

/// Sums over all batches of one arm.
#[derive(Default)]
pub(super) struct Sum {
    round_trips: Vec<u64>,
    timelines: Vec<Timeline>,
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
    pub(super) error: Option<String>,
}

impl Sum {
    pub(super) fn add(&mut self, counted: Counted) {
        let Counted { batch, .. } = counted;
        self.round_trips.extend(batch.round_trips);
        self.timelines.extend(batch.timelines);
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
        self.workers += counted.workers.usage;
        self.overlap |= counted.overlap;
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
            round_ns: None,
            phases_ns,
            overlap: self.overlap,
            wire_bytes,
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
            steady,
            warnings,
            error: self.error,
        }
    }
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
