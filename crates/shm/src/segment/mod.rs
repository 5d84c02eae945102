//! A [`Segment`] is memory that several processes map. A memfd is sealed and cannot shrink meanwhile; the file
//! behind the other two kinds is its user's own, and a program of that user that cuts it short ends the processes that map it by SIGBUS.
//!
//! Three kinds stand behind the one type; each file says what it leaves behind when its owner is
//! killed. A segment gets all of its memory when it is created, so that a machine without room
//! answers with an error there and never with a SIGBUS later.

mod error;
mod file;
mod grant;
mod map;
mod memfd;
pub mod pages;
mod posix;
mod reserved;
mod stale;
#[cfg(test)]
mod tests;

use std::fmt;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::Arc;

use self::error::refused;
pub use error::SegmentError;
pub use grant::{Access, Grant, Kind};
pub use pages::{HugeBy, MappedPages, Pages};
pub(crate) use posix::lock;
pub use stale::{StaleSegment, stale_segments};

/// Memory shared between processes, unmapped when dropped.
pub struct Segment {
    grant: Grant,
    memory: Memory,
    /// Why it is not made of huge pages that were asked for.
    not_huge: Option<String>,
    /// Why it does not lie in reserved ones.
    not_reserved: Option<String>,
}

/// The mapping, and what keeps it in being.
enum Memory {
    Mapped {
        map: map::Map,
        fd: OwnedFd,
    },
    Named(posix::Named),
    /// Of a name, for reading.
    Lent(map::Map),
}

impl Segment {
    /// Creates a segment of `bytes` bytes, all zero, with all of its memory allocated and mapped.
    ///
    /// # Errors
    /// [`SegmentError`], and nothing is left behind.
    pub fn create(kind: Kind, access: Access, bytes: usize) -> Result<Arc<Segment>, SegmentError> {
        Segment::create_of(kind, access, bytes, Pages::Ready)
    }

    /// The same, of other pages. Huge ones that this system does not give are no error:
    /// [`Segment::mapped_pages`] says what there is.
    ///
    /// # Errors
    /// As [`Segment::create`].
    pub fn create_of(
        kind: Kind,
        access: Access,
        bytes: usize,
        pages: Pages,
    ) -> Result<Arc<Segment>, SegmentError> {
        if bytes == 0 {
            return Err(SegmentError::Empty);
        }
        let mut grant = Grant { kind, access, bytes, name: None, pages, reserved_page: None };
        let (memory, not_reserved) = match reserved::create(&mut grant) {
            Ok((map, fd)) => (Memory::Mapped { map, fd }, None),
            Err(why) => (create_usual(&mut grant)?, why),
        };
        let mut segment = Segment { grant, memory, not_huge: None, not_reserved };
        segment.not_huge = segment.make_huge().err();
        segment.populate(true)?;
        Ok(Arc::new(segment))
    }

