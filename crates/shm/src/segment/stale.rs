//! Names in /dev/shm whose makers were killed: told from those of the living by a lock.
//!
//! The maker of a named segment holds a lock on it, of the open file description, for as long as it
//! lives: the kernel drops it with the process, however that ends, and no number is given to another
//! meanwhile, as with pids.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::libc;

use super::posix::{self, PREFIX};

/// Where the system keeps named segments.
const FOLDER: &str = "/dev/shm";
/// A name that is older has its lock, or will never have it.
const MAX_UNTIL_LOCKED: Duration = Duration::from_secs(10);

/// A named segment whose maker is dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleSegment {
    /// Its name in /dev/shm.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Every segment of ours that a dead process has left, and that this user may remove.
pub fn stale_segments() -> Vec<StaleSegment> {
    let entries = std::fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut stale: Vec<StaleSegment> = names
        .filter_map(|name| {
            let (file, bytes) = old_or_orphaned(&name).ok()??;
            // A look takes no lock: the maker may want it at this moment.
            let is_locked = posix::is_locked(&file).unwrap_or(true);
            (!is_locked).then_some(StaleSegment { name, bytes })
        })
        .collect();
    stale.sort_by(|a, b| a.name.cmp(&b.name));
    stale
}

impl StaleSegment {
    /// Removes the name, and with it the memory; false if it is gone already, or not stale.
    ///
    /// # Errors
    /// The system refused.
    pub fn remove(&self) -> io::Result<bool> {
        // Held until the name is gone: another program that cleans up leaves it alone.
        let Some(_lock) = locked(&self.name)? else { return Ok(false) };
        std::fs::remove_file(path(&self.name))?;
        Ok(true)
    }
}

/// The segment of that name with the lock of its maker, who is dead; nothing if it is none of ours or its
/// maker may live.
pub(super) fn locked(name: &str) -> io::Result<Option<File>> {
    let Some((file, _)) = old_or_orphaned(name)? else { return Ok(None) };
    match posix::lock(&file) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

/// The segment of that name and its length, if its maker is dead, or has had the time to lock it; nothing if
/// it is none of ours.
fn old_or_orphaned(name: &str) -> io::Result<Option<(File, u64)>> {
    let Some(pid) = maker(name) else { return Ok(None) };
    let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC;
    let opened = File::options().read(true).write(true).custom_flags(flags).open(path(name));
    let file = match opened {
        Ok(file) => file,
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let known = file.metadata()?;
    // Made a moment ago, it may not be locked yet; the same pid may be alive in another container.
    let made = SystemTime::UNIX_EPOCH + Duration::from_secs(known.ctime().unsigned_abs());
    let young = made.elapsed().is_ok_and(|age| age < MAX_UNTIL_LOCKED);
    let alive = Path::new("/proc").join(pid.to_string()).exists();
    Ok((!(young && alive)).then_some((file, known.len())))
}

/// The maker of a segment called `ipclab-PID-RANDOM`; nothing for other names.
fn maker(name: &str) -> Option<u32> {
    let (pid, random) = name.strip_prefix(PREFIX.trim_start_matches('/'))?.split_once('-')?;
    let is_random = random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    pid.parse().ok().filter(|_| is_random)
}

pub(super) fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}
