//! Lists that are placed for each task, beside what a copy and a sum take by themselves, and beside a socket.

use std::hint::black_box;

use harness::list::{List, Windows};
use measure::now;
use transport::Residency;
use workload::sum::sum;

use super::line::PingPong;
use super::ours::Ours;
use super::{LECTURE_ITEMS, middle, row};

/// 4 MB and 64 MB.
const LONG_ITEMS: usize = 500_000;
const MAX_ITEMS: usize = 8_000_000;

/// All of them; `here` and `there` may be the same core.
pub(crate) fn rows(here: usize, there: usize) {
    let source = List::range(MAX_ITEMS);
    let lecture = source.windows(LECTURE_ITEMS);
    let mut ours = Ours::start("shared", "futex", &lecture, Residency::Place, here);
    let name = "place 400 kB, futex, same / memcpy + sum";
    let mut to = vec![0; LECTURE_ITEMS];
    row(name, 1.5, 50, &mut || ours.batch(50), &mut || copies(&lecture, &mut to, true, 50));
    drop(ours);
    if here == there {
        return;
    }
    let mut line = PingPong::start(there, LECTURE_ITEMS);
    let mut ours = Ours::start("shared", "spin", &lecture, Residency::Place, there);
    let name = "place 400 kB, spin, spread / copy + sum";
    row(name, 0.8, 50, &mut || ours.batch(50), &mut || line.lists(&lecture, 50));
    drop((ours, line));
    for (items, target, count) in [(LONG_ITEMS, 1.2, 10), (MAX_ITEMS, 1.4, 3)] {
        let windows = source.windows(items);
        let mut to = vec![0; items];
        let mut ours = Ours::start("shared", "spin", &windows, Residency::Place, there);
        let name = format!("place {}, spin, spread / memcpy", measure::units::size(items * 8));
        row(&name, target, count as u64, &mut || ours.batch(count), &mut || {
            copies(&windows, &mut to, false, count)
        });
        if items == LONG_ITEMS {
            drop(ours);
            limits(&windows, &mut to, there, target, count);
        }
    }
    for items in [8192, LECTURE_ITEMS, LONG_ITEMS] {
        let windows = source.windows(items);
        let mut ours = Ours::start("shared", "futex", &windows, Residency::Place, there);
        let mut socket = Ours::start("socket", "block", &windows, Residency::Place, there);
        let name = format!("place {}, futex, spread / socket", measure::units::size(items * 8));
        row(&name, 1.0, 20, &mut || ours.batch(20), &mut || socket.batch(20));
    }
}

/// The limits of placing a list: its copy with no worker at it, and its sum when all of it is there.
fn limits(windows: &Windows<'_>, to: &mut [i64], there: usize, target: f64, count: usize) {
    let mut line = PingPong::start(there, windows.items);
    let copy: fn(u64, u64) -> u64 = |copied, _| copied;
    for (name, of) in [("copy alone", copy), ("sum alone", |_, summed| summed)] {
        let name = format!("{}, {name}, spread / memcpy", measure::units::size(windows.items * 8));
        row(&name, target, count as u64, &mut || line.parts(windows, count, of), &mut || {
            copies(windows, to, false, count)
        });
    }
}

/// `count` plain copies on this core, each summed there or not.
fn copies(windows: &Windows<'_>, to: &mut [i64], summed: bool, count: usize) -> u64 {
    let took = (0..count).map(|id| {
        let list = &windows.all[windows.part(id as u32)];
        let started = now();
        to.copy_from_slice(black_box(list));
        if summed {
            black_box(sum(black_box(to)));
        }
        black_box(&to);
        now() - started
    });
    middle(took.collect()) * count as u64
}