    /// What a peer needs to open this segment; the descriptor travels beside it.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn grant(&self) -> Result<(Grant, Option<OwnedFd>), SegmentError> {
        let fd = match &self.memory {
            Memory::Named(_) | Memory::Lent(_) => None,
            // No seal keeps its readers from writing; a descriptor for reading does at least.
            Memory::Mapped { fd, .. } if self.kind() == Kind::File => {
                Some(file::for_reading(fd, &self.grant)?)
            }
            Memory::Mapped { fd, .. } => {
                Some(fd.try_clone().map_err(refused(&self.grant, "dup of its descriptor"))?)
            }
        };
        Ok((self.grant.clone(), fd))
    }

    /// Maps a segment that another process created: read-only where it is for lists.
    ///
    /// # Errors
    /// [`SegmentError::NotAsDescribed`] where length or seals are not what `grant` says.
    pub fn open(grant: &Grant, fd: Option<OwnedFd>) -> Result<Arc<Segment>, SegmentError> {
        let memory = match (grant.kind, fd, &grant.name) {
            (Kind::Posix, _, Some(name)) => Memory::Lent(posix::open(name, grant)?),
            (Kind::Memfd, Some(fd), _) => Memory::Mapped { map: memfd::open(&fd, grant)?, fd },
            (Kind::File, Some(fd), _) => Memory::Mapped { map: file::open(&fd, grant)?, fd },
            _ => {
                return Err(SegmentError::NotAsDescribed {
                    kind: grant.kind,
                    what: "neither a descriptor nor a name came with it".into(),
                });
            }
        };
        // Its maker has asked for huge pages; what there are the kernel maps here by itself.
        let segment = Segment { grant: grant.clone(), memory, not_huge: None, not_reserved: None };
        segment.populate(grant.access.is_written_by_all())?;
        Ok(Arc::new(segment))
    }

    /// Length in bytes.
    pub fn bytes(&self) -> usize {
        self.grant.bytes
    }

    /// Kind of this segment.
    pub fn kind(&self) -> Kind {
        self.grant.kind
    }

    /// Who may write into this segment.
    pub fn access(&self) -> Access {
        self.grant.access
    }

    /// What the kernel says of this process's mapping, where it tells.
    pub fn mapped_pages(&self) -> Option<MappedPages> {
        let start = self.start().as_ptr() as usize;
        let counted = pages::mapped(start, start + self.grant.bytes)?;
        // Whole pages are mapped, and the segment may end inside the last one.
        let [mapped, huge] =
            [counted.mapped, counted.huge].map(|counted| counted.min(self.grant.bytes));
        let by = match counted.reserved {
            _ if huge == 0 => None,
            0 => Some(HugeBy::Collapse),
            _ => Some(HugeBy::Reservation),
        };
        let why = match &self.not_huge {
            _ if huge > 0 || !self.grant.pages.are_huge() => None,
            Some(why) => Some(why.clone()),
            None if mapped == 0 => Some("nothing of it is mapped yet".into()),
            None => Some("the kernel maps it by pages of the usual size".into()),
        };
        let not_reserved = self.not_reserved.clone();
        Some(MappedPages { bytes: self.grant.bytes, mapped, huge, by, why, not_reserved })
    }

    /// First byte of the mapping. Each use argues its own safety.
    pub(crate) fn start(&self) -> NonNull<u8> {
        match &self.memory {
            Memory::Mapped { map, .. } | Memory::Lent(map) => map.start(),
            Memory::Named(named) => named.start(),
        }
    }

    /// Has it made of huge pages, if they were asked for; or says why not.
    fn make_huge(&self) -> Result<(), String> {
        if !self.grant.pages.are_huge() || self.grant.reserved_page.is_some() {
            return Ok(());
        }
        let page = pages::huge_page_bytes().ok_or("this kernel has no transparent huge pages")?;
        let Grant { kind, bytes, .. } = self.grant;
        if bytes < page {
            return Err(format!("its {bytes} bytes are shorter than a huge page of {page}"));
        }
        if !(self.start().as_ptr() as usize).is_multiple_of(page) {
            return Err(format!("a {kind} segment is not mapped where a huge page can begin"));
        }
        // SAFETY: the range is this object's own mapping.
        unsafe { map::collapse(self.start(), bytes) }
            .map_err(|fault| format!("madvise(MADV_COLLAPSE) of a {kind} segment: {fault}"))
    }

    /// Faults every page in, so that no measured task pays for it, unless that was not wanted.
    fn populate(&self, writes: bool) -> Result<(), SegmentError> {
        if !self.grant.pages.are_mapped_before() {
            return Ok(());
        }
        // SAFETY: the range is this object's own mapping.
        unsafe { map::populate(self.start(), self.grant.bytes, writes) }
            .map_err(refused(&self.grant, "madvise(MADV_POPULATE)"))
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Segment").field(&self.grant).finish()
    }
}

/// Memory in pages of the usual kind; a name is noted in `grant`.
fn create_usual(grant: &mut Grant) -> Result<Memory, SegmentError> {
    let Grant { kind, bytes, .. } = *grant;
    let free = memory_available().unwrap_or(usize::MAX);
    if kind != Kind::File && bytes > free {
        return Err(SegmentError::NoRoom { kind, bytes, free });
    }
    let mapped = |(map, fd)| Memory::Mapped { map, fd };
    match kind {
        Kind::Memfd => memfd::create(grant).map(mapped),
        Kind::File => file::create(grant).map(mapped),
        Kind::Posix => {
            let named = posix::create(grant)?;
            grant.name = Some(named.name().to_owned());
            Ok(Memory::Named(named))
        }
    }
}

/// Bytes that can be allocated without swapping (MemAvailable of /proc/meminfo), where known.
pub fn memory_available() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kib| kib * 1024)
}
