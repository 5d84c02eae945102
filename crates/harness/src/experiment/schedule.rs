//! The one measuring loop: generations of fresh workers, and in each of them pairs of batches, the arms in random order
//! and adjacent in time.
//!
//! What is measured is a [`Runner`]: round trips through a transport, rounds through pools beside the task alone, or the
//! sizes of the size sweep. What the loop asks of the world, the time and whether to end, is a [`World`], so tests need
//! neither processes nor time.

use std::time::{Duration, Instant};

use measure::now;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use record::pairs::Batch;
use stats::median::median_of_sorted;
use stats::paired_ratio::MIN_GENERATIONS;
use stats::stopping::Stopped;

/// How much is measured, at most.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    /// Arms, called by their numbers.
    pub arms: usize,
    /// Generations of fresh workers.
    pub generations: u32,
    /// Pairs of batches in each.
    pub pairs: u32,
    /// Pairs of a generation, however short the time is.
    pub min_pairs: u32,
    /// After how many generations the runner is asked whether that is enough.
    pub analyses: Vec<u32>,
    /// When time is over.
    pub deadline: Option<Instant>,
    /// Whether a generation that is late is cut short, even the first. Otherwise the first is always measured.
    pub is_strict: bool,
    /// Once a generation has taken so long, no more pairs of it begin.
    pub long_generation: Option<Duration>,
    /// Whether the very first pair is measured in the order of the arms.
    pub first_in_order: bool,
}

/// What is measured.
pub trait Runner {
    /// Starts fresh workers for `arms`. An arm that cannot be had here is given back with the reason: the others go on
    /// without it.
    ///
    /// # Errors
    /// No arm can be measured.
    fn start(
        &mut self,
        arms: &[usize],
        random: &mut StdRng,
    ) -> Result<Vec<(usize, Failure)>, Failure>;

    /// One task of an arm, or one round, that is not measured: the first after a switch of arms finds cold caches.
    ///
    /// # Errors
    /// It failed, and with it the whole experiment.
    fn drop_cold(&mut self, arm: usize) -> Result<(), Failure>;

    /// One batch of one arm, whose caches are warm.
    ///
    /// # Errors
    /// It failed, and with it the whole experiment.
    fn batch(&mut self, arm: usize) -> Result<Samples, Failure>;

    /// Ends a generation of `arms`; `is_whole` unless something failed.
    fn finish(&mut self, _arms: &[usize], _is_whole: bool) {}

    /// Interim analysis: whether the batches of each arm so far are enough.
    fn is_settled(&self, _batches: &[Vec<Batch>]) -> Option<Stopped> {
        None
    }
}

/// What one batch took.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// Times of its tasks, or rounds, ascending.
    pub sorted_ns: Vec<u64>,
    /// Which process could run elsewhere than on its core, in words.
    pub migrated: Option<String>,
}

/// Why something could not be measured.
#[derive(Clone, Debug)]
pub struct Failure {
    /// In words.
    pub message: String,
    /// Whether a worker died.
    pub worker_lost: bool,
}

/// The time, and whether the run was asked to end.
pub trait World {
    /// What time it is.
    fn now(&self) -> Instant;
    /// Whether a signal asked to end.
    fn is_interrupted(&self) -> bool;
}

/// One batch, as pairs.csv wants it.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Number of the arm.
    pub arm: usize,
    /// Which set of fresh workers.
    pub generation: u32,
    /// Which pair of that generation.
    pub pair: u32,
    /// Whether it came first, second, … in its pair.
    pub order: u32,
    /// When it began, on the monotonic clock.
    pub time_ns: u64,
    /// Times of its tasks, or rounds, ascending.
    pub sorted_ns: Vec<u64>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The batches of each arm.
    pub batches: Vec<Vec<Batch>>,
    /// Why an arm was not measured to its end.
    pub errors: Vec<Option<String>>,
    /// Generations that were begun and not cut short.
    pub generations: u32,
    /// Pairs of the generation that has most.
    pub pairs: u32,
    /// What ended it; none where a failure did.
    pub stopped: Option<Stopped>,
    /// Whether it was asked to end.
    pub interrupted: bool,
    /// Whether a worker died.
    pub worker_lost: bool,
    /// Whether a process was moved from its core.
    pub migrated: bool,
}

