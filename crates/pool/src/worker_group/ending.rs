//! How a group ends: each worker does what it has in its queue, if that takes a moment only, and exits.

use std::time::{Duration, Instant};

use transport::{HubEvent, List, TransportError};

use super::place::State;
use super::{PARK, WorkerGroup};
use crate::control::Control;
use crate::supervisor::Process;

/// How long workers may go on with what they have.
const MAX_GRACE: Duration = Duration::from_secs(1);
/// How long one may take nothing of what it is sent meanwhile.
const MAX_STALL: Duration = Duration::from_millis(50);
/// How often the group looks whether all have ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// A worker that is to end.
struct Leaving {
    worker: usize,
    process: Process,
    /// Closed once it was asked to park: a parked worker waits there, and ends at the end of file.
    control: Option<Control>,
}

impl Drop for WorkerGroup {
    fn drop(&mut self) {
        let ends = Instant::now() + MAX_GRACE;
        self.hub.set_stall(MAX_STALL);
        let mut leaving: Vec<Leaving> = Vec::new();
        for (worker, place) in self.places.drain(..).enumerate() {
            match place.state {
                State::Ready(there) | State::Closing(there, _) => {
                    let (process, control) = (there.process, Some(there.control));
                    leaving.push(Leaving { worker, process, control });
                }
                State::Starting(there, ..) | State::Refused(there, ..) => there.process.kill(),
                State::Empty | State::Waiting(_) => {}
            }
        }
        while !self.supervisor.wait_for_all(Duration::ZERO) && Instant::now() < ends {
            self.ask_to_park(&mut leaving);
            // Answers are taken, so that a worker that writes one can go on.
            match self.hub.recv(Some(LOOK_INTERVAL)) {
                Ok(HubEvent::Reply { .. } | HubEvent::TimedOut | HubEvent::Alarm) => {}
                Ok(
                    HubEvent::Disconnected { .. }
                    | HubEvent::Broken { .. }
                    | HubEvent::ProtocolViolation { .. },
                )
                | Err(_) => {
                    self.supervisor.wait_for_all(Duration::from_millis(1));
                }
            }
        }
        leaving.iter().for_each(|leaving| leaving.process.kill());
        self.supervisor.wait_for_all(Duration::from_secs(5));
    }
}

impl WorkerGroup {
    /// Asks those that have not been asked, as far as there is room for one more task.
    fn ask_to_park(&mut self, leaving: &mut [Leaving]) {
        for Leaving { worker, control, .. } in leaving {
            if control.is_none() {
                continue;
            }
            match self.hub.send(*worker, &PARK, List::None, None) {
                // It has as much as it may hold: it is asked after its next answer.
                Err(TransportError::Full { .. }) => {}
                Ok(()) | Err(_) => *control = None,
            }
        }
    }
}
