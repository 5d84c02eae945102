//! Frames and messages that were changed on their way. For shared memory tests/untrusted_peer asks
//! the same.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use transport::{
    ALL, Failure, FailureKind, Hub, HubEvent, List, Received, Reply, Setup, Spoke, Transport,
    TransportError,
};

use crate::support::{SUM, alone, list, plain, setup, task};
use crate::tap::Tap;

/// Longer than a page, so that no transport sends it within a small message.
const ITEMS: usize = 600;
/// What there may be: more than there is, so that a length may be wrong and still be allowed.
const ROOM: usize = 4 * ITEMS;
/// What one message may make either side ask for, beside its list.
const MAX_BYTES: u64 = 64 * 1024;
const DEPTH: usize = 2;

/// A hub, a tap, and a spoke in this thread.
struct Tapped {
    name: &'static str,
    hub: Box<dyn Hub>,
    spoke: Box<dyn Spoke>,
    tap: Tap,
}

/// Each transport whose messages pass through descriptors.
fn tappable() -> impl Iterator<Item = &'static dyn Transport> {
    ALL.iter().copied().filter(|transport| !transport.has_segment())
}

impl Tapped {
    fn new(transport: &'static dyn Transport) -> Tapped {
        let wakeup = transport.wakeups()[0].0;
        let setup = Setup { max_answer_items: ROOM, ..setup(wakeup, DEPTH, ROOM) };
        let mut hub = transport.hub(&setup).unwrap();
        let (handover, tap) = Tap::between(hub.attach(0).unwrap());
        let name = transport.name();
        assert!(
            tap.has_both_ways(),
            "{name}: no pipe or socket; does it need a test in tests/untrusted_peer?"
        );
        Tapped { name, hub, spoke: transport.spoke(handover).unwrap(), tap }
    }

    /// Sends a task with a list, changed by `change`.
    fn send(&mut self, id: u32, list: &[i64], change: impl FnMut(&mut Vec<u8>)) {
        self.hub.send(0, &task(id, SUM, 0), List::Copy(list), None).unwrap();
        self.tap.pass_to_worker(change);
    }

    /// Answers the next task with a failure that has some words, and a list; changed by `change`.
    fn answer(&mut self, change: impl FnMut(&mut Vec<u8>)) {
        let Ok(Received::Task(incoming)) = self.spoke.recv() else { panic!("no task") };
        let id = incoming.task.id;
        incoming.room.fill(i64::from(id));
        let outcome = Err(Failure::new(FailureKind::Unencodable, format!("{id} ").repeat(20)));
        let stamps = Some(Box::new([1, 2, 3, 4]));
        self.spoke.reply(Reply { outcome, stamps, ..plain(id) }, ITEMS).unwrap();
        self.tap.pass_to_hub(change);
    }

    /// What the hub tells until the end, once nothing more can come.
    fn told(mut self) -> (Vec<Reply>, HubEvent, Vec<u32>) {
        drop((self.tap, self.spoke));
        let mut replies = Vec::new();
        let end = loop {
            match self.hub.recv(Some(Duration::from_secs(5))).unwrap() {
                HubEvent::Reply { worker: 0, reply } => replies.push(reply),
                other => break other,
            }
        };
        assert!(
            matches!(
                end,
                HubEvent::Disconnected { worker: 0 }
                    | HubEvent::ProtocolViolation { worker: 0, .. }
            ),
            "{}: {end:?}",
            self.name
        );
        (replies, end, self.hub.detach(0).iter().map(|task| task.task).collect())
    }
}

/// Cuts the last `bytes` bytes off the message, counted over all that comes.
fn cut(bytes: usize) -> impl FnMut(&mut Vec<u8>) {
    move |message| message.truncate(message.len().saturating_sub(bytes))
}

/// Turns one bit of the first message that comes, if it is so long.
fn flip(bit: usize) -> impl FnMut(&mut Vec<u8>) {
    let mut bit = Some(bit);
    move |message| {
        if let Some(bit) = bit.take()
            && let Some(byte) = message.get_mut(bit / 8)
        {
            *byte ^= 1 << (bit % 8);
        }
    }
}

/// The first bytes of a message: its head, payload and the beginning of its list.
const LOOKED_AT: usize = 160;

#[test]
fn an_answer_of_which_anything_is_missing_is_none() {
    for transport in tappable() {
        for missing in 1..LOOKED_AT {
            let mut tapped = Tapped::new(transport);
            let (list, _) = list(1, ITEMS);
            (1..=2).for_each(|id| tapped.send(id, &list, |_| {}));
            // What lay there before must not be taken for what is missing.
            tapped.answer(|_| {});
            let first = tapped.hub.recv(Some(Duration::from_secs(5))).unwrap();
            assert!(matches!(first, HubEvent::Reply { worker: 0, .. }), "{first:?}");
            tapped.answer(cut(missing));
            let name = format!("{} without the last {missing} bytes", transport.name());
            let (replies, _, left) = tapped.told();
            assert!(replies.is_empty(), "{name}: {replies:?}");
            assert_eq!(left, [2], "{name}");
        }
    }
}

#[test]
fn an_answer_with_any_one_bit_turned_is_to_what_was_asked_or_ends_its_worker() {
    for transport in tappable() {
        for bit in 0..8 * LOOKED_AT {
            let mut tapped = Tapped::new(transport);
            let (list, _) = list(1, ITEMS);
            (1..=2).for_each(|id| tapped.send(id, &list, |_| {}));
            tapped.answer(flip(bit));
            tapped.answer(|_| {});
            let name = format!("{}, bit {bit}", transport.name());
            let mut told = None;
            let counted = allocation_counter::measure(|| {
                let quiet = std::panic::catch_unwind(AssertUnwindSafe(|| tapped.told()));
                told = Some(quiet.unwrap_or_else(|_| panic!("{name} panicked")));
            });
            assert!(counted.bytes_max < MAX_BYTES, "{name} asked for {} bytes", counted.bytes_max);
            let (replies, _, left) = told.unwrap();
            let answered: Vec<u32> = replies.iter().map(|reply| reply.task).collect();
            assert_eq!([answered, left].concat(), [1, 2], "{name}");
            assert!(replies.iter().all(|reply| reply.list.len() <= ROOM), "{name}");
        }
    }
}

#[test]
fn a_task_with_any_one_bit_turned_is_taken_as_what_it_says_or_refused() {
    alone("tampered::a_task_with_any_one_bit_turned_is_taken_as_what_it_says_or_refused", || {
        for transport in tappable() {
            for bit in 0..8 * LOOKED_AT {
                let name = format!("{}, bit {bit}", transport.name());
                // The last line, if what comes of it kills this process.
                println!("{name}");
                let mut tapped = Tapped::new(transport);
                let (list, _) = list(1, ITEMS);
                tapped.send(1, &list, flip(bit));
                drop(tapped.tap);
                let counted = allocation_counter::measure(|| match tapped.spoke.recv() {
                    Ok(Received::Task(incoming)) => {
                        let list = incoming.list.and_then(|mut list| {
                            assert!(list.left() <= ROOM, "{name}: a list of {} items", list.left());
                            list.whole(&|| true)
                        });
                        std::hint::black_box(
                            list.map_or(0, |list| list.iter().fold(0, |a, b| a ^ b)),
                        );
                    }
                    Ok(Received::Closed | Received::Idle)
                    | Err(TransportError::InvalidMessage(_)) => {}
                    Err(fault) => panic!("{name}: {fault}"),
                });
                assert!(counted.bytes_max < MAX_BYTES, "{name}: {} bytes", counted.bytes_max);
            }
        }
    });
}
