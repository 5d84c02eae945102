//! One case: a program, and what it must have printed.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

/// Names the case that a process is.
pub(crate) const VARIABLE: &str = "IPCLAB_OUTSIDER";

/// Names the folder that a case has for itself.
pub(crate) const FOLDER: &str = "IPCLAB_OUTSIDER_FOLDER";

/// A case that takes longer hangs.
pub(crate) const MAX_CASE: Duration = Duration::from_secs(40);

/// What a case serves as a worker.
#[derive(Clone, Copy)]
pub(crate) enum Jobs {
    Usual,
    /// Three thousand of them.
    Many,
    /// Two of one name.
    Twins,
    /// It never calls `serve_if_worker`.
    Forgotten,
}

#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Runs in coordinator and workers before either serves.
    pub(crate) before: fn(),
    pub(crate) jobs: Jobs,
    /// The program: it panics if something is wrong.
    pub(crate) run: fn(),
    /// What it must have printed to its standard error.
    pub(crate) prints: &'static [&'static str],
}

impl Case {
    pub(crate) const fn new(name: &'static str, run: fn()) -> Case {
        Case { name, before: || {}, jobs: Jobs::Usual, run, prints: &[] }
    }

    /// Runs the case in a process of its own.
    pub(crate) fn ask(&self) -> Result<(), Failed> {
        let this = std::env::current_exe().map_err(|fault| fault.to_string())?;
        let folder = tempfile::tempdir().map_err(|fault| fault.to_string())?;
        let mut command = Command::new(this);
        command.env(VARIABLE, self.name).env(FOLDER, folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
        let mut stderr = child.stderr.take().expect("it is piped");
        // A process of the case that lives on must not hold up the others.
        let (send, printed) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            let _ = send.send(String::from_utf8_lossy(&text).into_owned());
        });
        let started = Instant::now();
        let status = loop {
            match child.try_wait().map_err(|fault| fault.to_string())? {
                Some(status) => break Some(status),
                None if started.elapsed() > MAX_CASE => break None,
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        if status.is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let printed = printed.recv_timeout(Duration::from_secs(5)).unwrap_or_default();
        let Some(status) = status else { return Err(format!("it hangs: {printed}").into()) };
        if !status.success() {
            return Err(format!("{status}: {printed}").into());
        }
        match self.prints.iter().find(|words| !printed.contains(**words)) {
            Some(missing) => Err(format!("{missing:?} was not printed: {printed}").into()),
            None => Ok(()),
        }
    }
}
