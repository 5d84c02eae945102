//! A file on a disk that has no name in any folder (O_TMPFILE in /var/tmp): it ends with its last
//! map and descriptor, as a memfd does, but its pages are written back to the disk.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::fcntl::{FallocateFlags, fallocate};

use super::error::{SegmentError, refused};
use super::grant::Grant;
use super::map::Map;
use super::memfd::{check_length, map, map_for_writing};

/// On a disk even where /tmp is memory.
const FOLDER: &str = "/var/tmp";

pub(super) fn create(grant: &Grant) -> Result<(Map, OwnedFd), SegmentError> {
    let bytes = grant.bytes;
    let file =
        tempfile::tempfile_in(FOLDER).map_err(refused(grant, "open(O_TMPFILE) in /var/tmp"))?;
    file.set_len(bytes as u64).map_err(refused(grant, "ftruncate"))?;
    fallocate(&file, FallocateFlags::empty(), 0, grant.file_length())
        .map_err(refused(grant, "fallocate"))?;
    let fd = file.into();
    let map = map_for_writing(&fd, grant)?;
    Ok((map, fd))
}

/// A descriptor of the same file that can only read: it has no name to be opened by, but the kernel's.
pub(super) fn for_reading(fd: &OwnedFd, grant: &Grant) -> Result<OwnedFd, SegmentError> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let file = File::open(&path).map_err(refused(grant, "open of its descriptor for reading"))?;
    Ok(file.into())
}

pub(super) fn open(fd: &OwnedFd, grant: &Grant) -> Result<Map, SegmentError> {
    check_length(fd, grant)?;
    map(fd, grant)
}
