//! What every transport promises, asked of each of `ALL` with each of its wake-ups: a newcomer is
//! tested by its line in `ALL` alone. Here a spoke is a thread; tests/it has real processes.
#![forbid(unsafe_code)]

mod answers;
mod cork;
mod ends;
mod pages;
mod parts;
mod patience;

use std::thread::JoinHandle;

use measure::counters::Io;
use measure::{Stamp, Timeline};
use shm::{AnswerList, Kind, Pages};
use transport::{
    ALL, Arrival, Failure, Hub, Incoming, IncomingList, List, Received, Reply, Residency, Setup,
    Task, Transport, TransportError, Value, What,
};

const SUM: u16 = 0;
const FAIL: u16 = 1;
/// Answers with the sum of its list, and with a list of as many items as its argument says:
/// [`list`] of the task's number.
const ANSWER: u16 = 2;
const NOT_A_JOB: u16 = 7;

fn setup(wakeup: &str, depth: usize, room: usize) -> Setup {
    let segment = Kind::Memfd;
    Setup {
        wakeup: wakeup.into(),
        segment,
        pages: Pages::Ready,
        workers: 1,
        depth,
        room,
        answer: 0,
        residents: 1,
        apart: false,
    }
}

fn task(id: u32, job: u16, arg: i64) -> Task {
    Task { id, job, arg: Value::Int(arg), phase: false, park: false }
}

/// An answer of one word.
fn plain(task: u32) -> Reply {
    Reply { task, outcome: Ok(Value::Int(0)), list: AnswerList::default(), stamps: None }
}

/// A hub with one spoke in a thread of its own.
struct Pair {
    hub: Box<dyn Hub>,
    spoke: Option<JoinHandle<()>>,
}

/// What the job FAIL ends with.
fn no() -> Box<Failure> {
    Failure::new(What::Error { name: "No".into(), detail: String::new() }, "no".into())
}

impl Pair {
    fn new(transport: &'static dyn Transport, setup: &Setup) -> Pair {
        Pair::of(transport, transport.hub(setup).unwrap())
    }

    /// With a spoke as worker 0 of a hub that there is.
    fn of(transport: &'static dyn Transport, mut hub: Box<dyn Hub>) -> Pair {
        let handover = hub.attach(0).unwrap();
        let mut spoke = transport.spoke(handover).unwrap();
        let serve = move || {
            loop {
                let incoming = match spoke.recv().unwrap() {
                    Received::Task(incoming) => incoming,
                    Received::Idle => continue,
                    Received::Closed => return,
                };
                let Incoming { task, list, room, stamps } = incoming;
                let Task { id, job, arg, phase, park } = task;
                let Value::Int(arg) = arg else { panic!("only integers are sent here") };
                let sum = |list: IncomingList<'_>| sum(list, arg, id % 2 == 0);
                let items = if job == ANSWER { arg as usize } else { 0 };
                fill(&mut room[..items], i64::from(id));
                let outcome = match (job, list) {
                    (SUM | ANSWER, list) => list.and_then(sum).map(Value::Int),
                    (_, _) => Err(no()),
                };
                let [received, decoded] = stamps;
                let stamps = phase.then(|| Box::new([received, decoded, measure::now(), 0]));
                spoke
                    .reply(Reply { task: id, outcome, list: AnswerList::default(), stamps }, items)
                    .unwrap();
                if park {
                    return;
                }
            }
        };
        Pair { hub, spoke: Some(std::thread::spawn(serve)) }
    }

    fn reply(&mut self) -> Reply {
        match self.hub.recv(None).unwrap() {
            Arrival::Reply { worker: 0, reply } => reply,
            other => panic!("{other:?} instead of a reply"),
        }
    }

