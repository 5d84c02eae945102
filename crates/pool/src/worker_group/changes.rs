//! What changes among workers while a group works: deaths, and replacements that take their places.

use std::mem::replace;
use std::time::{Duration, Instant};

use transport::HubEvent;

use super::WorkerGroup;
use super::place::{Dying, Place, State};
use super::plan::Event;
use crate::error::PoolError;
use crate::supervisor::{ExitReason, WorkerExit};

impl WorkerGroup {
    /// As [`WorkerGroup::recv`], where more than the hub needs a look.
    #[cold]
    pub(super) fn recv_unsettled(&mut self, timeout: Option<Duration>) -> Result<Event, PoolError> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(worker) = self.started.pop_front() {
                return Ok(Event::Started { worker });
            }
            if self.dying.front().is_some_and(|dying| dying.arrivals_left == 0) {
                return Ok(self.tell_death());
            }
            let next = self.do_what_is_due()?;
            self.settled = self.dying.is_empty() && self.places.iter().all(Place::is_settled);
            let left = if self.dying.is_empty() {
                let until = next.into_iter().chain(deadline).min();
                until.map(|until| until.saturating_duration_since(Instant::now()))
            } else {
                Some(Duration::ZERO)
            };
            let arrival = self.hub.recv(left)?;
            for dying in &mut self.dying {
                dying.arrivals_left = dying.arrivals_left.saturating_sub(1);
            }
            match arrival {
                HubEvent::Reply { worker, reply } => return Ok(Event::Reply { worker, reply }),
                HubEvent::TimedOut if !self.dying.is_empty() => return Ok(self.tell_death()),
                HubEvent::TimedOut => {
                    if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                        return Ok(Event::Nothing);
                    }
                }
                HubEvent::Alarm if self.returns_on_alarm => {
                    self.note(HubEvent::Alarm);
                    if self.has_nothing_to_tell() {
                        return Ok(Event::Nothing);
                    }
                }
                other => self.note(other),
            }
        }
    }

    /// Whether an alarm has brought no death and no start.
    pub(super) fn has_nothing_to_tell(&self) -> bool {
        self.dying.is_empty() && self.started.is_empty()
    }

    /// Notes what is no answer.
    pub(super) fn note(&mut self, arrival: HubEvent) {
        self.settled = false;
        match arrival {
            HubEvent::Alarm => {}
            HubEvent::Disconnected { worker } => {
                let place = &mut self.places[worker];
                place.state = match replace(&mut place.state, State::Empty) {
                    State::Ready(there) => State::Closing(there, Instant::now()),
                    other => other,
                };
                // It ends by itself, and the hub says this again and again until then.
                self.supervisor.wait_for(worker, Duration::from_millis(1));
            }
            HubEvent::Broken { worker, what: _ } => self.end(worker),
            HubEvent::ProtocolViolation { worker, what: _ } => {
                self.places[worker].broke_protocol = true;
                self.end(worker);
            }
            HubEvent::Reply { .. } | HubEvent::TimedOut => {}
        }
        self.hear_starting();
        let exits = self.supervisor.take_exits();
        self.note_exits(exits);
    }

    /// Kills a worker that nothing more may come of. That takes a moment: its death is waited for.
    fn end(&self, worker: usize) {
        self.kill(worker);
        self.supervisor.wait_for(worker, Duration::from_secs(1));
    }

    pub(super) fn note_exits(&mut self, exits: Vec<WorkerExit>) {
        for mut exit in exits {
            let place = &mut self.places[exit.worker];
            if place.worker().is_none_or(|there| there.process.pid != exit.pid) {
                continue;
            }
            self.settled = false;
            if place.ready().is_none() {
                self.start_failed(exit);
                continue;
            }
            if replace(&mut place.broke_protocol, false) {
                exit.reason = ExitReason::ProtocolViolation;
            }
            let arrivals_left = (self.hub.in_flight(exit.worker) + 1) * self.places.len();
            self.dying.push_back(Dying { exit, arrivals_left });
        }
    }

    fn tell_death(&mut self) -> Event {
        let Some(Dying { exit, .. }) = self.dying.pop_front() else { return Event::Nothing };
        self.places[exit.worker].state = State::Empty;
        Event::Died { exit, unanswered: self.hub.detach(exit.worker) }
    }

    /// What is behind `fault`: the death of `worker`, if it is dead, or the fault itself.
    pub(super) fn cause(&mut self, worker: usize, fault: PoolError) -> PoolError {
        self.death_of(worker).map_or(fault, PoolError::Died)
    }

    /// The death of `worker`, which is told by this; nothing if it lives.
    pub(super) fn death_of(&mut self, worker: usize) -> Option<WorkerExit> {
        let is_known =
            |group: &WorkerGroup| group.dying.iter().position(|dying| dying.exit.worker == worker);
        if is_known(self).is_none() {
            self.supervisor.wait_for(worker, Duration::from_secs(1));
            let exits = self.supervisor.take_exits();
            self.note_exits(exits);
        }
        let Dying { exit, .. } = self.dying.remove(is_known(self)?)?;
        self.places[worker].state = State::Empty;
        self.hub.detach(worker);
        Some(exit)
    }
}