/// Measures `runner` by `schedule`; each pair is handed to `note` as soon as it is complete.
///
/// # Errors
/// Only `note`'s: what goes wrong with an arm is in its place in [`Measured::errors`].
pub fn run(
    schedule: &Schedule,
    runner: &mut dyn Runner,
    world: &dyn World,
    random: &mut StdRng,
    note: &mut dyn FnMut(&[Turn]) -> anyhow::Result<()>,
) -> anyhow::Result<Measured> {
    let arms = schedule.arms;
    let (batches, errors) = (vec![Vec::new(); arms], vec![None; arms]);
    let measured = Measured { batches, errors, ..Measured::default() };
    let left = (0..arms).collect();
    let slowest = Duration::ZERO;
    let mut measuring =
        Measuring { schedule, runner, world, random, note, measured, left, slowest };
    let stopped = measuring.all_generations()?;
    let mut measured = measuring.measured;
    measured.interrupted |= world.is_interrupted();
    measured.stopped = match stopped {
        Step::Failed => None,
        Step::Stopped(why) => Some(why),
        Step::Done if measured.interrupted && measured.generations < schedule.generations => {
            Some(Stopped::Interrupted)
        }
        Step::Done => Some(Stopped::Cap),
    };
    Ok(measured)
}

/// How a part of it ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Done,
    Stopped(Stopped),
    Failed,
}

struct Measuring<'a> {
    schedule: &'a Schedule,
    runner: &'a mut dyn Runner,
    world: &'a dyn World,
    random: &'a mut StdRng,
    note: &'a mut dyn FnMut(&[Turn]) -> anyhow::Result<()>,
    measured: Measured,
    /// Arms that can be had here.
    left: Vec<usize>,
    /// Longest that a generation took for as many pairs as it must have.
    slowest: Duration,
}

impl Measuring<'_> {
    fn all_generations(&mut self) -> anyhow::Result<Step> {
        for generation in 0..self.schedule.generations {
            if self.world.is_interrupted() {
                self.measured.interrupted = true;
                return Ok(Step::Stopped(Stopped::Interrupted));
            }
            let may_skip = generation > 0 || self.schedule.is_strict;
            if may_skip && self.is_late(self.slowest) {
                return Ok(Step::Stopped(Stopped::Budget));
            }
            let started = self.world.now();
            let step = self.generation(generation, started)?;
            if step != Step::Done {
                return Ok(step);
            }
            if self.schedule.analyses.contains(&self.measured.generations)
                && let Some(why) = self.runner.is_settled(&self.measured.batches)
            {
                return Ok(Step::Stopped(why));
            }
        }
        Ok(Step::Done)
    }

    fn generation(&mut self, generation: u32, started: Instant) -> anyhow::Result<Step> {
        match self.runner.start(&self.left, self.random) {
            Ok(barred) => {
                for (arm, failure) in barred {
                    self.measured.errors[arm] = Some(failure.message);
                    self.left.retain(|other| *other != arm);
                }
            }
            Err(failure) => {
                self.fail(&self.left.clone(), failure);
                return Ok(Step::Failed);
            }
        }
        if self.left.is_empty() {
            return Ok(Step::Failed);
        }
        let step = self.all_pairs(generation, started)?;
        self.runner.finish(&self.left, step != Step::Failed);
        // A generation that was cut short at its first pair has measured nothing.
        let has_pair = |batches: &Vec<Batch>| batches.iter().any(|of| of.generation == generation);
        if self.left.iter().all(|arm| has_pair(&self.measured.batches[*arm])) {
            self.measured.generations += 1;
        }
        Ok(step)
    }

    fn all_pairs(&mut self, generation: u32, started: Instant) -> anyhow::Result<Step> {
        let end = self.schedule.deadline.map(|end| end_of_generation(generation, started, end));
        for pair in 0..self.schedule.pairs {
            let took = self.world.now() - started;
            if pair > 0 && self.schedule.long_generation.is_some_and(|long| took > long) {
                break;
            }
            let step = self.pair(generation, pair)?;
            if step != Step::Done {
                return Ok(step);
            }
            let has_enough = pair + 1 >= self.schedule.min_pairs;
            if pair < self.schedule.min_pairs.max(1) {
                self.slowest = self.slowest.max(self.world.now() - started);
            }
            // The next pair takes about as long as those before.
            let next = (self.world.now() - started) / (pair + 1);
            if has_enough && end.is_some_and(|end| self.world.now() + next > end) {
                break;
            }
        }
        Ok(Step::Done)
    }

    /// One batch of each arm, in random order.
    fn pair(&mut self, generation: u32, pair: u32) -> anyhow::Result<Step> {
        let mut order = self.left.clone();
        if !(self.schedule.first_in_order && (generation, pair) == (0, 0)) {
            order.shuffle(self.random);
        }
        let mut turns = Vec::with_capacity(order.len());
        let mut migrated = None;
        for (order, arm) in (0..).zip(order) {
            if self.world.is_interrupted() {
                self.measured.interrupted = true;
                return Ok(Step::Stopped(Stopped::Interrupted));
            }
            if self.schedule.is_strict && self.is_late(Duration::ZERO) {
                return Ok(Step::Stopped(Stopped::Budget));
            }
            let dropped = self.runner.drop_cold(arm);
            let time_ns = now();
            let samples = match dropped.and_then(|()| self.runner.batch(arm)) {
                Ok(samples) => samples,
                Err(failure) => {
                    self.fail(&[arm], failure);
                    return Ok(Step::Failed);
                }
            };
            migrated = migrated.or(samples.migrated);
            let sorted_ns = samples.sorted_ns;
            turns.push(Turn { arm, generation, pair, order, time_ns, sorted_ns });
        }
        for turn in &turns {
            let median_ns = median_of_sorted(&turn.sorted_ns);
            self.measured.batches[turn.arm].push(Batch { generation, pair, median_ns });
        }
        self.measured.pairs = self.measured.pairs.max(pair + 1);
        (self.note)(&turns)?;
        match migrated {
            None => Ok(Step::Done),
            Some(message) => {
                self.measured.migrated = true;
                self.fail(&self.left.clone(), Failure { message, worker_lost: false });
                Ok(Step::Failed)
            }
        }
    }

    fn is_late(&self, needs: Duration) -> bool {
        self.schedule.deadline.is_some_and(|deadline| self.world.now() + needs > deadline)
    }

    fn fail(&mut self, arms: &[usize], failure: Failure) {
        self.measured.worker_lost |= failure.worker_lost;
        arms.iter().for_each(|arm| self.measured.errors[*arm] = Some(failure.message.clone()));
    }
}

