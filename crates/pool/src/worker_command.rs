//! Which program is a worker: any that serves jobs, or this very one.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::job::Job;
use crate::serve::{is_serving, serve};

/// The argument by which a program is asked to be its own worker.
const ROLE: &str = "ipclab-worker";

/// Names the process that started this one as a worker, in the environment.
pub(crate) const WORKER_OF: &str = "IPCLAB_WORKER_OF";

/// Whether this process was started as a worker and does not serve: its main has forgotten to.
pub(crate) fn is_idle_worker() -> bool {
    let parent = std::os::unix::process::parent_id().to_string();
    // What a job starts has another parent than the variable says, and may have a pool of its own.
    !is_serving() && std::env::var(WORKER_OF).is_ok_and(|coordinator| coordinator == parent)
}

/// What stands for the hash of the sources, where both sides are one file.
const ITSELF: &str = "itself";

/// Which program is a worker, and how to tell that it is ours.
///
/// ```
/// use std::time::Duration;
///
/// use pool::{WorkerCommand, Pool};
///
/// let launch = WorkerCommand {
///     program: "/nonexistent/worker".into(),
///     args: Vec::new(),
///     build: "1.0".into(),
///     patience: Duration::from_secs(5),
/// };
/// let refused = Pool::builder().launch(launch).build().err().unwrap();
/// assert!(refused.to_string().contains("/nonexistent/worker cannot be started"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// What it must say to [`serve`] as its build: a hash of the sources, or a version.
    pub build: String,
    /// How long it may take to say its first word; a debugger is slow.
    pub patience: Duration,
}

impl WorkerCommand {
    /// This program itself, which then calls [`serve_if_worker`] first thing in `main`.
    ///
    /// ```
    /// let launch = pool::WorkerCommand::current_exe();
    /// assert_eq!(launch.args.len(), 1);
    /// ```
    pub fn current_exe() -> WorkerCommand {
        WorkerCommand {
            // The file that runs, even where another was put in its place meanwhile.
            program: "/proc/self/exe".into(),
            args: vec![ROLE.into()],
            build: ITSELF.into(),
            patience: Duration::from_secs(10),
        }
    }
}

/// Serves `jobs` until the coordinator ends, and then ends this process, if it was started as a
/// worker by [`WorkerCommand::current_exe`]; otherwise returns at once. Call it first thing in `main`.
///
/// ```
/// use pool::{Call, Job, JobError, Pool, Value};
///
/// struct Twice;
/// impl Job for Twice {
///     fn name(&self) -> &'static str {
///         "twice"
///     }
///     fn run(&self, call: &mut Call<'_>) -> Result<Value, JobError> {
///         Ok(Value::Int(2 * call.int()?))
///     }
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     pool::serve_if_worker(&[&Twice]);
///     let pool = Pool::builder().workers(1).build()?;
///     assert_eq!(pool.submit("twice", 21, ())?.result()?.value, Value::Int(42));
///     Ok(())
/// }
/// ```
pub fn serve_if_worker(jobs: &[&dyn Job]) {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == ROLE) && args.next().is_none() {
        let served = serve(ITSELF, jobs);
        std::process::exit(i32::from(served != ExitCode::SUCCESS) * 2);
    }
}
