//! Anonymous memory behind a descriptor. It ends with its last map and descriptor: a kill -9 of
//! everyone leaves nothing behind.
//!
//! The order matters: size, allocate, map for writing, and only then seal; after
//! F_SEAL_FUTURE_WRITE nobody, its creator included, can map it for writing again.

use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::fstat;
use nix::unistd::ftruncate;

use super::map::Map;
use super::pages::huge_page_bytes;
use super::{Grant, Memory, SegmentError, Use, refused};

pub(super) fn create(grant: &Grant) -> Result<Memory, SegmentError> {
    let (usage, bytes) = (grant.usage, grant.bytes);
    let fd = memfd_create(c"ipclab", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)
        .map_err(refused(grant, "memfd_create"))?;
    ftruncate(&fd, bytes as i64).map_err(refused(grant, "ftruncate"))?;
    fallocate(&fd, FallocateFlags::empty(), 0, bytes as i64)
        .map_err(refused(grant, "fallocate"))?;
    let map = map_for_writing(&fd, grant)?;
    let seals = seals(usage) | SealFlag::F_SEAL_SEAL;
    fcntl(&fd, FcntlArg::F_ADD_SEALS(seals)).map_err(refused(grant, "fcntl(F_ADD_SEALS)"))?;
    Ok(Memory::Mapped { map, fd })
}

pub(super) fn open(fd: OwnedFd, grant: &Grant) -> Result<Memory, SegmentError> {
    let not_as_described = |what| SegmentError::NotAsDescribed { kind: grant.kind, what };
    let got = fcntl(&fd, FcntlArg::F_GET_SEALS).map_err(refused(grant, "fcntl(F_GET_SEALS)"))?;
    let missing = seals(grant.usage) - SealFlag::from_bits_truncate(got);
    if !missing.is_empty() {
        return Err(not_as_described(format!("it lacks the seals {missing:?}")));
    }
    check_length(&fd, grant)?;
    let map = map(&fd, grant)?;
    Ok(Memory::Mapped { map, fd })
}

/// Seals that must be there before anyone else sees the memory.
fn seals(usage: Use) -> SealFlag {
    let size = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
    match usage {
        Use::Lists => size | SealFlag::F_SEAL_FUTURE_WRITE,
        Use::Words | Use::Answers => size,
    }
}

/// The file must be exactly as long as described: reading past its end is a SIGBUS.
pub(super) fn check_length(fd: impl AsFd, grant: &Grant) -> Result<(), SegmentError> {
    let length = fstat(fd).map_err(refused(grant, "fstat"))?.st_size;
    if length == grant.bytes as i64 {
        return Ok(());
    }
    let what = format!("it is {length} bytes long instead of {}", grant.bytes);
    Err(SegmentError::NotAsDescribed { kind: grant.kind, what })
}

/// Maps all of it for its creator.
pub(super) fn map_for_writing(fd: &OwnedFd, grant: &Grant) -> Result<Map, SegmentError> {
    Map::new(fd, grant.bytes, true, alignment(grant)).map_err(refused(grant, "mmap"))
}

/// Maps lists read-only, words and answers for writing too.
pub(super) fn map(fd: &OwnedFd, grant: &Grant) -> Result<Map, SegmentError> {
    Map::new(fd, grant.bytes, grant.usage.is_written_by_all(), alignment(grant))
        .map_err(refused(grant, "mmap"))
}

/// Where the mapping must begin for a huge page to fit, if it is to have any.
fn alignment(grant: &Grant) -> Option<usize> {
    huge_page_bytes().filter(|page| grant.pages.are_huge() && grant.bytes >= *page)
}
