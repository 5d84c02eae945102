//! What a task costs through the whole pool, from submit to result, beside CPython's pool and beside
//! doing it alone. All ratios of one run: `cargo bench -p lab --bench pool`.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use pool::{Builder, Call, Job, Pool, WorkerCommand};
use workload::lecture::LightWorkLargeData;

/// Rounds of which the median counts.
const ROUNDS: usize = 9;
/// Tasks of a round.
const EMPTY: u32 = 100_000;
/// The lecture's list and how often it is added up in a round.
const ITEMS: i64 = 50_000;
const TASKS: usize = 8;

fn main() {
    println!("empty tasks, one worker, on two cores where there are two; time per task");
    let python = python();
    for (transport, wakeup, depth, chunk) in [
        ("shared", "hybrid", 8, 1),
        ("shared", "hybrid", 64, 1),
        ("shared", "futex", 8, 1),
        ("pipe", "hybrid", 8, 1),
        ("pipe", "hybrid", 8, 8),
        ("pipe", "block", 8, 1),
        ("pipe", "block", 8, 8),
    ] {
        let pool = builder(1).transport(transport).wakeup(wakeup).depth(depth).chunk(chunk);
        let pool = pool.build().expect("a pool");
        let ns = median(|| {
            let outcomes = pool.map("light_work_small_data", (0..EMPTY).map(|n| (n, ())));
            assert!(outcomes.iter().all(Result::is_ok) && outcomes.len() == EMPTY as usize);
        }) / f64::from(EMPTY);
        let times =
            python.map_or(String::new(), |python| format!("  CPython takes {:.1}×", python / ns));
        println!("{transport:7} {wakeup:7} depth {depth:2} chunk {chunk}  {ns:8.0} ns{times}");
    }
    if let Some(ns) = python {
        println!("CPython's Pool(1).map, chunksize 1  {ns:8.0} ns");
    }

    println!(
        "light compute, large data: {TASKS} × the sum of {ITEMS} integers, in the segment already"
    );
    let list: Vec<i64> = (0..ITEMS).collect();
    let alone = || {
        for _ in 0..TASKS {
            let sum = LightWorkLargeData.run(&mut Call::new(0, std::hint::black_box(&list)));
            std::hint::black_box(sum).expect("a sum");
        }
    };
    for workers in [1, 2] {
        let pool = builder(workers).longest_list(ITEMS as usize).resident_lists(1).build();
        let pool = pool.expect("a pool");
        let resident = pool.place(&list).expect("room for a list");
        let through = || {
            let tasks = (0..TASKS).map(|_| (0, (resident.clone(), 0..ITEMS as usize)));
            assert!(pool.map("light_work_large_data", tasks).iter().all(Result::is_ok));
        };
        // One after the other in each round, so that both have the same machine.
        let mut ratios: Vec<f64> = (0..50 * ROUNDS).map(|_| time(through) / time(alone)).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        println!("{workers} worker(s)  pool ÷ sequential {:.2}", ratios[ratios.len() / 2]);
    }
}

/// A pool on other cores than this thread's, which is pinned.
fn builder(workers: usize) -> Builder {
    let allowed = harness::placement::allowed_cores().expect("cores");
    static PIN: std::sync::OnceLock<Vec<usize>> = std::sync::OnceLock::new();
    let cores = PIN.get_or_init(|| allowed);
    harness::placement::pin(&cores[..1]).expect("pinning");
    let program = PathBuf::from(env!("CARGO_BIN_EXE_worker"));
    let patience = Duration::from_secs(5);
    let launch =
        WorkerCommand { program, args: Vec::new(), build: harness::BUILD.into(), patience };
    let of_workers = (1..=workers).map(|worker| cores[worker % cores.len()]).collect();
    Pool::builder().launch(launch).workers(workers).cores(of_workers)
}

fn time(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_nanos() as f64
}

fn median(work: impl Fn()) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS).map(|_| time(&work)).collect();
    times.sort_unstable_by(f64::total_cmp);
    times[ROUNDS / 2]
}

/// Nanoseconds of an empty task through CPython's pool; nothing where there is no CPython.
fn python() -> Option<f64> {
    let program = r"
import multiprocessing, statistics, time
def double(n): return n * 2
with multiprocessing.Pool(1) as pool:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        pool.map(double, range(20000), chunksize=1)
        times.append((time.perf_counter() - start) / 20000)
    print(statistics.median(times) * 1e9)
";
    let output = Command::new("python3").args(["-c", program]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
