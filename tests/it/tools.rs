//! What several tests need.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ::pool::WorkerCommand;
use record::Record;

pub(crate) const COORDINATOR: &str = env!("CARGO_BIN_EXE_coordinator");
pub(crate) const WORKER: &str = env!("CARGO_BIN_EXE_worker");

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The real worker.
pub(crate) fn launch() -> WorkerCommand {
    WorkerCommand {
        program: WORKER.into(),
        args: Vec::new(),
        build: harness::BUILD.into(),
        patience: Duration::from_secs(10),
    }
}

pub(crate) fn coordinator(args: &[&str]) -> Command {
    let mut command = Command::new(COORDINATOR);
    command.args(args).env("NO_COLOR", "1");
    command
}

/// The record in `folder`; an empty one if there is none yet.
pub(crate) fn recorded(folder: &Path) -> Record {
    record::store::read(folder).map(|stored| stored.record).unwrap_or_default()
}

/// Each line of the record in `folder` as it stands there, also such as were measured again since.
pub(crate) fn lines_of(folder: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join("run.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_default()).collect()
}

/// A sweep that is over in a second: one size, few batches.
pub(crate) const TINY: &[&str] =
    &["--sizes", "4KiB", "--generations", "1", "--pairs", "1", "--tasks", "8", "--quiet"];

/// Held by a test that looks for stale_segments in /dev/shm, or may remove them.
pub(crate) static SHARED_FOLDER: Mutex<()> = Mutex::new(());

/// Says why a test did not run; where nothing may be skipped, fails.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("IPCLAB_NO_SKIP").is_none(), "skipped where nothing may be: {why}");
    println!("skipped: {why}");
}

/// Processes whose parent is `pid`, with the ticks at which each began, as (pid, start).
pub(crate) fn children(pid: u32) -> Vec<(u32, String)> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|child| Some((child, stat(child)?)))
        .filter(|(_, (parent, _))| *parent == pid)
        .map(|(child, (_, start))| (child, start))
        .collect()
}

/// Parent and start of a process that is alive; a zombie is not.
fn stat(pid: u32) -> Option<(u32, String)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let start = fields.nth(17)?.to_owned();
    (state != "Z" && state != "X").then_some((parent, start))
}

/// Whether that very process is alive, and not another that got its number.
pub(crate) fn alive((pid, start): &(u32, String)) -> bool {
    stat(*pid).is_some_and(|(_, now)| now == *start)
}

/// Waits until `done`, or fails after `patience`.
pub(crate) fn wait_until(what: &str, patience: Duration, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < patience, "{what}: not within {patience:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Names of ours in /dev/shm that belong to process `pid`.
pub(crate) fn segments_of(pid: u32) -> Vec<String> {
    let entries = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(&format!("ipclab-{pid}-"))).collect()
}
