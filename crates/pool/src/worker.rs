//! One worker as its coordinator has it: a process, and the socket to talk to it beside tasks.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::control::{Control, WorkerMessage};
use crate::error::PoolError;
use crate::supervisor::{Process, Supervisor};
use crate::worker_command::{WORKER_OF, WorkerCommand};

/// What came as a worker's first message.
pub(crate) type Hello = io::Result<Option<(WorkerMessage, Vec<OwnedFd>)>>;

pub(crate) struct Worker {
    pub(crate) process: Process,
    pub(crate) control: Control,
}

impl Worker {
    /// Starts `launch`'s program as worker number `number`; `padding` bytes move its stack.
    pub(crate) fn start(
        supervisor: &Supervisor,
        launch: &WorkerCommand,
        number: usize,
        padding: usize,
    ) -> Result<Worker, PoolError> {
        let (control, theirs) = Control::pair()?;
        // What a worker prints goes where people look, and never into a record on stdout.
        let stderr = std::io::stderr().as_fd().try_clone_to_owned()?;
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.args)
            .env(WORKER_OF, std::process::id().to_string())
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::from(stderr))
            // What a job starts is in its worker's group, and ends with it.
            .process_group(0);
        if padding > 0 {
            command.env("IPCLAB_PADDING", "x".repeat(padding));
        }
        shm::inherited::close_all_on_exec(&mut command);
        let process = supervisor
            .start(number, command)
            .map_err(|cause| PoolError::Start { program: launch.program.clone(), cause })?;
        Ok(Worker { process, control })
    }

    /// Checks the first message of a worker that `launch` started: which build it is.
    pub(crate) fn check_hello(launch: &WorkerCommand, first: Hello) -> Result<(), PoolError> {
        let what = match first {
            Ok(Some((WorkerMessage::Hello { build }, _))) if build == launch.build => return Ok(()),
            Ok(Some((WorkerMessage::Hello { build }, _))) => {
                format!("its build is {build}, and {} is asked for", launch.build)
            }
            Ok(Some((other, _))) => format!("its first message was {other:?}"),
            Ok(None) => "it ended without a word: does its main call pool::serve_if_worker (or \
                         pool::serve) before anything else? The main of a unit test is the test \
                         harness's: give Builder::launch a program that serves"
                .into(),
            Err(fault) if fault.kind() == std::io::ErrorKind::TimedOut => {
                format!("it said nothing for {:?}", launch.patience)
            }
            Err(fault) => fault.to_string(),
        };
        Err(PoolError::Foreign { program: launch.program.clone(), what })
    }
}
