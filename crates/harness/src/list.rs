//! The list that tasks carry, and the answers that prove it arrived.
//!
//! Two windows of one list, a pair of cache lines apart, alternate from task to task: a worker that
//! saw the list of the task before would give a wrong sum. Neither costs a copy.

use std::path::Path;

use shm::list_file::{ListFile, ListFileError};
use workload::sum::sum;

/// Items between the two windows.
const SHIFT: usize = shm::CACHE_LINE_PAIR_BYTES / shm::ITEM_BYTES;

/// Where items come from.
#[derive(Debug)]
pub enum List {
    /// `list(range(n))`, as in the lecture.
    Range(Vec<i64>),
    /// A user's own.
    File(ListFile),
}

impl List {
    /// `range(items)`, and what the second window needs beyond it.
    pub fn range(items: usize) -> List {
        List::Range((0..(items + SHIFT) as i64).collect())
    }

    /// The user's own list.
    ///
    /// # Errors
    /// It is none.
    pub fn file(path: &Path) -> Result<List, ListFileError> {
        ListFile::open(path).map(List::File)
    }

    /// All of its items.
    pub fn items(&self) -> &[i64] {
        match self {
            List::Range(items) => items,
            List::File(file) => file.items(),
        }
    }

    /// The windows of `items` items.
    ///
    /// # Panics
    /// If there are fewer items than that.
    pub fn windows(&self, items: usize) -> Windows<'_> {
        let all = self.items();
        assert!(items <= all.len(), "{items} of {} items", all.len());
        let second = if items + SHIFT <= all.len() { SHIFT } else { 0 };
        let starts = [0, second];
        let sums = starts.map(|start| sum(&all[start..start + items]));
        let counted = matches!(self, List::Range(_));
        Windows { all: &all[..second + items], items, starts, sums, counted }
    }
}

/// Two lists of one length, and their sums.
#[derive(Clone, Debug)]
pub struct Windows<'a> {
    /// Both of them.
    pub all: &'a [i64],
    /// Length of each.
    pub items: usize,
    starts: [usize; 2],
    sums: [i64; 2],
    /// Whether item i is i.
    counted: bool,
}

impl Windows<'_> {
    /// Where task `id`'s list lies in `all`.
    #[inline]
    pub fn part(&self, id: u32) -> std::ops::Range<usize> {
        let start = self.starts[id as usize % 2];
        start..start + self.items
    }

    /// Produces the list of `part` in `room`: by counting where that makes it, else by a copy.
    pub fn produce(&self, part: std::ops::Range<usize>, room: &mut [i64]) {
        if self.counted {
            room.iter_mut().zip(part.start as i64..).for_each(|(item, value)| *item = value);
        } else {
            room.copy_from_slice(&self.all[part]);
        }
    }

    /// What task `id` must answer.
    #[inline]
    pub fn sum(&self, id: u32) -> i64 {
        self.sums[id as usize % 2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_window_is_the_lecture_s_list_and_the_second_another() {
        let source = List::range(50_000);
        let windows = source.windows(50_000);
        assert_eq!(windows.sum(0), 1_249_975_000);
        assert_ne!(windows.sum(0), windows.sum(1));
        assert_eq!(windows.all[windows.part(0)], (0..50_000).collect::<Vec<i64>>());
        assert_eq!(windows.all[windows.part(1)][0], SHIFT as i64);
        let mut room = vec![0; 50_000];
        windows.produce(windows.part(1), &mut room);
        assert_eq!(room, windows.all[windows.part(1)]);
    }
}
