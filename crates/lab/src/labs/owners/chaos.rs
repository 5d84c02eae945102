//! Workers killed at random instants under load, and a count of what became of the pool's tasks.

mod killer;
mod load;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use pool::{Future, Kind, Pool, TaskError, WorkerCommand};
use rand::SeedableRng;
use rand::rngs::StdRng;
use record::Chaos;
use shm::wakeup::WaitStrategy;

use harness::ending::{segments_left, workers_left};
use killer::Killer;
use load::{Load, MAX_ANSWER, MAX_LIST};

/// One way of carrying tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TransportConfig {
    /// Name of the transport.
    pub transport: &'static str,
    /// Name of the wake-up.
    pub wakeup: &'static str,
    /// What holds shared lists, where any are.
    pub segment: Option<Kind>,
}

/// Every transport, asleep and hybrid, with each kind of segment; and every other wake-up of memory that
/// is shared, with the first kind. Polling a stream keeps so many cores busy that most machines would
/// only be slow; it goes the hybrid's way.
pub(super) fn configs() -> Vec<TransportConfig> {
    let mut configs = Vec::new();
    for transport in transport::ALL {
        let wakeups = transport.wakeups();
        for (wakeup, wait) in &wakeups {
            let first =
                wakeups.iter().find(|(_, of)| of == wait).is_some_and(|(of, _)| of == wakeup);
            let kinds: Vec<Option<Kind>> = match (transport.has_segment(), wait, first) {
                (true, WaitStrategy::Sleep | WaitStrategy::Hybrid, true) => {
                    Kind::ALL.iter().copied().map(Some).collect()
                }
                (true, ..) => vec![Some(Kind::ALL[0])],
                (false, WaitStrategy::Sleep | WaitStrategy::Hybrid, true) => vec![None],
                (false, ..) => continue,
            };
            let config = |segment| TransportConfig { transport: transport.name(), wakeup, segment };
            configs.extend(kinds.into_iter().map(config));
        }
    }
    configs
}

/// A chaos test.
#[derive(Clone, Debug)]
pub(super) struct ChaosTest {
    /// The worker's program.
    pub launch: WorkerCommand,
    /// Which way carries its tasks.
    pub config: TransportConfig,
    /// Worker processes.
    pub workers: usize,
    /// How many are killed before it ends.
    pub kills: u32,
    /// Decides every task and every instant.
    pub seed: u64,
}

/// Tasks that are submitted before the first answer is waited for.
const ROUND: usize = 64;
/// No task takes as long: one that does is hung, and counts as lost.
const MAX_TASK: Duration = Duration::from_secs(30);
/// Its tasks are started as often as it takes.
const ATTEMPTS: u32 = u32::MAX;

impl ChaosTest {
    /// Kills random workers until `kills` is reached or `over()` returns true, and counts into `tally`. May kill any
    /// child of this process.
    ///
    /// # Errors
    /// There is no pool, or no more of it.
    pub(super) fn run(&self, mut tally: Chaos, over: &dyn Fn() -> bool) -> anyhow::Result<Chaos> {
        let before = Held::now();
        let begun = Instant::now();
        let mut builder = Pool::builder()
            .launch(self.launch.clone())
            .transport(self.config.transport)
            .wakeup(self.config.wakeup)
            .workers(self.workers)
            .depth(3)
            .longest_list(MAX_LIST)
            .longest_answer(MAX_ANSWER)
            .attempts(ATTEMPTS)
            .task_timeout(MAX_TASK);
        if let Some(kind) = self.config.segment {
            builder = builder.segment(kind).resident_lists(1);
        }
        let pool = builder.build()?;
        let mut load = Load::new(&pool);
        let mut random = StdRng::seed_from_u64(self.seed);
        let killer = Killer::start(self.kills, self.seed ^ 1).context("starting a thread")?;
        while killer.kills() < self.kills && !over() {
            round(&pool, &mut load, &mut random, &mut tally)?;
        }
        tally.kills = killer.kills();
        drop(killer);
        // The worker that was killed last is missed here at the latest.
        round(&pool, &mut load, &mut random, &mut tally)?;
        drop((load, pool));
        let left = before.left();
        tally.workers_left = workers_left();
        tally.given_up = left.given_up;
        // Its worker's, and the coordinator's, which it would ring.
        let kept = 2 * left.given_up;
        tally.segments_left = left.segments.saturating_sub(kept);
        tally.descriptors_left = left.descriptors.saturating_sub(kept);
        tally.wall_ns = begun.elapsed().as_nanos() as u64;
        Ok(tally)
    }
}

/// Submits some tasks, and takes their outcomes as they come.
fn round(
    pool: &Pool,
    load: &mut Load,
    random: &mut StdRng,
    tally: &mut Chaos,
) -> anyhow::Result<()> {
    let mut asked = HashMap::new();
    let mut futures: Vec<Future> = Vec::with_capacity(ROUND);
    for _ in 0..ROUND {
        let task = load.next(pool, random)?;
        let want = task.want();
        let future = task.submit(pool)?;
        asked.insert(future.id(), (want, false));
        futures.push(future);
    }
    tally.tasks += ROUND as u64;
    for future in pool.as_completed(futures) {
        let known = asked.get_mut(&future.id());
        match (future.result(), known) {
            (Err(TaskError::Pool(why)), _) => anyhow::bail!("the pool failed: {why}"),
            (Err(why), _) => tally.told = tally.told.take().or(Some(why.to_string())),
            (Ok(_), None | Some((_, true))) => tally.duplicated += 1,
            (Ok(answer), Some((want, seen))) => {
                *seen = true;
                tally.again += u64::from(answer.attempts > 1);
                tally.wrong += u64::from(!load::is_right(*want, &answer));
            }
        }
    }
    tally.lost += asked.values().filter(|(_, seen)| !seen).count() as u64;
    Ok(())
}

/// What this process holds.
struct Held {
    segments: u64,
    descriptors: u64,
    /// Relays of a doorbell: after a pool's end, those that will never end.
    given_up: u64,
}

/// A thread that relays a doorbell's rings ends some time after its worker.
const MAX_RELAY_END: Duration = Duration::from_secs(2);

impl Held {
    /// What is held now and was not then.
    fn left(&self) -> Held {
        let over = Instant::now() + MAX_RELAY_END;
        loop {
            let now = Held::now();
            let left = Held {
                segments: now.segments.saturating_sub(self.segments),
                descriptors: now.descriptors.saturating_sub(self.descriptors),
                given_up: now.given_up.saturating_sub(self.given_up),
            };
            if left.segments + left.descriptors + left.given_up == 0 || Instant::now() > over {
                return left;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn now() -> Held {
        let count = |folder| std::fs::read_dir(folder).into_iter().flatten().count() as u64;
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let ours = format!("/dev/shm/ipclab-{}-", std::process::id());
        let mapped = |line: &&str| line.contains("/memfd:ipclab") || line.contains(&ours);
        let segments = maps.lines().filter(mapped).count() as u64;
        let named = segments_left();
        let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let names = threads.map(|of| std::fs::read_to_string(of.path().join("comm")));
        let given_up = names.filter(|name| name.as_ref().is_ok_and(|name| name == "relay\n"));
        Held {
            segments: segments + named,
            descriptors: count("/proc/self/fd"),
            given_up: given_up.count() as u64,
        }
    }
}
