//! What does not depend on a list's length, and what must: a job that reads nothing of a resident list,
//! and answers that are lists, built in place or carried home.

use std::cell::RefCell;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use harness::placement::allowed_cores;
use measure::now;
use pool::{Event, WorkerCommand, WorkerGroup, WorkerGroupPlan};
use shm::{AnswerList, Kind, Pages, Resident};
use transport::{List, Setup, Task, Value};

use super::{middle, row};

/// The longest resident list: 1 GiB.
const MAX_LIST: usize = 1 << 27;
/// Of a list there are three rooms: in flight, being filled, and the one that stays.
const ROOMS: usize = 3;
const ANSWER_ITEMS: usize = 50_000;

/// A group of one and a list that it has.
struct Flat {
    group: WorkerGroup,
    list: Vec<i64>,
    resident: Option<Resident>,
}

impl Flat {
    fn start(transport: &str, wakeup: &str, items: usize, answer: usize, core: usize) -> Flat {
        let transport = transport::by_name(transport).expect("a transport of ours");
        let here = allowed_cores().expect("the core of this thread")[0];
        let setup = Setup {
            wakeup: wakeup.into(),
            segment: Kind::Memfd,
            pages: Pages::Ready,
            workers: 1,
            depth: 1,
            max_list_items: items,
            max_answer_items: answer,
            max_residents: 1,
            cross_core: core != here,
        };
        let program = PathBuf::from(env!("CARGO_BIN_EXE_worker"));
        let patience = Duration::from_secs(60);
        let launch =
            WorkerCommand { program, args: Vec::new(), build: harness::BUILD.into(), patience };
        let (initialiser, cores, padding, order) = (None, vec![core], 0, Vec::new());
        let plan = WorkerGroupPlan { launch, transport, setup, initialiser, cores, padding, order };
        let mut group = WorkerGroup::start(&plan).expect("a worker group");
        let list: Vec<i64> = (0..items as i64).collect();
        let resident = match transport.has_segment() {
            true => Some(group.hub().place(&list).expect("room for a resident list")),
            false => None,
        };
        group.park().expect("parking");
        Flat { group, list, resident }
    }

    /// So many round trips of `job` with the first `items` items, and `then` what is done with the answer's
    /// list: their median, times their number.
    fn batch(&mut self, job: &str, items: usize, count: usize, then: fn(AnswerList)) -> u64 {
        let job = self.group.job(job).expect("a job of the worker's");
        self.group.unpark().expect("unparking");
        let took = (0..count + 5).map(|id| {
            let task = Task { id: id as u32, job, arg: Value::Int(3), phase: false, park: false };
            let list = match &self.resident {
                Some(resident) => List::Resident(resident, 0..items),
                None => List::Copy(&self.list[..items]),
            };
            let started = now();
            self.group.send(0, &task, list, None).expect("sending");
            let Event::Reply { reply, .. } = self.group.recv(None).expect("an answer") else {
                panic!("no reply");
            };
            assert!(reply.outcome.is_ok(), "{:?}", reply.outcome);
            let last = reply.list.get(items - 1);
            then(reply.list);
            let took = now() - started;
            assert!(last.is_none_or(|last| last == items as i64 + 2));
            took
        });
        // The first few find cold caches.
        let took = middle(took.skip(5).collect());
        self.group.park().expect("parking");
        took * count as u64
    }
}

/// A job that does not read its list takes as long for 1 GiB as for 8 B.
pub(crate) fn lengths(placement: &str, wakeup: &str, core: usize) {
    let needed = (ROOMS + 2) * MAX_LIST * shm::ITEM_BYTES;
    if shm::segment::memory_available().is_some_and(|free| free < needed) {
        return println!("resident 1 GiB: needs {}, and has less", measure::units::size(needed));
    }
    let flat = RefCell::new(Flat::start("shared", wakeup, MAX_LIST, 0, core));
    let batch = |items| flat.borrow_mut().batch("light_work_small_data", items, 500, drop);
    for items in [ANSWER_ITEMS, 1 << 23, MAX_LIST] {
        let size = measure::units::size(items * shm::ITEM_BYTES);
        let name = format!("resident {size}, not read, {placement} / 8 B");
        row(&name, 1.05, 500, &mut || batch(items), &mut || batch(1));
    }
}

/// An answer of 400 kB, built in a segment and left there, read there, and copied out, each beside one that
/// a pipe carries home and that then is read as well, or not.
pub(crate) fn answers(placement: &str, wakeups: [&str; 2], core: usize) {
    let [ours, theirs] = wakeups;
    let mut shared = Flat::start("shared", ours, ANSWER_ITEMS, ANSWER_ITEMS, core);
    let mut pipe = Flat::start("pipe", theirs, ANSWER_ITEMS, ANSWER_ITEMS, core);
    let left: fn(AnswerList) = drop;
    let read: fn(AnswerList) = |list| {
        black_box(list.iter().sum::<i64>());
    };
    let copied: fn(AnswerList) = |list| drop(black_box(list.into_vec()));
    for (what, then) in [("left", left), ("read", read), ("copied", copied)] {
        let name = format!("400 kB there and back, {what}, {ours}, {placement} / pipe");
        let mut batch = || shared.batch("shift", ANSWER_ITEMS, 50, then);
        row(&name, 0.5, 50, &mut batch, &mut || pipe.batch("shift", ANSWER_ITEMS, 50, then));
    }
}
