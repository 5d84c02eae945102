//! What to measure: cells of arms, all of it known before the first worker starts.

use std::hash::{DefaultHasher, Hash, Hasher};

use record::{ArmParams, Params, Stratum, TrialTable, Wait};
use serde_json::json;
use shm::wakeup::WaitStrategy;
use shm::{Kind, Pages};
use stats::stopping;
use transport::{Residency, Setup, Transport};
use workload::sum::SumThenCompute;

use crate::placement::Placement;
use pool::Job;

/// One way of doing the same thing: what a cell compares with the others.
#[derive(Clone)]
pub struct Arm {
    /// How tasks are carried.
    pub transport: &'static dyn Transport,
    /// Where the list is before the task.
    pub residency: Residency,
    /// How the other side is woken.
    pub wakeup: &'static str,
    /// Kind of segment, where there is one.
    pub segment: Option<Kind>,
    /// What pages it is asked to be made of.
    pub pages: Pages,
}

impl Arm {
    /// The arm of that transport and residency that waits so, in a memfd where it shares; none if there is no such
    /// transport or it has no such wake-up.
    pub fn of(transport: &str, residency: Residency, wait: WaitStrategy) -> Option<Arm> {
        let transport = transport::by_name(transport)?;
        let segment = transport.has_segment().then_some(Kind::Memfd);
        let wakeup = wakeup_of(transport, wait)?;
        Some(Arm { transport, residency, wakeup, segment, pages: Pages::Ready })
    }

    /// What arms have in common that are measured by one worker group.
    pub(crate) fn group(&self) -> (&'static str, &'static str, Option<Kind>, Pages) {
        (self.transport.name(), self.wakeup, self.segment, self.pages)
    }

    /// Whether the list's bytes go through the kernel.
    pub fn copies(&self) -> bool {
        !self.transport.has_segment()
    }

    /// The arm as the record names it.
    pub fn params(&self) -> ArmParams {
        ArmParams {
            segment: self.segment.map(|kind| word(kind.name())),
            transport: self.transport.name().into(),
            residency: word(self.residency.name()),
            pages: word(self.pages.name()),
            wakeup: self.wakeup.into(),
        }
    }
}

/// A word of the record. Every name that an axis has on the command line is one: a test asks each of them.
fn word<T: std::str::FromStr<Err: std::fmt::Debug>>(name: &str) -> T {
    name.parse().unwrap_or_else(|fault| panic!("`{name}` is no word of the record: {fault:?}"))
}

/// What a process does while it waits, as the record names it.
pub fn wait_word(wait: WaitStrategy) -> Wait {
    match wait {
        WaitStrategy::Sleep => Wait::Sleep,
        WaitStrategy::Spin => Wait::Spin,
        WaitStrategy::Hybrid => Wait::Hybrid,
    }
}

/// What a cell is measured for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Purpose {
    /// To compare its arms.
    #[default]
    Compare,
    /// To test the method: its two arms are the same, each with workers of its own.
    AaTest {
        /// Injected effect: what the second arm computes besides, as a part of the round trip. It must be found.
        injected: Option<f64>,
    },
}

/// Arms that are measured side by side: one list, one stratum.
#[derive(Clone, Default)]
pub struct Cell {
    /// Which core runs which process.
    pub placement: Placement,
    /// What the cell has in common with those of its table. [`Cell::stratum`] adds what follows from the other fields.
    pub stratum: Stratum,
    /// Bytes of each list.
    pub bytes: usize,
    /// The arms.
    pub arms: Vec<Arm>,
    /// What it is measured for.
    pub purpose: Purpose,
    /// Tasks in a batch; none: as many as last two milliseconds, at least three.
    pub tasks: Option<usize>,
}

/// Everything that a run measures.
#[derive(Clone)]
pub struct Plan {
    /// Which lab asks.
    pub lab: &'static str,
    /// Cells, in the order of the tables; they are measured in random order.
    pub cells: Vec<Cell>,
    /// Sets of fresh workers for each cell.
    pub generations: u32,
    /// Pairs of batches in each generation.
    pub pairs: u32,
    /// Whether a cell ends as soon as its ratios are decided or narrow enough.
    pub stops: bool,
    /// Whether the machine limits and the size sweep are measured before the cells.
    pub limits: bool,
    /// Which table of a report shows its trials.
    pub table: TrialTable,
}

/// The job of tasks, unless a lab asks for another: each item is read, and the answer proves it.
pub const SUM: &str = "sum";

