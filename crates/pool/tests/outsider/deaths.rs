//! Programs whose workers die in ways of their own.

use std::fs;
use std::time::{Duration, Instant};

use pool::{ExitReason, Pool, TaskError, Value};
use rustix::process::{Pid, Signal, kill_process};

use crate::case::Case;
use crate::jobs::file;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case {
            before: ignore_sigchld,
            ..Case::new("where_the_kernel_reaps_by_itself_no_exit_code_is_invented", reaped_unseen)
        },
        Case::new("a_death_by_a_real_time_signal_is_told_as_that", a_real_time_signal),
        Case::new("the_last_worker_s_death_is_told_whatever_it_wrote_before", a_last_stray_write),
        Case {
            prints: &["these words of a helper thread", "worker 0", "panic_in_a_thread"],
            ..Case::new("what_a_helper_thread_panicked_with_is_printed", a_helper_thread)
        },
        Case::new("what_a_job_started_ends_with_its_worker", a_child_of_a_job),
        Case::new("a_death_is_told_at_once_also_where_a_child_keeps_the_pipes_open", a_daemon),
        Case::new("a_stopped_worker_holds_up_its_own_tasks_alone", a_stopped_worker),
        Case::new("a_dropped_pool_lets_a_short_task_end", dropping_a_full_pool),
        Case::new("a_time_limit_holds_while_other_answers_are_ready", a_limit_among_answers),
        Case::new("a_pool_that_was_parked_while_a_worker_died_goes_on", a_death_while_parked),
        Case::new(
            "the_death_of_the_last_worker_of_many_is_told_among_answers",
            a_death_among_answers,
        ),
    ]
}

fn kill_worker(pool: &Pool, worker: usize, signal: Signal) {
    kill_process(Pid::from_raw(pool.pids()[worker] as i32).unwrap(), signal).unwrap();
}

fn ignore_sigchld() {
    // As a shell's `trap "" CHLD` leaves it: what is ignored stays so over exec.
    if std::env::var_os("IPCLAB_IGNORES").is_none() {
        let this = std::env::current_exe().unwrap();
        let script = format!("trap '' CHLD; IPCLAB_IGNORES=1 exec {}", this.display());
        let error = std::os::unix::process::CommandExt::exec(
            std::process::Command::new("sh").args(["-c", &script]),
        );
        panic!("{error}");
    }
}

fn reaped_unseen() {
    let pool = Pool::builder().workers(1).depth(1).build().unwrap();
    let aborted = pool.submit("abort", 0, ()).unwrap().result();
    let Err(TaskError::WorkerDied { reason, .. }) = aborted else { panic!("{aborted:?}") };
    assert!(matches!(reason, ExitReason::Unknown | ExitReason::Killed(6)), "{reason:?}");
    assert!(!reason.to_string().contains("-1"), "{reason}");
    assert!(pool.submit("twice", 4, ()).unwrap().result().is_ok());
}

fn a_real_time_signal() {
    let pool = Pool::builder().workers(1).build().unwrap();
    let busy = pool.submit("sleep", 60_000, ()).unwrap();
    let pid = pool.pids()[0].to_string();
    let sent = std::process::Command::new("kill").args(["-36", &pid]).status();
    assert!(sent.unwrap().success());
    let Err(TaskError::WorkerDied { reason, .. }) = busy.result() else { panic!("it lives") };
    assert_eq!(
        (reason, reason.to_string().as_str()),
        (ExitReason::Killed(36), "it was killed by signal 36",)
    );
}

fn a_last_stray_write() {
    for wakeup in ["hybrid", "futex", "spin", "pipe", "eventfd"] {
        let pool = Pool::builder().workers(1).depth(1).wakeup(wakeup).build().unwrap();
        let asked = Instant::now();
        let told = pool.submit("zero_shared_memory_and_die", 0, ()).unwrap().result();
        assert!(matches!(told, Err(TaskError::WorkerDied { .. })), "{wakeup}: {told:?}");
        assert!(asked.elapsed() < Duration::from_secs(5), "{wakeup}: {:?}", asked.elapsed());
    }
}

fn a_helper_thread() {
    let pool = Pool::builder().workers(1).build().unwrap();
    let outcome = pool.submit("panic_in_a_thread", 0, ()).unwrap().result().unwrap();
    assert_eq!(outcome.value, Value::Int(1), "the thread panicked, the job did not");
}