/// When a generation takes no further pairs: what time there is until `deadline` is for as many
/// generations as a verdict needs, since more pairs of fewer generations would carry none.
fn end_of_generation(generation: u32, now: Instant, deadline: Instant) -> Instant {
    let needed = (MIN_GENERATIONS as u32).saturating_sub(generation).max(1);
    now + deadline.saturating_duration_since(now) / needed
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeSet;

    use rand::SeedableRng;

    use super::*;

    /// A runner in a world of its own: each batch takes a second, and everything that is asked of it is written down.
    struct Fake {
        begun: Instant,
        seconds: Cell<u64>,
        log: RefCell<Vec<String>>,
        /// The arm that cannot be had.
        barred: Option<usize>,
        /// At which batch of all what happens.
        at: Option<(usize, Event)>,
        batches: Cell<usize>,
        settled_after: Option<usize>,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Event {
        Signal,
        Failure,
        Death,
        Migration,
    }

    impl Default for Fake {
        fn default() -> Fake {
            Fake {
                begun: Instant::now(),
                seconds: Cell::new(0),
                log: RefCell::default(),
                barred: None,
                at: None,
                batches: Cell::new(0),
                settled_after: None,
            }
        }
    }

    impl Fake {
        fn is_at(&self, event: Event) -> bool {
            self.at.is_some_and(|(batch, of)| of == event && self.batches.get() >= batch)
        }
    }

    impl World for &Fake {
        fn now(&self) -> Instant {
            self.begun + Duration::from_secs(self.seconds.get())
        }
        fn is_interrupted(&self) -> bool {
            self.is_at(Event::Signal)
        }
    }

    impl Runner for &Fake {
        fn start(
            &mut self,
            arms: &[usize],
            _: &mut StdRng,
        ) -> Result<Vec<(usize, Failure)>, Failure> {
            self.log.borrow_mut().push(format!("start {arms:?}"));
            let barred = arms.iter().filter(|arm| self.barred == Some(**arm));
            let failure = |message: &str| Failure { message: message.into(), worker_lost: false };
            Ok(barred.map(|arm| (*arm, failure("not here"))).collect())
        }
        fn drop_cold(&mut self, arm: usize) -> Result<(), Failure> {
            self.log.borrow_mut().push(format!("cold {arm}"));
            Ok(())
        }
        fn batch(&mut self, arm: usize) -> Result<Samples, Failure> {
            self.seconds.set(self.seconds.get() + 1);
            self.batches.set(self.batches.get() + 1);
            self.log.borrow_mut().push(format!("batch {arm}"));
            if self.is_at(Event::Failure) || self.is_at(Event::Death) {
                let worker_lost = self.is_at(Event::Death);
                return Err(Failure { message: "it failed".into(), worker_lost });
            }
            let migrated = self.is_at(Event::Migration).then(|| "worker 0 was moved".to_owned());
            Ok(Samples { sorted_ns: vec![1, 10 + arm as u64, 90], migrated })
        }
        fn finish(&mut self, _: &[usize], is_whole: bool) {
            self.log.borrow_mut().push(format!("finish {is_whole}"));
        }
        fn is_settled(&self, batches: &[Vec<Batch>]) -> Option<Stopped> {
            self.log.borrow_mut().push("analysis".into());
            self.settled_after.filter(|after| batches[0].len() >= *after).map(|_| Stopped::Decided)
        }
    }

    fn schedule() -> Schedule {
        Schedule { arms: 3, generations: 4, pairs: 5, min_pairs: 2, ..Schedule::default() }
    }

    fn measure(schedule: &Schedule, fake: &Fake, seed: u64) -> (Measured, Vec<Turn>) {
        let mut turns = Vec::new();
        let mut note = |pair: &[Turn]| {
            turns.extend_from_slice(pair);
            Ok(())
        };
        let mut random = StdRng::seed_from_u64(seed);
        let measured = run(schedule, &mut &*fake, &fake, &mut random, &mut note).unwrap();
        (measured, turns)
    }

    #[test]
    fn every_arm_has_a_batch_in_each_pair_of_each_generation_of_fresh_workers() {
        let fake = Fake::default();
        let (measured, turns) = measure(&schedule(), &fake, 1);
        assert_eq!((measured.generations, measured.pairs, turns.len()), (4, 5, 3 * 4 * 5));
        assert_eq!(measured.stopped, Some(Stopped::Cap));
        for (arm, batches) in measured.batches.iter().enumerate() {
            let places: Vec<_> = batches.iter().map(|of| (of.generation, of.pair)).collect();
            assert!(places.is_sorted() && places.len() == 20, "{places:?}");
            assert!(batches.iter().all(|of| of.median_ns == 10 + arm as u64));
        }
        let log = fake.log.borrow();
        assert_eq!(log.iter().filter(|line| **line == "start [0, 1, 2]").count(), 4);
        assert_eq!(log.iter().filter(|line| **line == "finish true").count(), 4);
    }

    #[test]
    fn before_each_batch_a_cold_task_of_the_same_arm_is_dropped() {
        let fake = Fake::default();
        let (_, turns) = measure(&schedule(), &fake, 1);
        let log = fake.log.borrow();
        let batches: Vec<usize> = (0..log.len()).filter(|at| log[*at].contains("batch")).collect();
        assert_eq!(batches.len(), turns.len());
        for at in batches {
            assert_eq!(log[at - 1], log[at].replace("batch", "cold"));
        }
    }

    #[test]
    fn the_order_of_arms_is_random_and_says_so_in_each_row() {
        let (_, turns) = measure(&schedule(), &Fake::default(), 1);
        let orders: Vec<Vec<usize>> =
            turns.chunks(3).map(|pair| pair.iter().map(|turn| turn.arm).collect()).collect();
        let different: BTreeSet<&Vec<usize>> = orders.iter().collect();
        assert!(different.len() >= 5, "of 6 orders in 20 pairs: {different:?}");
        assert!(turns.chunks(3).all(|pair| pair.iter().map(|turn| turn.order).eq(0..3)));
        let (_, again) = measure(&schedule(), &Fake::default(), 1);
        let arms = |turns: &[Turn]| turns.iter().map(|turn| turn.arm).collect::<Vec<_>>();
        assert_eq!(arms(&turns), arms(&again), "by the seed");
        let in_order = Schedule { first_in_order: true, ..schedule() };
        for seed in 0..10 {
            let (_, turns) = measure(&in_order, &Fake::default(), seed);
            assert_eq!(arms(&turns[..3]), [0, 1, 2]);
        }
    }

    #[test]
    fn an_arm_that_cannot_be_had_is_left_out_and_the_others_go_on() {
        let fake = Fake { barred: Some(1), ..Fake::default() };
        let (measured, turns) = measure(&schedule(), &fake, 1);
        assert_eq!(measured.errors, [None, Some("not here".into()), None]);
        assert_eq!((measured.generations, turns.len()), (4, 2 * 4 * 5));
        assert!(measured.batches[1].is_empty() && measured.stopped == Some(Stopped::Cap));
        assert_eq!(fake.log.borrow().iter().filter(|line| **line == "start [0, 2]").count(), 3);
    }

    #[test]
    fn it_ends_as_soon_as_an_analysis_finds_that_enough_is_known() {
        let fake = Fake { settled_after: Some(10), ..Fake::default() };
        let analyses = vec![1, 2, 4];
        let (measured, _) = measure(&Schedule { analyses, ..schedule() }, &fake, 1);
        assert_eq!((measured.generations, measured.stopped), (2, Some(Stopped::Decided)));
        assert_eq!(fake.log.borrow().iter().filter(|line| **line == "analysis").count(), 2);
    }

    #[test]
    fn a_deadline_leaves_time_for_as_many_generations_as_a_verdict_needs() {
        let of = |seconds: u64, is_strict: bool| {
            let fake = Fake::default();
            let deadline = Some(fake.begun + Duration::from_secs(seconds));
            let schedule = Schedule { deadline, is_strict, generations: 10, ..schedule() };
            measure(&schedule, &fake, 1).0
        };
        // Whatever the time, six generations begin if six times as many pairs as each must have fit into it.
        for seconds in [48, 60, 75, 89] {
            let measured = of(seconds, false);
            let (generations, pairs) = (measured.generations, measured.batches[0].len());
            assert_eq!((generations, measured.stopped), (6, Some(Stopped::Budget)), "{seconds} s");
            assert!(pairs >= 12 && pairs as u64 * 3 <= seconds, "{pairs} pairs in {seconds} s");
        }
        assert!(of(20, false).generations < 6);
        // The first is measured however late it is, unless the schedule is strict.
        assert_eq!((of(0, false).generations, of(0, true).generations), (1, 0));
        assert_eq!((of(4, true).generations, of(4, true).batches[0].len()), (1, 1));
    }

    #[test]
    fn a_signal_ends_it_before_the_next_batch_and_keeps_what_is_complete() {
        let fake = Fake { at: Some((17, Event::Signal)), ..Fake::default() };
        let (measured, turns) = measure(&schedule(), &fake, 1);
        assert_eq!((fake.batches.get(), turns.len()), (17, 15));
        assert_eq!((measured.stopped, measured.interrupted), (Some(Stopped::Interrupted), true));
        assert_eq!((measured.generations, measured.batches[0].len()), (1, 5));
        assert!(measured.errors.iter().all(Option::is_none));
    }

    #[test]
    fn a_failure_ends_it_and_stands_at_its_arm_and_a_migration_at_all() {
        let fake = Fake { at: Some((5, Event::Failure)), ..Fake::default() };
        let (measured, turns) = measure(&schedule(), &fake, 1);
        assert_eq!((turns.len(), measured.stopped, measured.worker_lost), (3, None, false));
        assert_eq!(measured.errors.iter().filter(|error| error.is_some()).count(), 1);
        assert_eq!(fake.log.borrow().last().unwrap(), "finish false");
        let fake = Fake { at: Some((5, Event::Death)), ..Fake::default() };
        assert!(measure(&schedule(), &fake, 1).0.worker_lost);
        let fake = Fake { at: Some((5, Event::Migration)), ..Fake::default() };
        let (measured, turns) = measure(&schedule(), &fake, 1);
        assert_eq!((turns.len(), measured.stopped, measured.migrated), (6, None, true));
        assert!(measured.errors.iter().all(|error| error.as_deref() == Some("worker 0 was moved")));
    }

    #[test]
    fn a_long_generation_begins_no_further_pair() {
        let long_generation = Some(Duration::from_secs(1));
        let (measured, turns) =
            measure(&Schedule { long_generation, ..schedule() }, &Fake::default(), 1);
        assert_eq!((measured.generations, measured.pairs, turns.len()), (4, 1, 4 * 3));
    }
}
