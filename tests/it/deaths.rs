//! What becomes of tasks whose workers die: nothing lost, nothing done without being asked.

use std::sync::Arc;
use std::time::Duration;

use ::pool::{Builder, ExitReason, Future, Pool, TaskError, Value};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use record::Kill;

use crate::tools::{SHARED_FOLDER, coordinator, launch, recorded};

fn builder(transport: &str, workers: usize) -> Builder {
    let builder = Pool::builder().launch(launch()).transport(transport).workers(workers);
    builder.depth(4).longest_list(50_000).longest_answer(1000)
}

fn send(signal: Signal, pool: &Pool, worker: usize) {
    kill(Pid::from_raw(pool.pids()[worker] as i32), signal).unwrap();
}

#[test]
fn a_task_whose_worker_is_killed_is_begun_again_by_another_wherever_its_list_lies() {
    for transport in transport::ALL {
        let name = transport.name();
        let pool = builder(name, 1).build().unwrap();
        let before = pool.pids()[0];
        // A stopped worker begins none of them, and no other process can know that.
        send(Signal::SIGSTOP, &pool, 0);
        let mut room = pool.list(3).unwrap();
        room.items_mut().copy_from_slice(&[1, 2, 3]);
        let first = pool.submit("shift", 10, room).unwrap();
        let then = pool.submit("shift", 20, vec![4; 2]).unwrap();
        send(Signal::SIGKILL, &pool, 0);
        let (first, then) = (first.result().unwrap(), then.result().unwrap());
        assert_eq!((first.list.to_vec(), first.attempts), (vec![11, 12, 13], 2), "{name}");
        assert_eq!(
            (then.list.to_vec(), then.attempts),
            (vec![24; 2], 1),
            "{name}: it had not begun"
        );
        assert!(first.pid != before && first.pid == pool.pids()[0], "{name}");
    }
}

#[test]
fn an_answer_s_list_that_is_kept_outlives_its_worker_and_the_pool() {
    for transport in transport::ALL {
        let name = transport.name();
        let pool = builder(name, 1).build().unwrap();
        let kept = pool.submit("shift", 10, vec![1, 2, 3]).unwrap().result().unwrap();
        assert_eq!(kept.list.is_in_place(), transport.has_segment(), "{name}");
        send(Signal::SIGKILL, &pool, 0);
        let then = pool.submit("shift", 20, vec![4; 2]).unwrap().result().unwrap();
        assert_ne!(then.pid, kept.pid, "{name}");
        drop(pool);
        assert_eq!(kept.list, [11, 12, 13], "{name}");
        assert_eq!(then.list, [24; 2], "{name}");
    }
}

#[test]
fn what_a_dead_worker_had_in_its_hands_is_done_next_and_in_its_order() {
    for transport in transport::ALL {
        let pool = builder(transport.name(), 1).build().unwrap();
        send(Signal::SIGSTOP, &pool, 0);
        // Four in its hands, and four in line.
        let futures: Vec<Future> = (0..8).map(|_| pool.submit("sleep", 1, ()).unwrap()).collect();
        send(Signal::SIGKILL, &pool, 0);
        let ids: Vec<u32> = futures.iter().map(Future::id).collect();
        let order: Vec<u32> = pool.as_completed(futures).map(|future| future.id()).collect();
        assert_eq!(order, ids, "{}", transport.name());
    }
}

#[test]
fn a_task_that_must_not_be_repeated_is_begun_once_and_its_worker_s_death_told() {
    for transport in transport::ALL {
        let pool = builder(transport.name(), 1).attempts(9).build().unwrap();
        let pid = pool.pids()[0];
        send(Signal::SIGSTOP, &pool, 0);
        // It says nothing of repeating it, so it may not be.
        let once = pool.submit("panic", 0, ()).unwrap();
        let behind = pool.submit("sum", 0, vec![5]).unwrap();
        send(Signal::SIGKILL, &pool, 0);
        let reason = ExitReason::Killed(9);
        let died = TaskError::WorkerDied { worker: 0, pid, reason, attempts: 1 };
        assert_eq!(once.result(), Err(died), "{}", transport.name());
        assert_eq!(behind.result().unwrap().value, Value::Int(5));
    }
}

