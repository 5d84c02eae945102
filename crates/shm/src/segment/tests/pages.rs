//! What pages there are behind a segment.

use crate::segment::{Access, HugeBy, Kind, Pages, Segment};

const MIB: usize = 1 << 20;

/// Both sides' mappings of a segment of every kind.
#[test]
fn whatever_pages_are_asked_for_a_segment_is_there_and_says_what_the_kernel_gave() {
    for &kind in Kind::ALL {
        for &pages in Pages::ALL {
            let name = format!("{kind} {pages}");
            let bytes = 4 * MIB + 4096;
            let ours = Segment::create_of(kind, Access::Lists, bytes, pages).unwrap();
            let (grant, fd) = ours.grant().unwrap();
            let theirs = Segment::open(&grant, fd).unwrap();
            for (side, segment) in [("maker", &ours), ("peer", &theirs)] {
                let name = format!("{name} {side}");
                let got = segment.mapped_pages().expect("this kernel tells");
                assert_eq!(got.bytes, bytes, "{name}");
                assert!(got.huge <= got.mapped && got.mapped <= bytes, "{name}: {got:?}");
                if pages.are_mapped_before() {
                    assert_eq!(got.mapped, bytes, "{name}: {got:?}");
                }
                // A maker's huge pages are mapped by being made.
                if pages == Pages::Lazy || (pages == Pages::HugeLazy && side == "peer") {
                    assert_eq!(got.mapped, 0, "{name}: {got:?}");
                }
                if pages == Pages::Huge {
                    assert_eq!(got.huge > 0, got.why.is_none(), "{name}: {got:?}");
                }
                if !pages.are_huge() {
                    assert_eq!((got.why, got.not_reserved), (None, None), "{name}");
                }
                assert_eq!(got.by.is_some(), got.huge > 0, "{name}");
            }
        }
    }
}

#[test]
fn a_segment_shorter_than_a_huge_page_says_that_it_has_none_and_why() {
    let segment = Segment::create_of(Kind::Memfd, Access::Lists, 4096, Pages::Huge).unwrap();
    let got = segment.mapped_pages().unwrap();
    if got.by == Some(HugeBy::Reservation) {
        assert_eq!((got.mapped, got.huge), (4096, 4096), "a page that is set aside has room");
        return;
    }
    assert_eq!((got.mapped, got.huge), (4096, 0));
    let why = got.why.unwrap();
    assert!(why.contains("shorter than") || why.contains("no transparent"), "{why}");
}
