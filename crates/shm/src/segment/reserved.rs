//! Huge pages that an administrator has set aside (hugetlb, `vm.nr_hugepages`): where enough are free, a
//! memfd of lists lies in them, to the last page.
//!
//! They cannot be made at a touch: where none is left then, the touch is a SIGBUS. So all of them are
//! taken by fallocate when the segment is made, or none.

use std::fs::read_to_string;

use super::pages::huge_page_bytes;
use super::{Grant, Kind, Memory, Use, memfd};

/// Memory in such pages alone, and `grant` says how long each is; or why not, where huge ones are wanted.
pub(super) fn create(grant: &mut Grant) -> Result<Memory, Option<String>> {
    let could = grant.kind == Kind::Memfd && grant.usage == Use::Lists;
    if grant.pages.are_huge() && could { take(grant).map_err(Some) } else { Err(None) }
}

fn take(grant: &mut Grant) -> Result<Memory, String> {
    let (fd, page) = memfd::of_reserved(huge_page_bytes())
        .map_err(|fault| format!("memfd_create(MFD_HUGETLB): {}", fault.desc()))?;
    let asked = Grant { reserved_page: Some(page), ..grant.clone() };
    let fits =
        grant.bytes.checked_next_multiple_of(page).is_some_and(|all| i64::try_from(all).is_ok());
    if !fits {
        return Err(format!("{} bytes are more than any machine has", grant.bytes));
    }
    match memfd::finish(fd, &asked) {
        Ok(memory) => {
            *grant = asked;
            Ok(memory)
        }
        Err(fault) => Err(too_few(page, asked.file_bytes() / page).unwrap_or(fault.to_string())),
    }
}

/// What is said where `needed` pages are not free; nothing where they are.
fn too_few(page: usize, needed: usize) -> Option<String> {
    let of = |what: &str| -> Option<usize> {
        let path = format!("/sys/kernel/mm/hugepages/hugepages-{}kB/{what}_hugepages", page >> 10);
        read_to_string(path).ok()?.trim().parse().ok()
    };
    let (all, free) = (of("nr")?, of("free")?.saturating_sub(of("resv")?));
    match (all, free) {
        (0, _) => Some("no huge pages are reserved here".into()),
        _ if free < needed => {
            Some(format!("{free} of {all} reserved huge pages are free, and it needs {needed}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;
    use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
    use nix::unistd::ftruncate;

    use super::*;
    use crate::segment::{HugeBy, Pages, Segment, SegmentError};
    use crate::slots::{Lists, Slots};
    use crate::{Descriptor, ITEM_BYTES};

    const MIB: usize = 1 << 20;

    fn grant(bytes: usize, reserved_page: Option<usize>) -> Grant {
        let (kind, usage, pages) = (Kind::Memfd, Use::Lists, Pages::HugeLazy);
        Grant { kind, usage, bytes, name: None, pages, reserved_page }
    }

    /// Longer and longer ones at once, until reserved pages do not suffice for one.
    #[test]
    fn a_segment_lies_in_reserved_pages_to_the_last_or_says_why_in_none_and_all_of_it_is_read() {
        let mut made = Vec::new();
        while made.len() < 8 {
            let bytes = (made.len() + 1) * MIB + 4096;
            let items = bytes / ITEM_BYTES;
            let segment = Segment::create_of(Kind::Memfd, Use::Lists, bytes, Pages::HugeLazy);
            let segment = segment.unwrap();
            let (grant, fd) = segment.grant().unwrap();
            let fd = fd.unwrap();
            let theirs = Segment::open(&grant, Some(fd.try_clone().unwrap())).unwrap();
            let (slots, lists) = (Slots::new(segment.clone(), items), Lists::new(theirs, items));
            let mut slot = slots.reserve(items).unwrap();
            slot.items_mut().fill(made.len() as i64);
            let mut descriptor = Descriptor::default();
            slot.describe(0..items, &mut descriptor);
            let sum: i64 = lists.accept(&descriptor).unwrap().iter().sum();
            assert_eq!(sum, (made.len() * items) as i64);
            let (ours, theirs) = (segment.got().unwrap(), lists.got().unwrap());
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
            made.push((segment, lists));
        }
    }

    #[test]
    fn what_is_said_to_lie_in_reserved_pages_and_does_not_is_not_opened() {
        for page in [0, 1, 3, 4096, 2 * MIB, usize::MAX] {
            let segment = Segment::create(Kind::Memfd, Use::Lists, 2 * MIB).unwrap();
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
}