    fn ask(&mut self, id: u32, arg: i64, list: List<'_>) -> Result<Value, Box<Failure>> {
        self.hub.send(0, &task(id, SUM, arg), list, None).unwrap();
        let reply = self.reply();
        assert_eq!(reply.task, id);
        reply.outcome
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.hub.send(0, &Task { park: true, ..task(0, SUM, 0) }, List::None, None).unwrap();
        self.reply();
        self.spoke.take().unwrap().join().unwrap();
    }
}

/// Each transport with each of its wake-ups.
fn every() -> impl Iterator<Item = (&'static dyn Transport, &'static str)> {
    ALL.iter().flat_map(|transport| {
        transport.wakeups().into_iter().map(|(wakeup, _regime)| (*transport, wakeup))
    })
}

/// `total` and the items of `list`, in parts as they come or as a whole.
fn sum(mut list: IncomingList<'_>, mut total: i64, in_parts: bool) -> Result<i64, Box<Failure>> {
    let mut add = |part: &[i64]| {
        total = part.iter().fold(total, |total, item| total.wrapping_add(*item));
    };
    if in_parts {
        while let Some(part) = list.next_part(&|| true)? {
            assert!(!part.is_empty());
            add(part);
        }
    } else {
        add(list.whole(&|| true)?);
    }
    Ok(total)
}

/// Fills `items` with values that no other seed gives.
fn fill(items: &mut [i64], seed: i64) {
    let value = |i: i64| (i ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15u64 as i64);
    items.iter_mut().zip(0..).for_each(|(item, i)| *item = value(i));
}

/// A list that no other seed gives, and its sum.
fn list(seed: i64, items: usize) -> (Vec<i64>, i64) {
    let mut list = vec![0; items];
    fill(&mut list, seed);
    let sum = list.iter().fold(0i64, |sum, item| sum.wrapping_add(*item));
    (list, sum)
}

/// Longer and shorter than the one before, and longer than any pipe.
const LENGTHS: [usize; 10] = [1, 0, 7, 50_000, 512, 513, 300_000, 3, 300_000, 131_072];

#[test]
fn every_list_arrives_whole_whatever_its_length_and_the_one_before() {
    for (transport, wakeup) in every() {
        let apart = wakeup != "block";
        let mut pair = Pair::new(transport, &Setup { apart, ..setup(wakeup, 1, 300_000) });
        for (id, items) in (0..).zip(LENGTHS) {
            let (list, sum) = list(i64::from(id), items);
            let got = pair.ask(id, 5, List::Copy(&list));
            let name = transport.name();
            assert_eq!(got, Ok(Value::Int(sum.wrapping_add(5))), "{name} {wakeup} {items}");
            // The same from an address that is aligned in another way.
            let rest = list.get(1..).unwrap_or_default();
            let sum = rest.iter().fold(0i64, |sum, item| sum.wrapping_add(*item));
            let got = pair.ask(id + 50, 0, List::Copy(rest));
            assert_eq!(got, Ok(Value::Int(sum)), "{name} {wakeup} {items} - 1");
        }
        assert_eq!(pair.ask(99, -3, List::None), Ok(Value::Int(-3)));
    }
}

#[test]
fn a_built_list_and_any_part_of_a_resident_one_arrive_as_they_are() {
    for transport in ALL {
        let wakeup = transport.wakeups()[0].0;
        let mut pair = Pair::new(*transport, &setup(wakeup, 1, 1000));
        let (list, sum) = list(1, 1000);
        let mut room = pair.hub.reserve(1000).unwrap();
        room.items_mut().copy_from_slice(&list);
        assert_eq!(pair.ask(1, 0, List::Built(room)), Ok(Value::Int(sum)));
        if !transport.residencies().contains(&Residency::Resident) {
            assert!(matches!(pair.hub.place(&list), Err(TransportError::NoSuchAxis { .. })));
            continue;
        }
        let resident = pair.hub.place(&list).unwrap();
        for part in [0..1000, 17..18, 500..1000, 3..3] {
            let want = list[part.clone()].iter().fold(0i64, |sum, item| sum.wrapping_add(*item));
            let got = pair.ask(2, 0, List::Resident(&resident, part));
            assert_eq!(got, Ok(Value::Int(want)));
        }
    }
}

