//! What pages a segment is made of: what was asked for, and what the kernel says was got.
//!
//! | asked for | pages | in the page table |
//! |---|---|---|
//! | `ready` | of the usual size | before the first task |
//! | `lazy` | of the usual size | at the first touch, one fault after another |
//! | `huge` | huge | before the first task |
//! | `huge-lazy` | huge | at the worker's first touch, one fault for each |
//!
//! Huge ones are those that an administrator has set aside, where enough of them are free; else usual ones
//! that the kernel makes huge. Whether they were got is asked of the kernel, never assumed: a policy may forbid them, memory
//! may be in too small pieces, and a file system may give them without being asked.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What pages a segment is asked to be made of, and when they are mapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pages {
    /// Pages of the usual size, mapped before the first task.
    #[default]
    Ready,
    /// Pages of the usual size, mapped when they are first touched.
    Lazy,
    /// Huge pages, mapped before the first task.
    Huge,
    /// Huge pages, mapped when they are first touched; but made of usual ones they are mapped on their maker's side.
    HugeLazy,
}

impl Pages {
    /// Every one, the default first.
    pub const ALL: &[Pages] = &[Pages::Ready, Pages::Lazy, Pages::Huge, Pages::HugeLazy];

    /// The name on the command line and in records.
    pub fn name(self) -> &'static str {
        match self {
            Pages::Ready => "ready",
            Pages::Lazy => "lazy",
            Pages::Huge => "huge",
            Pages::HugeLazy => "huge-lazy",
        }
    }

    /// Whether huge pages are asked for.
    pub fn are_huge(self) -> bool {
        matches!(self, Pages::Huge | Pages::HugeLazy)
    }

    /// Whether pages are mapped before they are touched.
    pub fn are_mapped_before(self) -> bool {
        matches!(self, Pages::Ready | Pages::Huge)
    }
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Pages {
    type Err = String;
    fn from_str(text: &str) -> Result<Pages, String> {
        let names: Vec<_> = Pages::ALL.iter().map(|pages| pages.name()).collect();
        Pages::ALL
            .iter()
            .copied()
            .find(|pages| pages.name() == text)
            .ok_or_else(|| format!("no pages are called `{text}`; there are {}", names.join(", ")))
    }
}

/// What the kernel says of one process's mapping of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappedPages {
    /// Bytes of the mapping.
    pub bytes: usize,
    /// Bytes of it that are in the page table.
    pub mapped: usize,
    /// Bytes of these that huge pages map.
    pub huge: usize,
    /// How these were got, if there are any.
    pub by: Option<HugeBy>,
    /// Why there are none, where they were asked for.
    pub why: Option<String>,
    /// Why none are reserved ones, where its maker tried to have such.
    pub not_reserved: Option<String>,
}

/// How huge pages were got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HugeBy {
    /// They had been set aside (hugetlb).
    Reservation,
    /// The kernel made them of usual ones, because it was asked (MADV_COLLAPSE) or of itself.
    Collapse,
}

impl HugeBy {
    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            HugeBy::Reservation => "reservation",
            HugeBy::Collapse => "collapse",
        }
    }
}

/// Bytes of a huge page; nothing where this kernel has none that come by themselves.
pub fn huge_page_bytes() -> Option<usize> {
    let path = "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size";
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Bytes in the page table.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counted {
    pub(super) mapped: usize,
    /// Of these, by huge pages.
    pub(super) huge: usize,
    /// Of these, by reserved ones.
    pub(super) reserved: usize,
}

/// What is in the page table from `start` to `end`.
pub(super) fn mapped(start: usize, end: usize) -> Option<Counted> {
    count(&std::fs::read_to_string("/proc/self/smaps").ok()?, start, end)
}

/// The same from the text of /proc/self/smaps; nothing where no mapping lies there.
fn count(smaps: &str, start: usize, end: usize) -> Option<Counted> {
    let mut counted = None;
    let mut inside = false;
    for line in smaps.lines() {
        if let Some((from, to)) = range(line) {
            inside = from < end && start < to;
            if inside {
                counted.get_or_insert_default();
            }
        }
        let Some(counted) = counted.as_mut().filter(|_| inside) else { continue };
        let Counted { mapped, huge, reserved } = counted;
        let of = |names: [&str; 2]| names.iter().find_map(|name| bytes(line, name)).unwrap_or(0);
        // "Rss" leaves reserved pages out.
        let of_reserved = of(["Shared_Hugetlb:", "Private_Hugetlb:"]);
        *reserved += of_reserved;
        *huge += of_reserved + of(["ShmemPmdMapped:", "FilePmdMapped:"]);
        *mapped += of_reserved + bytes(line, "Rss:").unwrap_or(0);
    }
    counted
}

/// The addresses of a mapping, if `line` begins one: `7f5aa6000000-7f5aa6c04000 rw-s …`.
fn range(line: &str) -> Option<(usize, usize)> {
    let (from, to) = line.split(' ').next()?.split_once('-')?;
    Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
}

/// The bytes that `line` says of `name`: `Rss:    12288 kB`.
fn bytes(line: &str, name: &str) -> Option<usize> {
    let number = line.strip_prefix(name)?.trim().strip_suffix("kB")?;
    number.trim().parse::<usize>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn pages_are_counted_of_the_mappings_in_a_range_and_of_no_others() {
        let smaps = "7f0000000000-7f0000400000 rw-s 00000000 00:01 9 /memfd:a (deleted)\n\
                     Size:               4096 kB\nRss:                4096 kB\n\
                     ShmemPmdMapped:     4096 kB\nFilePmdMapped:         0 kB\n\
                     7f0000400000-7f0000401000 r--p 00000000 00:01 9 /lib/a: b-c\n\
                     Rss:                   4 kB\nShmemPmdMapped:        0 kB\n\
                     7f0000600000-7f0000c00000 rw-s 00000000 00:11 7 /memfd:a (deleted)\n\
                     KernelPageSize:     2048 kB\nRss:                   0 kB\n\
                     Shared_Hugetlb:     2048 kB\nPrivate_Hugetlb:    2048 kB\n";
        let start = 0x7f00_0000_0000;
        let counted = |mapped, huge, reserved| Some(Counted { mapped, huge, reserved });
        assert_eq!(count(smaps, start, start + 4 * MIB), counted(4 * MIB, 4 * MIB, 0));
        assert_eq!(count(smaps, start, start + 4 * MIB + 1), counted(4 * MIB + 4096, 4 * MIB, 0));
        assert_eq!(count(smaps, start + 4 * MIB, start + 5 * MIB), counted(4096, 0, 0));
        assert_eq!(
            count(smaps, start + 7 * MIB, start + 8 * MIB),
            counted(4 * MIB, 4 * MIB, 4 * MIB)
        );
        assert_eq!(count(smaps, 0, start), None);
    }

    #[test]
    fn names_are_unique_and_found() {
        for pages in Pages::ALL {
            assert_eq!(pages.name().parse(), Ok(*pages));
        }
        assert!("loose".parse::<Pages>().unwrap_err().contains("huge-lazy"));
    }
}
