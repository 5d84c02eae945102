//! How a process takes its place: it says hello, is given the place, and says that it is ready.
//!
//! Each step is one message of the control socket, taken by [`WorkerGroup::hear`]. A group that starts waits
//! for each; one that works is told by the supervisor when there is a message, and waits for none.

use std::io::ErrorKind;
use std::mem::replace;
use std::time::{Duration, Instant};

use super::WorkerGroup;
use super::place::{Stage, State};
use crate::control::{CoordinatorMessage, WorkerMessage};
use crate::error::PoolError;
use crate::supervisor::{ExitReason, WorkerExit};
use crate::worker::Worker;

/// How far a process has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It has not said anything new.
    Nothing,
    /// Who it is; it was given its place.
    Hello,
    /// That it is ready.
    Ready,
}

/// Why a process cannot take its place.
pub(super) struct StartFault {
    fault: PoolError,
    /// It closed its end, so it ends by itself; how says more than the fault does.
    closed: bool,
}

impl<E: Into<PoolError>> From<E> for StartFault {
    fn from(fault: E) -> StartFault {
        StartFault { fault: fault.into(), closed: false }
    }
}

impl WorkerGroup {
    /// Fills an empty place: starts processes for it until one has said `until`, and waits for that. One that
    /// is killed meanwhile is replaced, a few times.
    pub(super) fn fill(&mut self, worker: usize, until: Stage) -> Result<(), PoolError> {
        loop {
            if matches!(self.places[worker].state, State::Empty) {
                self.spawn(worker)?;
            }
            let Err(StartFault { fault, closed }) = self.wait_until(worker, until) else {
                return Ok(());
            };
            let fault = self.discard(worker, fault, closed);
            let pause = self.places[worker].retry.pause_after(&fault);
            if !pause.is_zero() {
                return Err(fault);
            }
        }
    }

    /// Waits until a starting process has said `until`.
    fn wait_until(&mut self, worker: usize, until: Stage) -> Result<(), StartFault> {
        while let State::Starting(_, stage, since) = &self.places[worker].state {
            if until == Stage::Hello && *stage == Stage::Ready {
                break;
            }
            let limit = self.limit(*stage);
            let left = limit.map(|limit| limit.saturating_sub(since.elapsed()));
            if self.hear(worker, left)? == Heard::Nothing {
                return Err(self.silent(limit).into());
            }
        }
        Ok(())
    }

    /// Ends a process that could not take its place, and waits for its end. If a signal killed it, that is
    /// the reason.
    fn discard(&mut self, worker: usize, fault: PoolError, closed: bool) -> PoolError {
        let mut exit = None;
        if let Some(there) = self.places[worker].worker() {
            let by_itself = closed && self.supervisor.wait_for(worker, Duration::from_secs(1));
            if !by_itself {
                there.process.kill();
                self.supervisor.wait_for(worker, Duration::from_secs(5));
            }
            let pid = there.process.pid;
            let exits = self.supervisor.take_exits();
            exit = exits.iter().find(|exit| by_itself && exit.pid == pid).copied();
            self.places[worker].state = State::Empty;
            self.hub.detach(worker);
            self.note_exits(exits);
        }
        match exit {
            Some(exit) if matches!(exit.reason, ExitReason::Killed(_)) => PoolError::Died(exit),
            _ => fault,
        }
    }

    /// Starts a process for an empty place.
    pub(super) fn spawn(&mut self, worker: usize) -> Result<(), PoolError> {
        let (launch, padding) = (&self.plan.launch, self.plan.padding);
        let started = Worker::start(&self.supervisor, launch, worker, padding)?;
        self.supervisor.watch(worker, &started.control)?;
        self.places[worker].state = State::Starting(started, Stage::Hello, Instant::now());
        Ok(())
    }

