//! Waits that end without an answer.

use std::time::{Duration, Instant};

use transport::{HubEvent, List, Setup};

use crate::support::{Pair, SUM, every, setup, task, within};

#[test]
fn a_timeout_ends_a_wait_in_time_while_a_task_is_unanswered() {
    const TIMEOUT: Duration = Duration::from_millis(30);
    for (transport, wakeup) in every() {
        let name = format!("{} {wakeup}", transport.name());
        let mut hub = transport.hub(&setup(wakeup, 1, 0)).unwrap();
        let _silent = transport.spoke(hub.attach(0).unwrap()).unwrap();
        hub.send(0, &task(1, SUM, 0), List::None, None).unwrap();
        for _ in 0..3 {
            let asked = Instant::now();
            assert_eq!(hub.recv(Some(TIMEOUT)).unwrap(), HubEvent::TimedOut, "{name}");
            let took = asked.elapsed();
            assert!(took >= TIMEOUT, "{name} gave up after {took:?}");
            assert!(took < Duration::from_millis(500), "{name} waited {took:?}");
        }
    }
}

#[test]
fn with_a_timeout_of_zero_a_hub_looks_once_and_does_not_sleep() {
    const LOOKS: u32 = 100;
    for (transport, wakeup) in every() {
        let name = format!("{} {wakeup}", transport.name());
        let mut pair = Pair::new(transport, &setup(wakeup, 1, 0));
        let mut looks = || {
            let asked = Instant::now();
            for _ in 0..LOOKS {
                let arrival = pair.hub.recv(Some(Duration::ZERO)).unwrap();
                assert_eq!(arrival, HubEvent::TimedOut, "{name}");
            }
            asked.elapsed()
        };
        // Looking a thousand times each, or sleeping at all, would always take longer.
        let took = (0..5).map(|_| looks()).min().unwrap();
        assert!(took < LOOKS * Duration::from_micros(200), "{name}: {LOOKS} looks took {took:?}");
        // One look is enough for an answer that is there.
        pair.hub.send(0, &task(1, SUM, 0), List::None, None).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let answered = std::iter::repeat_with(|| {
            std::thread::yield_now();
            pair.hub.recv(Some(Duration::ZERO)).unwrap()
        })
        .take_while(|_| Instant::now() < deadline)
        .find(|arrival| *arrival != HubEvent::TimedOut);
        assert!(
            matches!(answered, Some(HubEvent::Reply { worker: 0, .. })),
            "{name}: {answered:?}"
        );
    }
}

#[test]
fn an_answer_ends_a_wait_before_its_timeout_does() {
    for (transport, wakeup) in every() {
        let mut pair = Pair::new(transport, &setup(wakeup, 1, 0));
        let asked = Instant::now();
        for id in 0..10 {
            pair.hub.send(0, &task(id, SUM, 0), List::None, None).unwrap();
            let arrival = pair.hub.recv(Some(Duration::from_secs(20))).unwrap();
            assert!(matches!(arrival, HubEvent::Reply { worker: 0, .. }));
        }
        // A hub that is not woken looks by itself every 200 ms.
        let took = asked.elapsed();
        assert!(took < Duration::from_millis(1500), "{} {wakeup}: {took:?}", transport.name());
    }
}

#[test]
fn the_alarm_ends_a_wait() {
    for (transport, wakeup) in every() {
        let mut pair = Pair::new(transport, &setup(wakeup, 1, 0));
        pair.hub.alarm().raise();
        let alarm = pair.hub.recv(Some(Duration::from_millis(500))).unwrap();
        assert_eq!(alarm, HubEvent::Alarm, "{} {wakeup}", transport.name());
    }
}

/// Only the alarm tells of a worker's death if its link has no end of file, or if a child of the
/// worker holds it open.
#[test]
fn an_alarm_that_another_thread_raises_ends_a_wait_without_a_timeout() {
    for (transport, wakeup) in every() {
        for workers in [0, 1, 2] {
            let name = format!("{} {wakeup}, {workers} workers", transport.name());
            let mut hub = transport.hub(&Setup { workers: 2, ..setup(wakeup, 1, 0) }).unwrap();
            let _silent: Vec<_> = (0..workers)
                .map(|worker| transport.spoke(hub.attach(worker).unwrap()).unwrap())
                .collect();
            let alarm = hub.alarm();
            let raising = std::thread::spawn(move || {
                // Until the hub sleeps, or polls.
                std::thread::sleep(Duration::from_millis(10));
                alarm.raise();
            });
            let arrival = within(Duration::from_secs(5), &name, move || hub.recv(None).unwrap());
            assert_eq!(arrival, HubEvent::Alarm, "{name}");
            raising.join().unwrap();
        }
    }
}
