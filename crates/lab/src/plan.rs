//! What to measure: cells of arms, all of it known before the first worker starts.

use std::hash::{DefaultHasher, Hash, Hasher};

use measure::middle;
use measure::run::PairRow;
use measure::stopping;
use pool::Job;
use shm::wakeup::WaitStrategy;
use shm::{Kind, Pages};
use transport::{Residency, Setup, Transport};

use workload::sum::SumThenCompute;

use crate::placement::Placement;

/// What pairs.csv calls doing it alone.
pub const ALONE: &str = "sequential";

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
    /// The arm of that transport and residency in `regime`, in a memfd where it shares; nothing if
    /// there is no such transport or it has no wake-up of that regime.
    pub fn of(transport: &str, residency: Residency, regime: WaitStrategy) -> Option<Arm> {
        let transport = transport::by_name(transport)?;
        let segment = transport.has_segment().then_some(Kind::Memfd);
        Some(Arm {
            transport,
            residency,
            wakeup: wakeup_of(transport, regime)?,
            segment,
            pages: Pages::Ready,
        })
    }

    /// What arms have in common that are measured by one crew.
    pub fn crew(&self) -> (&'static str, &'static str, Option<Kind>, Pages) {
        (self.transport.name(), self.wakeup, self.segment, self.pages)
    }

    /// Its name in tables and pairs.
    pub fn name(&self) -> String {
        let transport = self.transport.name();
        match (self.transport.has_segment(), self.pages) {
            (true, Pages::Ready) => format!("{transport} {}", self.residency),
            (true, pages) => format!("{transport} {} {pages}", self.residency),
            (false, _) if self.residency == Residency::Place => transport.to_owned(),
            (false, _) => format!("{transport} {}", self.residency),
        }
    }

    /// Whether the list's bytes go through the kernel.
    pub fn copies(&self) -> bool {
        !self.transport.has_segment()
    }
}

/// Arms that are measured side by side: one list, one placement, one regime.
#[derive(Clone)]
pub struct Cell {
    /// Which core runs whom.
    pub placement: Placement,
    /// What a waiting side does.
    pub regime: WaitStrategy,
    /// Worker processes of each arm.
    pub workers: usize,
    /// Tasks in flight per worker.
    pub depth: usize,
    /// The job of each task.
    pub job: &'static str,
    /// Bytes of each list.
    pub bytes: usize,
    /// The arms.
    pub arms: Vec<Arm>,
    /// Whether this is a control: its two arms are the same, each with workers of its own.
    pub control: bool,
    /// Computing that each task adds to its job, or that a lab's task is named by, in nanoseconds.
    pub compute_ns: u64,
    /// Of a control: what its second arm computes besides, as a part of the round trip. It must be found.
    pub planted: Option<f64>,
    /// Tasks a second, sent on a schedule; none: the next is sent after an answer.
    pub rate: Option<f64>,
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
    /// Whether a cell ends as soon as it is settled.
    pub stops: bool,
    /// Whether what its rows are set against is measured first: the machine's limits, and all sizes beside
    /// each other for the cost models.
    pub floor: bool,
}

/// Which batch of a cell it was.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Which set of fresh workers.
    pub generation: u32,
    /// Which pair of that generation.
    pub pair: u32,
    /// Whether it came first, second, … in its pair.
    pub order: u32,
    /// When it began, on the monotonic clock.
    pub time: u64,
}

/// The job of tasks, unless a lab asks for another: each item is read, and the answer proves it.
pub const SUM: &str = "sum";

/// Bytes of a control's list.
const CONTROL_BYTES: usize = 4096;

impl Cell {
    /// One pipe against another of the same kind, beside cells like this one, with lists of
    /// `longest` bytes at most.
    pub fn as_control(&self, longest: usize) -> Option<Cell> {
        let pipe = Arm::of("pipe", Residency::Place, self.regime)?;
        let bytes = CONTROL_BYTES.min(longest);
        Some(Cell {
            bytes,
            arms: vec![pipe; 2],
            control: true,
            job: SUM,
            compute_ns: 0,
            ..self.clone()
        })
    }

    /// The row of pairs.csv for one batch of arm number `arm`, or of doing it alone where there is
    /// no such arm; `samples` are sorted.
    pub fn pair_row(
        &self,
        run: &str,
        case: &str,
        arm: usize,
        turn: Turn,
        samples: &[u64],
    ) -> PairRow {
        let arm = self.arms.get(arm);
        let Turn { generation, pair, order, time } = turn;
        PairRow {
            run: run.into(),
            case: case.into(),
            placement: self.placement.name().into(),
            regime: self.regime.name().into(),
            wakeup: arm.map_or(String::new(), |arm| arm.wakeup.into()),
            workers: self.workers,
            depth: self.depth,
            generation,
            pair,
            order,
            arm: arm.map_or(ALONE.into(), Arm::name),
            size: self.bytes,
            compute: self.compute_ns,
            median: middle(samples),
            mean: samples.iter().sum::<u64>() / samples.len().max(1) as u64,
            min: samples.first().copied().unwrap_or(0),
            n: samples.len(),
            time,
        }
    }

