//! Tasks that leave together.

use measure::counters::Io;
use transport::{Hub, List, Received, Setup, Value};

use crate::support::{Pair, SUM, every, list, plain, setup, task};

const TOGETHER: u32 = 8;

/// Write calls that `work` cost this thread, where the kernel counts them.
fn writes(work: impl FnOnce()) -> Option<u64> {
    let before = Io::of_this_thread()?.writes;
    work();
    Some(Io::of_this_thread()?.writes - before)
}

fn send_all(hub: &mut dyn Hub, from: u32) {
    for id in from..from + TOGETHER {
        hub.send(0, &task(id, SUM, i64::from(id)), List::None, None).unwrap();
    }
}

#[test]
fn small_tasks_that_leave_together_cost_one_write_at_most_and_each_its_own_without_a_cork() {
    for (transport, wakeup) in every() {
        let name = format!("{} {wakeup}", transport.name());
        let mut pair = Pair::new(transport, &setup(wakeup, TOGETHER as usize, 0));
        let Some(alone) = writes(|| send_all(&mut *pair.hub, 0)) else {
            println!("skipped: this kernel does not count a thread's calls");
            return;
        };
        let rings = transport.has_segment() && !["pipe", "eventfd"].contains(&wakeup);
        assert_eq!(alone, if rings { 0 } else { u64::from(TOGETHER) }, "{name}");
        (0..TOGETHER).for_each(|id| assert_eq!(pair.reply().task, id, "{name}"));
        for round in 1..4 {
            let first = round * TOGETHER;
            let together = writes(|| {
                pair.hub.cork(0);
                send_all(&mut *pair.hub, first);
                pair.hub.uncork(0).unwrap();
            });
            assert_eq!(together.unwrap(), if rings { 0 } else { 1 }, "{name}");
            for id in first..first + TOGETHER {
                let reply = pair.reply();
                assert_eq!((reply.task, reply.outcome), (id, Ok(Value::Int(id.into()))), "{name}");
            }
        }
        // And each its own again.
        let alone_again = writes(|| send_all(&mut *pair.hub, 0));
        assert_eq!(alone_again, Some(alone), "{name}");
        (0..TOGETHER).for_each(|id| assert_eq!(pair.reply().task, id, "{name}"));
    }
}

#[test]
fn corked_tasks_of_any_lengths_arrive_whole_and_in_order() {
    // More than an outbox, none longer than a small frame's body; among them, longer ones.
    let mut lengths = vec![511; 40];
    lengths.splice(10..10, [50_000, 0, 512, 1, 300_000]);
    for (transport, wakeup) in every() {
        for apart in [false, true] {
            let setup = Setup { cross_core: apart, ..setup(wakeup, lengths.len(), 300_000) };
            let mut pair = Pair::new(transport, &setup);
            let lists: Vec<_> = (0..).zip(&lengths).map(|(id, items)| list(id, *items)).collect();
            pair.hub.cork(0);
            for (id, (list, _)) in (0..).zip(&lists) {
                pair.hub.send(0, &task(id, SUM, 0), List::Copy(list), None).unwrap();
            }
            pair.hub.uncork(0).unwrap();
            for (id, (_, sum)) in (0..).zip(&lists) {
                let reply = pair.reply();
                let name = format!("{} {wakeup} {id}", transport.name());
                assert_eq!((reply.task, reply.outcome), (id, Ok(Value::Int(*sum))), "{name}");
            }
        }
    }
}

#[test]
fn corked_tasks_are_in_flight_and_come_back_from_a_worker_that_ended() {
    for (transport, wakeup) in every() {
        let mut hub = transport.hub(&setup(wakeup, 2, 0)).unwrap();
        let _unread = hub.attach(0).unwrap();
        hub.cork(0);
        hub.send(0, &task(1, SUM, 0), List::None, None).unwrap();
        hub.send(0, &task(2, SUM, 0), List::None, None).unwrap();
        assert_eq!(hub.in_flight(0), 2);
        assert!(hub.send(0, &task(3, SUM, 0), List::None, None).is_err());
        let left: Vec<u32> = hub.detach(0).iter().map(|task| task.task).collect();
        assert_eq!(left, [1, 2], "{} {wakeup}", transport.name());
        // No worker is attached.
        hub.cork(0);
        hub.uncork(0).unwrap();
        // The next in its place begins without a cork.
        let mut spoke = transport.spoke(hub.attach(0).unwrap()).unwrap();
        hub.send(0, &task(4, SUM, 0), List::None, None).unwrap();
        assert!(matches!(spoke.recv(), Ok(Received::Task(incoming)) if incoming.task.id == 4));
        spoke.reply(plain(4), 0).unwrap();
    }
}

#[test]
fn nothing_is_allocated_for_corked_tasks() {
    for (transport, wakeup) in every() {
        let mut pair = Pair::new(transport, &setup(wakeup, TOGETHER as usize, 0));
        let mut round = || {
            pair.hub.cork(0);
            send_all(&mut *pair.hub, 0);
            pair.hub.uncork(0).unwrap();
            (0..TOGETHER).for_each(|_| drop(pair.reply()));
        };
        (0..3).for_each(|_| round());
        let counted = allocation_counter::measure(|| (0..10).for_each(|_| round()));
        assert_eq!(counted.count_total, 0, "{} {wakeup}", transport.name());
    }
}
