//! What a pool has to do during a storm: tasks of every sort, whose answers are known.

use std::sync::Arc;

use pool::{Answer, Data, Pool, PoolError, Resident, TaskError, Value};
use rand::RngExt;
use rand::rngs::StdRng;

/// Items of the longest list: more than a pipe holds, and than a worker copies in one piece.
pub(super) const MAX_LIST: usize = 50_000;
/// Items of the longest list of an answer.
pub(super) const MAX_ANSWER: usize = 20_000;

/// One task, and what its answer must be.
pub(super) struct Asked {
    pub(super) job: &'static str,
    pub(super) arg: i64,
    pub(super) data: Data,
    word: i64,
    /// First item of the answer's list, which counts up from there, and how many there are.
    list: (i64, usize),
}

/// What tasks are made from.
pub(super) struct Load {
    /// A list that stays in the segment, where the transport has one.
    resident: Option<Resident>,
    next: i64,
}

impl Load {
    pub(super) fn new(pool: &Pool) -> Load {
        let list: Vec<i64> = (0..MAX_LIST as i64).collect();
        // A transport without a segment refuses.
        Load { resident: pool.place(&list).ok(), next: 0 }
    }

    /// The next task: a job that sums, one that answers with a list, or one that only computes; its
    /// list copied, built in place, or there already; short or long.
    ///
    /// # Errors
    /// The pool failed.
    pub(super) fn next(&mut self, pool: &Pool, random: &mut StdRng) -> Result<Asked, PoolError> {
        self.next += 1;
        let first = self.next;
        let most = *[8, 600, MAX_LIST].get(random.random_range(0..3)).unwrap_or(&8);
        let items = random.random_range(0..=most);
        let sum = |first: i64, items: usize| {
            let items = items as i64;
            items * first + items * (items - 1) / 2
        };
        Ok(match random.random_range(0..6) {
            0 => {
                let data = Data::from(list(first, items));
                Asked { job: "sum", arg: 0, data, word: sum(first, items), list: (0, 0) }
            }
            1 => {
                let mut room = pool.list(items)?;
                room.items_mut().iter_mut().zip(first..).for_each(|(to, item)| *to = item);
                let data = Data::Built(room);
                Asked { job: "sum", arg: 0, data, word: sum(first, items), list: (0, 0) }
            }
            2 if self.resident.is_some() => {
                let start = random.random_range(0..=MAX_LIST - items);
                let data = self.resident.clone().map(|list| (list, start..start + items).into());
                let (data, word) = (data.unwrap_or(Data::None), sum(start as i64, items));
                Asked { job: "sum", arg: 0, data, word, list: (0, 0) }
            }
            2 | 3 => {
                let (items, by) = (items.min(MAX_ANSWER), random.random_range(-9..=9));
                let data = Data::from(list(first, items));
                let (word, list) = (items as i64, (first + by, items));
                Asked { job: "shift", arg: by, data, word, list }
            }
            4 => {
                let word = (0..first % 500).map(|i| ((i as f64).sqrt() * 1000.0) as i64 % 9973);
                let (arg, word) = (first % 500, word.sum());
                Asked { job: "compute_hash", arg, data: Data::None, word, list: (0, 0) }
            }
            _ => {
                let ms = random.random_range(0..=2);
                Asked { job: "sleep", arg: ms, data: Data::None, word: ms, list: (0, 0) }
            }
        })
    }
}

/// Whether `answer` is what was asked for.
pub(super) fn is_right(asked: (i64, (i64, usize)), answer: &Answer) -> bool {
    let (word, (first, items)) = asked;
    answer.value == Value::Int(word)
        && answer.list.len() == items
        && answer.list.iter().zip(first..).all(|(item, want)| item == want)
}

impl Asked {
    /// What its answer must be.
    pub(super) fn want(&self) -> (i64, (i64, usize)) {
        (self.word, self.list)
    }

    /// Hands it to the pool.
    ///
    /// # Errors
    /// The pool's.
    pub(super) fn submit(self, pool: &Pool) -> Result<pool::Future, TaskError> {
        pool.submit(self.job, self.arg, self.data)
    }
}

fn list(first: i64, items: usize) -> Arc<[i64]> {
    (first..first + items as i64).collect()
}
