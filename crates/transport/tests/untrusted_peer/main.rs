//! Untrusted peers: whatever bytes come instead of frames and descriptors, no side panics, hangs,
//! allocates more than it may, or reads past a slot.
//!
//! This is the short form, with bytes from proptest. The fuzz targets of crates/fuzz are driven by
//! coverage and call the same functions.
#![forbid(unsafe_code)]

mod bounds;
mod doorbell;
mod shared;
mod stream;

use proptest::prelude::*;
use shm::descriptor::DESCRIPTOR_BYTES;
use shm::{AnswerList, Descriptor};
use transport::{Reply, Value};

use bounds::{DEPTH, LIST, task};
use stream::STREAMS;

/// Frames of tasks with lists of these lengths, one behind the other.
fn tasks(lengths: &[usize]) -> Vec<u8> {
    let frame = |(id, items): (u32, &usize)| {
        let mut head = task(id).describe(true);
        head.length = *items as u32;
        let list = vec![0x0102_0304_0506_0708_i64 + i64::from(id); *items];
        [bytemuck::cast_slice(&head.to_words()), bytemuck::cast_slice(&list)].concat()
    };
    (0..).zip(lengths).flat_map(frame).collect()
}

/// Answers to the first tasks, with lists of these lengths; each other has a payload too.
fn answers(lengths: &[usize]) -> Vec<u8> {
    let frame = |(id, items): (u32, &usize)| {
        let stamps = (id % 2 == 1).then_some(Box::new([1, 2, 3, u64::MAX]));
        let outcome = Ok(Value::Int(7));
        let (head, payload) =
            Reply { task: id, outcome, list: AnswerList::default(), stamps }.describe(*items);
        let list = vec![-1_i64; *items];
        [bytemuck::cast_slice(&head.to_words()), &payload[..], bytemuck::cast_slice(&list)].concat()
    };
    (0..).zip(lengths).flat_map(frame).collect()
}

/// Each way to turn one bit of `bytes`.
fn one_bit_flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

#[test]
fn a_frame_with_any_one_bit_flipped_is_taken_as_what_it_says_or_refused() {
    for name in STREAMS {
        let worker = stream::Worker::new(name);
        worker.take(&tasks(&[2, 0, 3]));
        one_bit_flips(&tasks(&[2, 0, 3])).for_each(|frames| worker.take(&frames));
        let mut coordinator = stream::Coordinator::new(name);
        coordinator.take(&answers(&[2, 0, 3]));
        one_bit_flips(&answers(&[2, 0, 3])).for_each(|frames| coordinator.take(&frames));
    }
}

#[test]
fn a_frame_cut_off_anywhere_is_taken_up_to_there() {
    for name in STREAMS {
        let (there, back) = (tasks(&[2, 0, 3]), answers(&[2, 0, 3]));
        let worker = stream::Worker::new(name);
        (0..there.len()).for_each(|end| worker.take(&there[..end]));
        let mut coordinator = stream::Coordinator::new(name);
        (0..back.len()).for_each(|end| coordinator.take(&back[..end]));
    }
}

#[test]
fn words_of_a_list_that_the_task_does_not_have_and_that_never_comes_end_the_worker_in_peace() {
    for name in STREAMS {
        let head = shm::Descriptor { length: 8, ..task(0).describe(false) };
        stream::Worker::new(name).take(bytemuck::cast_slice(&head.to_words()));
    }
}

#[test]
fn a_descriptor_with_any_one_bit_flipped_is_taken_as_what_it_says_or_refused() {
    let mut worker = shared::Worker::new();
    let said = Descriptor { task: 1, flags: LIST, offset: 10, length: 90, ..Descriptor::default() };
    let words = said.to_words();
    worker.take(bytemuck::cast_slice(&words));
    one_bit_flips(bytemuck::cast_slice(&words)).for_each(|words| worker.take(&words));

    let mut coordinator = shared::Coordinator::new();
    // Each honest answer, the second with one bit turned.
    let honest = [&[1][..], &[0; DESCRIPTOR_BYTES]].concat();
    coordinator.take(&honest.repeat(DEPTH));
    for flipped in one_bit_flips(&[0; DESCRIPTOR_BYTES]) {
        coordinator.take(&[&honest[..], &[1], &flipped, &honest[..]].concat());
    }
}

#[test]
fn a_peer_that_changes_what_was_checked_is_believed_in_nothing_else() {
    shared::Worker::new().take_flipped(100_000);
    shared::Coordinator::new().take_flipped(5_000);
    shared::Coordinator::new().take_changed(5_000);
}

/// Bytes that are no frames at all, or frames of `good` with a few bytes changed.
fn nearly(good: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let spoilt = changes.prop_map(move |changes| {
        let mut bytes = good.clone();
        changes.into_iter().for_each(|(at, byte)| bytes[at.index(good.len())] = byte);
        bytes
    });
    prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..300), 3 => spoilt]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_at_a_worker_s_stream(bytes in nearly(tasks(&[3, 0, 100, 1, 50]))) {
        STREAMS.iter().for_each(|name| stream::Worker::new(name).take(&bytes));
    }

    #[test]
    fn any_bytes_at_a_coordinator_s_stream(bytes in nearly(answers(&[50, 0, 1, 3]))) {
        STREAMS.iter().for_each(|name| stream::Coordinator::new(name).take(&bytes));
    }

    #[test]
    fn any_descriptors_at_a_worker(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        shared::Worker::new().take(&bytes);
    }

    #[test]
    fn any_answers_at_a_coordinator(bytes in nearly([1; 33 * DEPTH].to_vec())) {
        shared::Coordinator::new().take(&bytes);
    }
}
