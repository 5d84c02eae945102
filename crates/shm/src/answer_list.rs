//! [`AnswerList`] is the list of an answer, read where its worker built it.
//!
//! The worker still has that room mapped for writing, so no slice of it is given out: items are read
//! one by one, by atomic loads. A worker that changes its answer afterwards changes what is read, and
//! nothing else: length and memory are the reader's own. Copy it out where it must not change.

use std::fmt;
use std::iter::FusedIterator;
use std::slice;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;

use crate::answer_ledger::Loan;

/// The list of an answer: where its worker built it, or a copy.
///
/// In place it keeps that room from the worker until it is dropped; the worker then has others.
///
/// ```
/// use shm::AnswerList;
///
/// let squares = AnswerList::from(vec![1, 4, 9]);
/// assert_eq!((squares.len(), squares.get(2), squares.get(3)), (3, Some(9), None));
/// assert_eq!(squares.iter().sum::<i64>(), 14);
/// assert_eq!(squares, [1, 4, 9]);
/// assert_eq!(squares.into_vec(), vec![1, 4, 9]);
/// ```
pub struct AnswerList(Kept);

enum Kept {
    Copied(Vec<i64>),
    Loan(Loan),
}

impl AnswerList {
    pub(crate) fn lent(lent: Loan) -> AnswerList {
        AnswerList(Kept::Loan(lent))
    }

    /// Items of the list.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Kept::Copied(list) => list.len(),
            Kept::Loan(lent) => lent.words().len(),
        }
    }

    /// Whether it has none, as most answers'.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One item, if it has so many.
    pub fn get(&self, at: usize) -> Option<i64> {
        match &self.0 {
            Kept::Copied(list) => list.get(at).copied(),
            Kept::Loan(lent) => lent.words().get(at).map(load),
        }
    }

    /// Its items, read as they are asked for.
    pub fn iter(&self) -> Items<'_> {
        match &self.0 {
            Kept::Copied(list) => Items(Iter::Copied(list.iter())),
            Kept::Loan(lent) => Items(Iter::Loan(lent.words().iter())),
        }
    }

    /// A copy, which nothing that the worker does later can change.
    pub fn to_vec(&self) -> Vec<i64> {
        match &self.0 {
            Kept::Copied(list) => list.clone(),
            Kept::Loan(lent) => lent.words().iter().map(load).collect(),
        }
    }

    /// The same, without a copy where it is one already. The worker has its room back.
    pub fn into_vec(self) -> Vec<i64> {
        match self.0 {
            Kept::Copied(list) => list,
            Kept::Loan(_) => self.to_vec(),
        }
    }

    /// Whether it lies where its worker built it.
    pub fn is_in_place(&self) -> bool {
        matches!(self.0, Kept::Loan(_))
    }
}

/// Relaxed: the descriptor's Acquire came before, and no item says anything of another.
#[inline]
fn load(word: &AtomicI64) -> i64 {
    word.load(Relaxed)
}

/// The items of an [`AnswerList`].
///
/// ```
/// let list = shm::AnswerList::from(vec![1, 2, 3]);
/// assert_eq!(list.iter().rev().collect::<Vec<i64>>(), [3, 2, 1]);
/// ```
#[derive(Clone, Debug)]
pub struct Items<'a>(Iter<'a>);

#[derive(Clone, Debug)]
enum Iter<'a> {
    Copied(slice::Iter<'a, i64>),
    Loan(slice::Iter<'a, AtomicI64>),
}

impl Iterator for Items<'_> {
    type Item = i64;

    #[inline]
    fn next(&mut self) -> Option<i64> {
        match &mut self.0 {
            Iter::Copied(items) => items.next().copied(),
            Iter::Loan(words) => words.next().map(load),
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Iter::Copied(items) => items.size_hint(),
            Iter::Loan(words) => words.size_hint(),
        }
    }

    /// One loop for each of the two, instead of a choice for each item.
    #[inline]
    fn fold<B, F: FnMut(B, i64) -> B>(self, first: B, f: F) -> B {
        match self.0 {
            Iter::Copied(items) => items.copied().fold(first, f),
            Iter::Loan(words) => words.map(load).fold(first, f),
        }
    }
}

impl DoubleEndedIterator for Items<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<i64> {
        match &mut self.0 {
            Iter::Copied(items) => items.next_back().copied(),
            Iter::Loan(words) => words.next_back().map(load),
        }
    }
}

impl ExactSizeIterator for Items<'_> {}
impl FusedIterator for Items<'_> {}

impl<'a> IntoIterator for &'a AnswerList {
    type Item = i64;
    type IntoIter = Items<'a>;
    fn into_iter(self) -> Items<'a> {
        self.iter()
    }
}

impl Default for AnswerList {
    /// No list.
    #[inline]
    fn default() -> AnswerList {
        AnswerList(Kept::Copied(Vec::new()))
    }
}

impl From<Vec<i64>> for AnswerList {
    fn from(list: Vec<i64>) -> AnswerList {
        AnswerList(Kept::Copied(list))
    }
}

impl FromIterator<i64> for AnswerList {
    fn from_iter<I: IntoIterator<Item = i64>>(items: I) -> AnswerList {
        AnswerList(Kept::Copied(items.into_iter().collect()))
    }
}

impl Clone for AnswerList {
    /// A copy that lies still.
    fn clone(&self) -> AnswerList {
        self.to_vec().into()
    }
}

impl PartialEq for AnswerList {
    fn eq(&self, other: &AnswerList) -> bool {
        self.iter().eq(other)
    }
}

impl PartialEq<[i64]> for AnswerList {
    fn eq(&self, other: &[i64]) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter().copied())
    }
}

impl PartialEq<&[i64]> for AnswerList {
    fn eq(&self, other: &&[i64]) -> bool {
        *self == **other
    }
}

impl<const N: usize> PartialEq<[i64; N]> for AnswerList {
    fn eq(&self, other: &[i64; N]) -> bool {
        *self == other[..]
    }
}

impl PartialEq<Vec<i64>> for AnswerList {
    fn eq(&self, other: &Vec<i64>) -> bool {
        *self == other[..]
    }
}

impl fmt::Debug for AnswerList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}
