//! Wake-ups among processes that are killed.

use std::time::{Duration, Instant};

use pool::Event;
use transport::List;

use super::pool::{crew, send, task};

/// Once in a while in the midst of ringing, with its lock in the dead one's hands.
#[test]
fn workers_killed_while_they_ring_never_leave_the_coordinator_waiting() {
    let shared = transport::by_name("shared").unwrap();
    for (wakeup, _) in shared.wakeups() {
        let mut crew = crew(shared, wakeup, 8);
        for round in 0..12 {
            for id in 0..8 {
                let next = task(&crew, id, "light_work_small_data", 1);
                send(&mut crew, &next, List::None);
            }
            let answered = (0..round % 8).filter(|_| {
                matches!(crew.recv(Some(Duration::from_secs(20))), Ok(Event::Reply { .. }))
            });
            assert_eq!(answered.count(), round % 8, "{wakeup}");
            crew.kill(0);
            let killed = Instant::now();
            while !matches!(crew.recv(Some(Duration::from_secs(20))), Ok(Event::Died { .. })) {
                assert!(killed.elapsed() < Duration::from_secs(10), "{wakeup}");
            }
            crew.replace(0).unwrap();
        }
    }
}
