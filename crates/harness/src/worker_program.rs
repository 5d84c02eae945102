//! Which program is the worker: one named by the user, the one beside this program, or this program
//! itself in the worker's role.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pool::{PoolError, WorkerCommand, WorkerGroup};

use crate::BUILD;

/// The hidden subcommand by which the coordinator starts itself as a worker.
pub const ROLE: &str = "worker-role";

/// How long a worker may take to say its first word.
const MAX_START: Duration = Duration::from_secs(5);
/// The same for one that the user named: it may run under a debugger.
const MAX_START_OF_NAMED: Duration = Duration::from_secs(30);

/// The worker's program, and the record's word for where it was found.
#[derive(Clone, Debug)]
pub struct WorkerProgram {
    /// How to start it.
    pub launch: WorkerCommand,
    /// path, sibling or self.
    pub word: &'static str,
}

/// Finds the worker; `named` is the user's choice.
///
/// # Errors
/// The named program is missing or not a worker of this build.
pub fn find(named: Option<&Path>) -> Result<WorkerProgram, PoolError> {
    if let Some(program) = named {
        let launch = launch(program.to_owned(), &[], MAX_START_OF_NAMED);
        WorkerGroup::probe(&launch)?;
        return Ok(WorkerProgram { launch, word: "path" });
    }
    let this = std::env::current_exe()?;
    let sibling = launch(this.with_file_name("worker"), &[], MAX_START);
    if WorkerGroup::probe(&sibling).is_ok() {
        return Ok(WorkerProgram { launch: sibling, word: "sibling" });
    }
    // `cargo run` builds the coordinator alone: the worker beside it is missing or old.
    Ok(WorkerProgram { launch: launch(this, &[ROLE], MAX_START), word: "self" })
}

fn launch(program: PathBuf, args: &[&str], patience: Duration) -> WorkerCommand {
    let args = args.iter().map(ToString::to_string).collect();
    WorkerCommand { program, args, build: BUILD.into(), patience }
}
