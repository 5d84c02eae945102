//! Programs whose workers start, or do not.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use pool::{Pool, PoolError, TaskError, Value, WorkerCommand};
use rustix::process::{Pid, Resource, Rlimit, Signal, getpid, getrlimit, kill_process, setrlimit};

use crate::case::{Case, Jobs};
use crate::jobs::file;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case {
            before: count_this_process,
            jobs: Jobs::Forgotten,
            ..Case::new(
                "a_program_that_forgets_to_serve_is_told_so_and_starts_one_process",
                forgets,
            )
        },
        Case {
            before: open_a_log,
            ..Case::new("a_file_that_was_opened_before_serving_stays_that_file", a_log_stays_a_log)
        },
        Case {
            jobs: Jobs::Many,
            ..Case::new("three_thousand_jobs_are_served", three_thousand_jobs)
        },
        Case {
            jobs: Jobs::Twins,
            ..Case::new("two_jobs_of_one_name_are_refused_by_that_name", two_jobs_of_one_name)
        },
        Case::new("an_initialiser_s_long_error_comes_home", a_long_error),
        Case::new("signals_during_the_start_are_no_silence", signals_while_starting),
        Case::new(
            "a_worker_that_is_killed_while_it_starts_is_started_again",
            killed_while_starting,
        ),
        Case::new("a_place_that_cannot_be_filled_stays_empty_for_a_while", no_descriptor_left),
        Case::new("a_replacement_that_hangs_holds_up_no_other_worker", a_replacement_hangs),
        Case::new("where_no_worker_can_be_had_every_task_is_told", no_worker_can_be_had),
        Case::new("a_task_that_waits_for_room_is_told_that_the_pool_failed", told_while_waiting),
    ]
}

/// Notes each start of this program, and ends it where there are too many.
fn count_this_process() {
    let path = file("processes");
    let mut count = OpenOptions::new().create(true).append(true).open(&path).unwrap();
    count.write_all(b"x").unwrap();
    if fs::metadata(&path).unwrap().len() > 20 {
        std::process::exit(9);
    }
}

fn forgets() {
    let refused = Pool::builder().workers(4).build().map(drop).unwrap_err().to_string();
    // The worker that was started came here too, and its own `build` was refused.
    if std::env::args().len() > 1 {
        eprintln!("the worker was told: {refused}");
        std::process::exit(3);
    }
    let starts = fs::metadata(file("processes")).unwrap().len();
    assert!(refused.contains("serve_if_worker"), "{refused}");
    assert_eq!(starts, 2, "this process and one worker: {refused}");
}

/// The log that the program opens first thing.
pub(crate) static LOG: Mutex<Option<File>> = Mutex::new(None);

fn open_a_log() {
    let log = OpenOptions::new().create(true).append(true).open(file("log")).unwrap();
    *LOG.lock().unwrap() = Some(log);
}

fn a_log_stays_a_log() {
    let pool = Pool::builder().workers(1).transport("pipe").build().unwrap();
    for _ in 0..3 {
        pool.submit("write_to_the_log", 0, ()).unwrap().result().unwrap();
    }
    assert_eq!(pool.submit("twice", 4, ()).unwrap().result().unwrap().value, Value::Int(8));
    let log = fs::read_to_string(file("log")).unwrap();
    assert_eq!(log, "from a job\n".repeat(3));
}

fn three_thousand_jobs() {
    let pool = Pool::builder().workers(2).build().unwrap();
    let last = pool.submit("a_job_with_quite_a_long_name_2999", 4, ()).unwrap();
    assert_eq!(last.result().unwrap().value, Value::Int(12));
}

fn two_jobs_of_one_name() {
    let refused = Pool::builder().workers(2).build().map(drop).unwrap_err().to_string();
    assert!(refused.contains("two of its jobs are called `twice`"), "{refused}");
}

fn a_long_error() {
    let refused = Pool::builder().workers(1).initialiser("fail_at_length", 0).build();
    let Err(PoolError::Attach { what, .. }) = refused else { panic!("{refused:?}") };
    assert!(what.contains("xxx"), "{what:.100}");
}

