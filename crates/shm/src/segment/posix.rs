//! A name in /dev/shm, made by the `shared_memory` crate: how most programs share.
//! A kill -9 of its creator leaves the name behind, with all of its memory.
//!
//! The crate sizes with ftruncate alone, so a full /dev/shm would be a SIGBUS at the first write; and
//! it gives no descriptor. The name is therefore opened a second time here, to allocate all of it at
//! once and to hold a lock that says "its creator lives". And the crate maps every
//! name for writing, so readers open it here: a name cannot be sealed, but their map cannot be written.

use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;

use nix::fcntl::{FallocateFlags, FcntlArg, OFlag, fallocate, fcntl};
use nix::libc;
use nix::sys::mman::shm_open;
use nix::sys::stat::Mode;
use shared_memory::{Shmem, ShmemConf};

use super::error::{SegmentError, refused};
use super::grant::Grant;
use super::map::Map;
use super::memfd::{check_length, map};

/// Our names begin so: a stale one can be told from another program's.
pub(super) const PREFIX: &str = "/ipclab-";

/// A mapping by name; the creator's removes the name when dropped.
pub(super) struct Named {
    map: Shmem,
    _life: Option<OwnedFd>,
}

// SAFETY: `Shmem` is not Send only because it holds a raw pointer. The mapping belongs to the
// process, not to a thread, and munmap, shm_unlink and close may be called from any thread.
unsafe impl Send for Named {}
// SAFETY: `&Named` gives out only the address and length, which never change.
unsafe impl Sync for Named {}

impl Named {
    pub(super) fn name(&self) -> &str {
        self.map.get_os_id()
    }

    pub(super) fn start(&self) -> NonNull<u8> {
        NonNull::new(self.map.as_ptr()).expect("a mapping is never at address 0")
    }
}

pub(super) fn create(grant: &Grant) -> Result<Named, SegmentError> {
    let bytes = grant.bytes;
    let mut random = [0u8; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .map_err(refused(grant, "getrandom"))?;
    let name = format!("{PREFIX}{}-{:016x}", std::process::id(), u64::from_ne_bytes(random));
    let map = ShmemConf::new()
        .os_id(&name)
        .size(bytes)
        .create()
        .map_err(refused(grant, "shared_memory's create"))?;
    // From here on `map` owns the name: an early return drops it and removes the name.
    let fd = shm_open(name.as_str(), OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(refused(grant, "shm_open"))?;
    // First of all: without it any program that cleans up may remove the name.
    lock(&fd).map_err(refused(grant, "fcntl(F_OFD_SETLK)"))?;
    fallocate(&fd, FallocateFlags::empty(), 0, grant.file_length())
        .map_err(refused(grant, "fallocate"))?;
    Ok(Named { map, _life: Some(fd) })
}

/// Maps it read-only, and keeps no descriptor: of one that was opened for reading no later
/// `mprotect` can make more.
pub(super) fn open(name: &str, grant: &Grant) -> Result<Map, SegmentError> {
    let fd = shm_open(name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(refused(grant, "shm_open"))?;
    check_length(&fd, grant)?;
    map(&fd, grant)
}

/// Takes the lock that says "its creator lives", for as long as `fd` and its copies are open.
pub(crate) fn lock(fd: impl AsFd) -> nix::Result<()> {
    fcntl(fd, FcntlArg::F_OFD_SETLK(&whole_file())).map(drop)
}

/// Whether another open file description holds that lock; takes nothing.
pub(super) fn is_locked(fd: impl AsFd) -> nix::Result<bool> {
    let mut found = whole_file();
    fcntl(fd, FcntlArg::F_OFD_GETLK(&mut found))?;
    Ok(i32::from(found.l_type) != libc::F_UNLCK)
}

#[allow(clippy::cast_possible_truncation, reason = "small constants of the C library")]
fn whole_file() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}
