//! A worker's life: it says hello, takes its place, does tasks, and ends with its coordinator.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32};

use measure::counters::{Io, Usage};
use measure::now;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::Pid;
use rustc_hash::FxHashSet;
use shm::AnswerList;
use transport::{Failure, FailureKind, Handover, Incoming, Received, Reply, Spoke, Value};

use crate::control::{Control, CoordinatorMessage, Report, WorkerMessage};
use crate::job::{Call, Job};
use crate::job_error::JobError;

/// Serves tasks until the coordinator ends. `build` is the hash of this program's sources; `jobs`
/// is all that it can do.
///
/// Call it first thing in `main`: this process's stdin must be the control socket that a
/// [`crate::WorkerGroup`] gave it. [`crate::serve_if_worker`] does so for a program that is its own worker.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// # static JOBS: &[&dyn pool::Job] = &[];
/// fn main() -> ExitCode {
///     pool::serve(env!("CARGO_PKG_VERSION"), JOBS)
/// }
/// ```
pub fn serve(build: &str, jobs: &[&dyn Job]) -> ExitCode {
    SERVING.store(true, Relaxed);
    match WorkerLoop::start(build, jobs).and_then(WorkerLoop::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            if let Fault::Untold(message) = fault {
                eprintln!("worker {}: {message}", std::process::id());
            }
            ExitCode::from(2)
        }
    }
}

/// Whether this process serves, or has served.
static SERVING: AtomicBool = AtomicBool::new(false);

/// Whether [`serve`] was called in this process.
pub(crate) fn is_serving() -> bool {
    // Relaxed: it says nothing of any other memory.
    SERVING.load(Relaxed)
}

/// Why a worker ended early.
enum Fault {
    /// Its coordinator knows.
    Told,
    /// In words.
    Untold(String),
}

impl<E: Display> From<E> for Fault {
    fn from(fault: E) -> Fault {
        Fault::Untold(fault.to_string())
    }
}

struct WorkerLoop<'a> {
    control: Control,
    spoke: Box<dyn Spoke>,
    jobs: &'a [&'a dyn Job],
}

impl<'a> WorkerLoop<'a> {
    fn start(build: &str, jobs: &'a [&'a dyn Job]) -> Result<WorkerLoop<'a>, Fault> {
        let stdin = std::io::stdin().as_fd().try_clone_to_owned()?;
        if !is_socket(&stdin) {
            return Err("a worker is started by its coordinator, not by hand: its stdin is the \
                        control socket"
                .into());
        }
        let control = Control::from_fd(stdin);
        // What a job starts inherits descriptor 0, and must not inherit the control socket.
        rustix::stdio::dup2_stdin(&std::fs::File::open("/dev/null")?)?;
        set_parent_death_signal()?;
        control.send(&WorkerMessage::Hello { build: build.into() }, &[])?;
        let Some((order, fds)) = control.recv(None)? else {
            // Asked who it is, and no more: a probe.
            std::process::exit(0);
        };
        let CoordinatorMessage::Attach { worker, transport, plan, core, initialiser } = order
        else {
            return Err(format!("{order:?} before a place").into());
        };
        note_panics(worker, jobs);
        let attached =
            check_names(jobs).and_then(|()| attach(&transport, Handover { plan, fds }, core));
        match attached.and_then(|spoke| initialise(jobs, initialiser).map(|()| spoke)) {
            Ok(spoke) => {
                let jobs_told = jobs.iter().map(|job| (job.name().to_owned(), job.repeatable()));
                control.send(&WorkerMessage::Ready { jobs: jobs_told.collect() }, &[])?;
                Ok(WorkerLoop { control, spoke, jobs })
            }
            Err(message) => {
                control.send(&WorkerMessage::AttachFailed { message }, &[])?;
                Err(Fault::Told)
            }
        }
    }

    fn run(mut self) -> Result<(), Fault> {
        let control = &self.control;
        loop {
            let incoming = match self.spoke.recv() {
                Ok(Received::Task(incoming)) => incoming,
                Ok(Received::Idle) if !control.hung_up() => continue,
                Ok(Received::Idle | Received::Closed) => return Ok(()),
                Err(fault) => return Err(fault.into()),
            };
            let park = incoming.task.park;
            let (reply, items) = answer(self.jobs, incoming, &|| !control.hung_up());
            self.spoke.reply(reply, items)?;
            if park && !wait_for_go(control, &*self.spoke)? {
                return Ok(());
            }
        }
    }
}

/// Sleeps until the coordinator says go; false if it has gone instead.
fn wait_for_go(control: &Control, spoke: &dyn Spoke) -> Result<bool, Fault> {
    loop {
        match control.recv(None)? {
            Some((CoordinatorMessage::Go, _)) => return Ok(true),
            Some((CoordinatorMessage::Report, _)) => {
                let (usage, io) = (Usage::of_this_process(), Io::of_this_thread());
                let report = WorkerMessage::Report(Report { usage, io, core: only_core() });
                control.send(&report, &[])?;
            }
            Some((CoordinatorMessage::Pages, _)) => {
                control.send(&WorkerMessage::Pages(spoke.pages()), &[])?
            }
            Some((other, _)) => return Err(format!("{other:?} while parked").into()),
            None => return Ok(false),
        }
    }
}

