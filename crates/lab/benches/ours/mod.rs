//! One of our transports, for the benches.

use std::path::PathBuf;
use std::time::Duration;

use harness::list::Windows;
use harness::placement::allowed_cores;
use harness::round_trips::batch;
use harness::round_trips::exchange::{Load, StampBuffers};
use pool::{WorkerCommand, WorkerGroup, WorkerGroupPlan};
use shm::{Kind, Pages};
use transport::{Residency, Resident, Setup};

/// Our transport, through its hub, as a sweep drives it. A batch's time is its median times its
/// tasks, so that one preemption does not decide.
pub(crate) struct Ours<'a> {
    group: WorkerGroup,
    workers: usize,
    windows: &'a Windows<'a>,
    residency: Residency,
    resident: Option<Resident>,
    rooms: StampBuffers,
}

impl<'a> Ours<'a> {
    /// With one worker, on `core`.
    pub(crate) fn start(
        name: &str,
        wakeup: &str,
        windows: &'a Windows<'a>,
        residency: Residency,
        core: usize,
    ) -> Self {
        Ours::start_on(name, wakeup, windows, residency, &[core])
    }

    /// With a worker on each of `cores`.
    pub(crate) fn start_on(
        name: &str,
        wakeup: &str,
        windows: &'a Windows<'a>,
        residency: Residency,
        cores: &[usize],
    ) -> Self {
        let transport = transport::by_name(name).expect("a transport of ours");
        let room = windows.all.len();
        let setup = Setup {
            wakeup: wakeup.into(),
            segment: Kind::Memfd,
            pages: Pages::Ready,
            workers: cores.len(),
            depth: 1,
            max_list_items: room,
            max_answer_items: 0,
            max_residents: 1,
            cross_core: cores[0] != here(),
        };
        let program = PathBuf::from(env!("CARGO_BIN_EXE_worker"));
        let patience = Duration::from_secs(5);
        let launch =
            WorkerCommand { program, args: Vec::new(), build: harness::BUILD.into(), patience };
        let plan = WorkerGroupPlan {
            launch,
            transport,
            setup,
            initialiser: None,
            cores: cores.to_vec(),
            padding: 0,
            order: Vec::new(),
        };
        let mut group = WorkerGroup::start(&plan).expect("a worker group");
        let resident = (residency == Residency::Resident)
            .then(|| group.hub().place(windows.all).expect("room for a resident list"));
        let workers = cores.len();
        let mut ours =
            Ours { group, workers, windows, residency, resident, rooms: StampBuffers::default() };
        ours.batch(200);
        ours.group.park().expect("parking");
        ours
    }

    /// So many round trips: their median, times their number, in nanoseconds.
    pub(crate) fn batch(&mut self, count: usize) -> u64 {
        let mut took = self.samples(count);
        took.sort_unstable();
        took[took.len() / 2] * count as u64
    }

    /// How long each of so many round trips took.
    pub(crate) fn samples(&mut self, count: usize) -> Vec<u64> {
        let parked = self.rooms_used();
        if parked {
            self.group.unpark().expect("unparking");
        }
        let (windows, residency) = (self.windows, self.residency);
        let resident = self.resident.as_ref();
        let (max_ns, min_answers) = (u64::MAX, 1);
        let load = Load {
            job: harness::plan::SUM,
            windows,
            residency,
            resident,
            workers: self.workers,
            depth: 1,
            max_ns,
            min_answers,
            compute_ns: 0,
            rate: None,
        };
        batch::run(&mut self.group, &load, 5, &mut self.rooms).expect("warm tasks");
        let batch = batch::run(&mut self.group, &load, count, &mut self.rooms).expect("tasks");
        assert_eq!(batch.verified, batch.ok);
        if parked {
            self.group.park().expect("parking");
        }
        batch.round_trips
    }

    /// Whether a batch has run before: from then on workers are parked between batches.
    fn rooms_used(&self) -> bool {
        !self.rooms.is_empty()
    }
}

/// The core that this thread was pinned to.
fn here() -> usize {
    allowed_cores().expect("the core of this thread")[0]
}
