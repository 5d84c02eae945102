//! Names in /dev/shm whose makers were killed: told from those of the living by a lock.
//!
//! Whoever makes a named segment holds a lock on it, of the open file description, for as long as it
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
const TO_BE_LOCKED: Duration = Duration::from_secs(10);

/// A named segment whose maker is dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Its name in /dev/shm.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Every segment of ours that a dead process has left, and that this user may remove.
pub fn leftovers() -> Vec<Leftover> {
    let entries = std::fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut left: Vec<Leftover> =
        names.filter_map(|name| Some(Leftover { bytes: locked(&name).ok()??.1, name })).collect();
    left.sort_by(|a, b| a.name.cmp(&b.name));
    left
}

impl Leftover {
    /// Removes the name, and with it the memory; false if somebody was faster.
    ///
    /// # Errors
    /// The system refused.
    pub fn remove(&self) -> io::Result<bool> {
        // Held until the name is gone: whoever else cleans up leaves it alone.
        let Some(_lock) = locked(&self.name)? else { return Ok(false) };
        std::fs::remove_file(path(&self.name))?;
        Ok(true)
    }
}

/// The segment of that name with the lock of its maker, who is dead, and its length; nothing if it is
/// none of ours or its maker may live.
fn locked(name: &str) -> io::Result<Option<(File, u64)>> {
    let Some(pid) = maker(name) else { return Ok(None) };
    let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC;
    let opened = File::options().read(true).write(true).custom_flags(flags).open(path(name));
    let file = match opened {
        Ok(file) => file,
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let known = file.metadata()?;
    match posix::lock(&file) {
        Ok(()) => {}
        Err(Errno::EAGAIN | Errno::EACCES) => return Ok(None),
        Err(fault) => return Err(fault.into()),
    }
    // Made a moment ago, it may not be locked yet; the same pid may be alive in another container.
    let made = SystemTime::UNIX_EPOCH + Duration::from_secs(known.ctime().unsigned_abs());
    let young = made.elapsed().is_ok_and(|age| age < TO_BE_LOCKED);
    let alive = Path::new("/proc").join(pid.to_string()).exists();
    Ok((!(young && alive)).then_some((file, known.len())))
}

/// The maker of a segment called `ipclab-PID-RANDOM`; nothing for other names.
fn maker(name: &str) -> Option<u32> {
    let (pid, random) = name.strip_prefix(PREFIX.trim_start_matches('/'))?.split_once('-')?;
    let is_random = random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    pid.parse().ok().filter(|_| is_random)
}

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::segment::{Kind, Segment, Use};

    #[test]
    fn a_living_maker_s_segment_is_no_leftover_is_its_user_s_alone_and_has_no_name_to_guess() {
        let segments = [0; 8].map(|_| Segment::create(Kind::Posix, Use::Lists, 4096).unwrap());
        let names = segments.iter().map(|segment| segment.grant().unwrap().0.name.unwrap());
        let mut randoms: Vec<u64> = names
            .map(|name| {
                let name = name.trim_start_matches('/').to_owned();
                assert!(leftovers().iter().all(|left| left.name != name), "{name}");
                assert!(!Leftover { name: name.clone(), bytes: 0 }.remove().unwrap());
                let mode = path(&name).metadata().unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{name}");
                u64::from_str_radix(name.rsplit('-').next().unwrap(), 16).unwrap()
            })
            .collect();
        randoms.sort_unstable();
        randoms.dedup();
        assert_eq!(randoms.len(), 8);
    }

    #[test]
    fn of_a_hundred_stale_names_and_a_living_one_only_the_stale_are_found_and_removed() {
        let living = Segment::create(Kind::Posix, Use::Lists, 4096).unwrap();
        let living = living.grant().unwrap().0.name.unwrap();
        // No process has such a number.
        let dead = 1 << 30;
        let stale: Vec<String> =
            (0..100).map(|at| format!("ipclab-{dead}-{:016x}", 0xabcd_0000_u32 + at)).collect();
        let others = [format!("ipclab-{dead}-short"), format!("other-{dead}-{:016x}", 1)];
        stale.iter().chain(&others).for_each(|name| std::fs::write(path(name), [7; 100]).unwrap());
        let ours = |left: &Leftover| left.name.contains(&format!("-{dead}-"));
        let found: Vec<Leftover> = leftovers().into_iter().filter(ours).collect();
        let removed: Vec<bool> = found.iter().map(|left| left.remove().unwrap()).collect();
        let there: Vec<bool> = others.iter().map(|name| path(name).exists()).collect();
        others.iter().for_each(|name| std::fs::remove_file(path(name)).unwrap());
        assert_eq!(found.iter().map(|left| left.name.clone()).collect::<Vec<_>>(), stale);
        assert!(found.iter().all(|left| left.bytes == 100) && removed == [true; 100]);
        assert!(stale.iter().all(|name| !path(name).exists()));
        assert_eq!(there, [true, true], "not ours");
        assert!(path(living.trim_start_matches('/')).exists());
    }

    #[test]
    fn a_lock_says_that_its_maker_lives_and_one_that_was_made_a_moment_ago_may_have_none_yet() {
        // Of a maker that no longer goes by that number, as in another container; and one of ours.
        let elsewhere = format!("ipclab-{}-{:016x}", 1 << 30, 0xbeef);
        let young = format!("ipclab-{}-{:016x}", std::process::id(), 0xbeef);
        let [held, _fresh] = [&elsewhere, &young].map(|name| File::create_new(path(name)).unwrap());
        posix::lock(&held).unwrap();
        let found = leftovers();
        let refused = [&elsewhere, &young]
            .map(|name| Leftover { name: name.clone(), bytes: 0 }.remove().unwrap());
        drop(held);
        let then = locked(&elsewhere).unwrap().is_some();
        let there = [&elsewhere, &young].map(|name| std::fs::remove_file(path(name)).is_ok());
        assert!(found.iter().all(|left| left.name != elsewhere && left.name != young));
        assert_eq!((refused, there), ([false; 2], [true; 2]));
        assert!(then, "the lock has gone with its holder");
    }
}
