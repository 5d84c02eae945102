//! One of our transports through its hub, with one worker, as a sweep drives it.

use std::path::PathBuf;
use std::time::Duration;

use lab::batch::{self, Load, Rooms};
use lab::source::Windows;
use pool::{Crew, CrewPlan, Launch};
use shm::Kind;
use transport::{Residency, Resident, Setup};

/// A crew of one, parked between its turns so that it disturbs nobody.
pub(crate) struct Ours<'a> {
    crew: Crew,
    windows: &'a Windows<'a>,
    residency: Residency,
    resident: Option<Resident>,
    rooms: Rooms,
}

impl<'a> Ours<'a> {
    pub(crate) fn start(
        name: &str,
        wakeup: &str,
        windows: &'a Windows<'a>,
        residency: Residency,
        [here, there]: [usize; 2],
    ) -> Ours<'a> {
        let transport = transport::by_name(name).expect("a transport of ours");
        let room = windows.all.len();
        let setup = Setup {
            wakeup: wakeup.into(),
            segment: Kind::Memfd,
            workers: 1,
            depth: 1,
            room,
            answer: 0,
            residents: 1,
            apart: here != there,
        };
        let program = PathBuf::from(env!("CARGO_BIN_EXE_worker"));
        let patience = Duration::from_secs(5);
        let launch = Launch { program, args: Vec::new(), build: lab::BUILD.into(), patience };
        let plan = CrewPlan {
            launch,
            transport,
            setup,
            initialiser: None,
            cores: vec![there],
            padding: 0,
            order: Vec::new(),
        };
        let mut crew = Crew::start(&plan).expect("a crew");
        let resident = (residency == Residency::Resident)
            .then(|| crew.hub().place(windows.all).expect("room for a resident list"));
        let mut ours = Ours { crew, windows, residency, resident, rooms: Rooms::default() };
        ours.run(20);
        ours.crew.park().expect("parking");
        ours
    }

    /// The median of so many round trips, in nanoseconds.
    pub(crate) fn median(&mut self, trips: usize) -> u64 {
        self.crew.unpark().expect("unparking");
        self.run(5);
        let mut took = self.run(trips);
        self.crew.park().expect("parking");
        took.sort_unstable();
        took[took.len() / 2]
    }

    fn run(&mut self, count: usize) -> Vec<u64> {
        let load = Load {
            windows: self.windows,
            residency: self.residency,
            resident: self.resident.as_ref(),
            workers: 1,
            depth: 1,
            longest_ns: u64::MAX,
            fewest: 1,
            compute_ns: 0,
            rate: None,
        };
        let batch = batch::run(&mut self.crew, &load, count, &mut self.rooms).expect("tasks");
        assert_eq!(batch.verified, batch.ok);
        batch.round_trips
    }
}
