//! What tasks and workers leave open and mapped in this process.

use std::fs;
use std::time::Duration;

use transport::{HubEvent, List, Received, Setup, Transport};

use crate::support::{ANSWER, FAIL, Pair, SUM, alone, every, list, plain, setup, task};

/// Longer than what any transport sends within a message.
const ITEMS: usize = 20_000;
const TASKS: u32 = 200;

#[test]
fn two_hundred_tasks_leave_no_descriptor_and_no_memory_behind() {
    alone("leaks::two_hundred_tasks_leave_no_descriptor_and_no_memory_behind", || {
        for (transport, wakeup) in every() {
            let name = format!("{} {wakeup}", transport.name());
            let setup = Setup { max_answer_items: ITEMS, ..setup(wakeup, 2, ITEMS) };
            let mut pair = Pair::new(transport, &setup);
            carry(&mut pair, 0..TASKS);
            let before = Held::now();
            carry(&mut pair, TASKS..2 * TASKS);
            before.assert_nothing_is_left(&name, 20);
        }
    });
}

#[test]
fn a_hundred_workers_one_after_the_other_leave_no_descriptor_and_no_memory_behind() {
    alone(
        "leaks::a_hundred_workers_one_after_the_other_leave_no_descriptor_and_no_memory_behind",
        || {
            for (transport, wakeup) in every() {
                let name = format!("{} {wakeup}", transport.name());
                let setup = Setup { max_answer_items: ITEMS, ..setup(wakeup, 2, ITEMS) };
                let mut hub = transport.hub(&setup).unwrap();
                let (list, _) = list(1, 4000);
                let mut replace = |times| {
                    for _ in 0..times {
                        let mut spoke = transport.spoke(hub.attach(0).unwrap()).unwrap();
                        hub.send(0, &task(1, SUM, 0), List::Copy(&list), None).unwrap();
                        hub.send(0, &task(2, SUM, 0), List::None, None).unwrap();
                        assert!(matches!(spoke.recv(), Ok(Received::Task(_))));
                        drop(spoke);
                        assert_eq!(hub.detach(0).len(), 2, "{name}");
                    }
                };
                replace(10);
                let before = Held::now();
                replace(100);
                // The C library keeps the stacks of some threads that have ended, for the next.
                before.assert_nothing_is_left(&name, 80);
            }
        },
    );
}

#[test]
fn every_descriptor_of_either_side_is_closed_at_exec() {
    alone("leaks::every_descriptor_of_either_side_is_closed_at_exec", || {
        for (transport, wakeup) in every() {
            let name = format!("{} {wakeup}", transport.name());
            let before: Vec<_> = descriptors().collect();
            let new_and_open_at_exec = || {
                let new = descriptors().filter(|fd| !before.contains(fd));
                new.filter(|fd| fd.stays_open).map(|fd| fd.link).collect::<Vec<_>>()
            };
            let nothing: [String; 0] = [];
            let setup = Setup { max_answer_items: ITEMS, ..setup(wakeup, 2, ITEMS) };
            let mut hub = transport.hub(&setup).unwrap();
            let handover = hub.attach(0).unwrap();
            assert_eq!(new_and_open_at_exec(), nothing, "{name}: what a worker is given");
            let mut spoke = transport.spoke(handover).unwrap();
            let (list, _) = list(1, 4000);
            hub.send(0, &task(1, SUM, 0), List::Copy(&list), None).unwrap();
            assert_eq!(new_and_open_at_exec(), nothing, "{name}: a task on its way");
            let Ok(Received::Task(incoming)) = spoke.recv() else { panic!("{name}: no task") };
            assert_eq!(new_and_open_at_exec(), nothing, "{name}: a task in its worker's hands");
            incoming.room.fill(1);
            spoke.reply(plain(1), ITEMS).unwrap_or_else(|fault| panic!("{name}: {fault}"));
            assert_eq!(new_and_open_at_exec(), nothing, "{name}: an answer on its way");
            let answered = hub.recv(None).unwrap();
            assert_eq!(new_and_open_at_exec(), nothing, "{name}: an answer in the hub's hands");
            drop(answered);
        }
    });
}

/// A hub's descriptors are closed with it, and their numbers are given to others.
#[test]
fn the_alarm_of_a_hub_that_is_gone_writes_into_no_other_descriptor() {
    alone("leaks::the_alarm_of_a_hub_that_is_gone_writes_into_no_other_descriptor", || {
        for ((transport, wakeup), detached) in
            every().flat_map(|each| [(each, true), (each, false)])
        {
            let name = format!("{} {wakeup}", transport.name());
            let mut hub = transport.hub(&setup(wakeup, 1, 0)).unwrap();
            let silent = transport.spoke(hub.attach(0).unwrap()).unwrap();
            let alarm = hub.alarm();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_millis(5));
                    alarm.raise();
                });
                assert_eq!(hub.recv(None).unwrap(), HubEvent::Alarm, "{name}");
            });
            // Its worker's link is closed, or the hub itself.
            let left = if detached {
                hub.detach(0)
            } else {
                drop(hub);
                Vec::new()
            };
            drop((left, silent));
            let others: Vec<_> = (0..20).map(|_| rustix::pipe::pipe().unwrap()).collect();
            alarm.raise();
            for (read, _write) in &others {
                rustix::io::ioctl_fionbio(read, true).unwrap();
                let read = rustix::io::read(read, &mut [0; 64]);
                assert!(read.is_err(), "{name}: {read:?} bytes were written into another pipe");
            }
        }
    });
}

