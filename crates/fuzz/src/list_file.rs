//! A user's own list: any file.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::fs::{MemfdFlags, memfd_create};
use shm::ITEM_BYTES;
use shm::list_file::ListFile;

use crate::bounds::bounded;

/// Memory for one file: its header as text, and an error about it.
const MAX_BYTES: u64 = 64 * 1024;

/// Opens a file of these bytes. If it is a list, its items are the file's last bytes; all of them
/// unless it says that it is a .npy.
pub fn list_file(bytes: &[u8]) {
    let mut file = File::from(memfd_create("list", MemfdFlags::CLOEXEC).expect("a file"));
    file.write_all(bytes).expect("room for an input");
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let opened = bounded(MAX_BYTES, || ListFile::open(Path::new(&path)));
    let npy = bytes.starts_with(b"\x93NUMPY");
    match opened {
        Ok(list) => {
            let items: &[u8] = bytemuck::cast_slice(list.items());
            assert!(bytes.ends_with(items) && !items.is_empty());
            assert!(npy || items.len() == bytes.len());
        }
        Err(fault) => {
            let whole = !bytes.is_empty() && bytes.len().is_multiple_of(ITEM_BYTES);
            assert!(npy || !whole, "a list was refused: {fault}");
        }
    }
}
