//! Segments as their makers and their peers see them.

mod pages;
mod reserved;
mod stale;

use memmap2::MmapOptions;
use nix::unistd::{ftruncate, write};

use super::*;

#[test]
fn a_sealed_segment_can_be_neither_resized_nor_written_by_its_borrower() {
    let lists = Segment::create(Kind::Memfd, Access::Lists, 4096).unwrap();
    let words = Segment::create(Kind::Memfd, Access::Words, 4096).unwrap();
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
        let segment = Segment::create(kind, Access::Lists, 4096).unwrap();
        let (grant, fd) = segment.grant().unwrap();
        let longer = Grant { bytes: 8192, ..grant.clone() };
        assert!(matches!(Segment::open(&longer, fd), Err(SegmentError::NotAsDescribed { .. })));
        assert!(matches!(Segment::open(&grant, None), Err(SegmentError::NotAsDescribed { .. })));
    }
    // A memfd that could still shrink under its reader.
    let flags = nix::sys::memfd::MFdFlags::MFD_ALLOW_SEALING;
    let loose = nix::sys::memfd::memfd_create(c"loose", flags).unwrap();
    ftruncate(&loose, 4096).unwrap();
    let (kind, access, pages) = (Kind::Memfd, Access::Lists, Pages::Ready);
    let grant = Grant { kind, access, bytes: 4096, name: None, pages, reserved_page: None };
    let refused = Segment::open(&grant, Some(loose)).unwrap_err().to_string();
    assert!(refused.contains("SHRINK"), "{refused}");
}

#[test]
fn what_does_not_fit_is_refused_when_it_is_asked_for_and_leaves_no_name() {
    assert!(matches!(Segment::create(Kind::Memfd, Access::Lists, 0), Err(SegmentError::Empty)));
    for kind in [Kind::Memfd, Kind::Posix] {
        let refused = Segment::create(kind, Access::Lists, 1 << 50).unwrap_err();
        assert!(matches!(refused, SegmentError::NoRoom { .. }), "{refused}");
    }
    let segment = Segment::create(Kind::Posix, Access::Lists, 4096).unwrap();
    let name = format!("/dev/shm{}", segment.grant().unwrap().0.name.unwrap());
    assert!(std::path::Path::new(&name).exists());
    drop(segment);
    assert!(!std::path::Path::new(&name).exists());
}
