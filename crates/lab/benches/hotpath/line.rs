//! Two threads and one cache line: the limit of every polling wake-up.

use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::thread::JoinHandle;

use harness::list::Windows;
use harness::placement::pin;
use measure::now;
use shm::{Descriptor, Filler, Kind, Lists, Pages, Slot, Slots};
use workload::sum::sum;

use super::middle;

/// Two threads and two words, each on a line of its own; the other thread may also sum a list that
/// this one has copied for it.
pub(crate) struct PingPong {
    shared: Arc<Lines>,
    thread: Option<JoinHandle<()>>,
    round: u64,
    slot: Slot,
    filler: Filler,
}

#[repr(align(128))]
#[derive(Default)]
struct Line(AtomicU64);

#[derive(Default)]
struct Lines {
    ping: Line,
    pong: Line,
    parked: Line,
    took: Line,
}

const PARK: u64 = u64::MAX - 1;
const STOP: u64 = u64::MAX;

impl PingPong {
    pub(crate) fn start(core: usize, items: usize) -> PingPong {
        let shared = Arc::new(Lines::default());
        let room = items.max(1);
        let slots = Slots::create(Kind::Memfd, 1, room, Pages::Ready).expect("a segment");
        let (grant, fd) = slots.grant().expect("a grant");
        let slot = slots.reserve(room).expect("a slot");
        let mut descriptor = Descriptor::default();
        slot.describe(0..items, &mut descriptor);
        let thread = std::thread::spawn({
            let shared = shared.clone();
            let lists = Lists::open(&grant, fd, room).expect("a segment");
            move || {
                pin(&[core]).expect("pinning");
                let mut seen = 0;
                loop {
                    let ping = shared.ping.0.load(Acquire);
                    match ping {
                        STOP => return,
                        PARK => {
                            shared.parked.0.store(1, Release);
                            std::thread::park();
                        }
                        _ if ping != seen => {
                            seen = ping;
                            if items > 0 {
                                let started = now();
                                black_box(sum(lists.accept(&descriptor).expect("a list")));
                                shared.took.0.store(now() - started, Relaxed);
                            }
                            shared.pong.0.store(ping, Release);
                        }
                        _ => spin_loop(),
                    }
                }
            }
        });
        let mut line =
            PingPong { shared, thread: Some(thread), round: 0, slot, filler: Filler::new(true) };
        line.park();
        line
    }

    fn trip(&mut self) {
        self.round += 1;
        self.shared.ping.0.store(self.round, Release);
        while self.shared.pong.0.load(Acquire) != self.round {
            spin_loop();
        }
    }

    /// The other thread sleeps, so that it disturbs no other measurement.
    fn park(&mut self) {
        self.shared.parked.0.store(0, Relaxed);
        self.shared.ping.0.store(PARK, Release);
        while self.shared.parked.0.load(Acquire) == 0 {
            std::thread::yield_now();
        }
    }

    fn unpark(&mut self) {
        self.shared.ping.0.store(self.round, Release);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
        (0..100).for_each(|_| self.trip());
    }

    pub(crate) fn trips(&mut self, count: usize) -> u64 {
        middle(self.samples(count)) * count as u64
    }

    /// How long each of so many trips took.
    pub(crate) fn samples(&mut self, count: usize) -> Vec<u64> {
        self.unpark();
        let took = (0..count).map(|_| {
            let started = now();
            self.trip();
            now() - started
        });
        let took = took.collect();
        self.park();
        took
    }

    /// The copy into lines that the other core holds, and its sum of lines that this one wrote.
    pub(crate) fn lists(&mut self, windows: &Windows<'_>, count: usize) -> u64 {
        self.parts(windows, count, |copied, summed| copied + summed)
    }

    /// So many of them, each as `of` its copy and its sum.
    pub(crate) fn parts(
        &mut self,
        windows: &Windows<'_>,
        count: usize,
        of: fn(u64, u64) -> u64,
    ) -> u64 {
        self.unpark();
        let took = (0..count).map(|id| {
            let list = &windows.all[windows.part(id as u32)];
            let started = now();
            self.filler.begin(list.len(), self.slot.items_mut(), list);
            let copied = now() - started;
            self.trip();
            of(copied, self.shared.took.0.load(Relaxed))
        });
        let took = middle(took.collect());
        self.park();
        took * count as u64
    }
}

impl Drop for PingPong {
    fn drop(&mut self) {
        self.shared.ping.0.store(STOP, Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
