//! One thread that starts workers, notices their deaths, and reaps them.
//!
//! Workers ask the kernel to be killed when their parent dies, and to the kernel the parent is the
//! *thread* that started them. So this thread starts them, and lives as long as they do. It sleeps
//! on their pidfds: a death is known some tens of microseconds later, with its reason, and no pid
//! is used after it could belong to another process. While there are workers it also wakes the hub now
//! and then, so that the hub itself can sleep without a timer.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::{read, write};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid,
};
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
    /// It ended, and its status could not be read: this program lets the kernel reap its children
    /// (SIGCHLD is ignored), or another part of it reaped this one.
    Unknown,
    /// It answered what it was not asked, and was killed for that.
    ProtocolViolation,
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ExitReason::Exited(code) => write!(f, "it exited with code {code}"),
            ExitReason::Unknown => {
                f.write_str("it ended, and how could not be read (is SIGCHLD ignored?)")
            }
            ExitReason::ProtocolViolation => {
                f.write_str("it answered what it was not asked, and was killed for that")
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
/// use pool::{Event, ExitReason, WorkerExit};
///
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/example.rs")); }
/// # let mut group = example::group();
/// let pid = group.pid(0).unwrap();
/// group.kill(0);
/// let Ok(Event::Died { exit, .. }) = group.recv(None) else { panic!("it lives") };
/// assert_eq!(exit, WorkerExit { worker: 0, pid, reason: ExitReason::Killed(9) });
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
    /// Kills it. Nothing happens if it has ended already.
    pub(crate) fn kill(&self) {
        let _ = pidfd_send_signal(self.pidfd.as_fd(), Signal::KILL);
    }
}

/// Starts workers and notices their deaths.
#[derive(Debug)]
pub(crate) struct Supervisor {
    requests: Sender<Request>,
    wake: Arc<OwnedFd>,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and its owner share.
#[derive(Debug, Default)]
struct State {
    census: Mutex<Census>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Census {
    alive: usize,
    exits: Vec<WorkerExit>,
}

enum Request {
    /// Start this command as that worker.
    Spawn { worker: usize, command: Box<Command>, answer: Sender<io::Result<Process>> },
    /// Raise the alarm once, when something can be read there; in the place of what was watched of this
    /// worker's before.
    Watch { worker: usize, fd: OwnedFd },
}

impl Supervisor {
    /// Starts the thread; it raises `alarm` at each death.
    ///
    /// # Errors
    /// The system has no descriptor or thread left.
    pub(crate) fn new(alarm: Arc<Alarm>) -> io::Result<Supervisor> {
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let (requests, inbox) = channel();
        let state = Arc::new(State::default());
        let thread = std::thread::Builder::new().name("supervisor".into()).spawn({
            let (wake, state) = (wake.clone(), state.clone());
            move || supervise(&inbox, &wake, &state, &alarm)
        })?;
        Ok(Supervisor { requests, wake, state, thread: Some(thread) })
    }

    /// Starts `command` as worker number `worker`.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(crate) fn start(&self, worker: usize, command: Command) -> io::Result<Process> {
        let (answer, answered) = channel();
        self.request(Request::Spawn { worker, command: Box::new(command), answer })?;
        answered.recv().map_err(|_| thread_ended())?
    }

    /// Raises the alarm once, when something can be read from `fd` of worker number `worker`, or its other
    /// end is closed.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub(crate) fn watch(&self, worker: usize, fd: impl AsFd) -> io::Result<()> {
        self.request(Request::Watch { worker, fd: fd.as_fd().try_clone_to_owned()? })
    }

    fn request(&self, request: Request) -> io::Result<()> {
        self.requests.send(request).map_err(|_| thread_ended())?;
        self.wake_thread();
        Ok(())
    }

    /// Deaths since the last call.
    pub(crate) fn take_exits(&self) -> Vec<WorkerExit> {
        std::mem::take(&mut self.census().exits)
    }

    /// Waits until no worker is alive, and says whether that came true within `timeout`.
    pub(crate) fn wait_for_all(&self, timeout: Duration) -> bool {
        self.wait(timeout, |census| census.alive == 0)
    }

    /// Waits until the death of worker `worker` is known, and says whether it came.
    pub(crate) fn wait_for(&self, worker: usize, timeout: Duration) -> bool {
        self.wait(timeout, |census| census.exits.iter().any(|exit| exit.worker == worker))
    }

