//! What the kernel counts for a task: calls, bytes, and allocations.

use measure::counters::Io;
use transport::{ALL, List, Residency};

use crate::support::{NOT_A_JOB, Pair, SUM, every, list, setup, task};

/// Tasks of the counting tests.
pub(crate) const TASKS: u32 = 200;

/// What the kernel counted in this thread while `TASKS` tasks with a list of `items` were carried.
pub(crate) fn counted(pair: &mut Pair, send: impl Fn(&mut Pair, u32)) -> Option<Io> {
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
