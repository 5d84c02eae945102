//! One thread that starts workers, sees them die, and reaps them.
//!
//! Workers ask the kernel to be killed when their parent dies, and to the kernel the parent is the
//! *thread* that started them. So this thread starts them, and lives as long as they do. It sleeps
//! on their pidfds: a death is known some tens of microseconds later, by its real name, and no pid
//! is ever used after it could belong to somebody else. While there are any it also nudges the hub now and
//! then, so that the hub itself can sleep without a timer.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::{read, write};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use rustix::time::Timespec;
use shm::wakeup::LIVENESS_INTERVAL;
use transport::Alarm;

/// How a process ended.
///
/// ```
/// use pool::ExitReason;
///
/// assert_eq!(ExitReason::Exited(2).to_string(), "it exited with code 2");
/// assert_eq!(ExitReason::Killed(9).to_string(), "it was killed by SIGKILL");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// It returned this code.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
    /// It answered what nobody had asked, and was killed for that.
    ProtocolViolation,
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ExitReason::Exited(code) => write!(f, "it exited with code {code}"),
            ExitReason::ProtocolViolation => {
                f.write_str("it answered what nobody had asked, and was ended")
            }
            ExitReason::Killed(signal) => match nix::sys::signal::Signal::try_from(signal) {
                Ok(name) => write!(f, "it was killed by {name}"),
                Err(_) => write!(f, "it was killed by signal {signal}"),
            },
        }
    }
}

/// One worker's end, after it was reaped: it writes no more.
///
/// ```
/// use pool::{WorkerExit, ExitReason, Event};
///
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # let mut group = example::group();
/// let pid = group.pid(0).unwrap();
/// group.kill(0);
/// let Ok(Event::Died { death, .. }) = group.recv(None) else { panic!("it lives") };
/// assert_eq!(death, WorkerExit { worker: 0, pid, reason: ExitReason::Killed(9) });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerExit {
    /// Number of the worker.
    pub worker: usize,
    /// Its process.
    pub pid: u32,
    /// How it ended.
    pub reason: ExitReason,
}

/// A process that this supervisor started.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    /// Its number, for people; signals go through the descriptor.
    pub(crate) pid: u32,
    pidfd: Arc<OwnedFd>,
}

impl Process {
    /// Ends it at once. Nothing happens if it has ended already.
    pub(crate) fn kill(&self) {
        let _ = pidfd_send_signal(self.pidfd.as_fd(), Signal::KILL);
    }
}

/// Starts workers and sees them die.
#[derive(Debug)]
pub(crate) struct Supervisor {
    orders: Sender<SpawnRequest>,
    doorbell: Arc<OwnedFd>,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and its owner both know.
#[derive(Debug, Default)]
struct State {
    book: Mutex<Book>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Book {
    alive: usize,
    deaths: Vec<WorkerExit>,
}

struct SpawnRequest {
    worker: usize,
    command: Command,
    answer: Sender<io::Result<Process>>,
}

impl Supervisor {
    /// Starts the thread; it raises `alarm` at each death.
    ///
    /// # Errors
    /// No descriptor or thread to be had.
    pub(crate) fn new(alarm: Arc<Alarm>) -> io::Result<Supervisor> {
        let doorbell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let (orders, inbox) = channel();
        let state = Arc::new(State::default());
        let thread = std::thread::Builder::new().name("supervisor".into()).spawn({
            let (doorbell, state) = (doorbell.clone(), state.clone());
            move || keep(&inbox, &doorbell, &state, &alarm)
        })?;
        Ok(Supervisor { orders, doorbell, state, thread: Some(thread) })
    }

    /// Starts `command` as worker number `worker`.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(crate) fn start(&self, worker: usize, command: Command) -> io::Result<Process> {
        let (answer, answered) = channel();
        let order = SpawnRequest { worker, command, answer };
        let gone = || io::Error::other("the supervisor's thread is gone");
        self.orders.send(order).map_err(|_| gone())?;
        self.ring();
        answered.recv().map_err(|_| gone())?
    }

    /// Deaths since the last call.
    pub(crate) fn take_deaths(&self) -> Vec<WorkerExit> {
        std::mem::take(&mut self.book().deaths)
    }

    /// Waits until no worker is alive, and says whether that came true within `patience`.
    pub(crate) fn wait_for_all(&self, patience: Duration) -> bool {
        self.wait(patience, |book| book.alive == 0)
    }

    /// Waits until the death of worker `worker` is in the book, and says whether it came.
    pub(crate) fn wait_for(&self, worker: usize, patience: Duration) -> bool {
        self.wait(patience, |book| book.deaths.iter().any(|death| death.worker == worker))
    }