#[test]
fn as_many_large_lists_as_may_be_in_flight_never_deadlock() {
    const DEPTH: usize = 6;
    for (transport, wakeup) in every() {
        let mut pair = Pair::new(transport, &setup(wakeup, DEPTH, 300_000));
        let lists: Vec<_> = (0..DEPTH).map(|seed| list(seed as i64, 300_000 - seed)).collect();
        for (id, (list, _)) in (0..).zip(&lists) {
            pair.hub.send(0, &task(id, SUM, 0), List::Copy(list), None).unwrap();
        }
        let refused = pair.hub.send(0, &task(99, SUM, 0), List::None, None);
        assert!(matches!(refused, Err(TransportError::NoRoom { .. })));
        assert_eq!(pair.hub.in_flight(0), DEPTH);
        for (id, (_, sum)) in (0..).zip(&lists) {
            let reply = pair.reply();
            assert_eq!((reply.task, reply.outcome), (id, Ok(Value::Int(*sum))));
        }
    }
}

#[test]
fn a_failure_comes_home_as_what_it_is_and_the_next_task_is_well() {
    for (transport, wakeup) in every() {
        let mut pair = Pair::new(transport, &setup(wakeup, 1, 0));
        pair.hub.send(0, &task(1, FAIL, 0), List::None, None).unwrap();
        let failure = pair.reply().outcome.unwrap_err();
        assert_eq!(failure, no());
        assert_eq!(pair.ask(2, 8, List::None), Ok(Value::Int(8)));
    }
}

#[test]
fn a_phase_task_carries_stamps_in_order() {
    for (transport, wakeup) in every() {
        let mut pair = Pair::new(transport, &setup(wakeup, 1, 5000));
        let (list, sum) = list(3, 5000);
        let mut timeline = Timeline::default();
        timeline.mark(Stamp::Reserved);
        let phase = Task { phase: true, ..task(1, SUM, 0) };
        pair.hub.send(0, &phase, List::Copy(&list), Some(&mut timeline)).unwrap();
        let reply = pair.reply();
        let there = [Stamp::Reserved, Stamp::Filled, Stamp::Encoded, Stamp::Sent];
        let mut stamps: Vec<u64> = there.map(|stamp| timeline.at(stamp)).to_vec();
        stamps.extend(*reply.stamps.unwrap());
        stamps.push(measure::now());
        assert!(stamps.is_sorted() && stamps[0] > 0, "{} {wakeup}: {stamps:?}", transport.name());
        assert_eq!(reply.outcome, Ok(Value::Int(sum)));
    }
}

#[test]
fn a_list_that_does_not_fit_is_refused_by_name_and_the_hub_stays_usable() {
    for transport in ALL {
        let wakeup = transport.wakeups()[0].0;
        let mut pair = Pair::new(*transport, &setup(wakeup, 1, 10));
        let refused = pair.hub.send(0, &task(1, SUM, 0), List::Copy(&[0; 11]), None);
        assert!(matches!(refused, Err(TransportError::TooLong { items: 11, room: 10 })));
        assert!(matches!(pair.hub.reserve(11), Err(TransportError::TooLong { .. })));
        assert_eq!(pair.ask(2, 1, List::Copy(&[2; 10])), Ok(Value::Int(21)));
    }
}

#[test]
fn a_wake_up_that_a_transport_does_not_have_is_refused_by_name() {
    for transport in ALL {
        let refused = transport.hub(&setup("telepathy", 1, 0)).map(drop).unwrap_err().to_string();
        assert!(refused.contains("telepathy") && refused.contains(transport.wakeups()[0].0));
    }
}

/// Tasks of the counting tests.
const TASKS: u32 = 200;

