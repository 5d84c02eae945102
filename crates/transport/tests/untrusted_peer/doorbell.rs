//! A worker that does to its coordinator's doorbell what it should not.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use shm::{AnswerList, Grant, Segment, Span};
use transport::{HubEvent, List, Received, Reply, Setup, Value};

use crate::bounds::{setup, task};

#[test]
fn an_alarm_wakes_a_hub_that_sleeps_though_its_worker_wrote_that_it_is_awake() {
    let transport = transport::by_name("shared").unwrap();
    for (wakeup, _) in transport.wakeups() {
        let mut hub = transport.hub(&setup(wakeup)).unwrap();
        let handover = hub.attach(0).unwrap();
        let plan: Json = serde_json::from_str(&handover.plan).unwrap();
        let grant: Grant = serde_json::from_value(plan["doorbell"].clone()).unwrap();
        // Behind those of lists and control.
        let fd = handover.fds[2].try_clone().unwrap();
        let bell = Segment::open(&grant, Some(fd)).unwrap();
        let words = Span::of(&bell, 0, bell.bytes());
        let alarm = hub.alarm();
        let (done, told) = mpsc::channel();
        let waiting = std::thread::spawn(move || done.send(hub.recv(None)));
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(1));
            (0..words.words()).for_each(|at| words.word(at).store(0, Relaxed));
        }
        alarm.raise();
        let arrival = told.recv_timeout(Duration::from_secs(5));
        let arrival = arrival.unwrap_or_else(|_| panic!("{wakeup}: the hub sleeps on"));
        assert_eq!(arrival.unwrap(), HubEvent::Alarm, "{wakeup}");
        waiting.join().unwrap().unwrap();
    }
}

/// The workers of one hub ring one counter.
#[test]
fn an_eventfd_that_one_worker_has_filled_still_wakes_the_hub_for_another_worker() {
    let transport = transport::by_name("shared").unwrap();
    let mut hub = transport.hub(&Setup { workers: 2, ..setup("eventfd") }).unwrap();
    let liar = hub.attach(0).unwrap();
    let mut spoke = transport.spoke(hub.attach(1).unwrap()).unwrap();
    let mut answer = || {
        // Its end of the hub's doorbell comes last.
        let doorbell = liar.fds.last().unwrap();
        let room = u64::MAX - 1;
        while rustix::io::write(doorbell, &room.to_ne_bytes()).is_err() {
            rustix::io::read(doorbell, &mut [0; 8]).unwrap();
        }
        hub.send(1, &task(1), List::None, None).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let Ok(Received::Task(_)) = spoke.recv() else { panic!("no task") };
                // Until the hub sleeps.
                std::thread::sleep(Duration::from_millis(20));
                let (outcome, list) = (Ok(Value::Int(0)), AnswerList::default());
                spoke.reply(Reply { task: 1, outcome, list, stamps: None }, 0).unwrap();
            });
            let asked = Instant::now();
            let told = hub.recv(None).unwrap();
            assert!(matches!(told, HubEvent::Reply { worker: 1, .. }), "{told:?}");
            asked.elapsed()
        })
    };
    // A hub that is not woken looks by itself after 200 ms.
    let took = (0..5).map(|_| answer()).min().unwrap();
    assert!(took < Duration::from_millis(150), "each answer was told after {took:?} or more");
}
