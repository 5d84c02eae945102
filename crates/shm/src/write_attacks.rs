//! Ways by which a process could write into a list that it was lent for reading: for tests alone to go.
//!
//! Each is what a hostile worker would try. What the memory's kind and its seals do not forbid is done,
//! and the list is then another.

use std::ffi::c_void;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use memmap2::MmapOptions;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::unistd::ftruncate;
use rustix::mm::{Advice, MprotectFlags, madvise, mprotect};

/// One way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteAttack {
    /// A plain store through the address at which the list is mapped.
    Store,
    /// A write to /proc/self/mem at that address, which passes over a page's protection.
    OwnMemory,
    /// Making the page writable.
    Protect,
    /// Taking the pages away through the map.
    Remove,
    /// Writing to the descriptor that was handed over.
    Write,
    /// Mapping that descriptor once more, for writing.
    Map,
    /// Cutting the file short through that descriptor.
    Shrink,
    /// Punching a hole through that descriptor.
    Punch,
    /// Opening the file anew for writing, by its name or through /proc/self/fd, and writing.
    ReopenWrite,
    /// Opening it anew, and mapping that for writing.
    ReopenMap,
}

impl WriteAttack {
    /// Every way, the plainest first.
    pub const ALL: &[WriteAttack] = &[
        WriteAttack::Store,
        WriteAttack::OwnMemory,
        WriteAttack::Protect,
        WriteAttack::Remove,
        WriteAttack::Write,
        WriteAttack::Map,
        WriteAttack::Shrink,
        WriteAttack::Punch,
        WriteAttack::ReopenWrite,
        WriteAttack::ReopenMap,
    ];
}

/// What is written.
const MARK: i64 = 0x7aad;
/// Exit code of a process whose plain store was not caught.
const UNCAUGHT: i32 = 77;

/// Goes `route` to write into the first item of `list`, or to take its memory away. All is well if it is
/// refused; the plainest ends this process in each case.
///
/// # Errors
/// What the system answered.
pub fn attempt(route: WriteAttack, list: &[i64]) -> io::Result<()> {
    let address = list.as_ptr().addr();
    let bytes = MARK.to_ne_bytes();
    let writing = || OpenOptions::new().write(true).read(true).to_owned();
    match route {
        WriteAttack::Store => store(list),
        WriteAttack::OwnMemory => {
            writing().open("/proc/self/mem")?.write_all_at(&bytes, address as u64)
        }
        WriteAttack::Protect => protect(list),
        WriteAttack::Remove => remove(list),
        WriteAttack::Write => {
            let file = Backing::of(address)?;
            nix::sys::uio::pwrite(file.held()?, &bytes, file.offset.cast_signed()).map(drop)?;
            Ok(())
        }
        WriteAttack::Map => map_for_writing(Backing::of(address)?.held()?.as_raw_fd()),
        WriteAttack::Shrink => Ok(ftruncate(Backing::of(address)?.held()?, 0)?),
        WriteAttack::Punch => {
            let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
            let file = Backing::of(address)?;
            let first = file.offset - file.offset % PAGE as u64;
            Ok(fallocate(file.held()?, hole, first.cast_signed(), PAGE.cast_signed() as i64)?)
        }
        WriteAttack::ReopenWrite => {
            let file = Backing::of(address)?;
            writing().open(&file.path)?.write_all_at(&bytes, file.offset)
        }
        WriteAttack::ReopenMap => {
            let file = writing().open(Backing::of(address)?.path)?;
            map_for_writing(file.as_raw_fd())
        }
    }
}

/// Stores through the address of a list, as through a pointer that is not checked.
fn store(list: &[i64]) -> ! {
    let first = list.as_ptr().cast_mut();
    // SAFETY: it is not: nothing may write behind a shared reference. But this process does not look
    // there again. Where the map is read-only the store ends the process by SIGSEGV, and where it is
    // not the next line does.
    unsafe { first.write_volatile(MARK) };
    std::process::exit(UNCAUGHT)
}