    /// Takes the next message of a starting process, for which it waits up to `timeout`, and answers it.
    fn hear(&mut self, worker: usize, timeout: Option<Duration>) -> Result<Heard, StartFault> {
        let State::Starting(there, stage, _) = &self.places[worker].state else {
            return Ok(Heard::Nothing);
        };
        let said = match there.control.recv::<WorkerMessage>(timeout) {
            Err(fault) if fault.kind() == ErrorKind::TimedOut => return Ok(Heard::Nothing),
            said => said,
        };
        let closed = matches!(said, Ok(None));
        let trouble = |what| PoolError::Attach { worker, what };
        let heard = match stage {
            Stage::Hello => Worker::check_hello(&self.plan.launch, said)
                .and_then(|()| self.attach(worker))
                .map(|()| Heard::Hello),
            Stage::Ready => match said {
                Ok(Some((WorkerMessage::Ready { jobs }, _))) => {
                    self.take_place(worker, jobs);
                    Ok(Heard::Ready)
                }
                Ok(Some((WorkerMessage::AttachFailed { message }, _))) => Err(trouble(message)),
                Ok(Some((other, _))) => Err(trouble(format!("it said {other:?}"))),
                Ok(None) => Err(trouble("it ended".into())),
                Err(fault) => Err(fault.into()),
            },
        };
        heard.map_err(|fault| {
            let closed = closed || is_closed_end(&fault);
            StartFault { fault, closed }
        })
    }

    /// Gives a process its place.
    fn attach(&mut self, worker: usize) -> Result<(), PoolError> {
        let handover = self.hub.attach(worker)?;
        let attach = CoordinatorMessage::Attach {
            worker,
            transport: self.plan.transport.name().into(),
            plan: handover.plan,
            core: self.plan.cores.get(worker).copied(),
            initialiser: self.plan.initialiser.clone(),
        };
        if let State::Starting(there, stage, since) = &mut self.places[worker].state {
            there.control.send(&attach, &handover.fds)?;
            (*stage, *since) = (Stage::Ready, Instant::now());
        }
        Ok(())
    }

    fn take_place(&mut self, worker: usize, jobs: Vec<(String, bool)>) {
        (self.jobs, self.repeatable) = jobs.into_iter().unzip();
        self.numbers = self.jobs.iter().cloned().zip(0..).collect();
        let place = &mut self.places[worker];
        place.state = match replace(&mut place.state, State::Empty) {
            State::Starting(there, ..) => State::Ready(there),
            other => other,
        };
        place.retry.succeed();
        (place.broke_protocol, place.parked) = (false, false);
    }

    /// How long a process may take to say what comes next.
    fn limit(&self, stage: Stage) -> Option<Duration> {
        match stage {
            // An initialiser may take as long as a task.
            Stage::Ready if self.plan.initialiser.is_some() => self.task_timeout,
            _ => Some(self.plan.launch.patience),
        }
    }

    fn silent(&self, limit: Option<Duration>) -> PoolError {
        let what = format!("it said nothing for {:?}", limit.unwrap_or_default());
        PoolError::Foreign { program: self.plan.launch.program.clone(), what }
    }

    /// Has an empty place filled while the group works: [`WorkerGroup::recv`] tells when.
    pub(crate) fn begin_replacement(&mut self, worker: usize) {
        assert!(self.places[worker].worker().is_none(), "worker {worker} is still there");
        self.settled = false;
        if let Err(fault) = self.spawn(worker) {
            self.pause(worker, &fault);
        }
    }

    /// Takes what starting processes have said by now.
    pub(super) fn hear_starting(&mut self) {
        for worker in 0..self.places.len() {
            if !matches!(self.places[worker].state, State::Starting(..)) {
                continue;
            }
            let heard = loop {
                match self.hear(worker, Some(Duration::ZERO)) {
                    Ok(Heard::Hello) => {}
                    Ok(Heard::Ready) => {
                        self.started.push_back(worker);
                        break Ok(());
                    }
                    Ok(Heard::Nothing) => break self.watch_again(worker),
                    Err(fault) => break Err(fault),
                }
            };
            if let Err(fault) = heard {
                self.refuse(worker, fault);
            }
        }
    }

    fn watch_again(&self, worker: usize) -> Result<(), StartFault> {
        let Some(there) = self.places[worker].worker() else { return Ok(()) };
        Ok(self.supervisor.watch(worker, &there.control)?)
    }