/// Its handler does nothing, and the signals come every few milliseconds.
fn signals_while_starting() {
    let flag = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGWINCH, flag).unwrap();
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_millis(5));
            let _ = kill_process(getpid(), Signal::WINCH);
        }
    });
    let this = std::env::current_exe().unwrap();
    let script = format!("sleep 0.4; exec {} \"$@\"", this.display());
    let mut slow = WorkerCommand::current_exe();
    slow.args = ["-c", &script, "sh"].map(String::from).into_iter().chain(slow.args).collect();
    slow.program = "/bin/sh".into();
    let pool = Pool::builder().workers(2).launch(slow).build().unwrap();
    assert_eq!(pool.submit("twice", 4, ()).unwrap().result().unwrap().value, Value::Int(8));
}

/// The children of this process.
fn children() -> Vec<Pid> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids: Vec<i32> = lists
        .flat_map(|list| list.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    pids.into_iter().filter_map(Pid::from_raw).collect()
}

fn killed_while_starting() {
    for round in 0..12 {
        let killer = std::thread::spawn(move || {
            let started = Instant::now();
            while started.elapsed() < Duration::from_secs(10) {
                // At another moment of its start in each round.
                if let Some(child) = children().first() {
                    std::thread::sleep(Duration::from_micros(300 * round));
                    return kill_process(*child, Signal::KILL);
                }
            }
            Ok(())
        });
        let pool = Pool::builder().workers(2).build().unwrap();
        killer.join().unwrap().unwrap();
        let sums = pool.map("twice", (0..8).map(|number| (number, ())));
        assert!(sums.iter().all(Result::is_ok), "{sums:?}");
    }
}

fn no_descriptor_left() {
    let pool = Pool::builder().workers(2).build().unwrap();
    let usual = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(3), ..usual }).unwrap();
    let aborted = pool.submit("abort", 0, ()).unwrap();
    let others: Vec<_> = (0..6).map(|n| pool.submit("twice", n, ()).unwrap()).collect();
    assert!(matches!(aborted.result(), Err(TaskError::WorkerDied { .. })));
    for (number, other) in (0..).zip(others) {
        assert_eq!(other.result().unwrap().value, Value::Int(2 * number));
    }
    let empty = pool.empty_places();
    assert!(empty.len() == 1 && empty[0].why.contains("Too many open files"), "{empty:?}");
    setrlimit(Resource::Nofile, usual).unwrap();
    let asked = Instant::now();
    while !pool.empty_places().is_empty() {
        pool.submit("sleep", 5, ()).unwrap().result().unwrap();
        assert!(asked.elapsed() < Duration::from_secs(10), "the place was never filled");
    }
    assert_eq!(pool.pids().len(), 2);
}

fn a_replacement_hangs() {
    let limit = Duration::from_secs(2);
    let builder = Pool::builder().workers(2).depth(1).initialiser("hang_after_the_first", 2);
    let pool = builder.task_timeout(limit).build().unwrap();
    let aborted = pool.submit("abort", 0, ()).unwrap();
    let asked = Instant::now();
    assert!(aborted.result().is_err());
    for number in 0..10 {
        let next = pool.submit("twice", number, ()).unwrap().result();
        assert_eq!(next.unwrap().value, Value::Int(2 * number));
    }
    assert!(asked.elapsed() < Duration::from_millis(1500), "{:?}", asked.elapsed());
    drop(pool);
}

fn no_worker_can_be_had() {
    let builder = Pool::builder().workers(1).depth(1).initialiser("fail_after_the_first", 1);
    let pool = builder.build().unwrap();
    let aborted = pool.submit("abort", 0, ()).unwrap();
    let behind = pool.submit("twice", 1, ()).unwrap();
    assert!(matches!(aborted.result(), Err(TaskError::WorkerDied { .. })));
    let Err(TaskError::Pool(why)) = behind.result() else { panic!("there is no worker") };
    assert!(why.contains("a later worker cannot start"), "{why}");
    assert!(matches!(pool.submit("twice", 1, ()), Err(TaskError::Pool(_))));
}

fn told_while_waiting() {
    let builder = Pool::builder().workers(1).depth(1).bound(1);
    let pool = builder.initialiser("fail_after_the_first", 1).build().unwrap();
    let _aborted = pool.submit("abort", 0, ()).unwrap();
    // Waits for room, and finds that there is no pool any more.
    let told = pool.submit("twice", 1, ()).and_then(pool::Future::result);
    assert!(matches!(told, Err(TaskError::Pool(_))), "{told:?}");
    assert!(pool.map("twice", [(1, ()), (2, ())]).iter().all(Result::is_err));
}