/// Bytes of the smallest page; larger ones only let less through.
const PAGE: usize = 4096;

/// The page in which a list begins.
fn page(list: &[i64]) -> *mut c_void {
    list.as_ptr().cast_mut().map_addr(|address| address - address % PAGE).cast()
}

fn protect(list: &[i64]) -> io::Result<()> {
    // SAFETY: it changes no content; that the page can be written then is what a caller asks.
    Ok(unsafe { mprotect(page(list), PAGE, MprotectFlags::READ | MprotectFlags::WRITE) }?)
}

fn remove(list: &[i64]) -> io::Result<()> {
    // SAFETY: only a map that may be written lets its pages be taken away, and no list's may.
    Ok(unsafe { madvise(page(list), PAGE, Advice::LinuxRemove) }?)
}

fn map_for_writing(fd: RawFd) -> io::Result<()> {
    MmapOptions::new().len(PAGE).map_raw(fd).map(drop)
}

/// The file behind an address.
struct Backing {
    /// By which it can be opened anew: its name, or that of its descriptor.
    path: PathBuf,
    /// The descriptor, where this process has one.
    number: Option<RawFd>,
    /// Of the address in the file.
    offset: u64,
}

impl Backing {
    fn of(address: usize) -> io::Result<Backing> {
        let none = || io::Error::new(ErrorKind::NotFound, "no file lies behind that address");
        let maps = fs::read_to_string("/proc/self/maps")?;
        let found = maps.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let (start, end) = words.next()?.split_once('-')?;
            let hex = |word: &str| u64::from_str_radix(word, 16).ok();
            let (start, end) = (hex(start)?, hex(end)?);
            let offset = hex(words.nth(1)?)?;
            let inode: u64 = words.nth(1)?.parse().ok()?;
            let inside = (start..end).contains(&(address as u64));
            inside
                .then(|| (offset + address as u64 - start, inode, words.next().map(PathBuf::from)))
        });
        let (offset, inode, name) = found.ok_or_else(none)?;
        let entries = fs::read_dir("/proc/self/fd")?.flatten();
        let same = |path: &PathBuf| fs::metadata(path).is_ok_and(|known| known.ino() == inode);
        let held = entries.map(|entry| entry.path()).find(same);
        let number = held.as_ref().and_then(|path| path.file_name()?.to_str()?.parse().ok());
        let path = held.or(name).ok_or_else(none)?;
        Ok(Backing { path, number, offset })
    }

    fn held(&self) -> io::Result<BorrowedFd<'_>> {
        let none = || io::Error::new(ErrorKind::NotFound, "this process has no descriptor of it");
        let number = self.number.ok_or_else(none)?;
        // SAFETY: it was open a moment ago, and its owner keeps it as long as the list's map.
        Ok(unsafe { BorrowedFd::borrow_raw(number) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{Kind, Pages};
    use crate::{Descriptor, Lists, Slots};

    #[test]
    fn no_way_leads_into_a_sealed_list_not_even_for_its_maker() {
        let slots = Slots::create(Kind::Memfd, 1, 100, Pages::Ready).unwrap();
        let (grant, fd) = slots.grant().unwrap();
        let lists = Lists::open(&grant, fd, 100).unwrap();
        let mut descriptor = Descriptor::default();
        let mut slot = slots.reserve(100).unwrap();
        slot.items_mut().fill(5);
        slot.describe(0..100, &mut descriptor);
        let list = lists.accept(&descriptor).unwrap();
        // The first ends the process that tries it; a worker does, in tests/it/access.rs.
        for route in WriteAttack::ALL.iter().filter(|route| **route != WriteAttack::Store) {
            let refused = attempt(*route, list);
            assert!(refused.is_err(), "{route:?}");
        }
        assert_eq!(list, [5; 100]);
    }
}
