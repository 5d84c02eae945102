//! More tasks than the way to a worker holds.

use std::time::Duration;

use transport::{Hub, HubEvent, List, Setup, Value};

use crate::support::{Pair, SUM, every, list, setup, task, within};

/// Tasks in flight: more than any socket, pipe or ring of a few dozen entries holds.
const DEPTH: usize = 4096;
/// No answer takes so long, and no stall.
const LIMIT: Duration = Duration::from_secs(5);
/// Nor do all of them, where others want the cores.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn tasks_that_find_the_way_full_wait_and_each_is_answered_in_order() {
    for (transport, wakeup) in every() {
        for items in [0, 100] {
            let name = format!("{} {wakeup}, {items} items", transport.name());
            within(LONG, &name.clone(), move || {
                let (list, sum) = list(1, items);
                let late = Duration::from_millis(20);
                let mut pair = Pair::late(transport, &setup(wakeup, DEPTH, 100), late);
                send_all(&mut *pair.hub, 0, &list);
                for id in 0..DEPTH as u32 {
                    let told = pair.hub.recv(Some(LIMIT)).unwrap();
                    let HubEvent::Reply { worker: 0, reply } = told else {
                        panic!("{name}: {told:?} instead of answer {id}: was its task dropped?");
                    };
                    assert_eq!((reply.task, reply.outcome), (id, Ok(Value::Int(sum))), "{name}");
                }
            });
        }
    }
}

#[test]
fn a_worker_that_reads_nothing_is_sent_nothing_after_the_stall_limit_and_delays_no_other() {
    for (transport, wakeup) in every() {
        let name = format!("{} {wakeup}", transport.name());
        within(LIMIT, &name.clone(), move || {
            let setup = Setup { workers: 2, ..setup(wakeup, DEPTH, 100) };
            let mut pair = Pair::of(transport, transport.hub(&setup).unwrap());
            let _deaf = transport.spoke(pair.hub.attach(1).unwrap()).unwrap();
            pair.hub.set_stall(Duration::from_millis(20));
            send_all(&mut *pair.hub, 1, &[7; 100]);
            assert_eq!(pair.hub.in_flight(1), DEPTH, "{name}");
            assert_eq!(pair.ask(1, 0, List::Copy(&[7; 100])), Ok(Value::Int(700)), "{name}");
            let left: Vec<u32> = pair.hub.detach(1).iter().map(|task| task.task).collect();
            assert_eq!(left, (0..DEPTH as u32).collect::<Vec<_>>(), "{name}");
            assert_eq!(pair.ask(2, 0, List::Copy(&[7; 100])), Ok(Value::Int(700)), "{name}");
        });
    }
}

fn send_all(hub: &mut dyn Hub, worker: usize, list: &[i64]) {
    for id in 0..DEPTH as u32 {
        hub.send(worker, &task(id, SUM, 0), List::Copy(list), None).unwrap();
    }
}
