//! What a segment is, and what another process needs to open it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::pages::Pages;

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
pub enum Access {
    /// Lists: its creator writes, every other process maps it read-only.
    Lists,
    /// Rings, bells and results: all sides write, and only through atomic words.
    Words,
    /// Answers' lists: one worker writes, its creator only reads, and only through atomic words.
    Answers,
}

impl Access {
    /// Whether a process that opens it may write there.
    pub(super) fn is_written_by_all(self) -> bool {
        match self {
            Access::Lists => false,
            Access::Words | Access::Answers => true,
        }
    }
}

/// What another process needs, beside the descriptor, to open a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Kind of the segment.
    pub kind: Kind,
    /// Who may write into it.
    pub access: Access,
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
    /// As a system call takes it. What no file is as long as stays that, and is refused there.
    pub(super) fn file_length(&self) -> i64 {
        i64::try_from(self.file_bytes()).unwrap_or(i64::MAX)
    }

    /// Bytes of its file: whole pages, where they are reserved ones.
    pub(super) fn file_bytes(&self) -> usize {
        match self.reserved_page {
            // What no number can count is no file's length.
            Some(page) => self.bytes.checked_next_multiple_of(page).unwrap_or(usize::MAX),
            None => self.bytes,
        }
    }
}
