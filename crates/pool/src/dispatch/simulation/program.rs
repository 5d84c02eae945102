//! A program that uses a pool as badly as it may, and checks what it is told.

use std::time::Duration;

use transport::Value;

use super::mode::Mode;
use super::random::Random;
use super::workers::{ENDLESS, History, ONCE, POISON, SUM, SimulatedWorkers, list_of};
use crate::data::{Data, Room};
use crate::dispatch::{Dispatcher, Limits, TaskRef};
use crate::error::TaskError;
use crate::outcome::Outcome;

struct Submitted {
    task: TaskRef,
    job: u16,
    arg: i64,
    cancelled: bool,
}

pub(super) struct Program {
    pool: Dispatcher<SimulatedWorkers>,
    limits: Limits,
    mode: Mode,
    random: Random,
    held: Vec<Submitted>,
    next_arg: i64,
}

/// Waits for one outcome after which that counts as for ever.
const MAX_WAITS: u32 = 100_000;

impl Program {
    pub(super) fn new(seed: u64, mode: Mode, trace: bool) -> Program {
        let mut random = Random::new(seed);
        let (workers, chunk) = (1 + random.below(3) as usize, 1 + random.below(3) as usize / 2);
        let depth = chunk * (1 + random.below(3) as usize);
        let mut simulated = SimulatedWorkers::new(Random::new(seed ^ 0xabcd), mode, workers, depth);
        simulated.set_trace(trace);
        let limits = Limits {
            workers,
            depth,
            chunk,
            bound: 1 + random.below(12) as usize,
            task_timeout: simulated.task_timeout,
            attempts: 1 + random.below(3) as u32,
        };
        simulated.note(|| format!("{limits:?}"));
        let pool = Dispatcher::new(simulated, limits);
        Program { pool, limits, mode, random, held: Vec::new(), next_arg: 0 }
    }

    pub(super) fn run(mut self) {
        for _ in 0..10 + self.random.below(30) {
            match self.random.below(20) {
                0..9 => self.submit(),
                9..13 => self.take_one(),
                13 => self.cancel_one(),
                14 => self.forget_one(),
                15 => self.pool.workers.attack(),
                16 => self.pool.workers.pass(Duration::from_micros(self.random.below(30_000))),
                17 if self.random.chance(50) => self.borrow_rooms(),
                17 if self.random.chance(20) => self.go_on_for_long(),
                17 => drop(self.pool.wait(Some(Duration::ZERO))),
                _ => {
                    let us = self.random.below(5000);
                    self.pool.wait(Some(Duration::from_micros(us)));
                }
            }
        }
        self.pool.workers.lent.clear();
        while !self.held.is_empty() {
            self.take_one();
        }
        let mut waits = 0;
        while self.pool.unfinished() > 0 {
            self.pool.wait(None);
            waits += 1;
            assert!(waits < MAX_WAITS, "a forgotten task never ends");
        }
        let Dispatcher { tasks, pending, done, queues, .. } = &self.pool;
        assert!(tasks.is_empty() && pending.is_empty() && done.is_empty(), "something was left");
        assert!(queues.iter().all(|queue| queue.tasks.is_empty()), "a queue was left");
    }

    fn submit(&mut self) {
        if let Err(told) = self.pool.wait_for_room() {
            return self.check_failed(&told);
        }
        let arg = self.next_arg;
        self.next_arg += 1;
        let job = match self.random.below(20) {
            0 => POISON,
            1 if self.limits.task_timeout.is_some() => ENDLESS,
            2..7 => ONCE,
            _ => SUM,
        };
        let list = list_of(Value::Int(arg));
        let room = self.random.chance(30).then(|| self.pool.workers.reserve()).flatten();
        let data = match room {
            Some(mut slot) => {
                slot.items_mut().copy_from_slice(&list);
                Data::Built(Room::new(transport::ListBuffer::Slot(slot), self.pool.id))
            }
            None if self.random.chance(50) => list.into(),
            None => Data::None,
        };
        let task = self.pool.enqueue(job, Value::Int(arg), data);
        assert!(self.pool.unfinished() <= self.limits.bound);
        self.held.push(Submitted { task, job, arg, cancelled: false });
    }

    /// Is lent rooms, or gives them back.
    fn borrow_rooms(&mut self) {
        self.pool.workers.lent.clear();
        if self.random.chance(50) {
            while let Some(slot) = self.pool.workers.reserve() {
                self.pool.workers.lent.push(slot);
            }
        }
    }

    /// Takes answers more slowly than they come, so that some are there at each look.
    fn go_on_for_long(&mut self) {
        for _ in 0..60 {
            self.submit();
            self.pool.workers.pass(Duration::from_millis(3));
            self.pool.wait(Some(Duration::ZERO));
        }
    }

    /// Any of those that are held.
    fn some(&mut self) -> Option<usize> {
        match self.held.len() {
            0 => None,
            held => Some(self.random.below(held as u64) as usize),
        }
    }

    fn take_one(&mut self) {
        let Some(at) = self.some() else { return };
        let key = self.held[at].task.key;
        let mut waits = 0;
        let outcome = loop {
            if let Some(outcome) = self.pool.take(key) {
                break outcome;
            }
            self.pool.wait(None);
            waits += 1;
            assert!(waits < MAX_WAITS, "task {} never ends", self.held[at].task.id);
        };
        let submitted = self.held.swap_remove(at);
        self.pool.workers.note(|| format!("task {}: {outcome:?}", submitted.task.id));
        self.check(&submitted, &outcome);
    }

    fn cancel_one(&mut self) {
        let Some(at) = self.some() else { return };
        let submitted = &mut self.held[at];
        submitted.cancelled |= self.pool.cancel(submitted.task.key);
    }

    fn forget_one(&mut self) {
        let Some(at) = self.some() else { return };
        let submitted = self.held.swap_remove(at);
        self.pool.forget(submitted.task.key);
    }

    fn check_failed(&self, told: &TaskError) {
        assert!(matches!(told, TaskError::Pool(_)) && self.pool.failed.is_some(), "{told:?}");
        assert!(self.mode == Mode::FaultsStay && self.pool.workers.failed, "it should go on");
    }

    /// Whether an outcome is what the workers saw.
    fn check(&self, submitted: &Submitted, outcome: &Outcome) {
        let Submitted { task, job, arg, cancelled, .. } = submitted;
        let history = self.pool.workers.histories.get(&task.id).cloned().unwrap_or_default();
        let History { begun, deaths, answered, killed_for, found_no_room } = history;
        let may_repeat = *job != ONCE && *job != ENDLESS;
        let most = if may_repeat { self.limits.attempts } else { 1 };
        assert!(begun <= most, "it was begun {begun} times of {most}");
        match outcome {
            Ok(answer) => {
                assert!(answered && answer.value == Value::Int(*arg), "{answer:?}");
                assert_eq!(answer.attempts, deaths + 1);
            }
            Err(TaskError::Cancelled) => assert!(*cancelled && begun == 0 && deaths == 0),
            Err(TaskError::TimedOut { limit, .. }) => {
                assert!(killed_for && !answered && Some(*limit) == self.limits.task_timeout);
            }
            Err(TaskError::WorkerDied { attempts, .. }) => {
                assert!(*attempts == deaths && deaths > 0 && !answered);
                assert!(*cancelled || deaths == most, "it might have been begun again");
            }
            Err(TaskError::Unsent(_)) => assert!(found_no_room && begun <= deaths),
            Err(told) => self.check_failed(told),
        }
    }
}