    /// What pairs.csv says in the column `case` where no lab asks.
    pub fn case(&self) -> &'static str {
        match self.job {
            _ if self.control => "control",
            SUM => "",
            other => other,
        }
    }

    /// Items of each list.
    pub fn items(&self) -> usize {
        self.bytes / shm::ITEM_BYTES
    }

    /// The axes of `arm` in this cell, as its hub needs them.
    pub fn setup(&self, arm: &Arm, room: usize) -> Setup {
        Setup {
            wakeup: arm.wakeup.into(),
            segment: arm.segment.unwrap_or(Kind::Memfd),
            pages: arm.pages,
            workers: self.workers,
            depth: self.depth,
            max_list_items: room,
            max_answer_items: 0,
            max_residents: 1,
            cross_core: self.placement.name() != "same",
        }
    }

    /// Whether another cell differs by nothing but its size.
    pub fn is_beside(&self, other: &Cell) -> bool {
        let arms = |cell: &Cell| -> Vec<_> {
            cell.arms.iter().map(|arm| (arm.name(), arm.wakeup, arm.segment)).collect()
        };
        let load = |cell: &Cell| (cell.workers, cell.depth, cell.compute_ns, cell.rate);
        self.placement == other.placement
            && self.regime == other.regime
            && load(self) == load(other)
            && arms(self) == arms(other)
    }

    /// Memory that this cell needs at once, about.
    pub fn memory_bytes(&self) -> usize {
        let lists = self.workers * self.depth + 2 + self.workers + 2;
        self.bytes.saturating_mul(lists)
    }

    /// The axes of `arm` in this cell, as the record keeps them.
    pub fn record(&self, arm: &Arm, cores: &[usize]) -> measure::record::Cell {
        measure::record::Cell {
            job: job(self.job, self.compute_ns).into(),
            transport: arm.transport.name().into(),
            residency: arm.residency.name().into(),
            wakeup: arm.wakeup.into(),
            regime: self.regime.name().into(),
            segment: arm.segment.map(|kind| kind.name().into()),
            pages: (arm.pages != Pages::Ready).then(|| arm.pages.name().into()),
            workers: self.workers,
            depth: self.depth,
            placement: self.placement.name().into(),
            cores: cores.to_vec(),
            bytes: self.bytes,
            items: self.items(),
            compute_ns: self.compute_ns,
            rate: self.rate,
        }
    }
}

/// `cells`, and in front of each stratum of them its control. An unpinned one has none: it carries
/// no verdict that could be wrong.
pub fn with_controls(cells: Vec<Cell>, longest: usize) -> Vec<Cell> {
    let mut all: Vec<Cell> = Vec::with_capacity(cells.len() + 1);
    for cell in cells {
        let beside = |other: &Cell| {
            let stratum = |cell: &Cell| (cell.placement.clone(), cell.workers, cell.depth);
            other.control && other.regime == cell.regime && stratum(other) == stratum(&cell)
        };
        if cell.placement != Placement::Unpinned && !all.iter().any(beside) {
            all.extend(cell.as_control(longest));
        }
        all.push(cell);
    }
    all
}

impl Plan {
    /// After how many generations a cell is looked at, the last of them included.
    pub fn looks(&self) -> Vec<u32> {
        if self.stops { stopping::looks(self.generations) } else { vec![self.generations] }
    }

    /// Items of its longest list.
    pub fn longest(&self) -> usize {
        self.cells.iter().map(Cell::items).max().unwrap_or(0)
    }

    /// The plan in words: a record with the same ones can be continued.
    pub fn fingerprint(&self) -> String {
        let cells = self.cells.iter().map(|cell| {
            let arms: Vec<String> =
                cell.arms.iter().map(|arm| format!("{}/{}", arm.name(), arm.wakeup)).collect();
            let segment = cell.arms.iter().find_map(|arm| arm.segment).map(Kind::name);
            format!(
                "{} {:?} {} {}x{} {} {} {:?} {:?} {:?} {:?} {} {}",
                cell.job,
                cell.placement,
                cell.regime,
                cell.workers,
                cell.depth,
                cell.bytes,
                cell.compute_ns,
                cell.planted,
                cell.tasks,
                cell.rate,
                segment,
                arms.join("+"),
                cell.control
            )
        });
        let mut hash = DefaultHasher::new();
        cells.for_each(|cell| cell.hash(&mut hash));
        let hash = hash.finish();
        format!(
            "{} {}x{} {} cells {hash:016x}",
            self.lab,
            self.generations,
            self.pairs,
            self.cells.len()
        )
    }
}

/// What a task named `job` runs if it computes so long: each item is read, and the answer proves it.
pub fn job(job: &str, compute_ns: u64) -> &str {
    if job == SUM && compute_ns > 0 { SumThenCompute.name() } else { job }
}

/// The transport's wake-up of that regime, its default first.
pub fn wakeup_of(transport: &dyn Transport, regime: WaitStrategy) -> Option<&'static str> {
    let mut wakeups = transport.wakeups().into_iter();
    wakeups.find_map(|(name, of)| (of == regime).then_some(name))
}