fn a_child_of_a_job() {
    let limit = Duration::from_millis(300);
    let pool = Pool::builder().workers(1).task_timeout(limit).build().unwrap();
    let told = pool.submit("start_a_child_and_sleep", 0, ()).unwrap().result();
    assert!(matches!(told, Err(TaskError::TimedOut { .. })), "{told:?}");
    let child = fs::read_to_string(file("child")).unwrap();
    let asked = Instant::now();
    let alive = |child: &str| {
        let stat = fs::read_to_string(format!("/proc/{child}/stat"));
        stat.is_ok_and(|stat| stat.contains("(sleep)") && !stat.contains(") Z"))
    };
    while alive(&child) {
        assert!(asked.elapsed() < Duration::from_secs(3), "process {child} lives on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn a_daemon() {
    for transport in ["pipe", "pipe-serde", "vmsplice", "vm_read"] {
        for wakeup in ["block", "hybrid", "spin"] {
            let pool = Pool::builder().workers(1).transport(transport).wakeup(wakeup);
            let pool = pool.build().unwrap();
            let asked = Instant::now();
            let told = pool.submit("leave_a_child_with_the_pipes", 0, ()).unwrap().result();
            assert!(matches!(told, Err(TaskError::WorkerDied { .. })), "{transport}: {told:?}");
            let took = asked.elapsed();
            assert!(took < Duration::from_secs(4), "{transport}, {wakeup}: {took:?}");
        }
    }
}

/// With lists that a stream holds: of a longer one the hub waits until its worker has taken the rest, or has taken
/// nothing for a task's time.
fn a_stopped_worker() {
    let held = |name| (name, 100);
    let streams = ["pipe", "pipe-serde", "socket", "vmsplice", "vm_read"].map(held);
    for (transport, items) in [("shared", 1 << 17)].into_iter().chain(streams) {
        let pool = Pool::builder().workers(2).depth(2).transport(transport);
        let pool = pool.longest_list(items).build().unwrap();
        kill_worker(&pool, 0, Signal::STOP);
        let list: std::sync::Arc<[i64]> = vec![1; items].into();
        let asked = Instant::now();
        let futures: Vec<_> =
            (0..8).map(|_| pool.submit("sum", 0, list.clone()).unwrap()).collect();
        let mut done = 0;
        while done < 6 {
            done = futures.iter().filter(|future| future.done()).count();
            assert!(asked.elapsed() < Duration::from_secs(10), "{transport}: {done} of 8 done");
        }
        kill_worker(&pool, 0, Signal::KILL);
    }
}

fn dropping_a_full_pool() {
    for transport in ["shared", "pipe"] {
        for depth in [1, 2] {
            let pool = Pool::builder().workers(1).transport(transport).depth(depth);
            let pool = pool.build().unwrap();
            for _ in 0..depth {
                drop(pool.submit("sleep_and_leave_a_mark", 100, ()).unwrap());
            }
            let asked = Instant::now();
            drop(pool);
            let (took, name) = (asked.elapsed(), format!("{transport}, {depth}"));
            assert!(took < Duration::from_millis(900), "{name}: {took:?}");
            let marks = fs::metadata(file("marks")).map_or(0, |marks| marks.len());
            let _ = fs::remove_file(file("marks"));
            assert_eq!(marks, depth as u64, "{name}: they were done");
        }
    }
}

fn a_limit_among_answers() {
    let limit = Duration::from_millis(200);
    let pool = Pool::builder().workers(2).depth(1).task_timeout(limit).build().unwrap();
    let endless = pool.submit("sleep", 60_000, ()).unwrap();
    let asked = Instant::now();
    while !endless.done() {
        assert!(asked.elapsed() < Duration::from_secs(3), "the limit was {limit:?}");
        let quick: Vec<_> = (0..8).map(|n| pool.submit("twice", n, ()).unwrap()).collect();
        std::thread::sleep(Duration::from_millis(3));
        assert!(quick.into_iter().all(|quick| quick.result().is_ok()));
    }
    assert!(matches!(endless.result(), Err(TaskError::TimedOut { .. })));
}

fn a_death_while_parked() {
    for transport in ["shared", "pipe"] {
        let pool = Pool::builder().workers(2).transport(transport).build().unwrap();
        kill_worker(&pool, 0, Signal::KILL);
        // Whether or not that is noticed there.
        let _ = pool.park();
        kill_worker(&pool, 0, Signal::KILL);
        let _ = pool.unpark();
        let twice = pool.map("twice", (0..20).map(|number| (number, ())));
        assert!(twice.iter().all(Result::is_ok), "{transport}: {twice:?}");
        assert_eq!(pool.pids().len(), 2);
    }
}

/// The other worker answers faster than its answers are taken.
fn a_death_among_answers() {
    let pool = Pool::builder().workers(2).depth(64).build().unwrap();
    let busy = pool.submit("sleep", 60_000, ()).unwrap();
    let mut quick: Vec<_> = (0..64).map(|n| pool.submit("twice", n, ()).unwrap()).collect();
    let victim = pool.pids()[0];
    kill_process(Pid::from_raw(victim as i32).unwrap(), Signal::KILL).unwrap();
    let asked = Instant::now();
    while pool.pids().contains(&victim) {
        assert!(asked.elapsed() < Duration::from_secs(5), "its death was not told");
        let first = quick.remove(0);
        let _ = first.result();
        quick.push(pool.submit("twice", 1, ()).unwrap());
        std::thread::sleep(Duration::from_micros(200));
    }
    drop(busy);
}
