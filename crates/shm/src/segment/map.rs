//! A mapping of a segment's descriptor, which unmaps itself: wherever the kernel likes, or beginning
//! where a huge page can.

use std::io;
use std::os::fd::OwnedFd;
use std::ptr::{NonNull, null_mut};

use memmap2::{MmapOptions, MmapRaw};
use nix::libc;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};

/// A shared mapping of the whole of a descriptor.
pub(super) enum Map {
    Anywhere(MmapRaw),
    Aligned(Aligned),
}

impl Map {
    /// Maps `bytes` of `fd`: where a page of `align` bytes can begin, if that is asked for.
    pub(super) fn new(
        fd: &OwnedFd,
        bytes: usize,
        writes: bool,
        align: Option<usize>,
    ) -> io::Result<Map> {
        match align {
            Some(align) => Aligned::new(fd, bytes, writes, align).map(Map::Aligned),
            None if writes => MmapOptions::new().len(bytes).map_raw(fd).map(Map::Anywhere),
            None => MmapOptions::new().len(bytes).map_raw_read_only(fd).map(Map::Anywhere),
        }
    }

    pub(super) fn start(&self) -> NonNull<u8> {
        match self {
            Map::Anywhere(map) => {
                NonNull::new(map.as_mut_ptr()).expect("a mapping is never at address 0")
            }
            Map::Aligned(map) => map.start,
        }
    }
}

/// A mapping inside a reservation that is longer by `align`, so that it can begin anywhere there.
pub(super) struct Aligned {
    start: NonNull<u8>,
    reserved: *mut libc::c_void,
    reserved_bytes: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and munmap may be called from any.
unsafe impl Send for Aligned {}
// SAFETY: `&Aligned` gives out only the address, which never changes.
unsafe impl Sync for Aligned {}

impl Aligned {
    fn new(fd: &OwnedFd, bytes: usize, writes: bool, align: usize) -> io::Result<Aligned> {
        assert!(align.is_power_of_two() && align >= rustix::param::page_size());
        let reserved_bytes =
            bytes.checked_add(align).ok_or(io::Error::from(io::ErrorKind::OutOfMemory))?;
        let nothing = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: no address is asked for, so the kernel takes one where nothing is mapped.
        let reserved =
            unsafe { mmap_anonymous(null_mut(), reserved_bytes, ProtFlags::empty(), nothing) }?;
        let to_begin = reserved.align_offset(align);
        let start = reserved.wrapping_byte_add(to_begin);
        let start = NonNull::new(start.cast::<u8>()).expect("a mapping is never at address 0");
        // From here on an early return unmaps all of it.
        let map = Aligned { start, reserved, reserved_bytes };
        let prot = if writes { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        let flags = MapFlags::SHARED | MapFlags::FIXED;
        // SAFETY: the range begins less than `align` into the reservation, which is longer than
        // `bytes` by `align`: what it replaces is this object's own, and its address was not given out yet.
        unsafe { mmap(start.as_ptr().cast(), bytes, prot, flags, fd, 0) }?;
        Ok(map)
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        // SAFETY: the whole range is this object's own, and its address is used only with a borrow of
        // this object or an Arc of what owns it.
        let _ = unsafe { munmap(self.reserved, self.reserved_bytes) };
    }
}

/// Faults every page of a mapping in, for writing if it may be written.
///
/// # Safety
/// The range is a mapping of the caller's own.
pub(super) unsafe fn populate(start: NonNull<u8>, bytes: usize, writes: bool) -> io::Result<()> {
    let advice = if writes { Advice::LinuxPopulateWrite } else { Advice::LinuxPopulateRead };
    // SAFETY: the range is mapped, as the caller promises; populating changes no content.
    unsafe { madvise(start.as_ptr().cast(), bytes, advice) }.map_err(io::Error::from)
}

/// Has a mapping made of huge pages, as far as whole ones fit, and mapped by them.
///
/// # Safety
/// The range is a mapping of the caller's own.
pub(super) unsafe fn collapse(start: NonNull<u8>, bytes: usize) -> io::Result<()> {
    let at = start.as_ptr().cast();
    // What the kernel makes by itself later it may make huge too, where its policy says "advise".
    // Where it knows no huge pages at all, the next call says so.
    // SAFETY: the range is mapped, as the caller promises; the advice changes no content.
    let _ = unsafe { madvise(at, bytes, Advice::LinuxHugepage) };
    // rustix and nix do not have this one. Linux 6.1 has it, under every policy.
    // SAFETY: as above: the contents move to other memory, and stay as they are.
    match unsafe { libc::madvise(at, bytes, libc::MADV_COLLAPSE) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
