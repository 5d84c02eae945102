//! A worker that writes into the words by which its coordinator says that it sleeps.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value as Json;
use shm::{Grant, Segment, Span};
use transport::Arrival;

use crate::bounds::setup;

#[test]
fn an_alarm_is_heard_by_a_hub_that_sleeps_and_of_which_its_worker_wrote_that_it_is_awake() {
    let transport = transport::by_name("shared").unwrap();
    for (wakeup, _) in transport.wakeups() {
        let mut hub = transport.hub(&setup(wakeup)).unwrap();
        let handover = hub.attach(0).unwrap();
        let plan: Json = serde_json::from_str(&handover.plan).unwrap();
        let grant: Grant = serde_json::from_value(plan["bell"].clone()).unwrap();
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
        assert_eq!(arrival.unwrap(), Arrival::Alarm, "{wakeup}");
        waiting.join().unwrap().unwrap();
    }
}
