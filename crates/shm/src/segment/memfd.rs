//! Anonymous memory behind a descriptor. It ends with its last map and descriptor: a kill -9 of
//! everyone leaves nothing behind.
//!
//! The order matters: size, allocate, map for writing, and only then seal; after
//! F_SEAL_FUTURE_WRITE no process, its creator included, can map it for writing again.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::fstat;
use nix::unistd::ftruncate;

use super::error::{SegmentError, refused};
use super::grant::{Access, Grant};
use super::map::Map;
use super::pages::huge_page_bytes;

/// The unit of `st_blocks` on every file system.
const BLOCK_BYTES: usize = 512;

pub(super) fn create(grant: &Grant) -> Result<(Map, OwnedFd), SegmentError> {
    let fd = unsized_fd(MFdFlags::empty()).map_err(refused(grant, "memfd_create"))?;
    finish(fd, grant)
}

/// A descriptor of huge pages that were set aside, of `page` bytes each or of the system's usual huge
/// size, and the bytes of each; nothing is taken yet.
pub(super) fn of_reserved(page: Option<usize>) -> Result<(OwnedFd, usize), Errno> {
    let size = page.map_or(0, |page| page.ilog2() << libc::MFD_HUGE_SHIFT);
    let flags = MFdFlags::MFD_HUGETLB | MFdFlags::from_bits_retain(size);
    let fd = unsized_fd(flags)?;
    let page = usize::try_from(fstat(&fd)?.st_blksize).map_err(|_| Errno::EOVERFLOW)?;
    Ok((fd, page))
}

fn unsized_fd(flags: MFdFlags) -> Result<OwnedFd, Errno> {
    let always = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    memfd_create(c"ipclab", always | flags)
}

/// Gives it its length and all of its memory, maps it and seals it.
pub(super) fn finish(fd: OwnedFd, grant: &Grant) -> Result<(Map, OwnedFd), SegmentError> {
    let bytes = grant.file_length();
    ftruncate(&fd, bytes).map_err(refused(grant, "ftruncate"))?;
    fallocate(&fd, FallocateFlags::empty(), 0, bytes).map_err(refused(grant, "fallocate"))?;
    let map = map_for_writing(&fd, grant)?;
    let seals = seals(grant.access) | SealFlag::F_SEAL_SEAL;
    fcntl(&fd, FcntlArg::F_ADD_SEALS(seals)).map_err(refused(grant, "fcntl(F_ADD_SEALS)"))?;
    Ok((map, fd))
}

pub(super) fn open(fd: &OwnedFd, grant: &Grant) -> Result<Map, SegmentError> {
    let not_as_described = |what| SegmentError::NotAsDescribed { kind: grant.kind, what };
    let got = fcntl(fd, FcntlArg::F_GET_SEALS).map_err(refused(grant, "fcntl(F_GET_SEALS)"))?;
    let missing = seals(grant.access) - SealFlag::from_bits_truncate(got);
    if !missing.is_empty() {
        return Err(not_as_described(format!("it lacks the seals {missing:?}")));
    }
    check_length(fd, grant)?;
    check_reserved(fd, grant)?;
    map(fd, grant)
}

/// Seals that must be there before anyone else sees the memory.
fn seals(access: Access) -> SealFlag {
    let size = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
    match access {
        Access::Lists => size | SealFlag::F_SEAL_FUTURE_WRITE,
        Access::Words | Access::Answers => size,
    }
}

/// The file must be exactly as long as described: reading past its end is a SIGBUS.
pub(super) fn check_length(fd: impl AsFd, grant: &Grant) -> Result<(), SegmentError> {
    let length = fstat(fd).map_err(refused(grant, "fstat"))?.st_size;
    let described = grant.file_bytes();
    if usize::try_from(length) == Ok(described) {
        return Ok(());
    }
    let what = format!("it is {length} bytes long instead of {described}");
    Err(SegmentError::NotAsDescribed { kind: grant.kind, what })
}

/// Of reserved pages it must have every one: a touch where there is none, and none left, is a SIGBUS.
/// None can be taken out again, since it is sealed against writing.
fn check_reserved(fd: impl AsFd, grant: &Grant) -> Result<(), SegmentError> {
    let Some(page) = grant.reserved_page else { return Ok(()) };
    let there = fstat(fd).map_err(refused(grant, "fstat"))?;
    let allocated = usize::try_from(there.st_blocks).ok().and_then(|n| n.checked_mul(BLOCK_BYTES));
    let is_sealed = grant.access == Access::Lists;
    let is_of_such_pages = usize::try_from(there.st_blksize) == Ok(page);
    if is_of_such_pages && allocated == Some(grant.file_bytes()) && is_sealed {
        return Ok(());
    }
    let what = format!("it does not lie in reserved pages of {page} bytes, each of them its own");
    Err(SegmentError::NotAsDescribed { kind: grant.kind, what })
}

/// Maps all of it for its creator.
pub(super) fn map_for_writing(fd: &OwnedFd, grant: &Grant) -> Result<Map, SegmentError> {
    Map::new(fd, grant.file_bytes(), true, alignment(grant)).map_err(refused(grant, "mmap"))
}

/// Maps lists read-only, words and answers for writing too.
pub(super) fn map(fd: &OwnedFd, grant: &Grant) -> Result<Map, SegmentError> {
    Map::new(fd, grant.file_bytes(), grant.access.is_written_by_all(), alignment(grant))
        .map_err(refused(grant, "mmap"))
}

/// Where the mapping must begin for a huge page to fit, if it is to have any.
fn alignment(grant: &Grant) -> Option<usize> {
    let transparent =
        || huge_page_bytes().filter(|page| grant.pages.are_huge() && grant.bytes >= *page);
    grant.reserved_page.or_else(transparent)
}