/// The only core that this thread may run on; nothing where there are several.
fn only_core() -> Option<usize> {
    let allowed = rustix::thread::sched_getaffinity(None).ok()?;
    let mut cores = (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    cores.next().filter(|_| cores.next().is_none())
}

/// Runs one task's job. There is a reply in any case, with so many items of a list.
#[inline]
fn answer(jobs: &[&dyn Job], incoming: Incoming<'_>, alive: &dyn Fn() -> bool) -> (Reply, usize) {
    let Incoming { task, list, stamps: [received, decoded], room } = incoming;
    TASK.store(task.id, Relaxed);
    JOB.store(task.job, Relaxed);
    let outcome = match (list, jobs.get(usize::from(task.job))) {
        _ if task.park => Ok((Value::Int(0), 0)),
        (Err(refused), _) => Err(refused),
        (Ok(list), Some(job)) => run(*job, &mut Call::of(task.arg, list, room, alive)),
        (Ok(_), None) => {
            let message = format!("number {} of {}", task.job, jobs.len());
            Err(Failure::new(FailureKind::UnknownJob, message))
        }
    };
    let stamps = task.phase.then(|| Box::new([received, decoded, now(), 0]));
    let items = outcome.as_ref().map_or(0, |(_, items)| *items);
    let outcome = outcome.map(|(value, _)| value);
    (Reply { task: task.id, outcome, list: AnswerList::default(), stamps }, items)
}

/// A job's answer, and the items of its list.
#[inline]
fn run(job: &dyn Job, call: &mut Call<'_>) -> Result<(Value, usize), Box<Failure>> {
    IN_JOB.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| job.run(call)));
    IN_JOB.set(false);
    if let Some(refused) = call.take_refused() {
        return Err(refused);
    }
    match (outcome, call.check()) {
        (Err(_), _) => Err(Failure::new(FailureKind::Panic, LAST_PANIC.take())),
        (Ok(_), Err(message)) => Err(Failure::new(FailureKind::Unencodable, message)),
        (Ok(Ok(value)), Ok(items)) => Ok((value, items)),
        (Ok(Err(JobError { name, message, detail })), Ok(_)) => {
            Err(Failure::new(FailureKind::Error { name, detail }, message))
        }
    }
}

/// Refuses two jobs of one name: a task could mean either.
fn check_names(jobs: &[&dyn Job]) -> Result<(), String> {
    let mut names = FxHashSet::default();
    match jobs.iter().find(|job| !names.insert(job.name())) {
        Some(job) => Err(format!("two of its jobs are called `{}`: rename one", job.name())),
        None => Ok(()),
    }
}

/// Runs the job that comes before any task, if there is one.
fn initialise(jobs: &[&dyn Job], first: Option<(String, Value)>) -> Result<(), String> {
    let Some((name, arg)) = first else { return Ok(()) };
    let job = jobs.iter().find(|job| job.name() == name);
    let job = job.ok_or_else(|| format!("its initialiser `{name}` is no job of its"))?;
    match run(*job, &mut Call::new(arg, &[])) {
        Ok(_) => Ok(()),
        Err(failure) => Err(format!("its initialiser `{name}` failed: {}", failure.message)),
    }
}

thread_local! {
    /// Whether this thread runs a job, whose panic is its task's error.
    static IN_JOB: Cell<bool> = const { Cell::new(false) };
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Number of the task that runs, and of its job: for a message.
static TASK: AtomicU32 = AtomicU32::new(0);
static JOB: AtomicU16 = AtomicU16::new(u16::MAX);

/// Keeps what a job panics with for its task's error. A panic that no task is told of, as in a thread that a
/// job started, is printed.
fn note_panics(worker: usize, jobs: &[&dyn Job]) {
    let names: Vec<&'static str> = jobs.iter().map(|job| job.name()).collect();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(|at| format!(" at {}:{}", at.file(), at.line()));
        let said = panic.payload_as_str().unwrap_or("a panic without words");
        let text = format!("{said}{}", place.unwrap_or_default());
        if IN_JOB.get() {
            LAST_PANIC.set(text);
            return;
        }
        let pid = std::process::id();
        // Relaxed: a message may name the task before or after.
        let during = match names.get(usize::from(JOB.load(Relaxed))) {
            Some(job) => format!(" during job `{job}`, task {}", TASK.load(Relaxed)),
            None => String::new(),
        };
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("without a name");
        eprintln!("worker {worker} (pid {pid}): thread {thread} panicked{during}: {text}");
    }));
}

/// Makes sure that this process ends with its coordinator, however that ends.
///
/// No thread watches for that: a second thread would make every system call of the first dearer.
fn set_parent_death_signal() -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    rustix::thread::set_no_new_privs(true)?;
    // These reach the whole group; what to do about them is the coordinator's decision.
    let mut asked_to_end = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        asked_to_end.add(signal);
    }
    asked_to_end.thread_block()?;
    Ok(())
}

fn attach(name: &str, handover: Handover, core: Option<usize>) -> Result<Box<dyn Spoke>, String> {
    if let Some(core) = core {
        let mut cores = CpuSet::new();
        let pinned = cores.set(core).and_then(|()| sched_setaffinity(Pid::from_raw(0), &cores));
        pinned.map_err(|fault| format!("it cannot be pinned to core {core}: {fault}"))?;
    }
    let transport = transport::by_name(name).ok_or_else(|| format!("no transport `{name}`"))?;
    transport.spoke(handover).map_err(|fault| fault.to_string())
}

fn is_socket(fd: &OwnedFd) -> bool {
    rustix::net::sockopt::socket_type(fd).is_ok()
}
