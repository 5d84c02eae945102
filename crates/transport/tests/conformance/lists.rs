//! Lists on their way to a worker.

use measure::{Stamp, Timeline};
use transport::{ALL, HubEvent, List, Received, Residency, Setup, Task, TransportError, Value};

use crate::support::{FAIL, Pair, SUM, every, list, no, plain, setup, task};

/// Longer and shorter than the one before, and longer than any pipe.
const LENGTHS: [usize; 10] = [1, 0, 7, 50_000, 512, 513, 300_000, 3, 300_000, 131_072];

#[test]
fn every_list_arrives_whole_at_any_length_after_one_of_any_other() {
    for (transport, wakeup) in every() {
        let apart = wakeup != "block";
        let mut pair =
            Pair::new(transport, &Setup { cross_core: apart, ..setup(wakeup, 1, 300_000) });
        for (id, items) in (0..).zip(LENGTHS) {
            let (list, sum) = list(i64::from(id), items);
            let got = pair.ask(id, 5, List::Copy(&list));
            let name = transport.name();
            assert_eq!(got, Ok(Value::Int(sum.wrapping_add(5))), "{name} {wakeup} {items}");
            // The same from an address that is aligned in another way.
            let rest = list.get(1..).unwrap_or_default();
            let sum = rest.iter().fold(0i64, |sum, item| sum.wrapping_add(*item));
            let got = pair.ask(id + 50, 0, List::Copy(rest));
            assert_eq!(got, Ok(Value::Int(sum)), "{name} {wakeup} {items} - 1");
        }
        assert_eq!(pair.ask(99, -3, List::None), Ok(Value::Int(-3)));
    }
}

#[test]
fn a_built_list_and_any_part_of_a_resident_one_arrive_as_they_are() {
    for transport in ALL {
        let wakeup = transport.wakeups()[0].0;
        let mut pair = Pair::new(*transport, &setup(wakeup, 1, 1000));
        let (list, sum) = list(1, 1000);
        let mut room = pair.hub.reserve(1000).unwrap();
        room.items_mut().copy_from_slice(&list);
        assert_eq!(pair.ask(1, 0, List::Built(room)), Ok(Value::Int(sum)));
        if !transport.residencies().contains(&Residency::Resident) {
            assert!(matches!(pair.hub.place(&list), Err(TransportError::Unsupported { .. })));
            continue;
        }
        let resident = pair.hub.place(&list).unwrap();
        for part in [0..1000, 17..18, 500..1000, 3..3] {
            let want = list[part.clone()].iter().fold(0i64, |sum, item| sum.wrapping_add(*item));
            let got = pair.ask(2, 0, List::Resident(&resident, part));
            assert_eq!(got, Ok(Value::Int(want)));
        }
    }
}

#[test]
fn as_many_large_lists_as_may_be_in_flight_never_deadlock() {
    const DEPTH: usize = 6;
    for (transport, wakeup) in every() {
        let mut pair = Pair::new(transport, &setup(wakeup, DEPTH, 300_000));
        let lists: Vec<_> = (0..DEPTH).map(|seed| list(seed as i64, 300_000 - seed)).collect();
        for (id, (list, _)) in (0..).zip(&lists) {
            pair.hub.send(0, &task(id, SUM, 0), List::Copy(list), None).unwrap();
        }
        let refused = pair.hub.send(0, &task(99, SUM, 0), List::None, None);
        assert!(matches!(refused, Err(TransportError::Full { .. })));
        assert_eq!(pair.hub.in_flight(0), DEPTH);
        for (id, (_, sum)) in (0..).zip(&lists) {
            let reply = pair.reply();
            assert_eq!((reply.task, reply.outcome), (id, Ok(Value::Int(*sum))));
        }
    }
}

#[test]
fn a_failure_comes_home_as_what_it_is_and_the_next_task_is_well() {
    for (transport, wakeup) in every() {
        let mut pair = Pair::new(transport, &setup(wakeup, 1, 0));
        pair.hub.send(0, &task(1, FAIL, 0), List::None, None).unwrap();
        let failure = pair.reply().outcome.unwrap_err();
        assert_eq!(failure, no());
        assert_eq!(pair.ask(2, 8, List::None), Ok(Value::Int(8)));
    }
}

