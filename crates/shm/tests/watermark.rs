//! Lists that are read while the rest of them is still being written.

use shm::watermark::WATERMARK_BYTES;
use shm::{
    Access, Descriptor, Kind, Lists, Pages, Segment, Slots, Span, Watermark, WatermarkReader,
};

const ROOM: usize = 1000;

fn both() -> (Slots, Watermark, Lists, WatermarkReader) {
    let words = Segment::create(Kind::Memfd, Access::Words, WATERMARK_BYTES).unwrap();
    let slots = Slots::create(Kind::Memfd, 2, ROOM, Pages::Ready).unwrap();
    let (grant, fd) = slots.grant().unwrap();
    let lists = Lists::open(&grant, fd, ROOM).unwrap();
    let span = || Span::of(&words, 0, WATERMARK_BYTES);
    (slots, Watermark::new(span()), lists, WatermarkReader::new(span()))
}

#[test]
fn only_what_was_filled_is_given_and_the_next_list_begins_at_its_own_start() {
    let (slots, mut watermark, lists, mut behind) = both();
    for length in [10, 1, 1000] {
        let mut slot = slots.reserve(length).unwrap();
        let mut descriptor = Descriptor::default();
        slot.describe(0..length, &mut descriptor);
        let mut filling = lists.accept_partial(&descriptor, &mut behind).unwrap();
        assert_eq!((filling.left(), filling.ready()), (length, 0));
        assert!(filling.next_part().is_empty());
        slot.items_mut()[0] = length as i64;
        watermark.raise(1);
        assert_eq!(filling.next_part(), [length as i64]);
        slot.items_mut()[1..].fill(7);
        watermark.raise(length - 1);
        assert_eq!(filling.next_part(), vec![7; length - 1]);
        assert_eq!(filling.left(), 0);
    }
}

#[test]
fn a_list_that_was_not_read_to_its_end_is_passed_over() {
    let (slots, mut watermark, lists, mut behind) = both();
    let mut slot = slots.reserve(100).unwrap();
    let mut descriptor = Descriptor::default();
    slot.describe(0..100, &mut descriptor);
    assert_eq!(lists.accept_partial(&descriptor, &mut behind).unwrap().left(), 100);
    let mut filling = lists.accept_partial(&descriptor, &mut behind).unwrap();
    watermark.raise(100);
    assert_eq!(filling.ready(), 0, "that was the first list");
    slot.items_mut()[..60].fill(3);
    watermark.raise(60);
    assert_eq!(filling.next_part(), [3; 60]);
}

#[test]
fn a_thread_that_reads_behind_another_sees_every_item_as_it_was_written() {
    let (slots, mut watermark, lists, mut behind) = both();
    let mut slot = slots.reserve(ROOM).unwrap();
    let mut descriptor = Descriptor::default();
    slot.describe(0..ROOM, &mut descriptor);
    let rounds = 2000;
    let (done, is_done) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        for round in 0..rounds {
            let mut filling = lists.accept_partial(&descriptor, &mut behind).unwrap();
            let mut at = 0;
            while filling.left() > 0 {
                let part = filling.next_part();
                for item in part {
                    assert_eq!(*item, round * 10_000 + at);
                    at += 1;
                }
                if part.is_empty() {
                    std::thread::yield_now();
                }
            }
            assert_eq!(at, ROOM as i64);
            done.send(()).unwrap();
        }
    });
    for round in 0..rounds {
        for (part, first) in slot.items_mut().chunks_mut(37).zip((0..).step_by(37)) {
            part.iter_mut().zip(first..).for_each(|(item, at)| *item = round * 10_000 + at);
            watermark.raise(part.len());
        }
        // The slot is filled again only after its reader is done, as the ledger has it.
        is_done.recv().unwrap();
    }
    reader.join().unwrap();
}
