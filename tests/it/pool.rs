//! The pool with real workers, over every transport.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::pool::{
    Builder, Data, Event, ExitReason, Future, Outcome, Pool, PoolError, TaskError, Value,
    WorkerGroup, WorkerGroupPlan,
};
use transport::{List, Setup, Task, Transport};
use workload::lecture::InvalidRange;

use crate::tools::{alive, children, launch, wait_until};

fn builder(transport: &str, workers: usize, depth: usize) -> Builder {
    Pool::builder()
        .launch(launch())
        .transport(transport)
        .workers(workers)
        .depth(depth)
        .longest_list(50_000)
        .resident_lists(1)
}

fn pool(transport: &str, workers: usize, depth: usize) -> Pool {
    builder(transport, workers, depth).build().unwrap()
}

/// The words of answers, wherever they were computed.
fn words(outcomes: impl IntoIterator<Item = Outcome>) -> Vec<Value> {
    outcomes.into_iter().map(|outcome| outcome.unwrap().value).collect()
}

fn each_transport(test: impl Fn(&'static dyn Transport)) {
    transport::ALL.iter().for_each(|transport| test(*transport));
}

#[test]
fn map_gives_the_lecture_s_results_in_order_over_every_transport() {
    each_transport(|transport| {
        let pool = pool(transport.name(), 2, 3);
        let list: Arc<[i64]> = (0..50_000).collect();
        let tasks = || (0..8).map(|_| (0, list.clone()));
        let sums = words(pool.map("sum", tasks()));
        assert_eq!(sums, vec![Value::Int(1_249_975_000); 8], "{}", transport.name());
        let roots = words(pool.map("heavy_work_large_data", tasks()));
        assert_eq!(roots, vec![Value::Float(7_453_447.913_900_535); 8], "{}", transport.name());
        assert_eq!(pool.map("sum", Vec::<(i64, ())>::new()), [], "no tasks, no outcomes");
    });
}

#[test]
fn a_thousand_tasks_in_chunks_of_seven_within_a_bound_of_ten_all_come_home_once() {
    each_transport(|transport| {
        for (chunk, bound) in [(1, 10), (7, 10), (7, 4096)] {
            let pool = builder(transport.name(), 2, 2).chunk(chunk).bound(bound).build().unwrap();
            let tasks = (0..1000).map(|number| (0, vec![number; 3]));
            let mut seen: Vec<i64> = vec![0; 1000];
            for (at, outcome) in pool.map_unordered("sum", tasks) {
                assert_eq!(outcome.unwrap().value, Value::Int(3 * at as i64));
                seen[at] += 1;
            }
            assert_eq!(seen, vec![1; 1000], "{} {chunk} {bound}", transport.name());
            let ordered = words(pool.map("sum", (0..100).map(|number| (0, vec![number]))));
            assert_eq!(ordered, (0..100).map(Value::Int).collect::<Vec<_>>());
        }
    });
}

#[test]
fn lists_built_in_place_and_parts_of_a_resident_list_reach_the_job() {
    let pool = pool("shared", 2, 2);
    let list: Vec<i64> = (0..1000).collect();
    let resident = pool.place(&list).unwrap();
    let parts = [0..10, 990..1000, 0..1000];
    let tasks = parts.clone().map(|part| (0, (resident.clone(), part)));
    let want = parts.map(|part| Value::Int(part.sum::<usize>() as i64));
    assert_eq!(words(pool.map("sum", tasks)), want);
    each_transport(|transport| {
        let pool = self::pool(transport.name(), 1, 1);
        // More than there are rooms: each is lent again once its task is done.
        for round in 0..10 {
            let mut room = pool.list(3).unwrap();
            room.items_mut().copy_from_slice(&[1, 2, round]);
            let built = pool.submit("sum", 0, room).unwrap();
            assert_eq!(words([built.result()]), [Value::Int(3 + round)], "{}", transport.name());
        }
        let refused = pool.list(50_001).unwrap_err().to_string();
        assert!(refused.contains("50001") && refused.contains("50000"), "{refused}");
    });
}

#[test]
fn as_many_lists_may_stay_as_the_pool_was_told_and_none_takes_a_task_s_room() {
    let pool = pool("shared", 1, 1);
    let stays = pool.place(&[1, 2]).unwrap();
    let refused = pool.place(&[3]).unwrap_err().to_string();
    assert!(refused.contains("resident list"), "{refused}");
    assert_eq!(words(pool.map("sum", [(0, vec![4, 5])])), [Value::Int(9)]);
    drop(stays);
    assert!(pool.place(&[3]).is_ok(), "its room is free again");
}

#[test]
fn rooms_that_are_lent_and_not_submitted_do_not_hold_up_other_lists() {
    let pool = pool("shared", 1, 2);
    // One for each task in flight, one that is being filled, and a resident one: four.
    let rooms: Vec<_> = (0..4).map(|_| pool.list(2).unwrap()).collect();
    assert!(pool.list(2).is_err(), "all are held by the caller");
    let copied = pool.submit("sum", 0, vec![1]).unwrap();
    let Err(TaskError::Unsent(why)) = copied.result() else { panic!("there was room") };
    assert!(why.contains("no room"), "{why}");
    let mut futures: Vec<Future> = Vec::new();
    for (at, mut room) in (0..).zip(rooms) {
        room.items_mut().fill(at);
        futures.push(pool.submit("sum", 0, room).unwrap());
        futures.push(pool.submit("sum", 0, vec![at]).unwrap());
    }
    let sums = words(futures.into_iter().map(Future::result));
    assert_eq!(sums, [0, 0, 2, 1, 4, 2, 6, 3].map(Value::Int));
}

#[test]
fn lists_that_wait_in_line_in_all_the_rooms_there_are_do_not_hold_up_one_that_has_none() {
    let pool = builder("shared", 1, 2).resident_lists(0).build().unwrap();
    let mut futures: Vec<Future> = (0..2).map(|_| pool.submit("sleep", 30, ()).unwrap()).collect();
    futures.push(pool.submit("sum", 0, vec![5, 5]).unwrap());
    for _ in 0..3 {
        let mut room = pool.list(2).unwrap();
        room.items_mut().fill(4);
        futures.push(pool.submit("sum", 0, room).unwrap());
    }
    let sums = words(futures.into_iter().map(Future::result));
    assert_eq!(sums, [30, 30, 10, 8, 8, 8].map(Value::Int));
}

#[test]
fn an_answer_has_a_list_that_comes_home_whole_or_an_error_that_says_how_long_it_was() {
    each_transport(|transport| {
        let pool = builder(transport.name(), 2, 2).longest_answer(50_000).build().unwrap();
        let sizes = [50_000, 0, 1, 511, 50_001, 4096, 50_000];
        for (size, outcome) in sizes.into_iter().zip(pool.map("hoard", sizes.map(|n| (n, ())))) {
            match outcome {
                Ok(answer) => {
                    assert_eq!(answer.value, Value::Int(size));
                    assert_eq!(answer.list, vec![1; size as usize], "{}", transport.name());
                    assert_eq!(pool.pids()[answer.worker], answer.pid);
                }
                Err(TaskError::Unencodable { message, .. }) => {
                    assert_eq!(size, 50_001);
                    assert!(message.contains("50001") && message.contains("50000"), "{message}");
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn as_completed_gives_results_as_they_come_and_an_error_comes_home_as_its_type() {
    each_transport(|transport| {
        let pool = pool(transport.name(), 2, 1);
        let ranges = [50_000, 80_000, 30_000, -1, 60_000, 40_000, 90_000, 20_000];
        let futures = ranges.map(|n| pool.submit("compute_hash", n, ()).unwrap());
        let ids: Vec<u32> = futures.iter().map(Future::id).collect();
        let (mut well, mut failed) = (0, 0);
        for future in pool.as_completed(futures) {
            let range = ranges[ids.iter().position(|id| *id == future.id()).unwrap()];
            assert!(future.done());
            match future.result() {
                Ok(answer) => {
                    well += 1;
                    assert!(range != 50_000 || answer.value == Value::Int(247_581_337));
                }
                Err(error) => {
                    failed += 1;
                    assert_eq!(error.downcast(), Some(InvalidRange { range }));
                    assert_eq!((range, error.to_string().as_str()), (-1, "Invalid range: -1"));
                    let (worker, pid) = error.place().unwrap();
                    assert_eq!(pool.pids()[worker], pid.unwrap());
                }
            }
        }
        assert_eq!((well, failed), (7, 1), "{}", transport.name());
    });
}

#[test]
fn the_first_to_finish_comes_first() {
    let pool = pool("shared", 2, 1);
    let slow = pool.submit("sleep", 300, ()).unwrap();
    let quick = pool.submit("sleep", 1, ()).unwrap();
    let order: Vec<u32> = pool.as_completed([slow, quick]).map(|future| future.id()).collect();
    assert_eq!(order, [1, 0]);
}

#[test]
fn a_future_waits_no_longer_than_it_is_told_with_any_wake_up() {
    each_transport(|transport| {
        for (wakeup, _) in transport.wakeups() {
            let pool = builder(transport.name(), 1, 1).wakeup(wakeup).build().unwrap();
            let slow = pool.submit("sleep", 1500, ()).unwrap();
            let asked = Instant::now();
            assert!(!slow.done());
            let slow = slow.result_timeout(Duration::from_millis(20)).unwrap_err();
            let waited = asked.elapsed();
            assert!(waited < Duration::from_millis(700), "{} {wakeup}", transport.name());
            assert_eq!(words([slow.result()]), [Value::Int(1500)]);
        }
    });
}

#[test]
fn a_task_that_no_worker_has_can_be_cancelled_and_the_others_go_on() {
    each_transport(|transport| {
        let pool = pool(transport.name(), 1, 2);
        let sent = [0, 1].map(|_| pool.submit("sleep", 20, ()).unwrap());
        let in_line = [2, 3].map(|number| pool.submit("sleep", number, ()).unwrap());
        assert!(!sent[1].cancel(), "a worker has it");
        assert!(in_line[0].cancel() && !in_line[0].cancel());
        let [cancelled, last] = in_line;
        assert_eq!(cancelled.result(), Err(TaskError::Cancelled));
        assert_eq!(words([last.result()]), [Value::Int(3)], "{}", transport.name());
    });
}

#[test]
fn a_task_that_outlives_its_timeout_is_ended_alone_and_what_waited_behind_it_is_done_elsewhere() {
    each_transport(|transport| {
        for (wakeup, _) in transport.wakeups() {
            let limit = Duration::from_millis(200);
            let builder = builder(transport.name(), 1, 4).wakeup(wakeup).task_timeout(limit);
            let pool = builder.build().unwrap();
            let before = pool.pids();
            let endless = pool.submit("sleep", 60_000, ()).unwrap();
            let mut room = pool.list(2).unwrap();
            room.items_mut().copy_from_slice(&[3, 4]);
            let built = pool.submit("sum", 0, room).unwrap();
            let copied = pool.submit("sum", 0, vec![5; 2]).unwrap();
            let asked = Instant::now();
            let Err(TaskError::TimedOut { limit: told, worker: 0, pid }) = endless.result() else {
                panic!("{} {wakeup}", transport.name())
            };
            assert_eq!((told, vec![pid]), (limit, before.clone()));
            assert!(asked.elapsed() < Duration::from_secs(5), "{} {wakeup}", transport.name());
            let sums = words([built.result(), copied.result()]);
            assert_eq!(sums, [Value::Int(7), Value::Int(10)], "{} {wakeup}", transport.name());
            assert_ne!(pool.pids(), before);
        }
    });
}

#[test]
fn submit_waits_where_the_bound_is_reached_and_try_submit_says_so_and_gives_the_list_back() {
    let pool = builder("shared", 1, 1).bound(2).build().unwrap();
    let first = pool.try_submit("sleep", 50, ()).unwrap();
    let second = pool.try_submit("sleep", 1, ()).unwrap();
    let refused = pool.try_submit("sum", 0, vec![1, 2]).unwrap_err();
    assert_eq!(refused.why, TaskError::WouldBlock { bound: 2 });
    assert!(matches!(&refused.data, Data::Items(items) if items[..] == [1, 2]));
    let asked = Instant::now();
    let third = pool.submit("sum", 0, refused.data).unwrap();
    assert!(asked.elapsed() > Duration::from_millis(20), "it waited for the first");
    assert!(first.done() && pool.try_submit("sleep", 0, ()).is_err());
    assert_eq!(words([third.result(), second.result()]), [Value::Int(3), Value::Int(1)]);
}

#[test]
fn a_forgotten_future_leaves_its_task_and_nothing_else() {
    let pool = builder("shared", 1, 2).bound(3).build().unwrap();
    for number in 0..50 {
        drop(pool.submit("sum", 0, vec![number]).unwrap());
    }
    assert_eq!(words(pool.map("sum", [(0, vec![9])])), [Value::Int(9)]);
}

#[test]
fn an_initialiser_runs_in_each_worker_and_one_that_fails_is_no_pool() {
    each_transport(|transport| {
        let started = Instant::now();
        let pool = builder(transport.name(), 2, 1).initialiser("sleep", 100).build().unwrap();
        assert!(started.elapsed() >= Duration::from_millis(100));
        let aborted = pool.submit("abort", 0, ()).unwrap();
        let replacing = Instant::now();
        assert!(aborted.result().is_err());
        // The other worker goes on meanwhile.
        while !pool.empty_places().is_empty() {
            assert_eq!(words(pool.map("sum", [(0, vec![2])])), [Value::Int(2)]);
        }
        assert!(replacing.elapsed() >= Duration::from_millis(100), "the new one too");
        assert_eq!(words(pool.map("sum", [(0, vec![2])])), [Value::Int(2)]);
        for (job, arg, word) in [
            ("compute_hash", -1, "Invalid range: -1"),
            ("panic", 0, "on purpose"),
            ("tea", 0, "`tea`"),
        ] {
            let refused = builder(transport.name(), 2, 1).initialiser(job, arg).build();
            let Err(PoolError::Attach { what, .. }) = refused else { panic!("{job} was fine") };
            assert!(what.contains(word), "{what}");
        }
    });
}

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    let builder = || builder("shared", 1, 1);
    let long = Duration::ZERO;
    for (field, refused) in [
        ("workers", builder().workers(0)),
        ("workers", builder().workers(65)),
        ("depth", builder().depth(0)),
        ("chunk", builder().chunk(0)),
        ("chunk", builder().depth(usize::MAX).chunk(2)),
        ("bound", builder().bound(0)),
        ("task_timeout", builder().task_timeout(long)),
        ("attempts", builder().attempts(0)),
    ] {
        match refused.build() {
            Err(PoolError::Setting { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    assert!(matches!(builder().transport("pigeon").build(), Err(PoolError::NoTransport(_))));
    assert!(builder().wakeup("shout").build().is_err());
    assert!(builder().longest_list(usize::MAX).build().is_err());
    assert!(builder().longest_answer(usize::MAX).build().is_err());
}

#[test]
fn a_panic_comes_home_and_the_worker_lives() {
    each_transport(|transport| {
        let pool = pool(transport.name(), 1, 2);
        let before = pool.pids();
        let panicked = pool.submit("panic", 0, ()).unwrap().result();
        let Err(TaskError::Panicked { message, .. }) = panicked else { panic!("{panicked:?}") };
        assert!(message.contains("on purpose") && message.contains("faults.rs"), "{message}");
        let hash = pool.submit("compute_hash", 20_000, ()).unwrap();
        assert_eq!(words([hash.result()]), [Value::Int(99_971_191)]);
        assert_eq!(pool.pids(), before);
    });
}

#[test]
fn a_job_that_no_worker_has_is_refused_by_name_with_those_there_are() {
    let pool = pool("shared", 1, 1);
    let refused = pool.submit("tea", 0, ()).unwrap_err();
    let TaskError::UnknownJob { job, known } = &refused else { panic!("{refused:?}") };
    assert!(job == "tea" && known.contains("compute_hash"));
    assert_eq!(pool.map("tea", [(0, ())]), [Err(refused)]);
    assert_eq!(words(pool.map("sum", [(0, vec![5])])), [Value::Int(5)]);
}

#[test]
fn a_list_that_is_too_long_is_its_task_s_error_and_the_pool_stays_usable() {
    each_transport(|transport| {
        let pool = pool(transport.name(), 1, 1);
        let refused = pool.submit("sum", 0, vec![0; 50_001]).unwrap().result();
        let Err(TaskError::Unsent(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains("50001") && why.contains("50000"), "{why}");
        assert_eq!(words(pool.map("sum", [(0, vec![3; 2])])), [Value::Int(6)]);
    });
}

#[test]
fn a_worker_that_dies_is_reported_as_what_it_is_and_replaced_and_what_waited_there_goes_on() {
    each_transport(|transport| {
        for depth in [1, 4] {
            let pool = pool(transport.name(), 2, depth);
            let before = pool.pids();
            let aborted = pool.submit("abort", 0, ()).unwrap();
            let list: Arc<[i64]> = vec![1; 10_000].into();
            let sums = pool.map("sum", (0..20).map(|_| (0, list.clone())));
            assert_eq!(words(sums), vec![Value::Int(10_000); 20], "{}", transport.name());
            let aborted = aborted.result();
            let Err(TaskError::WorkerDied { pid, reason, .. }) = aborted else {
                panic!("{aborted:?}")
            };
            assert_eq!(reason, ExitReason::Killed(6), "{}", transport.name());
            assert!(before.contains(&pid) && !pool.pids().contains(&pid));
            assert_eq!(pool.pids().len(), 2);
        }
    });
}

/// A group of one, for what a pool would hide.
pub(crate) fn group(transport: &'static dyn Transport, wakeup: &str, depth: usize) -> WorkerGroup {
    let setup = Setup {
        wakeup: wakeup.into(),
        segment: shm::Kind::Memfd,
        pages: shm::Pages::Ready,
        workers: 1,
        depth,
        max_list_items: 100,
        max_answer_items: 0,
        max_residents: 0,
        cross_core: false,
    };
    let (launch, initialiser) = (launch(), None);
    let (cores, padding, order) = (Vec::new(), 0, Vec::new());
    WorkerGroup::start(&WorkerGroupPlan {
        launch,
        transport,
        setup,
        initialiser,
        cores,
        padding,
        order,
    })
    .unwrap()
}

pub(crate) fn task(group: &WorkerGroup, id: u32, job: &str, arg: i64) -> Task {
    let job = group.job(job).unwrap();
    Task { id, job, arg: Value::Int(arg), phase: false, park: false }
}

/// Sends `task` to the only worker.
pub(crate) fn send(group: &mut WorkerGroup, task: &Task, list: List<'_>) {
    group.hub().send(0, task, list, None).unwrap();
}

#[test]
fn a_killed_worker_is_noticed_at_once_with_every_wake_up_and_what_it_answered_before_is_kept() {
    each_transport(|transport| {
        for (wakeup, _) in transport.wakeups() {
            let mut group = group(transport, wakeup, 3);
            let next = task(&group, 0, "sum", 0);
            send(&mut group, &next, List::Copy(&[5; 100]));
            let next = task(&group, 1, "sleep", 60_000);
            send(&mut group, &next, List::None);
            std::thread::sleep(Duration::from_millis(20));
            group.kill(0);
            let killed = Instant::now();
            let first = group.recv(None).unwrap();
            let answered = matches!(first, Event::Reply { ref reply, .. } if reply.task == 0
                && reply.outcome == Ok(Value::Int(500)));
            assert!(answered, "{} {wakeup}: {first:?}", transport.name());
            let second = group.recv(None).unwrap();
            let Event::Died { exit, unanswered } = second else {
                panic!("{} {wakeup}: {second:?}", transport.name())
            };
            assert_eq!(exit.reason, ExitReason::Killed(9));
            assert_eq!(unanswered.iter().map(|left| left.task).collect::<Vec<_>>(), [1]);
            assert!(killed.elapsed() < Duration::from_secs(5), "{} {wakeup}", transport.name());
            group.replace(0).unwrap();
            let next = task(&group, 2, "sum", 0);
            send(&mut group, &next, List::Copy(&[7]));
            assert!(
                matches!(group.recv(None).unwrap(), Event::Reply { reply, .. } if reply.task == 2)
            );
        }
    });
}

#[test]
fn parked_workers_use_no_processor_and_wake_again() {
    each_transport(|transport| {
        for (wakeup, _) in transport.wakeups() {
            let mut group = group(transport, wakeup, 1);
            group.park().unwrap();
            let before = group.report().unwrap().usage.cpu_ns;
            std::thread::sleep(Duration::from_millis(50));
            let used = group.report().unwrap().usage.cpu_ns - before;
            assert!(used < 10_000_000, "{} {wakeup}: {used} ns while parked", transport.name());
            group.unpark().unwrap();
            let next = task(&group, 1, "sum", 0);
            send(&mut group, &next, List::Copy(&[1, 2]));
            assert!(matches!(group.recv(None).unwrap(), Event::Reply { .. }));
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
        let _busy = pool.submit("sleep", 60_000, ()).unwrap();
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
        let refused = WorkerGroup::probe(&launch).unwrap_err().to_string();
        assert!(refused.contains(word) && refused.contains(program), "{refused}");
    }
    let mut other_build = launch();
    other_build.build = "another".into();
    assert!(matches!(WorkerGroup::probe(&other_build), Err(PoolError::Foreign { .. })));
    let mut silent = launch();
    silent.program = "/bin/sleep".into();
    silent.args = vec!["60".into()];
    silent.patience = Duration::from_millis(100);
    assert!(WorkerGroup::probe(&silent).unwrap_err().to_string().contains("said nothing"));
}

#[test]
fn a_job_number_that_no_worker_has_is_an_error_and_no_end() {
    each_transport(|transport| {
        let (wakeup, _) = transport.wakeups()[0];
        let mut group = group(transport, wakeup, 1);
        let wrong = Task { job: 999, ..task(&group, 1, "sum", 0) };
        send(&mut group, &wrong, List::None);
        let Event::Reply { reply, .. } = group.recv(None).unwrap() else { panic!("no reply") };
        assert_eq!(reply.outcome.unwrap_err().kind, transport::FailureKind::UnknownJob);
    });
}