/// Bytes of an A/A test's list.
const AA_TEST_BYTES: usize = 4096;

impl Cell {
    /// A stratum of one worker with one task in flight, in which tasks add their list up.
    pub fn usual(wait: WaitStrategy) -> Stratum {
        let wait = wait_word(wait);
        Stratum { wait, workers: 1, depth: 1, job: SUM.into(), ..Stratum::default() }
    }

    /// One pipe against another of the same kind, beside cells like this one, with lists of `longest` bytes at most.
    pub fn as_aa_test(&self, longest: usize) -> Option<Cell> {
        let wait = match self.stratum.wait {
            Wait::Sleep => WaitStrategy::Sleep,
            Wait::Spin => WaitStrategy::Spin,
            Wait::Hybrid => WaitStrategy::Hybrid,
        };
        let pipe = Arm::of("pipe", Residency::Place, wait)?;
        Some(Cell {
            bytes: AA_TEST_BYTES.min(longest),
            arms: vec![pipe; 2],
            purpose: Purpose::AaTest { injected: None },
            stratum: Stratum { job: SUM.into(), compute_ns: 0, ..self.stratum.clone() },
            ..self.clone()
        })
    }

    /// Whether it tests the method.
    pub fn is_aa_test(&self) -> bool {
        self.purpose != Purpose::Compare
    }

    /// Injected effect, as a part of the round trip.
    pub fn injected(&self) -> Option<f64> {
        match self.purpose {
            Purpose::Compare => None,
            Purpose::AaTest { injected } => injected,
        }
    }

    /// What the cell has in common with those of its table.
    pub fn stratum(&self) -> Stratum {
        let mut shared = self.arms.iter().filter(|arm| !arm.copies()).map(|arm| arm.wakeup);
        let first = shared.next();
        Stratum {
            placement: self.placement.word(),
            shared_wakeup: first
                .filter(|first| shared.all(|other| other == *first))
                .map(Into::into),
            job: job(&self.stratum.job, self.stratum.compute_ns).into(),
            ..self.stratum.clone()
        }
    }

    /// What is measured by `arm`.
    pub fn params(&self, arm: &Arm) -> Params {
        Params { case: None, stratum: self.stratum(), bytes: self.bytes, arm: arm.params() }
    }

    /// What pairs.csv says in the column `case` where no lab names one.
    pub(crate) fn case(&self) -> &str {
        match self.stratum.job.as_str() {
            _ if self.is_aa_test() => "aa_test",
            SUM => "",
            other => other,
        }
    }

    /// Items of each list.
    pub fn items(&self) -> usize {
        self.bytes / shm::ITEM_BYTES
    }

    /// The axes of `arm` in this cell, as its hub needs them.
    pub(crate) fn setup(&self, arm: &Arm, room: usize) -> Setup {
        Setup {
            wakeup: arm.wakeup.into(),
            segment: arm.segment.unwrap_or(Kind::Memfd),
            pages: arm.pages,
            workers: self.stratum.workers,
            depth: self.stratum.depth,
            max_list_items: room,
            max_answer_items: 0,
            max_residents: 1,
            cross_core: self.placement.word() != record::Placement::Same,
        }
    }

    /// Whether another cell differs by nothing but its size.
    pub(crate) fn same_except_size(&self, other: &Cell) -> bool {
        let arms = |cell: &Cell| cell.arms.iter().map(Arm::params).collect::<Vec<_>>();
        (&self.placement, self.stratum(), arms(self))
            == (&other.placement, other.stratum(), arms(other))
    }

    /// Memory that this cell needs at once, about.
    pub(crate) fn memory_bytes(&self) -> usize {
        let Stratum { workers, depth, .. } = self.stratum;
        self.bytes.saturating_mul(workers * depth + 2 + workers + 2)
    }
}

/// `cells`, and in front of each stratum of them its A/A test. An unpinned one has none: it carries no verdict that
/// could be wrong.
pub fn with_aa_tests(cells: Vec<Cell>, longest: usize) -> Vec<Cell> {
    let mut all: Vec<Cell> = Vec::with_capacity(cells.len() + 1);
    for cell in cells {
        let load = |of: &Cell| {
            (of.placement.clone(), of.stratum.wait, of.stratum.workers, of.stratum.depth)
        };
        let has = all.iter().any(|other| other.is_aa_test() && load(other) == load(&cell));
        if cell.placement != Placement::Unpinned && !has {
            all.extend(cell.as_aa_test(longest));
        }
        all.push(cell);
    }
    all
}

