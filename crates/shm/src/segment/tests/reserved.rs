//! Segments in huge pages that were set aside.

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::unistd::ftruncate;

use crate::segment::memfd;
use crate::segment::pages::huge_page_bytes;
use crate::segment::{Access, Grant, HugeBy, Kind, Pages, Segment, SegmentError};
use crate::slots::{Lists, Slots};
use crate::{Descriptor, ITEM_BYTES};

const MIB: usize = 1 << 20;

fn grant(bytes: usize, reserved_page: Option<usize>) -> Grant {
    let (kind, access, pages) = (Kind::Memfd, Access::Lists, Pages::HugeLazy);
    Grant { kind, access, bytes, name: None, pages, reserved_page }
}

/// Longer and longer ones at once, until reserved pages do not suffice for one.
#[test]
fn a_segment_lies_in_reserved_pages_to_the_last_or_says_why_in_none_and_all_of_it_is_read() {
    let mut made = Vec::new();
    while made.len() < 8 {
        let bytes = (made.len() + 1) * MIB + 4096;
        let items = bytes / ITEM_BYTES;
        let slots = Slots::create(Kind::Memfd, 1, items, Pages::HugeLazy).unwrap();
        let (grant, fd) = slots.grant().unwrap();
        let fd = fd.unwrap();
        let lists = Lists::open(&grant, Some(fd.try_clone().unwrap()), items).unwrap();
        let bytes = grant.bytes;
        let mut slot = slots.reserve(items).unwrap();
        slot.items_mut().fill(made.len() as i64);
        let mut descriptor = Descriptor::default();
        slot.describe(0..items, &mut descriptor);
        let sum: i64 = lists.accept(&descriptor).unwrap().iter().sum();
        assert_eq!(sum, (made.len() * items) as i64);
        let (ours, theirs) = (slots.mapped_pages().unwrap(), lists.mapped_pages().unwrap());
        assert_eq!((ours.bytes, ours.mapped, theirs.mapped), (bytes, bytes, bytes));
        if grant.reserved_page.is_none() {
            let why = ours.not_reserved.unwrap();
            assert!(why.contains("reserved") || why.contains("MFD_HUGETLB"), "{why}");
            return;
        }
        assert_eq!((ours.huge, theirs.huge), (bytes, bytes));
        assert_eq!((ours.by, theirs.by), (Some(HugeBy::Reservation), ours.by));
        assert_eq!(ours.not_reserved, None);
        // Sealed as any other, and no page of it can be given back.
        let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        assert_eq!(ftruncate(&fd, 0), Err(Errno::EPERM));
        assert_eq!(fallocate(&fd, hole, 0, 2 * MIB as i64), Err(Errno::EPERM));
        made.push((slots, lists));
    }
}

#[test]
fn what_is_said_to_lie_in_reserved_pages_and_does_not_is_not_opened() {
    for page in [0, 1, 3, 4096, 2 * MIB, usize::MAX] {
        let segment = Segment::create(Kind::Memfd, Access::Lists, 2 * MIB).unwrap();
        let fd = segment.grant().unwrap().1;
        let opened = Segment::open(&grant(2 * MIB, Some(page)), fd).map(drop);
        // A page of the usual size is what it does lie in.
        assert_eq!(opened.is_ok(), page == 4096, "{page}: {opened:?}");
    }
    // Long enough, sealed, and without a single page.
    let Ok((fd, page)) = memfd::of_reserved(huge_page_bytes()) else {
        return; // A kernel without them has no such descriptors.
    };
    ftruncate(&fd, page as i64).unwrap();
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_FUTURE_WRITE;
    fcntl(&fd, FcntlArg::F_ADD_SEALS(seals)).unwrap();
    let opened = Segment::open(&grant(page, Some(page)), Some(fd)).map(drop);
    assert!(matches!(opened, Err(SegmentError::NotAsDescribed { .. })), "{opened:?}");
}
