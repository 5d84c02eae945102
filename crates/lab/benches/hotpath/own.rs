//! What both sides of a resident task do besides waiting: all of it in one thread, whose core has every
//! line already.

use std::hint::black_box;

use measure::now;
use shm::{Kind, Pages};
use transport::{HubEvent, List, Received, Reply, Setup, Task, Value};

use super::middle;

/// Round trips of a sample, and samples.
const TRIPS: u32 = 1000;
const SAMPLES: usize = 101;

/// Nanoseconds of a round trip of one resident item, without waiting.
pub(crate) fn ns_each() -> f64 {
    let shared = transport::by_name("shared").expect("a transport of ours");
    let setup = Setup {
        wakeup: "spin".into(),
        segment: Kind::Memfd,
        pages: Pages::Ready,
        workers: 1,
        depth: 1,
        max_list_items: 1,
        max_answer_items: 0,
        max_residents: 1,
        cross_core: true,
    };
    let mut hub = shared.hub(&setup).expect("a hub");
    let mut spoke = shared.spoke(hub.attach(0).expect("a place")).expect("a spoke");
    let resident = hub.place(&[7]).expect("room for a resident list");
    let mut trip = |id| {
        let task = Task { id, job: 0, arg: Value::Int(0), phase: false, park: false };
        hub.send(0, &task, List::Resident(&resident, 0..1), None).expect("a task sent");
        let Ok(Received::Task(mut incoming)) = spoke.recv() else { panic!("no task came") };
        let list = incoming.list.as_mut().expect("a list").whole(&|| true).expect("all of it");
        let (outcome, list) = (Ok(Value::Int(black_box(list[0]))), Default::default());
        spoke.reply(Reply { task: id, outcome, list, stamps: None }, 0).expect("a reply sent");
        let Ok(HubEvent::Reply { reply, .. }) = hub.recv(None) else { panic!("no answer came") };
        assert_eq!(reply.outcome, Ok(Value::Int(7)));
    };
    let took = (0..SAMPLES).map(|_| {
        let started = now();
        (0..TRIPS).for_each(&mut trip);
        now() - started
    });
    middle(took.collect()) as f64 / f64::from(TRIPS)
}
