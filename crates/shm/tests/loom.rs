//! Ring and sleep flag under a model checker: every order in which two or three threads can run, and
//! every value that each ordering lets a load see.
//!
//! The code is the one that processes run, over words that loom watches. What orderings protect lies
//! in cells that loom lets no thread touch unordered; a mapping has relaxed atomics there, since a peer
//! may lie. Waits have no deadline here, so a lost wake-up is a deadlock. Each ordering is weakened
//! in turn, and some model must then fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, AtomicU64, fence};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use shm::Descriptor;
use shm::protocol::{Orders, RealOrderings, Site, Word};
use shm::ring::{Consumer, Memory, Producer};
use shm::wakeup::flag;

/// Orderings as argued, but for one.
#[derive(Clone, Copy)]
struct But(Option<(Site, Ordering)>);

impl Orders for But {
    fn of(&self, site: Site) -> Ordering {
        match self.0 {
            Some((weak, order)) if weak == site => order,
            _ => RealOrderings.of(site),
        }
    }
    fn fence(&self, site: Site) {
        match self.of(site) {
            Ordering::Relaxed => {}
            order => fence(order),
        }
    }
}

struct Long(AtomicU64);
struct Half(AtomicU32);

macro_rules! word {
    ($word:ty, $value:ty, $store:ident) => {
        impl Word for $word {
            type Value = $value;
            fn load(&self, order: Ordering) -> $value {
                self.0.load(order)
            }
            fn store(&self, value: $value, order: Ordering) {
                let _ = self.0.$store(value, order);
            }
            fn swap(&self, value: $value, order: Ordering) -> $value {
                self.0.swap(value, order)
            }
        }
    };
}
// Of several writers: loom gives their plain stores no single order, as every processor does, and
// reports deadlocks that cannot be. A swap has its place among the others.
word!(Long, u64, store);
word!(Half, u32, swap);

/// What an ordering elsewhere protects.
struct Guarded(UnsafeCell<[u64; 3]>);

// SAFETY: loom fails the model at an access that is not ordered after the one before.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn new() -> Guarded {
        Guarded(UnsafeCell::new([0; 3]))
    }
    fn get(&self) -> [u64; 3] {
        // SAFETY: as for `Sync`.
        self.0.with(|words| unsafe { *words })
    }
    fn set(&self, value: [u64; 3]) {
        // SAFETY: as for `Sync`.
        self.0.with_mut(|words| unsafe { *words = value });
    }
}

/// A ring's memory: marks and index as atomics, the rest of an entry as what they protect.
struct Entries {
    taken: Long,
    marks: Vec<Long>,
    rests: Vec<Guarded>,
}

#[derive(Clone)]
struct Shared(Arc<Entries>);

impl Shared {
    fn new(capacity: usize) -> Shared {
        let zero = |_| Long(AtomicU64::new(0));
        Shared(Arc::new(Entries {
            taken: zero(0),
            marks: (0..capacity).map(zero).collect(),
            rests: (0..capacity).map(|_| Guarded::new()).collect(),
        }))
    }
}

impl Memory for Shared {
    type Word = Long;
    fn taken(&self) -> &Long {
        &self.0.taken
    }
    fn mark(&self, entry: usize) -> &Long {
        &self.0.marks[entry]
    }
    fn set_rest(&self, entry: usize, rest: [u64; 3]) {
        self.0.rests[entry].set(rest);
    }
    fn rest(&self, entry: usize) -> [u64; 3] {
        self.0.rests[entry].get()
    }
}

fn numbered(task: u32) -> Descriptor {
    Descriptor { task, word: u64::from(task) * 3, ..Descriptor::default() }
}

fn push(producer: &mut Producer<Shared, But>, descriptor: Descriptor) {
    while producer.push(descriptor).is_err() {
        thread::yield_now();
    }
}

fn pop(consumer: &mut Consumer<Shared, But>) -> Descriptor {
    loop {
        match consumer.pop() {
            Some(descriptor) => return descriptor,
            None => thread::yield_now(),
        }
    }
}

/// Two descriptors through a ring of one: whole, in order, and the second not before the first was
/// read.
fn ring_hand_over(orders: But) {
    let memory = Shared::new(1);
    let mut producer = Producer::over(memory.clone(), orders, 1);
    let mut consumer = Consumer::over(memory, orders, 1);
    let sender = thread::spawn(move || (1..3).for_each(|task| push(&mut producer, numbered(task))));
    (1..3).for_each(|task| assert_eq!(pop(&mut consumer), numbered(task)));
    sender.join().unwrap();
}

