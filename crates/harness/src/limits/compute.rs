//! Computing on one core, and on two at once: as long, unless they are two threads of one core, or another program
//! uses one of them.

use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::Context;
use measure::now;
use record::Limit;

use super::{Span, line};
use crate::placement::{Placement, pin};

/// Square roots of a sample, as the lecture's heavy work has them: some ten microseconds.
const ROOTS: u32 = 2000;

/// On this core alone.
pub(super) fn alone(span: Span) -> Limit {
    on(Placement::Same, span)
}

/// On this core, while a thread on core `there` does the same.
pub(super) fn on_both(there: usize, span: Span) -> anyhow::Result<Limit> {
    let [begun, over] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let thread = std::thread::Builder::new().name("beside".into()).spawn({
        let (begun, over) = (Arc::clone(&begun), Arc::clone(&over));
        move || {
            let pinned = pin(&[there]);
            // Relaxed, all of them: nothing is handed over.
            begun.store(true, Relaxed);
            while !over.load(Relaxed) {
                roots();
            }
            pinned
        }
    })?;
    while !begun.load(Relaxed) {
        spin_loop();
    }
    let line = on(Placement::Spread, span);
    over.store(true, Relaxed);
    let pinned =
        thread.join().map_err(|_| anyhow::anyhow!("the second computing thread panicked"))?;
    pinned.context("pinning the second computing thread")?;
    Ok(line)
}

fn on(placement: Placement, span: Span) -> Limit {
    line("compute", placement.word(), 0, span, &mut || {
        let started = now();
        roots();
        now() - started
    })
}

fn roots() {
    black_box((0..ROOTS).fold(0.0, |total, item| total + f64::from(black_box(item)).sqrt()));
}
