//! Workers that sleep over their control sockets, where they disturb nothing and tell their counters.

use shm::MappedPages;
use transport::List;

use super::{Event, PARK, WorkerGroup};
use crate::control::{CoordinatorMessage, Report, WorkerMessage};
use crate::error::PoolError;

impl WorkerGroup {
    /// Sends all workers to sleep, so that they disturb nothing else. None may have a task.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut group = example::group();
    /// assert!(group.park().is_ok());
    /// ```
    ///
    /// # Errors
    /// A worker died instead.
    pub fn park(&mut self) -> Result<(), PoolError> {
        for worker in 0..self.places.len() {
            if !self.is_ready(worker) || self.places[worker].parked {
                continue;
            }
            self.send(worker, &PARK, List::None, None)?;
            match self.recv(None)? {
                Event::Died { exit, .. } => return Err(PoolError::Died(exit)),
                Event::Reply { .. } | Event::Started { .. } | Event::Nothing => {}
            }
            self.places[worker].parked = true;
            self.parked = true;
        }
        Ok(())
    }

    /// Whether some worker is parked.
    #[inline]
    pub(crate) fn is_parked(&self) -> bool {
        self.parked
    }

    /// Wakes all parked workers.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut group = example::group();
    /// group.park().unwrap();
    /// assert!(group.unpark().is_ok());
    /// ```
    ///
    /// # Errors
    /// A worker's control socket is closed.
    pub fn unpark(&mut self) -> Result<(), PoolError> {
        for worker in 0..self.places.len() {
            if !std::mem::replace(&mut self.places[worker].parked, false) {
                continue;
            }
            let Some(there) = self.places[worker].ready() else { continue };
            if let Err(fault) = there.control.send(&CoordinatorMessage::Go, &[]) {
                return Err(self.cause(worker, fault.into()));
            }
        }
        self.parked = false;
        Ok(())
    }

    /// A worker that could run elsewhere than where it was pinned when it was last asked for its
    /// report: another program has moved it.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut group = example::group();
    /// group.park().unwrap();
    /// group.report().unwrap();
    /// assert_eq!(group.migrated_worker(), None);
    /// ```
    pub fn migrated_worker(&self) -> Option<usize> {
        self.migrated
    }

    /// What the kernel has counted for all parked workers together.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut group = example::group();
    /// group.park().unwrap();
    /// assert!(group.report().unwrap().usage.cpu_ns > 0);
    /// ```
    ///
    /// # Errors
    /// A worker's control socket is closed.
    pub fn report(&mut self) -> Result<Report, PoolError> {
        let mut sum = Report { io: Some(Default::default()), ..Report::default() };
        for worker in 0..self.places.len() {
            let report = match self.ask(worker, &CoordinatorMessage::Report)? {
                Some(WorkerMessage::Report(report)) => report,
                Some(_) => return Err(self.cause(worker, silent("report"))),
                None => continue,
            };
            if self.plan.cores.get(worker).is_some_and(|core| report.core != Some(*core)) {
                self.migrated = Some(worker);
            }
            sum.usage += report.usage;
            sum.io = sum.io.zip(report.io).map(|(mut sum, io)| {
                sum += io;
                sum
            });
        }
        Ok(sum)
    }

    /// What the kernel says of the mappings of lists: the coordinator's, and that of the parked worker
    /// which got the fewest huge pages. Nothing where nothing is shared, or where it does not tell.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); } let mut group = example::group();
    /// group.park().unwrap();
    /// let (ours, theirs) = group.pages().unwrap();
    /// // Every page is mapped before the first task, on both sides.
    /// assert!([ours, theirs].iter().flatten().all(|got| got.mapped == got.bytes));
    /// ```
    ///
    /// # Errors
    /// A worker's control socket is closed.
    pub fn pages(&mut self) -> Result<(Option<MappedPages>, Option<MappedPages>), PoolError> {
        let mut fewest: Option<MappedPages> = None;
        for worker in 0..self.places.len() {
            match self.ask(worker, &CoordinatorMessage::Pages)? {
                Some(WorkerMessage::Pages(Some(got))) => {
                    if fewest.as_ref().is_none_or(|fewest| got.huge < fewest.huge) {
                        fewest = Some(got);
                    }
                }
                Some(WorkerMessage::Pages(None)) | None => {}
                Some(_) => return Err(self.cause(worker, silent("pages"))),
            }
        }
        Ok((self.hub.pages(), fewest))
    }

    /// What a parked worker answers; nothing where there is no worker.
    fn ask(
        &mut self,
        worker: usize,
        order: &CoordinatorMessage,
    ) -> Result<Option<WorkerMessage>, PoolError> {
        let Some(there) = self.places[worker].ready() else { return Ok(None) };
        let asked = there.control.send(order, &[]);
        match asked.and_then(|()| there.control.recv(Some(self.plan.launch.patience))) {
            Ok(Some((word, _))) => Ok(Some(word)),
            Ok(None) => Err(self.cause(worker, silent("answer"))),
            Err(fault) => Err(self.cause(worker, fault.into())),
        }
    }
}

/// A worker said something else.
fn silent(what: &str) -> PoolError {
    std::io::Error::other(format!("a parked worker gave no {what}")).into()
}
