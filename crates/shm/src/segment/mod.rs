//! A [`Segment`] is a mapping that several processes share and that cannot shrink while they do.
//!
//! Three kinds stand behind the one type; each file says what it leaves behind when its owner is
//! killed. A segment gets all of its memory when it is created, so that a machine without room
//! answers with an error there and never with a SIGBUS later.

mod file;
mod leftover;
mod map;
mod memfd;
pub mod pages;
mod posix;
mod reserved;

use std::fmt;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use leftover::{Leftover, leftovers};
pub use pages::{Got, HugeBy, Pages};
pub(crate) use posix::lock;

/// Which mechanism of the system holds the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Anonymous memory behind a descriptor, sealed: it has no name, so nothing can be left over.
    Memfd,
    /// A name in /dev/shm, by the `shared_memory` crate: how most programs share.
    Posix,
    /// A file on a disk without a name in any folder.
    File,
}

impl Kind {
    /// Every kind, the default first.
    pub const ALL: &[Kind] = &[Kind::Memfd, Kind::Posix, Kind::File];

    /// The name on the command line and in records.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Memfd => "memfd",
            Kind::Posix => "posix",
            Kind::File => "file",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;
    fn from_str(text: &str) -> Result<Kind, String> {
        let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        Kind::ALL.iter().copied().find(|kind| kind.name() == text).ok_or_else(|| {
            format!("no segment kind is called `{text}`; there are {}", names.join(", "))
        })
    }
}

/// Who may write into a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// Lists: its creator writes, every other process maps it read-only.
    Lists,
    /// Rings, bells and results: all sides write, and only through atomic words.
    Words,
    /// Answers' lists: one worker writes, its creator only reads, and only through atomic words.
    Answers,
}

impl Use {
    /// Whether whoever opens it may write there.
    fn is_written_by_all(self) -> bool {
        match self {
            Use::Lists => false,
            Use::Words | Use::Answers => true,
        }
    }
}

/// Why there is no segment.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// Nothing to share.
    #[error("a segment of 0 bytes holds nothing")]
    Empty,
    /// The machine has less free memory than asked for.
    #[error(
        "a {kind} segment of {bytes} bytes does not fit: {free} bytes of memory are free; ask for a smaller list"
    )]
    NoRoom {
        /// Kind asked for.
        kind: Kind,
        /// Bytes asked for.
        bytes: usize,
        /// Bytes free at that moment.
        free: usize,
    },
    /// The system refused one step.
    #[error("the {kind} segment of {bytes} bytes failed at {step}: {cause}")]
    Refused {
        /// Kind asked for.
        kind: Kind,
        /// Bytes asked for.
        bytes: usize,
        /// The call that failed.
        step: &'static str,
        /// What the system or library said.
        cause: String,
    },
    /// A peer handed over something that is not the segment it described.
    #[error("the {kind} segment handed over is not as described: {what}")]
    NotAsDescribed {
        /// Kind described.
        kind: Kind,
        /// What differs.
        what: String,
    },
}

/// What another process needs, beside the descriptor, to open a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Kind of the segment.
    pub kind: Kind,
    /// Who may write into it.
    pub usage: Use,
    /// Its length in bytes.
    pub bytes: usize,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// What pages it was asked to be made of.
    #[serde(default)]
    pub pages: Pages,
    /// Bytes of each of the reserved huge pages that it lies in, if it lies in such.
    #[serde(default)]
    pub reserved_page: Option<usize>,
}