/// What the kernel counted in this thread while `TASKS` tasks with a list of `items` were carried.
fn counted(pair: &mut Pair, send: impl Fn(&mut Pair, u32)) -> Option<Io> {
    send(pair, 0);
    pair.reply();
    let before = Io::of_this_thread()?;
    let reading = Io::of_this_thread()? - before;
    let before = Io::of_this_thread()?;
    for id in 1..=TASKS {
        send(pair, id);
        pair.reply();
    }
    let mut counted = Io::of_this_thread()? - before;
    counted.reads -= reading.reads;
    counted.read_bytes -= reading.read_bytes;
    Some(counted)
}

#[test]
fn each_ledger_is_what_the_kernel_counts() {
    for transport in ALL {
        let wakeup = match transport.has_segment() {
            true => "futex",
            false => transport.wakeups()[0].0,
        };
        let mut pair = Pair::new(*transport, &setup(wakeup, 1, 100));
        let (list, _) = list(1, 100);
        let send = |pair: &mut Pair, id| {
            pair.hub.send(0, &task(id, SUM, 0), List::Copy(&list), None).unwrap();
        };
        let Some(io) = counted(&mut pair, send) else {
            println!("skipped: this kernel does not count a thread's calls");
            return;
        };
        let per_task = |calls: u64| (calls as f64 / f64::from(TASKS)).round() as u32;
        let ledger = transport.ledger();
        let got = (per_task(io.writes), per_task(io.reads));
        assert_eq!(got, (ledger.writes, ledger.reads), "{}", transport.name());
    }
}

/// The claim of this house: the bytes that leave for a resident list do not grow with it.
#[test]
fn a_resident_list_sends_at_most_128_bytes_a_task_at_8_bytes_and_at_64_mib_alike() {
    const LONG: usize = (64 << 20) / shm::ITEM_BYTES;
    for (transport, wakeup) in every() {
        if !transport.residencies().contains(&Residency::Resident) {
            continue;
        }
        let mut pair = Pair::new(transport, &setup(wakeup, 1, LONG));
        let resident = pair.hub.place(&vec![1; LONG]).unwrap();
        for items in [1, LONG] {
            let (rung, _) = pair.hub.uncounted_bytes();
            // The sum of 64 MiB takes a while: the first item of it is enough to carry.
            let send = |pair: &mut Pair, id| {
                let job = if items == 1 { SUM } else { NOT_A_JOB };
                pair.hub
                    .send(0, &task(id, job, 0), List::Resident(&resident, 0..items), None)
                    .unwrap();
            };
            let Some(io) = counted(&mut pair, send) else {
                println!("skipped: this kernel does not count a thread's bytes");
                return;
            };
            let (rung_after, _) = pair.hub.uncounted_bytes();
            let bytes = io.written_bytes + rung_after - rung;
            assert!(
                bytes <= u64::from(TASKS + 1) * 128,
                "{wakeup}: {bytes} bytes at {items} items"
            );
            assert!(bytes >= u64::from(TASKS) * 32);
        }
    }
}

#[test]
fn a_pipe_sends_the_list_and_an_envelope() {
    let pipe = transport::by_name("pipe").unwrap();
    let mut pair = Pair::new(pipe, &setup("block", 1, 50_000));
    let (list, _) = list(1, 50_000);
    let send = |pair: &mut Pair, id| {
        pair.hub.send(0, &task(id, SUM, 0), List::Copy(&list), None).unwrap();
    };
    let Some(io) = counted(&mut pair, send) else {
        return;
    };
    let envelope = io.written_bytes / u64::from(TASKS) - 400_000;
    assert!((32..96).contains(&envelope), "{envelope} bytes beside the list");
    // Reading the counters is a read too, and its length grows by a digit now and then.
    let replies = u64::from(TASKS) * 32;
    assert!((replies..replies + 32).contains(&io.read_bytes), "{} bytes read", io.read_bytes);
}

