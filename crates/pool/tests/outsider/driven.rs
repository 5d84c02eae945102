//! Programs that leave the pool to its own thread.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use pool::{Pool, SharedFuture, SharedPool, TaskError, Value};
use rustix::process::{Pid, Signal, kill_process};

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("tasks_move_while_the_program_computes", tasks_move_by_themselves),
        Case::new("many_threads_use_one_pool_within_its_bound", many_threads),
        Case::new("futures_of_a_pool_are_awaited", awaited),
        Case::new("a_time_limit_is_kept_without_a_call", a_limit_without_a_call),
        Case::new("a_worker_that_dies_while_all_are_idle_is_replaced", an_idle_death),
        Case::new("a_shared_pool_that_fails_tells_every_task_and_rests", a_failed_pool_rests),
        Case::new("a_closed_pool_leaves_no_worker_and_no_thread", closing),
        Case::new("a_shared_pool_refuses_what_is_another_s", what_is_another_s),
    ]
}

fn is_shareable<T: Clone + Send + Sync + 'static>(_: &T) {}

fn tasks_move_by_themselves() {
    let pool = Pool::builder().workers(2).build_shared().unwrap();
    is_shareable(&pool);
    let futures: Vec<SharedFuture> =
        (0..60).map(|_| pool.submit("sleep", 10, ()).unwrap()).collect();
    // Asking whether one is done moves nothing: it looks at what the pool's own thread has left.
    let begun = Instant::now();
    while !futures.iter().all(SharedFuture::done) {
        assert!(begun.elapsed() < Duration::from_secs(20), "60 tasks of 10 ms on two workers");
        std::hint::black_box((0..10_000).sum::<u64>());
    }
    assert!(futures.into_iter().all(|future| future.result().is_ok()));
}

fn many_threads() {
    for transport in ["shared", "pipe"] {
        let pool = Pool::builder().workers(2).transport(transport).bound(16).longest_list(3);
        let pool = pool.build_shared().unwrap();
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let pool = pool.clone();
                std::thread::spawn(move || {
                    for number in 0..100 {
                        let list = [thread, number, 1];
                        let future = match number % 3 {
                            0 => {
                                let mut room = pool.list(3).unwrap();
                                room.items_mut().copy_from_slice(&list);
                                pool.submit("sum", 0, room)
                            }
                            _ => pool.submit("sum", 0, list),
                        };
                        let sum = future.unwrap().result().unwrap().value;
                        assert_eq!(sum, Value::Int(thread + number + 1));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

/// Unparks a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Unpark>) {
        self.0.unpark();
    }
}

/// Runs one future to its end: the smallest runtime there is.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

async fn twice_each(pool: SharedPool, numbers: i64) -> i64 {
    let futures: Vec<SharedFuture> =
        (0..numbers).map(|number| pool.submit("twice", number, ()).unwrap()).collect();
    let mut total = 0;
    for future in futures {
        match future.await.unwrap().value {
            Value::Int(value) => total += value,
            Value::Float(_) => unreachable!(),
        }
    }
    total
}

fn awaited() {
    let pool = Pool::builder().workers(2).build_shared().unwrap();
    assert_eq!(block_on(twice_each(pool.clone(), 100)), 9900);
    // The thread sleeps until the driver wakes it.
    assert_eq!(block_on(pool.submit("sleep", 100, ()).unwrap()).unwrap().value, Value::Int(100));
}

fn a_limit_without_a_call() {
    let limit = Duration::from_millis(100);
    let pool = Pool::builder().workers(1).task_timeout(limit).build_shared().unwrap();
    let endless = pool.submit("sleep", 60_000, ()).unwrap();
    let behind = pool.submit("twice", 4, ()).unwrap();
    let begun = Instant::now();
    while !(endless.done() && behind.done()) {
        assert!(begun.elapsed() < Duration::from_secs(20), "the limit was {limit:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(matches!(endless.result(), Err(TaskError::TimedOut { .. })));
    assert_eq!(behind.result().unwrap().value, Value::Int(8));
}

fn an_idle_death() {
    let pool = Pool::builder().workers(2).build_shared().unwrap();
    let before = pool.pids();
    kill_process(Pid::from_raw(before[0] as i32).unwrap(), Signal::KILL).unwrap();
    let asked = Instant::now();
    while pool.pids().contains(&before[0]) || pool.pids().len() < 2 {
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", pool.pids());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(pool.submit("twice", 4, ()).unwrap().result().is_ok());
}

fn a_failed_pool_rests() {
    let builder = Pool::builder().workers(1).depth(1).bound(3);
    let pool = builder.initialiser("fail_after_the_first", 1).build_shared().unwrap();
    let aborted = pool.submit("abort", 0, ()).unwrap();
    let behind = [0, 1].map(|number| pool.submit("twice", number, ()).unwrap());
    assert!(matches!(aborted.result(), Err(TaskError::WorkerDied { .. })));
    for told in behind.map(SharedFuture::result) {
        assert!(matches!(told, Err(TaskError::Pool(_))), "{told:?}");
    }
    assert!(matches!(pool.submit("twice", 1, ()), Err(TaskError::Pool(_))));
    let cpu = || {
        let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
    };
    let before = cpu();
    std::thread::sleep(Duration::from_millis(500));
    let spent = cpu() - before;
    assert!(spent < Duration::from_millis(100), "{spent:?} of 500 ms, with nothing to do");
}

fn closing() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    for _ in 0..3 {
        let pool = Pool::builder().workers(1).build_shared().unwrap();
        let pid = pool.pids()[0];
        let future = pool.submit("sleep", 10, ()).unwrap();
        // The future needs the pool still.
        drop(pool);
        assert_eq!(future.result().unwrap().value, Value::Int(10));
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "worker {pid} is left");
    }
    assert_eq!(threads(), before);
}

fn what_is_another_s() {
    let builder = Pool::builder().workers(1).longest_list(3).resident_lists(1);
    let (ours, theirs) = (builder.clone().build_shared().unwrap(), builder.build().unwrap());
    let refused = ours.submit("sum", 0, theirs.list(3).unwrap()).map(SharedFuture::result);
    assert!(matches!(refused, Err(TaskError::Foreign { .. })), "{refused:?}");
    assert!(matches!(ours.submit("tea", 0, ()), Err(TaskError::UnknownJob { .. })));
    let list = ours.place(&[1, 2, 3]).unwrap();
    let part = ours.submit("sum", 0, (list.clone(), 2..9)).map(SharedFuture::result);
    assert!(matches!(part, Err(TaskError::OutOfRange { .. })), "{part:?}");
    let sum = ours.submit("sum", 0, (list, 1..3)).unwrap().result().unwrap();
    assert_eq!(sum.value, Value::Int(5));
}