    fn wait(&self, patience: Duration, done: impl Fn(&Book) -> bool) -> bool {
        let waiting = self.state.changed.wait_timeout_while(self.book(), patience, |b| !done(b));
        let (book, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        done(&book)
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.state.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        let _ = write(&*self.doorbell, &1u64.to_ne_bytes());
    }
}

impl Drop for Supervisor {
    /// Ends the thread, and by that whatever worker still lives.
    fn drop(&mut self) {
        let (nobody, _) = channel();
        drop(std::mem::replace(&mut self.orders, nobody));
        self.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's life: until its owner has gone.
fn keep(inbox: &Receiver<SpawnRequest>, doorbell: &OwnedFd, state: &State, alarm: &Alarm) {
    let mut children: Vec<(usize, Process)> = Vec::new();
    loop {
        let mut polled = vec![PollFd::new(doorbell, PollFlags::IN)];
        polled.extend(children.iter().map(|(_, child)| PollFd::new(&*child.pidfd, PollFlags::IN)));
        let timeout = Timespec::try_from(LIVENESS_INTERVAL).ok().filter(|_| !children.is_empty());
        if poll(&mut polled, timeout.as_ref()) == Ok(0) {
            alarm.force_wake();
        }
        let rung: Vec<bool> = polled.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut ended = rung[1..].iter();
        children.retain(|(worker, child)| {
            let alive = !ended.next().is_some_and(|ended| *ended) || !reap(*worker, child, state);
            if !alive {
                alarm.raise();
            }
            alive
        });
        if rung[0] {
            let _ = read(doorbell, &mut [0u8; 8]);
            loop {
                match inbox.try_recv() {
                    Ok(order) => children.extend(obey(order, state)),
                    Err(std::sync::mpsc::TryRecvError::Empty) => break,
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
                }
            }
        }
    }
}

/// Starts what `order` says.
fn obey(mut order: SpawnRequest, state: &State) -> Option<(usize, Process)> {
    let started = start(&mut order.command);
    // The command holds the worker's end of its control socket: close it before anyone waits.
    drop(order.command);
    let child = started.as_ref().ok().map(|process| (order.worker, process.clone()));
    if child.is_some() {
        state.book.lock().unwrap_or_else(PoisonError::into_inner).alive += 1;
    }
    let _ = order.answer.send(started);
    child
}

fn start(command: &mut Command) -> io::Result<Process> {
    let mut child = command.spawn()?;
    // Not reaped yet, so the number is still this child's.
    match pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) {
        Ok(pidfd) => Ok(Process { pid: child.id(), pidfd: Arc::new(pidfd) }),
        Err(error) => {
            // Nobody could see it die: it must not live.
            child.kill()?;
            child.wait()?;
            Err(error.into())
        }
    }
}

/// Takes a dead child from the kernel and writes its death down; says whether it was dead.
fn reap(worker: usize, child: &Process, state: &State) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
    let reason = match waitid(Id::PIDFd(child.pidfd.as_fd()), flags) {
        Ok(WaitStatus::Exited(_, code)) => ExitReason::Exited(code),
        Ok(WaitStatus::Signaled(_, signal, _)) => ExitReason::Killed(signal as i32),
        Ok(_) => return false,
        // Somebody else reaped it: dead all the same.
        Err(_) => ExitReason::Exited(-1),
    };
    let mut book = state.book.lock().unwrap_or_else(PoisonError::into_inner);
    book.alive -= 1;
    book.deaths.push(WorkerExit { worker, pid: child.pid, reason });
    state.changed.notify_all();
    true
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::Instant;

    use shm::wakeup::Ringer;

    use super::*;

    #[derive(Debug, Default)]
    struct Counter(Arc<AtomicU32>);

    impl Ringer for Counter {
        fn ring(&self) {}
        fn force_wake(&self) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn a_hub_is_nudged_while_a_worker_lives() {
        let nudges = Arc::new(AtomicU32::new(0));
        let alarm = Alarm::new(Some(Box::new(Counter(nudges.clone()))));
        let supervisor = Supervisor::new(alarm).unwrap();
        let mut command = Command::new("sleep");
        command.arg("60");
        let child = supervisor.start(0, command).unwrap();
        let asked = Instant::now();
        while nudges.load(Relaxed) < 2 && asked.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill();
        assert!(supervisor.wait_for_all(Duration::from_secs(5)));
        assert!(nudges.load(Relaxed) >= 2);
    }
}
