//! What a task with a list needs at least: the list read once, and before that copied once to where
//! the reader sees it.

use std::hint::black_box;

use anyhow::Context;
use measure::now;
use record::Limit;
use shm::{Descriptor, Filler, Kind, Lists, Pages, Slot, Slots};
use workload::sum::sum;

use super::{CacheLine, End, Looking, Span, Words, line, there_and_back};
use crate::placement::Placement;

/// The job's own reading of `bytes`, again and again.
pub(super) fn read(bytes: usize, span: Span) -> anyhow::Result<Limit> {
    let list = numbers(bytes)?;
    Ok(line("list_read", Placement::Same.word(), bytes, span, &mut || {
        let started = now();
        black_box(sum(black_box(&list)));
        now() - started
    }))
}

/// A copy of `bytes` into a segment and the sum of it there, on this core.
pub(super) fn copied(bytes: usize, span: Span) -> anyhow::Result<Limit> {
    let (mut from, to) = room(bytes, false)?;
    Ok(line("list_copied_and_read", Placement::Same.word(), bytes, span, &mut || {
        let started = now();
        from.copy();
        to.read();
        now() - started
    }))
}

/// The same with the sum on core `there`, which holds those lines from the time before, and a cache
/// line there and back.
pub(super) fn carried(bytes: usize, there: usize, span: Span) -> anyhow::Result<Limit> {
    let (from, to) = room(bytes, true)?;
    let (ours, theirs) = Words::pair();
    let ends = (Copier(from, Looking(ours)), Reader(to, Looking(theirs)));
    there_and_back("list_copied_and_read", Placement::Spread.word(), bytes, there, span, ends)
}

/// A list of the coordinator's, and where it is copied to.
struct From {
    list: Vec<i64>,
    slot: Slot,
    filler: Filler,
}

/// The same place, as a worker sees it.
struct To {
    lists: Lists,
    descriptor: Descriptor,
}

impl From {
    fn copy(&mut self) {
        let list = black_box(&self.list);
        self.filler.begin(list.len(), self.slot.items_mut(), list);
    }
}

impl To {
    fn read(&self) {
        if let Ok(list) = self.lists.accept(&self.descriptor) {
            black_box(sum(list));
        }
    }
}

struct Copier(From, CacheLine);
struct Reader(To, CacheLine);

impl End for Copier {
    fn ring(&mut self, round: u32) {
        self.0.copy();
        self.1.ring(round);
    }
    fn wait(&mut self, round: u32) -> u32 {
        self.1.wait(round)
    }
}

impl End for Reader {
    fn ring(&mut self, round: u32) {
        self.0.read();
        self.1.ring(round);
    }
    fn wait(&mut self, round: u32) -> u32 {
        self.1.wait(round)
    }
}

/// A segment of `bytes`, mapped twice, as a coordinator and a worker do; `apart`: on two cores.
fn room(bytes: usize, apart: bool) -> anyhow::Result<(From, To)> {
    let list = numbers(bytes)?;
    let items = list.len();
    let slots = Slots::create(Kind::Memfd, 1, items, Pages::Ready)?;
    let (grant, fd) = slots.grant()?;
    let lists = Lists::open(&grant, fd, items)?;
    let slot = slots.reserve(items).context("a slot")?;
    let mut descriptor = Descriptor::default();
    slot.describe(0..items, &mut descriptor);
    let filler = Filler::new(apart);
    Ok((From { list, slot, filler }, To { lists, descriptor }))
}

fn numbers(bytes: usize) -> anyhow::Result<Vec<i64>> {
    let items = bytes / shm::ITEM_BYTES;
    let mut list = Vec::new();
    list.try_reserve_exact(items).context("memory for a list")?;
    list.extend(0..items as i64);
    Ok(list)
}