/// One slot, filled for a task, read by the worker, and filled again after its reply.
fn slot_hand_over(orders: But) {
    let (tasks, replies) = (Shared::new(2), Shared::new(2));
    let slot = Arc::new(Guarded::new());
    let mut sent = Producer::over(tasks.clone(), orders, 2);
    let mut answered = Consumer::over(replies.clone(), orders, 2);
    let worker = thread::spawn({
        let slot = slot.clone();
        move || {
            let mut received = Consumer::over(tasks, orders, 2);
            let mut reply = Producer::over(replies, orders, 2);
            for round in 1..3u32 {
                let task = pop(&mut received);
                assert_eq!(slot.get(), [u64::from(round); 3]);
                push(&mut reply, task);
            }
        }
    });
    for round in 1..3u32 {
        slot.set([u64::from(round); 3]);
        push(&mut sent, numbered(round));
        assert_eq!(pop(&mut answered), numbered(round));
    }
    worker.join().unwrap();
}

/// The kernel's queue behind a flag: it compares and sleeps under one lock.
struct Queue {
    flag: Half,
    lock: Mutex<()>,
    woken: Condvar,
}

impl Queue {
    fn new() -> Arc<Queue> {
        let flag = Half(AtomicU32::new(flag::AWAKE));
        Arc::new(Queue { flag, lock: Mutex::new(()), woken: Condvar::new() })
    }

    /// As the futex and the hybrid bell wait, without a deadline: `looks` looks, then asleep.
    fn wait(&self, orders: But, looks: usize, ready: &mut dyn FnMut() -> bool) {
        for _ in 0..looks {
            if ready() {
                return;
            }
            thread::yield_now();
        }
        let sleep = |flag: &Half| {
            let guard = self.lock.lock().unwrap();
            if flag.load(Ordering::Relaxed) == flag::ASLEEP {
                drop(self.woken.wait(guard).unwrap());
            }
        };
        while !flag::sleep_unless_ready(&self.flag, &orders, ready, sleep) && !ready() {}
        flag::clear(&self.flag);
    }

    fn ring(&self, orders: But) {
        flag::wake_if_asleep(&self.flag, &orders, |_| {
            let _guard = self.lock.lock().unwrap();
            self.woken.notify_one();
        });
    }
}

/// `ringers` publish and ring, one waiter waits for all of their news.
fn nobody_sleeps_through(orders: But, ringers: usize, looks: usize) {
    let queue = Queue::new();
    let news: Vec<_> = (0..ringers).map(|_| Arc::new(AtomicU32::new(0))).collect();
    let threads: Vec<_> = news
        .iter()
        .map(|news| {
            let (queue, news) = (queue.clone(), news.clone());
            thread::spawn(move || {
                news.store(1, Ordering::Release);
                queue.ring(orders);
            })
        })
        .collect();
    for news in &news {
        queue.wait(orders, looks, &mut || news.load(Ordering::Relaxed) == 1);
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn lost_wake_up(orders: But) {
    nobody_sleeps_through(orders, 1, 0);
}

fn lost_wake_up_of_two(orders: But) {
    nobody_sleeps_through(orders, 2, 0);
}

fn hybrid(orders: But) {
    nobody_sleeps_through(orders, 1, 1);
}

/// A task through ring and bell: a waiter that was woken finds it.
fn ring_and_bell(orders: But) {
    let (memory, queue) = (Shared::new(2), Queue::new());
    let mut consumer = Consumer::over(memory.clone(), orders, 2);
    let sender = thread::spawn({
        let queue = queue.clone();
        move || {
            push(&mut Producer::over(memory, orders, 2), numbered(1));
            queue.ring(orders);
        }
    });
    queue.wait(orders, 0, &mut || consumer.ready());
    assert_eq!(consumer.pop(), Some(numbered(1)));
    sender.join().unwrap();
}

type Model = fn(But);
const MODELS: [(&str, Model); 6] = [
    ("ring hand-over", ring_hand_over),
    ("slot hand-over", slot_hand_over),
    ("lost wake-up", lost_wake_up),
    ("lost wake-up of two ringers", lost_wake_up_of_two),
    ("hybrid", hybrid),
    ("ring and bell", ring_and_bell),
];

fn check(model: Model, orders: But) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || model(orders));
}

#[test]
fn no_order_of_steps_loses_a_wake_up_or_shows_half_a_descriptor() {
    for (name, model) in MODELS {
        println!("{name}");
        check(model, But(None));
    }
}

#[test]
fn each_ordering_that_is_weakened_is_caught() {
    // A weakened model fails as loom does: by a panic, whose text would hide everything else.
    let (this, before) = (std::thread::current().id(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() != this {
            before(panic);
        }
    }));
    let mut missed = Vec::new();
    for site in Site::ALL {
        let weaker: &[Ordering] = match RealOrderings.of(site) {
            Ordering::SeqCst => &[Ordering::AcqRel, Ordering::Relaxed],
            _ => &[Ordering::Relaxed],
        };
        for &order in weaker {
            let orders = But(Some((site, order)));
            let caught = |(_, model): &&(&str, Model)| {
                catch_unwind(AssertUnwindSafe(|| check(*model, orders))).is_err()
            };
            match MODELS.iter().find(caught) {
                Some((name, _)) => println!("{site:?} as {order:?}: caught by {name}"),
                None => missed.push((site, order)),
            }
        }
    }
    let _ = std::panic::take_hook();
    assert!(missed.is_empty(), "no model notices {missed:?}");
}
