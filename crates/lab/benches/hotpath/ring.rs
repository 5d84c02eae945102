//! A ring of descriptors alone: one way, as fast as it goes.

use harness::placement::pin;
use measure::now;
use shm::ring::{Consumer, Producer, bytes};
use shm::{Access, Descriptor, Kind, Segment, Span};

/// Entries of the ring, and how many are published together.
const DEPTH: usize = 64;
const BATCH: u32 = 8;
/// Descriptors of a run.
const COUNT: u32 = 1 << 20;

/// Nanoseconds that one descriptor takes from this core to core `there`, the median of nine runs.
pub(crate) fn ns_each(there: usize) -> f64 {
    let mut runs: Vec<f64> = (0..9).map(|_| run(there)).collect();
    runs.sort_unstable_by(f64::total_cmp);
    runs[runs.len() / 2]
}

fn run(there: usize) -> f64 {
    let segment = Segment::create(Kind::Memfd, Access::Words, bytes(DEPTH)).expect("a segment");
    let (grant, fd) = segment.grant().expect("a grant");
    let seen = Segment::open(&grant, fd).expect("a segment");
    let mut producer = Producer::new(Span::of(&segment, 0, bytes(DEPTH)), DEPTH);
    let mut consumer = Consumer::new(Span::of(&seen, 0, bytes(DEPTH)), DEPTH);
    let taker = std::thread::spawn(move || {
        pin(&[there]).expect("pinning");
        let mut sum = 0;
        let mut taken = 0;
        while taken < COUNT {
            match consumer.pop() {
                Some(descriptor) => {
                    sum += descriptor.word;
                    taken += 1;
                }
                None => std::hint::spin_loop(),
            }
        }
        (sum, now())
    });
    let mut push = |task: u32| {
        let mut next = Descriptor { task, word: u64::from(task), ..Descriptor::default() };
        while let Err(again) = producer.push(next) {
            next = again;
            std::hint::spin_loop();
        }
    };
    push(0);
    // Until the other side is there.
    std::thread::sleep(std::time::Duration::from_millis(2));
    let started = now();
    (1..BATCH).for_each(&mut push);
    for batch in 1..COUNT / BATCH {
        (batch * BATCH..(batch + 1) * BATCH).for_each(&mut push);
    }
    let (sum, ended) = taker.join().expect("the other side");
    assert_eq!(sum, u64::from(COUNT) * u64::from(COUNT - 1) / 2);
    (ended - started) as f64 / f64::from(COUNT)
}
