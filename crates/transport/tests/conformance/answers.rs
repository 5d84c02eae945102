//! Answers that are lists.

use transport::{ALL, Failure, FailureKind, HubEvent, List, Received, Setup, Task, Value};

use crate::ledgers::{TASKS, counted};
use crate::support::{ANSWER, Pair, SUM, every, list, plain, setup, task};

/// Longer and shorter than the one before, longer than a page and than a pipe.
const ANSWERS: [usize; 9] = [0, 1, 511, 4096, 50_000, 1, 50_000, 0, 512];

#[test]
fn every_answer_arrives_whole_and_in_order_at_any_length_after_one_of_any_other() {
    for (transport, wakeup) in every() {
        for depth in [1, 3] {
            let answer = 50_000;
            let mut pair = Pair::new(
                transport,
                &Setup { max_answer_items: answer, ..setup(wakeup, depth, 10) },
            );
            let mut sent = 0;
            for told in 0..3 * ANSWERS.len() {
                while sent < 3 * ANSWERS.len() && pair.hub.in_flight(0) < depth {
                    let items = ANSWERS[sent % ANSWERS.len()] as i64;
                    let task = task(sent as u32, ANSWER, items);
                    pair.hub.send(0, &task, List::Copy(&[5; 10]), None).unwrap();
                    sent += 1;
                }
                let reply = pair.reply();
                let items = ANSWERS[told % ANSWERS.len()];
                let name = format!("{} {wakeup}: answer {told} at {depth}", transport.name());
                assert_eq!(reply.task, told as u32, "{name}");
                assert_eq!(reply.outcome, Ok(Value::Int(items as i64 + 50)), "{name}");
                assert!(reply.list == list(told as i64, items).0, "{name} has another list");
            }
        }
    }
}

/// The last of every five answers is kept to the end: more than a segment has spare slots.
#[test]
fn answers_that_are_kept_do_not_change_and_delay_no_others() {
    for (transport, wakeup) in every() {
        for depth in [1, 3] {
            let setup = Setup { max_answer_items: 1000, ..setup(wakeup, depth, 0) };
            let mut pair = Pair::new(transport, &setup);
            let name = format!("{} {wakeup} at {depth}", transport.name());
            let (mut kept, mut sent) = (Vec::new(), 0);
            for told in 0..50 {
                while sent < 50 && pair.hub.in_flight(0) < depth {
                    pair.hub.send(0, &task(sent, ANSWER, 1000), List::None, None).unwrap();
                    sent += 1;
                }
                let reply = pair.reply();
                assert_eq!(reply.task, told, "{name}");
                if told % 5 == 4 {
                    kept.push((told, reply.list));
                }
            }
            let in_place = kept.iter().filter(|(_, list)| list.is_in_place()).count();
            // As many as may be in flight; the others were copied out.
            assert_eq!(in_place, if transport.has_segment() { depth } else { 0 }, "{name}");
            // The worker has ended, and the hub is gone.
            drop(pair);
            for (told, kept) in kept {
                assert!(kept == list(i64::from(told), 1000).0, "{name}: {told} has changed");
            }
        }
    }
}

/// An answer's list is written where the hub reads it: what comes home does not grow with it.
#[test]
fn an_answer_of_80_kb_brings_at_most_128_bytes_home_where_it_is_shared_and_all_of_it_where_not() {
    const ITEMS: usize = 10_000;
    // The doorbell's bytes do not depend on it. Spinning would take long on a busy machine.
    for (transport, wakeup) in every().filter(|(_, wakeup)| *wakeup != "spin") {
        let mut pair =
            Pair::new(transport, &Setup { max_answer_items: ITEMS, ..setup(wakeup, 1, 0) });
        let (_, rung) = pair.hub.uncounted_bytes();
        let send = |pair: &mut Pair, id| {
            pair.hub.send(0, &task(id, ANSWER, ITEMS as i64), List::None, None).unwrap();
        };
        let Some(io) = counted(&mut pair, send) else {
            println!("skipped: this kernel does not count a thread's bytes");
            return;
        };
        let (_, rung_after) = pair.hub.uncounted_bytes();
        let each = (io.read_bytes + rung_after - rung) / u64::from(TASKS);
        let name = format!("{} {wakeup}: {each} bytes", transport.name());
        match transport.has_segment() {
            true => assert!((32..=128).contains(&each), "{name}"),
            // What it reads is counted where its ledger has a read.
            false => assert!(each >= 8 * ITEMS as u64 || transport.ledger().reads == 0, "{name}"),
        }
    }
}