impl Grant {
    /// Bytes of its file: whole pages, where they are reserved ones.
    fn file_bytes(&self) -> usize {
        match self.reserved_page {
            // What no number can count is no file's length.
            Some(page) => self.bytes.checked_next_multiple_of(page).unwrap_or(usize::MAX),
            None => self.bytes,
        }
    }
}

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
    pub fn create(kind: Kind, usage: Use, bytes: usize) -> Result<Arc<Segment>, SegmentError> {
        Segment::create_of(kind, usage, bytes, Pages::Ready)
    }

    /// The same, of other pages. Huge ones that this system does not give are no error:
    /// [`Segment::got`] says what there is.
    ///
    /// # Errors
    /// As [`Segment::create`].
    pub fn create_of(
        kind: Kind,
        usage: Use,
        bytes: usize,
        pages: Pages,
    ) -> Result<Arc<Segment>, SegmentError> {
        if bytes == 0 {
            return Err(SegmentError::Empty);
        }
        let mut grant = Grant { kind, usage, bytes, name: None, pages, reserved_page: None };
        let (memory, not_reserved) = match reserved::create(&mut grant) {
            Ok(memory) => (memory, None),
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
            (Kind::Posix, _, Some(name)) => posix::open(name, grant)?,
            (Kind::Memfd, Some(fd), _) => memfd::open(fd, grant)?,
            (Kind::File, Some(fd), _) => file::open(fd, grant)?,
            _ => {
                return Err(SegmentError::NotAsDescribed {
                    kind: grant.kind,
                    what: "neither a descriptor nor a name came with it".into(),
                });
            }
        };
        // Its maker has asked for huge pages; what there are the kernel maps here by itself.
        let segment = Segment { grant: grant.clone(), memory, not_huge: None, not_reserved: None };
        segment.populate(grant.usage.is_written_by_all())?;
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
    pub fn usage(&self) -> Use {
        self.grant.usage
    }

    /// What the kernel says of this process's mapping, where it tells.
    pub fn got(&self) -> Option<Got> {
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
        Some(Got { bytes: self.grant.bytes, mapped, huge, by, why, not_reserved })
    }

    /// First byte of the mapping. Whoever dereferences it argues for itself.
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

/// Memory that the system gives to whoever asks; a name is noted in `grant`.
fn create_usual(grant: &mut Grant) -> Result<Memory, SegmentError> {
    let Grant { kind, bytes, .. } = *grant;
    let free = memory_available().unwrap_or(usize::MAX);
    if kind != Kind::File && bytes > free {
        return Err(SegmentError::NoRoom { kind, bytes, free });
    }
    match kind {
        Kind::Memfd => memfd::create(grant),
        Kind::File => file::create(grant),
        Kind::Posix => {
            let named = posix::create(grant)?;
            grant.name = Some(named.name().to_owned());
            Ok(Memory::Named(named))
        }
    }
}

/// Turns a system's error into ours.
fn refused<E: fmt::Display>(
    grant: &Grant,
    step: &'static str,
) -> impl FnOnce(E) -> SegmentError + use<E> {
    let (kind, bytes) = (grant.kind, grant.bytes);
    move |cause| SegmentError::Refused { kind, bytes, step, cause: cause.to_string() }
}

/// Bytes that can be allocated without swapping (MemAvailable of /proc/meminfo), where known.
pub fn memory_available() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use memmap2::MmapOptions;
    use nix::unistd::{ftruncate, write};

    use super::*;

    #[test]
    fn a_sealed_segment_can_be_neither_resized_nor_written_by_whoever_it_is_lent_to() {
        let lists = Segment::create(Kind::Memfd, Use::Lists, 4096).unwrap();
        let words = Segment::create(Kind::Memfd, Use::Words, 4096).unwrap();
        for segment in [&lists, &words] {
            let fd = segment.grant().unwrap().1.unwrap();
            assert!(ftruncate(&fd, 0).is_err());
            assert!(ftruncate(&fd, 8192).is_err());
        }
        let fd = lists.grant().unwrap().1.unwrap();
        assert!(write(&fd, b"x").is_err());
        assert!(MmapOptions::new().len(4096).map_raw(&fd).is_err());
        assert!(MmapOptions::new().len(4096).map_raw_read_only(&fd).is_ok());
    }

    #[test]
    fn what_is_not_as_described_is_not_opened() {
        for kind in [Kind::Memfd, Kind::File] {
            let segment = Segment::create(kind, Use::Lists, 4096).unwrap();
            let (grant, fd) = segment.grant().unwrap();
            let longer = Grant { bytes: 8192, ..grant.clone() };
            assert!(matches!(Segment::open(&longer, fd), Err(SegmentError::NotAsDescribed { .. })));
            assert!(matches!(
                Segment::open(&grant, None),
                Err(SegmentError::NotAsDescribed { .. })
            ));
        }
        // A memfd that could still shrink under its reader.
        let flags = nix::sys::memfd::MFdFlags::MFD_ALLOW_SEALING;
        let loose = nix::sys::memfd::memfd_create(c"loose", flags).unwrap();
        ftruncate(&loose, 4096).unwrap();
        let (kind, usage, pages) = (Kind::Memfd, Use::Lists, Pages::Ready);
        let grant = Grant { kind, usage, bytes: 4096, name: None, pages, reserved_page: None };
        let refused = Segment::open(&grant, Some(loose)).unwrap_err().to_string();
        assert!(refused.contains("SHRINK"), "{refused}");
    }

    #[test]
    fn what_does_not_fit_is_refused_when_it_is_asked_for_and_leaves_no_name() {
        assert!(matches!(Segment::create(Kind::Memfd, Use::Lists, 0), Err(SegmentError::Empty)));
        for kind in [Kind::Memfd, Kind::Posix] {
            let refused = Segment::create(kind, Use::Lists, 1 << 50).unwrap_err();
            assert!(matches!(refused, SegmentError::NoRoom { .. }), "{refused}");
        }
        let segment = Segment::create(Kind::Posix, Use::Lists, 4096).unwrap();
        let name = format!("/dev/shm{}", segment.grant().unwrap().0.name.unwrap());
        assert!(std::path::Path::new(&name).exists());
        drop(segment);
        assert!(!std::path::Path::new(&name).exists());
    }
}
