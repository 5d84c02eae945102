//! Wake-ups among processes that are killed, and the lab that sets them side by side.

use std::time::{Duration, Instant};

use pool::Event;
use transport::List;

use super::pool::{group, send, task};
use super::tools::{coordinator, recorded};

/// Once in a while in the midst of ringing, with its lock in the dead one's hands.
#[test]
fn workers_killed_while_they_ring_never_leave_the_coordinator_waiting() {
    let shared = transport::by_name("shared").unwrap();
    for (wakeup, _) in shared.wakeups() {
        let mut group = group(shared, wakeup, 8);
        for round in 0..12 {
            for id in 0..8 {
                let next = task(&group, id, "light_work_small_data", 1);
                send(&mut group, &next, List::None);
            }
            let answered = (0..round % 8).filter(|_| {
                matches!(group.recv(Some(Duration::from_secs(20))), Ok(Event::Reply { .. }))
            });
            assert_eq!(answered.count(), round % 8, "{wakeup}");
            group.kill(0);
            let killed = Instant::now();
            while !matches!(group.recv(Some(Duration::from_secs(20))), Ok(Event::Died { .. })) {
                assert!(killed.elapsed() < Duration::from_secs(10), "{wakeup}");
            }
            group.replace(0).unwrap();
        }
    }
}

#[test]
fn the_lab_of_wake_ups_has_a_row_for_each_in_every_placement_beside_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let tiny = ["lab", "wakeup", "--generations", "1", "--pairs", "1", "--quiet", "--out"];
    let output = coordinator(&tiny).arg(&out).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let trials = recorded(&out).trials;
    let cores = std::thread::available_parallelism().unwrap().get();
    let places = if cores > 1 { 3 } else { 2 };
    assert_eq!(trials.len(), places * shm::wakeup::ALL.len());
    for trial in &trials {
        assert!(trial.error.is_none() && trial.verified == trial.tasks, "{:?}", trial.params);
    }
    assert!(trials.iter().any(|trial| trial.params.stratum.workers == 2 * cores));
    let shown = String::from_utf8(output.stdout).unwrap();
    for wakeup in shm::wakeup::ALL {
        let row = [wakeup.name(), wakeup.wait_strategy().name()];
        let rows = shown.lines().filter(|line| line.split_whitespace().take(2).eq(row));
        assert_eq!(rows.count(), places, "{}:\n{shown}", wakeup.name());
    }
    assert!(shown.contains("× limit") && shown.matches("seen ").count() >= 1, "{shown}");
    // No table of its own way of comparing stands beside it.
    assert!(!shown.contains("shared resident"), "{shown}");
}