    fn wait(&self, timeout: Duration, done: impl Fn(&Census) -> bool) -> bool {
        let waiting = self.state.changed.wait_timeout_while(self.census(), timeout, |c| !done(c));
        let (census, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        done(&census)
    }

    fn census(&self) -> MutexGuard<'_, Census> {
        self.state.census.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_thread(&self) {
        let _ = write(&*self.wake, &1u64.to_ne_bytes());
    }
}

impl Drop for Supervisor {
    /// Ends the thread, and by that each worker that still lives.
    fn drop(&mut self) {
        let (closed, _) = channel();
        drop(std::mem::replace(&mut self.requests, closed));
        self.wake_thread();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn thread_ended() -> io::Error {
    io::Error::other("the supervisor's thread has ended")
}

/// The thread's life: until its owner has gone.
fn supervise(inbox: &Receiver<Request>, wake: &OwnedFd, state: &State, alarm: &Alarm) {
    let mut children: Vec<(usize, Process)> = Vec::new();
    let mut watched: Vec<(usize, OwnedFd)> = Vec::new();
    loop {
        let mut polled = vec![PollFd::new(wake, PollFlags::IN)];
        polled.extend(children.iter().map(|(_, child)| PollFd::new(&*child.pidfd, PollFlags::IN)));
        polled.extend(watched.iter().map(|(_, fd)| PollFd::new(fd, PollFlags::IN)));
        let timeout = Timespec::try_from(LIVENESS_INTERVAL).ok().filter(|_| !children.is_empty());
        if poll(&mut polled, timeout.as_ref()) == Ok(0) {
            alarm.force_wake();
        }
        let ready: Vec<bool> = polled.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut ready = ready.into_iter();
        let woken = ready.next().unwrap_or(false);
        let mut changed = false;
        children.retain(|(worker, child)| {
            let ended = ready.next().unwrap_or(false) && reap(*worker, child, state);
            changed |= ended;
            !ended
        });
        watched.retain(|_| {
            let readable = ready.next().unwrap_or(false);
            changed |= readable;
            !readable
        });
        if changed {
            alarm.raise();
        }
        if woken {
            let _ = read(wake, &mut [0u8; 8]);
            loop {
                match inbox.try_recv() {
                    Ok(Request::Watch { worker, fd }) => {
                        watched.retain(|(other, _)| *other != worker);
                        watched.push((worker, fd));
                    }
                    Ok(Request::Spawn { worker, command, answer }) => {
                        let started = spawn(*command, state);
                        let child = started.as_ref().ok().map(|child| (worker, child.clone()));
                        children.extend(child);
                        let _ = answer.send(started);
                    }
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
        }
    }
}

/// Starts a worker. The command holds the worker's end of its control socket, which is closed here
/// with it.
fn spawn(mut command: Command, state: &State) -> io::Result<Process> {
    let mut child = command.spawn()?;
    // Not reaped yet, so the number is still this child's.
    match pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) {
        Ok(pidfd) => {
            state.census.lock().unwrap_or_else(PoisonError::into_inner).alive += 1;
            Ok(Process { pid: child.id(), pidfd: Arc::new(pidfd) })
        }
        Err(error) => {
            // Its death could not be noticed: it must not live.
            child.kill()?;
            child.wait()?;
            Err(error.into())
        }
    }
}

/// Takes a dead child from the kernel, ends what it started, and notes its death; says whether it was
/// dead.
fn reap(worker: usize, child: &Process, state: &State) -> bool {
    let by_pidfd = || WaitId::PidFd(child.pidfd.as_fd());
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let reason = match waitid(by_pidfd(), look | WaitIdOptions::NOWAIT) {
        Ok(None) => return false,
        Ok(Some(status)) => {
            // Until it is reaped its number, and that of its group, belong to no other process.
            if let Some(group) = Pid::from_raw(child.pid.cast_signed()) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = waitid(by_pidfd(), look);
            match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => ExitReason::Exited(code),
                (None, Some(signal)) => ExitReason::Killed(signal),
                (None, None) => ExitReason::Unknown,
            }
        }
        // The kernel reaped it, or another part of this program did: dead all the same.
        Err(_) => ExitReason::Unknown,
    };
    let mut census = state.census.lock().unwrap_or_else(PoisonError::into_inner);
    census.alive -= 1;
    census.exits.push(WorkerExit { worker, pid: child.pid, reason });
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

    fn sleeper(supervisor: &Supervisor) -> Process {
        let mut command = Command::new("sleep");
        command.arg("60");
        supervisor.start(0, command).unwrap()
    }

    #[test]
    fn a_hub_is_woken_now_and_then_while_a_worker_lives() {
        let wakes = Arc::new(AtomicU32::new(0));
        let alarm = Alarm::new(Some(Box::new(Counter(wakes.clone()))));
        let supervisor = Supervisor::new(alarm).unwrap();
        let child = sleeper(&supervisor);
        let asked = Instant::now();
        while wakes.load(Relaxed) < 2 && asked.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill();
        assert!(supervisor.wait_for_all(Duration::from_secs(5)));
        assert!(wakes.load(Relaxed) >= 2);
    }

    #[test]
    fn what_is_watched_raises_the_alarm_once() {
        let alarm = Alarm::new(None);
        let supervisor = Supervisor::new(alarm.clone()).unwrap();
        let bell = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        supervisor.watch(0, &bell).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert!(!alarm.take(), "nothing can be read yet");
        write(&bell, &1u64.to_ne_bytes()).unwrap();
        let asked = Instant::now();
        while !alarm.take() && asked.elapsed() < Duration::from_secs(5) {
            std::thread::yield_now();
        }
        assert!(asked.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!alarm.raised(), "once");
    }
}