#[test]
fn a_phase_task_carries_stamps_in_order() {
    for (transport, wakeup) in every() {
        let mut pair = Pair::new(transport, &setup(wakeup, 1, 5000));
        let (list, sum) = list(3, 5000);
        let mut timeline = Timeline::default();
        timeline.mark(Stamp::Reserved);
        let phase = Task { phase: true, ..task(1, SUM, 0) };
        pair.hub.send(0, &phase, List::Copy(&list), Some(&mut timeline)).unwrap();
        let reply = pair.reply();
        let there = [Stamp::Reserved, Stamp::Filled, Stamp::Encoded, Stamp::Sent];
        let mut stamps: Vec<u64> = there.map(|stamp| timeline.at(stamp)).to_vec();
        stamps.extend(*reply.stamps.unwrap());
        stamps.push(measure::now());
        assert!(stamps.is_sorted() && stamps[0] > 0, "{} {wakeup}: {stamps:?}", transport.name());
        assert_eq!(reply.outcome, Ok(Value::Int(sum)));
    }
}

#[test]
fn a_list_that_does_not_fit_is_refused_by_name_and_the_hub_stays_usable() {
    for transport in ALL {
        let wakeup = transport.wakeups()[0].0;
        let mut pair = Pair::new(*transport, &setup(wakeup, 1, 10));
        let refused = pair.hub.send(0, &task(1, SUM, 0), List::Copy(&[0; 11]), None);
        assert!(matches!(refused, Err(TransportError::TooLong { items: 11, max: 10 })));
        assert!(matches!(pair.hub.reserve(11), Err(TransportError::TooLong { .. })));
        assert_eq!(pair.ask(2, 1, List::Copy(&[2; 10])), Ok(Value::Int(21)));
    }
}

#[test]
fn a_setup_for_more_than_can_be_is_refused_by_name_and_nothing_panics() {
    type Ask = fn(&mut Setup, usize);
    let fields: [(&str, Ask); 5] = [
        ("items in a list", |setup, many| setup.max_list_items = many),
        ("items in an answer's list", |setup, many| setup.max_answer_items = many),
        ("tasks in flight", |setup, many| setup.depth = many),
        ("workers", |setup, many| setup.workers = many),
        ("resident lists", |setup, many| setup.max_residents = many),
    ];
    for transport in ALL {
        for (what, ask) in &fields {
            for many in [1 << 32, usize::MAX] {
                let mut setup = setup(transport.wakeups()[0].0, 1, 10);
                ask(&mut setup, many);
                let refused = transport.hub(&setup).map(drop);
                let name = format!("{} for {many} {what}", transport.name());
                let Err(TransportError::TooLarge { what: named, asked, .. }) = refused else {
                    panic!("{name}: {refused:?}");
                };
                assert_eq!((named, asked), (*what, many), "{name}");
            }
        }
    }
}

#[test]
fn a_worker_that_has_no_place_or_is_attached_already_is_refused_and_nothing_panics() {
    for transport in ALL {
        let name = transport.name();
        let mut hub = transport.hub(&setup(transport.wakeups()[0].0, 1, 10)).unwrap();
        let _first = hub.attach(0).unwrap();
        hub.send(0, &task(7, SUM, 0), List::None, None).unwrap();
        for worker in [0, 1, usize::MAX] {
            let refused = hub.attach(worker).map(drop);
            let Err(TransportError::NoPlace { worker: named, workers: 1 }) = refused else {
                panic!("{name}: worker {worker} gave {refused:?}");
            };
            assert_eq!(named, worker, "{name}");
        }
        assert_eq!(hub.in_flight(0), 1, "{name}: a link was made anew, and its task lost");
        let sent = hub.send(1, &task(8, SUM, 0), List::None, None);
        assert!(matches!(sent, Err(TransportError::Disconnected)), "{name}: {sent:?}");
        hub.cork(1);
        hub.uncork(1).unwrap();
        assert_eq!((hub.in_flight(1), hub.detach(1).len()), (0, 0), "{name}");
    }
}

#[test]
fn a_wake_up_that_a_transport_does_not_have_is_refused_by_name() {
    for transport in ALL {
        let refused = transport.hub(&setup("telepathy", 1, 0)).map(drop).unwrap_err().to_string();
        assert!(refused.contains("telepathy") && refused.contains(transport.wakeups()[0].0));
    }
}

