//! What is left of a worker that ended.

use std::time::Duration;

use transport::{Hub, HubEvent, List, ListBuffer, Received, Setup, UnansweredTask, Value};

use crate::support::{Pair, SUM, every, list, plain, setup, task};

fn built(hub: &mut dyn Hub, items: &[i64]) -> ListBuffer {
    let mut room = hub.reserve(items.len()).unwrap();
    room.items_mut().copy_from_slice(items);
    room
}

#[test]
fn what_a_worker_never_answered_comes_back_in_order_and_a_built_list_can_be_sent_again() {
    for (transport, wakeup) in every() {
        let setup = Setup { workers: 2, ..setup(wakeup, 3, 1000) };
        let mut pair = Pair::of(transport, transport.hub(&setup).unwrap());
        let hub = &mut *pair.hub;
        let silent = transport.spoke(hub.attach(1).unwrap()).unwrap();
        let (items, sum) = list(4, 1000);
        hub.send(1, &task(11, SUM, 0), List::Copy(&items), None).unwrap();
        let room = built(hub, &items);
        hub.send(1, &task(12, SUM, 0), List::Built(room), None).unwrap();
        hub.send(1, &task(13, SUM, 0), List::None, None).unwrap();
        drop(silent);
        let left = hub.detach(1);
        let numbers: Vec<_> = left.iter().map(|task| (task.task, task.room.is_some())).collect();
        let name = transport.name();
        assert_eq!(numbers, [(11, false), (12, true), (13, false)], "{name} {wakeup}");
        assert_eq!(hub.in_flight(1), 0);
        assert!(hub.detach(1).is_empty());
        // Lists for other workers are not placed in that buffer meanwhile.
        assert_eq!(pair.ask(1, 0, List::Copy(&[1; 1000])), Ok(Value::Int(1000)));
        let mut room = left.into_iter().find_map(|task| task.room).unwrap();
        assert_eq!(room.items_mut(), items);
        assert_eq!(pair.ask(12, 0, List::Built(room)), Ok(Value::Int(sum)), "{name} {wakeup}");
    }
}

#[test]
fn what_was_answered_and_collected_does_not_come_back() {
    for (transport, wakeup) in every() {
        let mut hub = transport.hub(&setup(wakeup, 3, 10)).unwrap();
        let mut spoke = transport.spoke(hub.attach(0).unwrap()).unwrap();
        for id in 1..=3 {
            let room = built(&mut *hub, &[i64::from(id); 10]);
            hub.send(0, &task(id, SUM, 0), List::Built(room), None).unwrap();
        }
        assert!(matches!(spoke.recv(), Ok(Received::Task(_))));
        spoke.reply(plain(1), 0).unwrap();
        assert!(matches!(hub.recv(None), Ok(HubEvent::Reply { .. })));
        drop(spoke);
        let left = hub.detach(0);
        assert_eq!(left.iter().map(|task| task.task).collect::<Vec<_>>(), [2, 3]);
        for UnansweredTask { task, room } in left {
            assert_eq!(room.unwrap().items_mut(), [i64::from(task); 10]);
        }
    }
}

#[test]
fn a_task_sent_to_a_closed_end_is_told_after_what_that_worker_had_answered_and_comes_back() {
    for (at, (transport, wakeup)) in every().enumerate() {
        let setup = Setup { cross_core: at % 2 == 0, ..setup(wakeup, 4, 100_000) };
        let mut hub = transport.hub(&setup).unwrap();
        let mut spoke = transport.spoke(hub.attach(0).unwrap()).unwrap();
        hub.send(0, &task(1, SUM, 0), List::None, None).unwrap();
        assert!(matches!(spoke.recv(), Ok(Received::Task(_))));
        spoke.reply(plain(1), 0).unwrap();
        drop(spoke);
        let room = built(&mut *hub, &[2; 100_000]);
        let name = format!("{} {wakeup}", transport.name());
        hub.send(0, &task(2, SUM, 0), List::Built(room), None).expect(&name);
        hub.send(0, &task(3, SUM, 0), List::None, None).expect(&name);
        hub.send(0, &task(4, SUM, 0), List::Copy(&[2; 100_000]), None).expect(&name);
        assert!(matches!(hub.recv(None), Ok(HubEvent::Reply { reply, .. }) if reply.task == 1));
        match hub.recv(Some(Duration::from_millis(20))).unwrap() {
            HubEvent::Disconnected { worker: 0 } => {}
            // Shared memory has no end of file.
            HubEvent::TimedOut if transport.has_segment() => {}
            other => panic!("{name}: {other:?}"),
        }
        let left = hub.detach(0);
        assert_eq!(left.iter().map(|task| task.task).collect::<Vec<_>>(), [2, 3, 4], "{name}");
    }
}

/// A socket that is closed with something unread in it tells its peer of an error, and some tell it
/// before what had been written.
#[test]
fn what_a_worker_had_answered_is_told_though_it_ended_with_tasks_unread() {
    for (transport, wakeup) in every() {
        let name = format!("{} {wakeup}", transport.name());
        let mut hub = transport.hub(&setup(wakeup, 4, 600)).unwrap();
        let mut spoke = transport.spoke(hub.attach(0).unwrap()).unwrap();
        for id in 1..=4 {
            hub.send(0, &task(id, SUM, 0), List::Copy(&[2; 600]), None).unwrap();
        }
        for id in 1..=2 {
            assert!(matches!(spoke.recv(), Ok(Received::Task(_))), "{name}");
            spoke.reply(plain(id), 0).unwrap();
        }
        drop(spoke);
        for id in 1..=2 {
            match hub.recv(Some(Duration::from_secs(5))).expect(&name) {
                HubEvent::Reply { worker: 0, reply } => assert_eq!(reply.task, id, "{name}"),
                other => panic!("{name}: {other:?} instead of answer {id}, which was given"),
            }
        }
        let end = hub.recv(Some(Duration::from_millis(20))).expect(&name);
        let told = end == HubEvent::Disconnected { worker: 0 };
        assert!(told || transport.has_segment() && end == HubEvent::TimedOut, "{name}: {end:?}");
        let left: Vec<u32> = hub.detach(0).iter().map(|task| task.task).collect();
        assert_eq!(left, [3, 4], "{name}");
    }
}
