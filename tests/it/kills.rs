//! A worker killed at its system calls, one after another: strace counts them and kills at the nth.

use std::process::Command;
use std::time::Duration;

use ::pool::{Ending, Launch, Pool, PoolError, TaskError, Value};

use crate::tools::{WORKER, children, launch, skip};

/// Calls of a worker's life: its place, its tasks, its answers.
const CALLS: [&str; 10] =
    ["recvmsg", "sendmsg", "mmap", "close", "read", "readv", "write", "writev", "futex", "madvise"];
/// Which of each are killed at; all of the first forty where `IPCLAB_EVERY_CALL` is set.
const SAMPLE: [u32; 3] = [1, 2, 5];

#[test]
fn a_worker_killed_at_any_of_its_system_calls_answers_right_or_is_told_dead_and_hangs_nobody() {
    let works = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output();
    if !works.is_ok_and(|output| output.status.success()) {
        return skip("no strace");
    }
    let every: Vec<u32> = (1..=40).collect();
    let every_call = std::env::var_os("IPCLAB_EVERY_CALL").is_some();
    let points = if every_call { &every[..] } else { &SAMPLE };
    for transport in ["pipe", "shared"] {
        for call in CALLS {
            for nth in points {
                killed_at(transport, call, *nth);
            }
        }
    }
    assert!(children(std::process::id()).iter().all(|(pid, _)| !is_strace(*pid)));
}

/// Each process of the pool is killed at its `nth` such call, and so is the one in its place.
fn killed_at(transport: &str, call: &str, nth: u32) {
    let place = format!("{transport}: {call} {nth}");
    let inject = format!("inject={call}:signal=KILL:when={nth}");
    let args = ["-qq", "-o", "/dev/null", "-e", "trace=none", "-e", &inject, WORKER];
    let launch =
        Launch { program: "strace".into(), args: args.map(Into::into).to_vec(), ..launch() };
    let builder = Pool::builder().launch(launch).transport(transport).workers(1);
    let limit = Duration::from_secs(20);
    let pool = match builder.longest_list(1000).longest_answer(1000).task_timeout(limit).build() {
        Ok(pool) => pool,
        Err(PoolError::Died(death)) => {
            return assert_eq!(death.ending, Ending::Killed(9), "{place}");
        }
        Err(other) => panic!("{place}: {other}"),
    };
    for by in 0..4 {
        match pool.submit("shift", by, vec![1; 900]).map(|future| future.result()) {
            Ok(Ok(answer)) => {
                assert_eq!(answer.value, Value::Int(900), "{place}");
                assert_eq!(answer.list, vec![1 + by; 900], "{place}");
            }
            Ok(Err(TaskError::WorkerDied { ending, attempts, .. })) => {
                assert_eq!((ending, attempts), (Ending::Killed(9), 2), "{place}");
            }
            Ok(Err(other)) | Err(other) => panic!("{place}: {other}"),
        }
    }
}

fn is_strace(pid: u32) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
    name.is_ok_and(|name| name.trim() == "strace")
}
