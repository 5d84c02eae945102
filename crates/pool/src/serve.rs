//! A worker's life: hello, a place, tasks; and an end as soon as its coordinator has none for it.

use std::cell::RefCell;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use measure::counters::{Io, Usage};
use measure::now;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::Pid;
use transport::{Failure, Handover, Incoming, Received, Reply, Spoke, Value, What};

use crate::control::{Control, Order, Report, Word};
use crate::job::{Call, Job};

/// Serves tasks until the coordinator ends. `build` is the hash of this program's sources; `jobs`
/// is all that it can do.
///
/// Call it first thing in `main`: this process's stdin must be the control socket that a
/// [`crate::Crew`] gave it.
pub fn serve(build: &str, jobs: &[&dyn Job]) -> ExitCode {
    match Served::begin(build, jobs).and_then(Served::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("worker {}: {message}", std::process::id());
            ExitCode::from(2)
        }
    }
}

struct Served<'a> {
    control: Control,
    spoke: Box<dyn Spoke>,
    jobs: Vec<Option<&'a dyn Job>>,
}

impl<'a> Served<'a> {
    fn begin(build: &str, jobs: &[&'a dyn Job]) -> Result<Served<'a>, String> {
        let stdin = std::io::stdin().as_fd().try_clone_to_owned().map_err(|e| e.to_string())?;
        if !is_socket(&stdin) {
            return Err("a worker is started by its coordinator, not by hand: its stdin is the \
                        control socket"
                .into());
        }
        let control = Control::from_fd(stdin);
        depend_on_coordinator().map_err(|fault| fault.to_string())?;
        let trouble = |fault: std::io::Error| fault.to_string();
        control.send(&Word::Hello { build: build.into() }, &[]).map_err(trouble)?;
        let Some((order, fds)) = control.recv(None).map_err(trouble)? else {
            // Asked who it is, and no more: a probe.
            std::process::exit(0);
        };
        let Order::Attach { worker: _, transport, plan, jobs: names, core } = order else {
            return Err(format!("{order:?} before a place"));
        };
        match attach(&transport, Handover { plan, fds }, core) {
            Ok(spoke) => {
                control.send(&Word::Ready, &[]).map_err(trouble)?;
                let find = |name: &String| jobs.iter().copied().find(|job| job.name() == name);
                Ok(Served { control, spoke, jobs: names.iter().map(find).collect() })
            }
            Err(message) => {
                let said = control.send(&Word::Trouble { message: message.clone() }, &[]);
                Err(said.err().map_or(message, trouble))
            }
        }
    }

    fn run(mut self) -> Result<(), String> {
        catch_panics_quietly();
        loop {
            let incoming = match self.spoke.recv() {
                Ok(Received::Task(incoming)) => incoming,
                Ok(Received::Idle) if !self.control.hung_up() => continue,
                Ok(Received::Idle | Received::Closed) => return Ok(()),
                Err(fault) => return Err(fault.to_string()),
            };
            let park = incoming.task.park;
            let reply = answer(&self.jobs, &incoming);
            self.spoke.reply(reply).map_err(|fault| fault.to_string())?;
            if park && !self.wait_for_go()? {
                return Ok(());
            }
        }
    }

    /// Sleeps until the coordinator says go; false if it has gone instead.
    fn wait_for_go(&self) -> Result<bool, String> {
        loop {
            match self.control.recv(None).map_err(|fault| fault.to_string())? {
                Some((Order::Go, _)) => return Ok(true),
                Some((Order::Report, _)) => {
                    let (usage, io) = (Usage::of_this_process(), Io::of_this_thread());
                    let report = Word::Report(Report { usage, io });
                    self.control.send(&report, &[]).map_err(|fault| fault.to_string())?;
                }
                Some((other, _)) => return Err(format!("{other:?} while parked")),
                None => return Ok(false),
            }
        }
    }
}

/// Runs one task's job; whatever it does, there is a reply.
#[inline]
fn answer(jobs: &[Option<&dyn Job>], incoming: &Incoming<'_>) -> Reply {
    let task = incoming.task;
    let outcome = match (&incoming.list, jobs.get(usize::from(task.job))) {
        _ if task.park => Ok(Value::Int(0)),
        (Err(refused), _) => Err(refused.clone()),
        (Ok(list), Some(Some(job))) => run(*job, Call { arg: task.arg, list }),
        (Ok(_), _) => Err(Failure {
            what: What::UnknownJob,
            message: format!("this worker has no job number {}", task.job),
        }),
    };
    let [received, decoded] = incoming.stamps;
    let stamps = task.phase.then(|| [received, decoded, now(), 0]);
    Reply { task: task.id, outcome, stamps }
}

#[inline]
fn run(job: &dyn Job, call: Call<'_>) -> Result<Value, Failure> {
    match catch_unwind(AssertUnwindSafe(|| job.run(call))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Failure { what: What::Error(error.name), message: error.message }),
        Err(_) => {
            let message = LAST_PANIC.take();
            Err(Failure { what: What::Panic, message })
        }
    }
}

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A job's panic is told by its task's error, not by a trace among the coordinator's output.
fn catch_panics_quietly() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!(" at {}:{}", at.file(), at.line()));
        let said = panic.payload_as_str().unwrap_or("a panic without words");
        LAST_PANIC.set(format!("{said}{}", place.unwrap_or_default()));
    }));
}

/// Makes sure that this process ends with its coordinator, however that ends.
///
/// No thread watches for that: a second thread would make every system call of the first dearer.
fn depend_on_coordinator() -> std::io::Result<()> {
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
