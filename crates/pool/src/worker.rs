//! One worker as its coordinator has it: a process, and the socket to talk to it beside tasks.

use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use crate::control::{Control, WorkerMessage};
use crate::error::PoolError;
use crate::supervisor::{Process, Supervisor};
use crate::worker_command::WorkerCommand;

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
            .env("IPCLAB_PADDING", "x".repeat(padding))
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::from(stderr));
        let process = supervisor
            .start(number, command)
            .map_err(|cause| PoolError::Start { program: launch.program.clone(), cause })?;
        Ok(Worker { process, control })
    }

    /// Hears its first word.
    pub(crate) fn hello(&self, launch: &WorkerCommand) -> Result<(), PoolError> {
        let foreign = |what: String| PoolError::Foreign { program: launch.program.clone(), what };
        match self.control.recv(Some(launch.patience)) {
            Ok(Some((WorkerMessage::Hello { build }, _))) if build == launch.build => Ok(()),
            Ok(Some((WorkerMessage::Hello { build }, _))) => {
                Err(foreign(format!("its build is {build}, and {} is asked for", launch.build)))
            }
            Ok(Some((other, _))) => Err(foreign(format!("its first word was {other:?}"))),
            Ok(None) => Err(foreign("it ended without a word".into())),
            Err(fault) if fault.kind() == std::io::ErrorKind::TimedOut => {
                Err(foreign(format!("it said nothing for {:?}", launch.patience)))
            }
            Err(fault) => Err(foreign(fault.to_string())),
        }
    }
}