/// What travels of a list of 400 kB: its pages, unwritten; and nothing of it at all.
#[test]
fn pages_leave_without_being_written_and_an_address_is_all_that_vm_read_sends() {
    for (name, uncounted) in [("vmsplice", 400_032..400_128), ("vm_read", 0..1)] {
        let mut pair = Pair::new(transport::by_name(name).unwrap(), &setup("block", 1, 50_000));
        let (list, _) = list(1, 50_000);
        let send = |pair: &mut Pair, id| {
            pair.hub.send(0, &task(id, SUM, 0), List::Copy(&list), None).unwrap();
        };
        let Some(io) = counted(&mut pair, send) else {
            return;
        };
        let (out, back) = pair.hub.uncounted_bytes();
        assert!(uncounted.contains(&(out / u64::from(TASKS + 1))), "{name}: {out} bytes");
        assert_eq!(back, 0);
        let written = if name == "vm_read" { 32 } else { 0 };
        assert_eq!(io.written_bytes, u64::from(TASKS) * written, "{name}");
    }
}

#[test]
fn an_answer_to_a_task_that_nobody_sent_is_a_lie() {
    for transport in ALL {
        let wakeup = transport.wakeups()[0].0;
        let mut hub = transport.hub(&setup(wakeup, 1, 0)).unwrap();
        let mut spoke = transport.spoke(hub.attach(0).unwrap()).unwrap();
        hub.send(0, &task(1, SUM, 0), List::None, None).unwrap();
        assert!(matches!(spoke.recv().unwrap(), Received::Task(incoming) if incoming.task.id == 1));
        spoke.reply(plain(2), 0).unwrap();
        assert!(matches!(hub.recv(None).unwrap(), Arrival::Lie { worker: 0, .. }));
    }
}

#[test]
fn nothing_is_allocated_for_a_task_on_the_coordinator_s_side() {
    for (transport, wakeup) in every() {
        let mut pair = Pair::new(transport, &setup(wakeup, 2, 1000));
        let (list, _) = list(1, 1000);
        let resident = pair.hub.place(&list).ok();
        let ask = |pair: &mut Pair, id| {
            let list = match &resident {
                Some(resident) if id % 3 == 0 => List::Resident(resident, 0..1000),
                _ if id % 3 == 1 => List::Built(pair.hub.reserve(1000).unwrap()),
                _ => List::Copy(&list),
            };
            pair.hub.send(0, &task(id, SUM, 0), list, None).unwrap();
            pair.reply();
        };
        (0..10).for_each(|id| ask(&mut pair, id));
        let counted = allocation_counter::measure(|| (10..110).for_each(|id| ask(&mut pair, id)));
        assert_eq!(counted.count_total, 0, "{} {wakeup}", transport.name());
    }
}

#[test]
fn frames_that_wait_behind_each_other_are_told_apart_whatever_their_lengths() {
    const WAITING: [usize; 8] = [600, 10, 300, 0, 599, 1, 1, 700];
    for (transport, wakeup) in every() {
        let mut hub = transport.hub(&setup(wakeup, WAITING.len(), 700)).unwrap();
        let mut spoke = transport.spoke(hub.attach(0).unwrap()).unwrap();
        let lists = WAITING.map(|items| list(items as i64, items));
        // All are there before the first is read: whoever reads too far finds the next.
        for (id, (list, _)) in (0..).zip(&lists) {
            hub.send(0, &task(id, SUM, 0), List::Copy(list), None).unwrap();
        }
        for (id, (list, _)) in (0..).zip(&lists) {
            let Received::Task(incoming) = spoke.recv().unwrap() else { panic!("no task {id}") };
            assert_eq!(incoming.task.id, id);
            assert_eq!(
                incoming.list.unwrap().whole(&|| true).unwrap(),
                list,
                "{} {wakeup} {id}",
                transport.name()
            );
            spoke.reply(plain(id), 0).unwrap();
        }
    }
}