#[test]
fn an_answer_to_a_task_that_was_not_sent_is_a_protocol_violation() {
    for transport in ALL {
        let wakeup = transport.wakeups()[0].0;
        let mut hub = transport.hub(&setup(wakeup, 1, 0)).unwrap();
        let mut spoke = transport.spoke(hub.attach(0).unwrap()).unwrap();
        hub.send(0, &task(1, SUM, 0), List::None, None).unwrap();
        assert!(matches!(spoke.recv().unwrap(), Received::Task(incoming) if incoming.task.id == 1));
        spoke.reply(plain(2), 0).unwrap();
        assert!(matches!(hub.recv(None).unwrap(), HubEvent::ProtocolViolation { worker: 0, .. }));
    }
}

#[test]
fn a_second_answer_to_one_task_is_a_protocol_violation_and_no_answer_to_the_next() {
    for transport in ALL {
        let name = transport.name();
        let mut hub = transport.hub(&setup(transport.wakeups()[0].0, 2, 0)).unwrap();
        let mut spoke = transport.spoke(hub.attach(0).unwrap()).unwrap();
        (1..=2).for_each(|id| hub.send(0, &task(id, SUM, 0), List::None, None).unwrap());
        assert!(matches!(spoke.recv().unwrap(), Received::Task(incoming) if incoming.task.id == 1));
        (1..=2).for_each(|_| spoke.reply(plain(1), 0).unwrap());
        let told = [hub.recv(None).unwrap(), hub.recv(None).unwrap()];
        let as_it_was = matches!(
            &told,
            [HubEvent::Reply { reply, .. }, HubEvent::ProtocolViolation { worker: 0, .. }]
                if reply.task == 1
        );
        assert!(as_it_was, "{name}: {told:?}");
        assert_eq!(hub.detach(0).iter().map(|task| task.task).collect::<Vec<_>>(), [2], "{name}");
    }
}

#[test]
fn nothing_is_allocated_for_a_task_on_the_coordinator_s_side() {
    for (transport, wakeup) in every() {
        let mut pair = Pair::new(transport, &setup(wakeup, 2, 1000));
        let (list, _) = list(1, 1000);
        let resident = pair.hub.place(&list).ok();
        let ask = |pair: &mut Pair, id| {
            let list = match &resident {
                Some(resident) if id % 3 == 0 => List::Resident(resident, 0..1000),
                _ if id % 3 == 1 => List::Built(pair.hub.reserve(1000).unwrap()),
                _ => List::Copy(&list),
            };
            pair.hub.send(0, &task(id, SUM, 0), list, None).unwrap();
            pair.reply();
        };
        (0..10).for_each(|id| ask(&mut pair, id));
        let counted = allocation_counter::measure(|| (10..110).for_each(|id| ask(&mut pair, id)));
        assert_eq!(counted.count_total, 0, "{} {wakeup}", transport.name());
    }
}

#[test]
fn frames_of_any_lengths_that_wait_behind_each_other_are_told_apart() {
    const WAITING: [usize; 8] = [600, 10, 300, 0, 599, 1, 1, 700];
    for (transport, wakeup) in every() {
        let mut hub = transport.hub(&setup(wakeup, WAITING.len(), 700)).unwrap();
        let mut spoke = transport.spoke(hub.attach(0).unwrap()).unwrap();
        let lists = WAITING.map(|items| list(items as i64, items));
        // All frames are there before the first is read, so a spoke that reads ahead finds the next
        // one.
        for (id, (list, _)) in (0..).zip(&lists) {
            hub.send(0, &task(id, SUM, 0), List::Copy(list), None).unwrap();
        }
        for (id, (list, _)) in (0..).zip(&lists) {
            let Received::Task(incoming) = spoke.recv().unwrap() else { panic!("no task {id}") };
            assert_eq!(incoming.task.id, id);
            assert_eq!(
                incoming.list.unwrap().whole(&|| true).unwrap(),
                list,
                "{} {wakeup} {id}",
                transport.name()
            );
            spoke.reply(plain(id), 0).unwrap();
        }
    }
}