#[test]
fn a_task_that_kills_its_workers_ends_two_of_them_and_a_thousand_others_are_done() {
    for transport in transport::ALL {
        let name = transport.name();
        let pool = builder(name, 2).build().unwrap();
        let list: Arc<[i64]> = vec![1; 100].into();
        let sum = |_| pool.submit("sum", 0, list.clone()).unwrap();
        let mut futures: Vec<Future> = (0..500).map(sum).collect();
        let poison = pool.submit("poison", 0, ()).unwrap();
        futures.extend((0..500).map(sum));
        for future in futures {
            assert_eq!(future.result().unwrap().value, Value::Int(100), "{name}");
        }
        let told = poison.result().unwrap_err();
        let TaskError::WorkerDied { reason, attempts, .. } = &told else { panic!("{told:?}") };
        assert_eq!((*reason, *attempts), (ExitReason::Killed(6), 2), "{name}");
        let words = "died with this task, as another had before: it was killed by SIGABRT";
        assert!(told.to_string().ends_with(words), "{told}");
        assert_eq!(pool.pids().len(), 2);
    }
}

#[test]
fn a_worker_that_hangs_before_it_has_taken_all_of_a_long_list_is_ended_by_the_timeout() {
    for transport in transport::ALL {
        let name = transport.name();
        let limit = Duration::from_millis(150);
        let pool = builder(name, 1).longest_list(1 << 20).task_timeout(limit).build().unwrap();
        let pid = pool.pids()[0];
        send(Signal::SIGSTOP, &pool, 0);
        // More than any pipe or socket holds: the rest is not taken.
        let long: Arc<[i64]> = vec![1; 1 << 20].into();
        let first = pool.submit("sum", 0, long.clone()).unwrap();
        let second = pool.submit("sum", 0, long).unwrap();
        let told = TaskError::TimedOut { limit, worker: 0, pid };
        assert_eq!(first.result(), Err(told), "{name}");
        assert_eq!(second.result().unwrap().value, Value::Int(1 << 20), "{name}");
    }
}

#[test]
fn three_hundred_workers_killed_at_random_lose_double_and_leave_nothing() {
    // It makes posix segments, and kills their owners.
    let _alone = SHARED_FOLDER.lock().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let args = ["lab", "owners", "--kills", "300", "--workers", "3", "--quiet"];
    let args = [&args[..], &["--out", out.to_str().unwrap()]].concat();
    let output = coordinator(&args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let record = recorded(&out);
    let tests = &record.chaos;
    for test in tests {
        assert!(test.is_clean() && test.error.is_none() && test.tasks > 0, "{test:?}");
    }
    let kills = &record.kills;
    assert!(kills.len() >= 18 && kills.iter().all(|kill| kill.well), "{kills:#?}");
    let held_for_ever = |kill: &&Kill| kill.owner == "lock" && kill.outcome.contains("for ever");
    assert_eq!(kills.iter().filter(held_for_ever).count(), 1, "raw_sync's mutex is not robust");
    let named = |kill: &&Kill| kill.owner == "segment" && kill.left > 0;
    assert!(kills.iter().filter(named).all(|kill| kill.of == "posix"), "{kills:#?}");
    let coordinators =
        |kill: &&Kill| kill.owner == "coordinator" && kill.outcome.contains("at once");
    let coordinators: Vec<(&str, u64)> =
        kills.iter().filter(coordinators).map(|kill| (kill.of.as_str(), kill.left)).collect();
    assert_eq!(coordinators, [("memfd", 0), ("posix", 1)], "{kills:#?}");
    assert_eq!(tests.iter().map(|test| test.kills).sum::<u32>(), 300);
    for (wakeup, _) in transport::by_name("shared").unwrap().wakeups() {
        assert!(tests.iter().any(|test| test.wakeup == wakeup), "{wakeup}");
    }
    assert!(tests.iter().map(|test| test.again).sum::<u64>() > 0, "some were hit at work");
    for transport in transport::ALL {
        assert!(tests.iter().any(|test| test.transport == transport.name()));
    }
}