/// Descriptors that are open for a moment are seen by a thread that looks all the time: a new one takes the
/// lowest number that is free.
#[test]
fn no_descriptor_is_open_at_exec_even_for_a_moment() {
    /// So many that the looking thread is given the core several times, wherever it is wanted.
    const LOOKS: u32 = 10_000;
    alone("leaks::no_descriptor_is_open_at_exec_even_for_a_moment", || {
        for transport in transport::ALL {
            let mut pair = start(*transport);
            let taken: Vec<u32> = descriptors().map(|fd| fd.number).collect();
            let free: Vec<u32> = (0..).filter(|number| !taken.contains(number)).take(6).collect();
            let looking = std::thread::spawn(move || {
                (0..LOOKS).find_map(|_| {
                    let open = free.iter().find(|number| stays_open(**number) == Some(true));
                    // What it was can be seen if it is still open.
                    open.map(|number| (*number, Open::look(*number)))
                })
            });
            while !looking.is_finished() {
                carry(&mut pair, 0..20);
            }
            let seen = looking.join().unwrap();
            assert!(seen.is_none(), "{}: {seen:?} is open for the next program", transport.name());
        }
    });
}

fn start(transport: &'static dyn Transport) -> Pair {
    let wakeup = transport.wakeups()[0].0;
    let mut pair =
        Pair::new(transport, &Setup { max_answer_items: ITEMS, ..setup(wakeup, 2, ITEMS) });
    carry(&mut pair, 0..10);
    pair
}

/// Tasks of every kind: with lists, copied, built and resident, short and long; with answers that are
/// lists, and that are failures.
fn carry(pair: &mut Pair, ids: std::ops::Range<u32>) {
    let (list, _) = list(1, ITEMS);
    let resident = pair.hub.place(&list).ok();
    for id in ids {
        let (job, arg) = match id % 6 {
            0 => (ANSWER, ITEMS as i64),
            1 => (FAIL, 0),
            _ => (SUM, 0),
        };
        let list = match (id % 6, &resident) {
            (2, _) => {
                let mut room = pair.hub.reserve(ITEMS).unwrap();
                room.items_mut().copy_from_slice(&list);
                List::Built(room)
            }
            (3, _) => List::Copy(&list[..100]),
            (4, Some(resident)) => List::Resident(resident, 0..ITEMS),
            (5, _) => List::None,
            _ => List::Copy(&list),
        };
        pair.hub.send(0, &task(id, job, arg), list, None).unwrap();
        assert_eq!(pair.reply().task, id);
    }
}

/// What this process holds.
struct Held {
    descriptors: Vec<Open>,
    mappings: usize,
    bytes: usize,
}

impl Held {
    fn now() -> Held {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let statm = fs::read_to_string("/proc/self/statm").unwrap();
        let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
        Held {
            descriptors: descriptors().collect(),
            mappings: maps.lines().count(),
            bytes: pages * 4096,
        }
    }

    /// A thing that is left for each task, or for each worker, is seen. The allocator may keep a little
    /// more, and threads of a wake-up take up to a second to end.
    fn assert_nothing_is_left(&self, name: &str, max_mappings: usize) {
        const LOOKS: u32 = 250;
        for look in 1..=LOOKS {
            match self.left(max_mappings) {
                None => return,
                Some(left) if look == LOOKS => panic!("{name}: {left}"),
                Some(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// What there is more of now, in words.
    fn left(&self, max_mappings: usize) -> Option<String> {
        let now = Held::now();
        let mappings = now.mappings.saturating_sub(self.mappings);
        let bytes = now.bytes.saturating_sub(self.bytes);
        if now.descriptors.len() > self.descriptors.len() {
            let new = now.descriptors.iter().filter(|fd| !self.descriptors.contains(fd));
            Some(format!("descriptors were left open: {:?}", new.collect::<Vec<_>>()))
        } else if mappings > max_mappings {
            Some(format!("{mappings} mappings were left"))
        } else if bytes > 16 * 8 * ITEMS {
            Some(format!("{bytes} bytes of memory were left"))
        } else {
            None
        }
    }
}

/// An open descriptor of this process.
#[derive(Debug, PartialEq)]
struct Open {
    number: u32,
    link: String,
    stays_open: bool,
}

impl Open {
    /// Nothing if it is not open.
    fn look(number: u32) -> Option<Open> {
        let stays_open = stays_open(number)?;
        let link = fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
        Some(Open { number, link: link.display().to_string(), stays_open })
    }
}

/// Whether a descriptor stays open at exec; `None` if it is not open.
fn stays_open(number: u32) -> Option<bool> {
    const CLOSED_AT_EXEC: u32 = 0o2_000_000;
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).ok()?;
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
    let flags = u32::from_str_radix(flags.trim(), 8).ok()?;
    Some(flags & CLOSED_AT_EXEC == 0)
}

/// All of them but the one that looks.
fn descriptors() -> impl Iterator<Item = Open> {
    fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| {
        let number: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let open = Open::look(number)?;
        let looks = open.link.starts_with("/proc/") && open.link.ends_with("/fd");
        (!looks).then_some(open)
    })
}
