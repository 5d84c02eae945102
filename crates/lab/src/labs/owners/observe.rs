//! What can be seen of an owner and of what it leaves.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use harness::LabContext;
use pool::Kind;
use record::{Kill, Line};

/// What survived, how it can be told, and what is left.
pub(super) struct Survived {
    pub(super) outcome: String,
    pub(super) well: bool,
    pub(super) left: u64,
    pub(super) known_ns: Option<u64>,
}

/// Writes what survived of one owner.
pub(super) fn write(
    context: &mut LabContext<'_>,
    owner: &str,
    of: &str,
    state: &str,
    survived: Survived,
) -> anyhow::Result<()> {
    let Survived { outcome, well, left, known_ns } = survived;
    let lab = context.lab.into();
    let (owner, of, state) = (owner.into(), of.into(), state.into());
    context.run.append(Line::Kill(Kill { lab, owner, of, state, outcome, well, left, known_ns }))
}

/// Where the segment that process `pid` has made can be opened by another.
pub(super) fn path_of(pid: u32, kind: Kind) -> Option<PathBuf> {
    let folder = match kind {
        Kind::Posix => "/dev/shm".to_owned(),
        Kind::Memfd | Kind::File => format!("/proc/{pid}/fd"),
    };
    let entries = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let is_it = |path: &PathBuf| match kind {
        Kind::Posix => path.to_string_lossy().contains(&format!("/ipclab-{pid}-")),
        Kind::Memfd | Kind::File => std::fs::read_link(path).is_ok_and(|target| {
            let target = target.to_string_lossy().into_owned();
            target.starts_with("/memfd:ipclab") || target.starts_with("/var/tmp/#")
        }),
    };
    let mut found = entries.filter(is_it);
    // It must have its length, or there is nothing to shrink.
    found.find(|path| path.metadata().is_ok_and(|known| known.len() > 0))
}

/// Removes what process `pid`, which is dead, has left.
pub(super) fn clean(pid: u32) -> anyhow::Result<()> {
    let left = shm::segment::stale_segments();
    let mut of_it = left.iter().filter(|left| left.name.contains(&format!("-{pid}-")));
    Ok(of_it.try_for_each(|left| left.remove().map(drop))?)
}

/// Names in /dev/shm that process `pid` has made.
pub(super) fn names_of(pid: u32) -> u64 {
    let entries = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    let ours = format!("ipclab-{pid}-");
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&ours)).count() as u64
}

/// Nothing here takes longer.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(10);

/// Waits until `done`.
pub(super) fn until(what: &str, mut done: impl FnMut() -> bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !done() {
        ensure!(begun.elapsed() < MAX_WAIT, "not within {MAX_WAIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
