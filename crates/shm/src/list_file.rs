//! A user's own list: a file of little-endian `i64`, or a .npy file of `int64`, mapped and not read.

use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::layout::ITEM_BYTES;

/// A list that stays on its disk until it is read.
#[derive(Debug)]
pub struct ListFile {
    map: Mmap,
    first_byte: usize,
}

/// Why a file is no list; each says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum ListFileError {
    /// The system did not let us.
    #[error("the list {path} cannot be read: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// No items.
    #[error("the list {path} is empty: give a file with at least one 8-byte integer")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Bytes are left over.
    #[error(
        "the list {path} has {bytes} bytes of items, which is not a multiple of 8: give raw little-endian 64-bit integers or a .npy of int64"
    )]
    OddSized {
        /// The file.
        path: PathBuf,
        /// Bytes of items.
        bytes: usize,
    },
    /// A .npy of another type, order or version.
    #[error(
        "the list {path} is a .npy file, but not of little-endian int64 in one dimension ({what}): save it with numpy.save(path, numpy.asarray(list, dtype='<i8'))"
    )]
    OtherArray {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
}

impl ListFile {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// [`ListFileError`].
    pub fn open(path: &Path) -> Result<ListFile, ListFileError> {
        let path_of = || path.to_owned();
        let unreadable = |cause| ListFileError::Unreadable { path: path_of(), cause };
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(unreadable(std::io::Error::other("it is not a regular file")));
        }
        if metadata.len() == 0 {
            return Err(ListFileError::Empty { path: path_of() });
        }
        // SAFETY: the map is private to this process and read-only. Another process could still
        // change or truncate the file: items may then differ between reads (any bits are an i64)
        // and a truncated page is a SIGBUS, as with every mapped file; the docs say so.
        let map = unsafe { Mmap::map(&file) }.map_err(unreadable)?;
        let other = |what| ListFileError::OtherArray { path: path_of(), what };
        let (first_byte, promised) = match npy_header(&map) {
            Some(header) => header.map(|(at, items)| (at, Some(items))).map_err(other)?,
            None => (0, None),
        };
        let bytes = map.len() - first_byte;
        if promised.is_some_and(|items| items.checked_mul(ITEM_BYTES) != Some(bytes)) {
            return Err(other(format!("its shape does not match its {bytes} bytes of items")));
        }
        if bytes == 0 {
            return Err(ListFileError::Empty { path: path_of() });
        }
        if !bytes.is_multiple_of(ITEM_BYTES) {
            return Err(ListFileError::OddSized { path: path_of(), bytes });
        }
        Ok(ListFile { map, first_byte })
    }

    /// The items.
    pub fn items(&self) -> &[i64] {
        // A map starts at a page and a .npy header is a multiple of 64 bytes, so this is aligned;
        // the length was checked when the file was opened.
        bytemuck::cast_slice(&self.map[self.first_byte..])
    }
}

/// Where the items of a .npy file begin and how many its header promises; nothing if this is no
/// .npy file at all.
fn npy_header(bytes: &[u8]) -> Option<Result<(usize, usize), String>> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (at, length) = match rest {
        [1, _, low, high, ..] => (10, usize::from(u16::from_le_bytes([*low, *high]))),
        [2 | 3, _, a, b, c, d, ..] => (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize),
        _ => return Some(Err("its version is unknown".into())),
    };
    let Some(header) = bytes.get(at..at + length) else {
        return Some(Err("its header is cut off".into()));
    };
    let header = String::from_utf8_lossy(header);
    let compact: String = header.chars().filter(|c| !c.is_whitespace()).collect();
    let items = compact
        .split_once("'shape':(")
        .and_then(|(_, rest)| rest.split_once(')'))
        .and_then(|(shape, _)| shape.trim_end_matches(',').parse::<usize>().ok());
    let (true, Some(items)) = (compact.contains("'descr':'<i8'"), items) else {
        return Some(Err(header.trim().to_owned()));
    };
    if !(at + length).is_multiple_of(ITEM_BYTES) {
        return Some(Err("its header is not aligned".into()));
    }
    Some(Ok((at + length, items)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn open(bytes: &[u8]) -> Result<Vec<i64>, ListFileError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        ListFile::open(file.path()).map(|list| list.items().to_vec())
    }

    fn npy(descr: &str, shape: &str, items: &[i64]) -> Vec<u8> {
        let mut header =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        while !(10 + header.len() + 1).is_multiple_of(64) {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(items.iter().flat_map(|item| item.to_le_bytes()));
        bytes
    }

    #[test]
    fn raw_and_npy_lists_give_the_same_items() {
        let items = [3, -1, i64::MAX, i64::MIN];
        let raw: Vec<u8> = items.iter().flat_map(|item: &i64| item.to_le_bytes()).collect();
        assert_eq!(open(&raw).unwrap(), items);
        assert_eq!(open(&npy("<i8", "(4,)", &items)).unwrap(), items);
    }

    proptest! {
        #[test]
        fn any_file_is_a_list_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            at: prop::sample::Index,
            byte: u8,
        ) {
            let whole = !bytes.is_empty() && bytes.len().is_multiple_of(ITEM_BYTES);
            prop_assert_eq!(open(&bytes).is_ok(), whole);
            let mut nearly = npy("<i8", "(4,)", &[1, 2, 3, 4]);
            let at = at.index(nearly.len());
            nearly[at] = byte;
            if let Ok(items) = open(&nearly) {
                prop_assert!(nearly.ends_with(bytemuck::cast_slice(&items)));
            }
        }
    }

    #[test]
    fn what_is_no_list_is_refused_by_name() {
        assert!(matches!(open(b""), Err(ListFileError::Empty { .. })));
        assert!(matches!(open(b"seven b"), Err(ListFileError::OddSized { bytes: 7, .. })));
        assert!(matches!(open(&npy("<f8", "(1,)", &[1])), Err(ListFileError::OtherArray { .. })));
        assert!(matches!(open(&npy("<i8", "(1, 1)", &[1])), Err(ListFileError::OtherArray { .. })));
        assert!(matches!(open(&npy("<i8", "(0,)", &[])), Err(ListFileError::Empty { .. })));
        assert!(matches!(open(&npy("<i8", "(9,)", &[1])), Err(ListFileError::OtherArray { .. })));
        assert!(matches!(open(b"\x93NUMPY\x01\x00\xff"), Err(ListFileError::OtherArray { .. })));
        let nowhere = ListFile::open(Path::new("/nonexistent/list"));
        assert!(matches!(nowhere, Err(ListFileError::Unreadable { .. })));
    }
}