    /// A starting process cannot take its place: it is killed, unless it ends by itself.
    fn refuse(&mut self, worker: usize, StartFault { fault, closed }: StartFault) {
        let place = &mut self.places[worker];
        place.state = match replace(&mut place.state, State::Empty) {
            State::Starting(there, ..) if closed => {
                State::Refused(there, fault, Some(Instant::now()))
            }
            State::Starting(there, ..) => {
                there.process.kill();
                State::Refused(there, fault, None)
            }
            other => other,
        };
    }

    /// A process that had not taken its place is dead: the next is started after a pause.
    pub(super) fn start_failed(&mut self, exit: WorkerExit) {
        self.hub.detach(exit.worker);
        let place = &mut self.places[exit.worker];
        let was_killed = matches!(exit.reason, ExitReason::Killed(_));
        let fault = match replace(&mut place.state, State::Empty) {
            State::Refused(_, fault, closed) if closed.is_none() || !was_killed => fault,
            _ => PoolError::Died(exit),
        };
        self.pause(exit.worker, &fault);
    }

    fn pause(&mut self, worker: usize, fault: &PoolError) {
        let pause = self.places[worker].retry.pause_after(fault);
        self.places[worker].state = State::Waiting(Instant::now() + pause);
        if pause.is_zero() {
            self.do_next(worker);
        }
    }

    /// Does what is due, and says when something will be again.
    ///
    /// # Errors
    /// [`PoolError::NoWorkers`]: none is left, and none can be had.
    pub(super) fn do_what_is_due(&mut self) -> Result<Option<Instant>, PoolError> {
        let now = Instant::now();
        let mut next: Option<Instant> = None;
        for worker in 0..self.places.len() {
            let due = self.due(worker);
            if due.is_some_and(|due| due <= now) {
                self.do_next(worker);
            }
            next = next.into_iter().chain(self.due(worker)).min();
        }
        self.check_hope()?;
        Ok(next)
    }

    /// When something is to be done for that place.
    fn due(&self, worker: usize) -> Option<Instant> {
        match &self.places[worker].state {
            State::Waiting(until) => Some(*until),
            State::Starting(_, stage, since) => since.checked_add(self.limit(*stage)?),
            State::Refused(_, _, since) => Some((*since)? + super::place::MAX_CLOSING),
            State::Closing(_, since) => Some(*since + super::place::MAX_CLOSING),
            State::Empty | State::Ready(_) => None,
        }
    }

    fn do_next(&mut self, worker: usize) {
        match &mut self.places[worker].state {
            State::Waiting(_) => {
                if let Err(fault) = self.spawn(worker) {
                    self.pause(worker, &fault);
                }
            }
            State::Starting(_, stage, _) => {
                let stage = *stage;
                let fault = self.silent(self.limit(stage)).into();
                self.refuse(worker, fault);
            }
            State::Refused(there, _, since) => {
                there.process.kill();
                *since = None;
            }
            State::Closing(there, since) => {
                there.process.kill();
                *since = Instant::now();
            }
            State::Empty | State::Ready(_) => {}
        }
    }

    fn check_hope(&mut self) -> Result<(), PoolError> {
        let now = Instant::now();
        if self.places.iter().any(|place| place.ready().is_some()) {
            self.last_ready = now;
            return Ok(());
        }
        let is_hopeless = self.places.iter().all(|place| place.retry.is_hopeless());
        if !is_hopeless || now.saturating_duration_since(self.last_ready) < MAX_WITHOUT_WORKERS {
            return Ok(());
        }
        let why = self.places.iter().find_map(|place| place.retry.why());
        Err(PoolError::NoWorkers { why: why.unwrap_or_default().to_owned() })
    }
}

/// Whether the other end of the control socket was closed: its process has ended, or is about to.
fn is_closed_end(fault: &PoolError) -> bool {
    let PoolError::Control(fault) = fault else { return false };
    matches!(fault.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

/// How long there may be no worker before a pool whose every place has failed several times is given up.
const MAX_WITHOUT_WORKERS: Duration = Duration::from_secs(1);