impl Plan {
    /// After how many generations a cell is analysed, the last of them included.
    pub(crate) fn analyses(&self) -> Vec<u32> {
        if self.stops { stopping::looks(self.generations) } else { vec![self.generations] }
    }

    /// Items of its longest list.
    pub fn longest(&self) -> usize {
        self.cells.iter().map(Cell::items).max().unwrap_or(0)
    }

    /// The plan in words: a record with the same ones can be continued.
    pub fn fingerprint(&self) -> String {
        let mut hash = DefaultHasher::new();
        for cell in &self.cells {
            let injected = cell.injected();
            let params: Vec<Params> = cell.arms.iter().map(|arm| cell.params(arm)).collect();
            let placement = format!("{:?}", cell.placement);
            json!([placement, params, cell.is_aa_test(), injected, cell.tasks])
                .to_string()
                .hash(&mut hash);
        }
        let (lab, cells, hash) = (self.lab, self.cells.len(), hash.finish());
        format!("{lab} {}x{} {cells} cells {hash:016x}", self.generations, self.pairs)
    }
}

/// What a task named `job` runs if it computes so long: each item is read, and the answer proves it.
pub(crate) fn job(job: &str, compute_ns: u64) -> &str {
    if job == SUM && compute_ns > 0 { SumThenCompute.name() } else { job }
}

/// The transport's wake-up that waits so, its default first.
pub fn wakeup_of(transport: &dyn Transport, wait: WaitStrategy) -> Option<&'static str> {
    let mut wakeups = transport.wakeups().into_iter();
    wakeups.find_map(|(name, of)| (of == wait).then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_an_axis_is_a_word_of_the_record() {
        let [segments, pages] = [Kind::ALL.len(), Pages::ALL.len()];
        for wait in [WaitStrategy::Sleep, WaitStrategy::Spin, WaitStrategy::Hybrid] {
            assert_eq!(wait_word(wait).to_string(), wait.name());
        }
        for (nth, transport) in transport::ALL.iter().enumerate() {
            for residency in Residency::ALL {
                let (segment, pages) = (Kind::ALL[nth % segments], Pages::ALL[nth % pages]);
                for (wakeup, _) in transport.wakeups() {
                    let segment = Some(segment);
                    let arm = Arm {
                        transport: *transport,
                        residency: *residency,
                        wakeup,
                        segment,
                        pages,
                    };
                    let params = arm.params();
                    assert_eq!(params.residency.to_string(), residency.name());
                    assert_eq!(params.pages.to_string(), pages.name());
                    assert_eq!(
                        params.segment.map(|of| of.to_string()),
                        arm.segment.map(|of| of.name().to_owned())
                    );
                }
            }
        }
        assert!(
            segments <= transport::ALL.len() && pages <= transport::ALL.len(),
            "each was asked"
        );
    }

    #[test]
    fn a_plan_that_differs_in_anything_has_another_fingerprint() {
        let arms: Vec<Arm> = ["pipe", "shared"]
            .iter()
            .filter_map(|name| Arm::of(name, Residency::Place, WaitStrategy::Sleep))
            .collect();
        let cell =
            Cell { stratum: Cell::usual(WaitStrategy::Sleep), bytes: 64, arms, ..Cell::default() };
        let plan = |change: &dyn Fn(&mut Cell)| {
            let mut cell = cell.clone();
            change(&mut cell);
            let table = TrialTable::Stratum;
            Plan {
                lab: "sweep",
                cells: vec![cell],
                generations: 6,
                pairs: 2,
                stops: true,
                limits: false,
                table,
            }
            .fingerprint()
        };
        let changes: [&dyn Fn(&mut Cell); 12] = [
            &|_| (),
            &|cell| cell.bytes = 128,
            &|cell| cell.placement = Placement::Spread,
            &|cell| cell.placement = Placement::Cores(vec![0, 0]),
            &|cell| cell.stratum.rate = Some(10.0),
            &|cell| cell.stratum.depth = 2,
            &|cell| cell.stratum.compute_ns = 7,
            &|cell| cell.arms[1].pages = Pages::Huge,
            &|cell| cell.arms.truncate(1),
            &|cell| cell.tasks = Some(4),
            &|cell| cell.purpose = Purpose::AaTest { injected: None },
            &|cell| cell.purpose = Purpose::AaTest { injected: Some(0.1) },
        ];
        let mut all: Vec<String> = changes.iter().map(|change| plan(change)).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), changes.len());
    }
}
