//! Lists that a worker takes in parts, or not at all.

use transport::{ALL, Hub, List, Received, Residency, Setup, Spoke};

use crate::support::{SUM, every, list, plain, setup, task};

/// Longer than a piece of anything, and than a pipe.
const LENGTHS: [usize; 4] = [300_000, 10, 20_000, 300_000];

/// Sends each list, and looks at so many parts of it; then the next must come whole.
fn ask_for_parts(hub: &mut dyn Hub, spoke: &mut dyn Spoke, parts: usize, name: &str) {
    let lists = LENGTHS.map(|items| list(items as i64, items).0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for (id, sent) in (0..).zip(&lists) {
                let Ok(Received::Task(incoming)) = spoke.recv() else { panic!("{name}: no task") };
                let mut coming = incoming.list.unwrap();
                let mut rest = &sent[..];
                for _ in 0..parts {
                    let Some(part) = coming.next_part(&|| true).unwrap() else { break };
                    assert!(part == &rest[..part.len()], "{name} {id}: another list");
                    rest = &rest[part.len()..];
                    assert_eq!(coming.left(), rest.len(), "{name} {id}");
                }
                if id % 2 == 1 {
                    assert!(coming.whole(&|| true).unwrap() == rest, "{name} {id}: another rest");
                }
                spoke.reply(plain(id), 0).unwrap();
            }
        });
        for (id, list) in (0..).zip(&lists) {
            hub.send(0, &task(id, SUM, 0), List::Copy(list), None).unwrap();
            hub.recv(None).unwrap();
        }
    });
}

#[test]
fn a_job_that_reads_some_of_its_list_or_none_does_not_delay_the_next() {
    for (transport, wakeup) in every() {
        for (apart, parts) in [(true, 0), (false, 1), (true, usize::MAX)] {
            let name = format!("{} {wakeup} {apart} {parts}", transport.name());
            let setup = Setup { cross_core: apart, ..setup(wakeup, 1, LENGTHS[0]) };
            let mut hub = transport.hub(&setup).unwrap();
            let mut spoke = transport.spoke(hub.attach(0).unwrap()).unwrap();
            ask_for_parts(&mut *hub, &mut *spoke, parts, &name);
        }
    }
}

/// Transports of which a worker on another core has the first part of a long list while the rest is on
/// its way.
const OVERLAPPING: [&str; 6] = ["pipe", "pipe-serde", "socket", "vmsplice", "vm_read", "shared"];

#[test]
fn long_lists_overlap_with_the_work_on_another_core_where_it_is_promised_and_resident_ones_never() {
    for transport in ALL {
        let wakeup = transport.wakeups()[0].0;
        let mut hub = transport.hub(&Setup { cross_core: true, ..setup(wakeup, 1, 0) }).unwrap();
        hub.attach(0).unwrap();
        let name = transport.name();
        assert!(hub.overlaps(400_000, Residency::Place) || !OVERLAPPING.contains(&name), "{name}");
        assert!(!hub.overlaps(64, Residency::Place), "{name}");
        assert!(!transport.has_segment() || !hub.overlaps(400_000, Residency::Resident));
    }
}