#[test]
fn a_failure_and_stamps_travel_beside_a_list() {
    for (transport, wakeup) in every() {
        let mut hub =
            transport.hub(&Setup { max_answer_items: 1000, ..setup(wakeup, 1, 0) }).unwrap();
        let mut spoke = transport.spoke(hub.attach(0).unwrap()).unwrap();
        let phase = Task { phase: true, ..task(1, SUM, 0) };
        hub.send(0, &phase, List::None, None).unwrap();
        let Received::Task(incoming) = spoke.recv().unwrap() else { panic!("no task") };
        assert_eq!(incoming.room.len(), 1000, "{} {wakeup}", transport.name());
        incoming.room.fill(7);
        let failure = Failure::new(FailureKind::Unencodable, "long".repeat(100));
        let mut reply = plain(1);
        reply.outcome = Err(failure.clone());
        reply.stamps = Some(Box::new([1, 2, 3, 0]));
        spoke.reply(reply, 999).unwrap();
        let HubEvent::Reply { reply, .. } = hub.recv(None).unwrap() else { panic!("no reply") };
        assert_eq!(reply.outcome, Err(failure));
        assert_eq!(reply.list, [7; 999]);
        assert_eq!(reply.stamps.unwrap()[..3], [1, 2, 3]);
    }
}

#[test]
fn large_lists_both_ways_at_once_never_deadlock() {
    const ITEMS: usize = 300_000;
    const DEPTH: usize = 3;
    for (transport, wakeup) in every() {
        let setup = Setup { max_answer_items: ITEMS, ..setup(wakeup, DEPTH, ITEMS) };
        let mut pair = Pair::new(transport, &setup);
        let (sent, sum) = list(-1, ITEMS);
        // The worker blocks in writing the first answer while the hub writes the third task.
        for id in 0..2 * DEPTH as u32 {
            if id >= DEPTH as u32 {
                expect(&mut pair, id - DEPTH as u32, ITEMS, sum);
            }
            pair.hub.send(0, &task(id, ANSWER, ITEMS as i64), List::Copy(&sent), None).unwrap();
        }
        (DEPTH..2 * DEPTH).for_each(|id| expect(&mut pair, id as u32, ITEMS, sum));
    }
}

fn expect(pair: &mut Pair, id: u32, items: usize, sum: i64) {
    let reply = pair.reply();
    assert_eq!(reply.task, id);
    assert_eq!(reply.outcome, Ok(Value::Int(sum.wrapping_add(items as i64))));
    assert!(reply.list == list(i64::from(id), items).0, "answer {id} has another list");
}

#[test]
fn more_items_than_fit_are_a_protocol_violation_and_none_is_read() {
    const FIT: usize = 1 << 16;
    for (transport, wakeup) in every() {
        let mut hub =
            transport.hub(&Setup { max_answer_items: FIT, ..setup(wakeup, 2, 0) }).unwrap();
        let mut handover = hub.attach(0).unwrap();
        // A spoke that believes in one place of twice the length, where there are two.
        let mut plan: serde_json::Value = serde_json::from_str(&handover.plan).unwrap();
        plan["answer"] = (2 * FIT).into();
        if plan.get("places").is_some() {
            plan["places"] = 1.into();
        }
        handover.plan = plan.to_string();
        let mut spoke = transport.spoke(handover).unwrap();
        hub.send(0, &task(1, SUM, 0), List::None, None).unwrap();
        let Received::Task(_) = spoke.recv().unwrap() else { panic!("no task") };
        // In a thread of its own: a stream without a reader blocks it, until the hub is gone.
        let liar = std::thread::spawn(move || spoke.reply(plain(1), FIT + 1));
        let mut arrival = None;
        let counted = allocation_counter::measure(|| arrival = hub.recv(None).ok());
        let lie = matches!(arrival, Some(HubEvent::ProtocolViolation { worker: 0, .. }));
        assert!(lie, "{} {wakeup}: {arrival:?}", transport.name());
        assert!(counted.bytes_total < 1000, "{} {wakeup}: {counted:?}", transport.name());
        assert_eq!(hub.in_flight(0), 1);
        drop(hub);
        let _ = liar.join().unwrap();
    }
}

#[test]
fn a_spoke_that_would_send_more_than_its_room_holds_is_stopped() {
    for transport in ALL {
        let wakeup = transport.wakeups()[0].0;
        for answer in [0, 10] {
            let mut hub =
                transport.hub(&Setup { max_answer_items: answer, ..setup(wakeup, 1, 0) }).unwrap();
            let mut spoke = transport.spoke(hub.attach(0).unwrap()).unwrap();
            hub.send(0, &task(1, SUM, 0), List::None, None).unwrap();
            assert!(matches!(spoke.recv(), Ok(Received::Task(_))));
            let reply = std::panic::AssertUnwindSafe(|| spoke.reply(plain(1), answer + 1));
            assert!(std::panic::catch_unwind(reply).is_err(), "{}", transport.name());
        }
    }
}
