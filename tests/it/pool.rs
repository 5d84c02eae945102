//! The pool with real workers, over every transport.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::pool::{Crew, CrewPlan, Data, Ending, Event, Pool, PoolError, TaskError, Value};
use transport::{List, Setup, Task, Transport};

use crate::tools::{alive, children, launch, wait_until};

const JOBS: [&str; 7] = [
    "sum",
    "compute_hash",
    "heavy_work_large_data",
    "panic",
    "abort",
    "sleep",
    "no_such_job_anywhere",
];

fn pool(transport: &str, workers: usize, depth: usize) -> Pool {
    Pool::builder(launch())
        .transport(transport)
        .workers(workers)
        .depth(depth)
        .longest_list(50_000)
        .resident_lists(1)
        .jobs(JOBS)
        .build()
        .unwrap()
}

fn each_transport(test: impl Fn(&'static dyn Transport)) {
    transport::ALL.iter().for_each(|transport| test(*transport));
}

#[test]
fn map_gives_the_lecture_s_results_in_order_whatever_carries_the_list() {
    each_transport(|transport| {
        let pool = pool(transport.name(), 2, 3);
        let list: Arc<[i64]> = (0..50_000).collect();
        let tasks = (0..8).map(|_| (Value::Int(0), Data::Items(list.clone())));
        let sums = pool.map("sum", tasks.clone()).unwrap();
        assert_eq!(sums, vec![Ok(Value::Int(1_249_975_000)); 8], "{}", transport.name());
        let roots = pool.map("heavy_work_large_data", tasks).unwrap();
        assert_eq!(roots, vec![Ok(Value::Float(7_453_447.913_900_535)); 8], "{}", transport.name());
    });
}

#[test]
fn lists_built_in_place_and_parts_of_a_resident_list_reach_the_job() {
    let pool = pool("shared", 2, 2);
    let list: Vec<i64> = (0..1000).collect();
    let resident = pool.place(&list).unwrap();
    let parts = [0..10, 990..1000, 0..1000];
    let tasks = parts.clone().map(|part| (Value::Int(0), Data::Resident(resident.clone(), part)));
    let want = parts.map(|part| Ok(Value::Int(part.sum::<usize>() as i64)));
    assert_eq!(pool.map("sum", tasks).unwrap(), want);
    each_transport(|transport| {
        let pool = self::pool(transport.name(), 1, 1);
        let mut room = pool.list(3).unwrap();
        room.items_mut().copy_from_slice(&[1, 2, 4]);
        let built = pool.submit_built("sum", Value::Int(0), room).unwrap();
        assert_eq!(built.result().unwrap(), Ok(Value::Int(7)), "{}", transport.name());
    });
}

#[test]
fn as_completed_gives_results_as_they_come_and_an_error_comes_home_as_its_type() {
    each_transport(|transport| {
        let pool = pool(transport.name(), 2, 1);
        let ranges = [50_000, 80_000, 30_000, -1, 60_000, 40_000, 90_000, 20_000];
        let futures =
            ranges.map(|n| pool.submit("compute_hash", Value::Int(n), Data::None).unwrap());
        let ids: Vec<u32> = futures.iter().map(::pool::Future::id).collect();
        let (mut well, mut failed) = (0, 0);
        for completed in pool.as_completed(futures) {
            let (future, outcome) = completed.unwrap();
            let range = ranges[ids.iter().position(|id| *id == future.id()).unwrap()];
            match outcome {
                Ok(Value::Int(hash)) => {
                    well += 1;
                    assert!(range != 50_000 || hash == 247_581_337);
                }
                Err(TaskError::Job { name, message, pid, .. }) => {
                    failed += 1;
                    assert_eq!((range, name.as_str()), (-1, "InvalidRange"));
                    assert_eq!(message, "Invalid range: -1");
                    assert!(pool.pids().contains(&pid));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((well, failed), (7, 1), "{}", transport.name());
    });
}

#[test]
fn the_first_to_finish_comes_first() {
    let pool = pool("shared", 2, 1);
    let slow = pool.submit("sleep", Value::Int(300), Data::None).unwrap();
    let quick = pool.submit("sleep", Value::Int(1), Data::None).unwrap();
    let order: Vec<u32> =
        pool.as_completed([slow, quick]).map(|completed| completed.unwrap().0.id()).collect();
    assert_eq!(order, [1, 0]);
}

#[test]
fn a_panic_comes_home_and_the_worker_lives() {
    each_transport(|transport| {
        let pool = pool(transport.name(), 1, 2);
        let before = pool.pids();
        let panicked = pool.submit("panic", Value::Int(0), Data::None).unwrap().result().unwrap();
        let Err(TaskError::Panicked { message, .. }) = panicked else { panic!("{panicked:?}") };
        assert!(message.contains("on purpose") && message.contains("faults.rs"), "{message}");
        let hash = pool.submit("compute_hash", Value::Int(20_000), Data::None).unwrap();
        assert_eq!(hash.result().unwrap(), Ok(Value::Int(99_971_191)));
        assert_eq!(pool.pids(), before);
    });
}

#[test]
fn unknown_jobs_are_refused_on_either_side() {
    let pool = pool("shared", 1, 1);
    let here = pool.submit("not_told_to_the_builder", Value::Int(0), Data::None).err().unwrap();
    assert!(matches!(here, TaskError::UnknownJob { .. }), "{here:?}");
    let there = pool.submit("no_such_job_anywhere", Value::Int(0), Data::None).unwrap();
    assert!(matches!(there.result().unwrap(), Err(TaskError::UnknownJob { .. })));
}

#[test]
fn a_list_that_is_too_long_is_its_task_s_error_and_the_pool_stays_usable() {
    each_transport(|transport| {
        let pool = pool(transport.name(), 1, 1);
        let long: Arc<[i64]> = vec![0; 50_001].into();
        let refused =
            pool.submit("sum", Value::Int(0), Data::Items(long)).unwrap().result().unwrap();
        let Err(TaskError::Unsent(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains("50001") && why.contains("50000"), "{why}");
        let fine = pool.submit("sum", Value::Int(0), Data::Items(vec![3; 2].into())).unwrap();
        assert_eq!(fine.result().unwrap(), Ok(Value::Int(6)));
    });
}

#[test]
fn a_worker_that_dies_is_reported_as_what_it_is_and_replaced_and_the_others_go_on() {
    each_transport(|transport| {
        let pool = pool(transport.name(), 2, 1);
        let before = pool.pids();
        let aborted = pool.submit("abort", Value::Int(0), Data::None).unwrap().result().unwrap();
        let Err(TaskError::WorkerDied { pid, ending, .. }) = aborted else { panic!("{aborted:?}") };
        assert_eq!(ending, Ending::Killed(6), "{}", transport.name());
        assert!(before.contains(&pid) && !pool.pids().contains(&pid));
        let list: Arc<[i64]> = vec![1; 10_000].into();
        let sums = pool.map("sum", (0..20).map(|_| (Value::Int(0), Data::Items(list.clone()))));
        assert_eq!(sums.unwrap(), vec![Ok(Value::Int(10_000)); 20]);
        assert_eq!(pool.pids().len(), 2);
    });
}

/// A crew of one, for what a pool would hide.
fn crew(transport: &'static dyn Transport, wakeup: &str, depth: usize) -> Crew {
    let segment = shm::Kind::Memfd;
    let wakeup = wakeup.into();
    let setup = Setup { wakeup, segment, workers: 1, depth, room: 100, residents: 0, apart: false };
    let jobs = JOBS.map(str::to_owned).to_vec();
    let (launch, cores, order) = (launch(), Vec::new(), Vec::new());
    Crew::start(&CrewPlan { launch, transport, setup, jobs, cores, padding: 0, order }).unwrap()
}

fn task(id: u32, job: &str, arg: i64) -> Task {
    let job = JOBS.iter().position(|name| *name == job).unwrap() as u16;
    Task { id, job, arg: Value::Int(arg), phase: false, park: false }
}

#[test]
fn a_killed_worker_is_noticed_at_once_with_every_wake_up_and_what_it_answered_before_is_kept() {
    each_transport(|transport| {
        for (wakeup, _) in transport.wakeups() {
            let mut crew = crew(transport, wakeup, 3);
            crew.hub().send(0, &task(0, "sum", 0), List::Copy(&[5; 100]), None).unwrap();
            crew.hub().send(0, &task(1, "sleep", 60_000), List::None, None).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            crew.kill(0);
            let killed = Instant::now();
            let first = crew.recv(None).unwrap();
            let answered = matches!(first, Event::Reply { ref reply, .. } if reply.task == 0
                && reply.outcome == Ok(Value::Int(500)));
            assert!(answered, "{} {wakeup}: {first:?}", transport.name());
            let second = crew.recv(None).unwrap();
            let Event::Died(death) = second else {
                panic!("{} {wakeup}: {second:?}", transport.name())
            };
            assert_eq!(death.ending, Ending::Killed(9));
            assert!(killed.elapsed() < Duration::from_secs(5), "{} {wakeup}", transport.name());
            crew.replace(0).unwrap();
            crew.hub().send(0, &task(2, "sum", 0), List::Copy(&[7]), None).unwrap();
            assert!(
                matches!(crew.recv(None).unwrap(), Event::Reply { reply, .. } if reply.task == 2)
            );
        }
    });
}

#[test]
fn parked_workers_use_no_processor_and_wake_again() {
    each_transport(|transport| {
        for (wakeup, _) in transport.wakeups() {
            let mut crew = crew(transport, wakeup, 1);
            crew.park().unwrap();
            let before = crew.report().unwrap().usage.cpu_ns;
            std::thread::sleep(Duration::from_millis(50));
            let used = crew.report().unwrap().usage.cpu_ns - before;
            assert!(used < 10_000_000, "{} {wakeup}: {used} ns while parked", transport.name());
            crew.unpark().unwrap();
            crew.hub().send(0, &task(1, "sum", 0), List::Copy(&[1, 2]), None).unwrap();
            assert!(matches!(crew.recv(None).unwrap(), Event::Reply { .. }));
        }
    });
}

#[test]
fn a_dropped_pool_leaves_no_worker_even_a_busy_one() {
    each_transport(|transport| {
        let pool = pool(transport.name(), 2, 1);
        let ours: Vec<_> = children(std::process::id())
            .into_iter()
            .filter(|(pid, _)| pool.pids().contains(pid))
            .collect();
        assert_eq!(ours.len(), 2);
        let _busy = pool.submit("sleep", Value::Int(60_000), Data::None).unwrap();
        drop(_busy);
        drop(pool);
        wait_until("workers end", Duration::from_secs(3), || !ours.iter().any(alive));
    });
}

#[test]
fn a_foreign_program_is_no_worker() {
    for (program, word) in [("/bin/true", "without a word"), ("/nonexistent/worker", "started")] {
        let mut launch = launch();
        launch.program = program.into();
        let refused = Crew::probe(&launch).unwrap_err().to_string();
        assert!(refused.contains(word) && refused.contains(program), "{refused}");
    }
    let mut other_build = launch();
    other_build.build = "another".into();
    assert!(matches!(Crew::probe(&other_build), Err(PoolError::Foreign { .. })));
    let mut silent = launch();
    silent.program = "/bin/sleep".into();
    silent.args = vec!["60".into()];
    silent.patience = Duration::from_millis(100);
    assert!(Crew::probe(&silent).unwrap_err().to_string().contains("said nothing"));
}
