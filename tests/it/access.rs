//! What a worker can reach: what is meant for it, and nothing else.

use std::fs;

use ::pool::{ExitReason, Pool, TaskError, Value};
use shm::Kind;
use shm::write_attacks::WriteAttack;
use transport::Setup;

use crate::pool::group;
use crate::tools::launch;

/// What each descriptor of a process is, from 0 on.
fn descriptors(pid: u32) -> Vec<String> {
    let folder = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let mut all: Vec<(u32, String)> = folder
        .map(|entry| {
            let number = entry.file_name().to_string_lossy().parse().unwrap();
            (number, fs::read_link(entry.path()).unwrap().to_string_lossy().into_owned())
        })
        .collect();
    all.sort();
    all.into_iter().map(|(_, link)| link).collect()
}

/// What that group's hub is made for.
fn setup(wakeup: &str) -> Setup {
    Setup {
        wakeup: wakeup.into(),
        segment: shm::Kind::Memfd,
        pages: shm::Pages::Ready,
        workers: 1,
        depth: 1,
        max_list_items: 100,
        max_answer_items: 0,
        max_residents: 0,
        cross_core: false,
    }
}

#[test]
fn a_worker_has_the_descriptors_that_are_meant_for_it_and_no_others_and_gains_no_rights() {
    // Both ends are inherited by every process that this one starts.
    let (stray, _stray) = rustix::pipe::pipe().unwrap();
    let stray = fs::read_link(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&stray)));
    let stray = stray.unwrap().to_string_lossy().into_owned();
    let stderr = fs::read_link("/proc/self/fd/2").unwrap().to_string_lossy().into_owned();
    for transport in transport::ALL {
        for (wakeup, _) in transport.wakeups() {
            let place = format!("{} {wakeup}", transport.name());
            let group = group(*transport, wakeup, 1);
            let pid = group.pids()[0];
            let mut found = descriptors(pid);
            // One way of waiting makes an epoll instance, which is a worker's own.
            found.retain(|link| link != "anon_inode:[eventpoll]");
            assert_eq!(found[..3], ["/dev/null".to_owned(), stderr.clone(), stderr.clone()]);
            let mut hub = transport.hub(&setup(wakeup)).unwrap();
            let meant = hub.attach(0).unwrap().fds.len();
            // And its control socket.
            assert!(found.len() <= 3 + 1 + meant, "{place}: {found:?}, {meant} were handed over");
            assert!(!found.contains(&stray), "{place}: {found:?}");
            for link in &found[3..] {
                let kinds = ["socket:[", "pipe:[", "/memfd:ipclab", "anon_inode:[eventfd]"];
                assert!(kinds.iter().any(|kind| link.starts_with(kind)), "{place}: {link}");
            }
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            assert!(status.contains("NoNewPrivs:\t1"), "{place}: {status}");
        }
    }
}

#[test]
fn a_worker_that_writes_into_a_list_lent_for_reading_gets_a_fault_in_itself_and_the_list_is_unharmed()
 {
    let list: Vec<i64> = (0..1000).collect();
    for &kind in Kind::ALL {
        let builder = Pool::builder().launch(launch()).transport("shared").segment(kind).workers(1);
        let builder = builder.longest_list(1000).longest_answer(1000).resident_lists(1);
        let pool = builder.build().unwrap();
        let lent = pool.place(&list).unwrap();
        let mut open = Vec::new();
        for (at, route) in (0..).zip(WriteAttack::ALL) {
            let outcome =
                pool.submit("write_to_input", at, (lent.clone(), 0..1000)).unwrap().result();
            let place = format!("{kind} {route:?}: {outcome:?}");
            match (&outcome, route) {
                (Err(TaskError::WorkerDied { reason, .. }), WriteAttack::Store) => {
                    assert_eq!(*reason, ExitReason::Killed(11), "{place}");
                }
                (Err(TaskError::Job { .. }), route) if *route != WriteAttack::Store => {}
                (Ok(_), _) => open.push(*route),
                _ => panic!("{place}"),
            }
            // As the next worker sees it, which shares the coordinator's pages.
            let seen = pool.submit("shift", 0, (lent.clone(), 0..1000)).unwrap().result().unwrap();
            let harmed = seen.value != Value::Int(1000) || seen.list != list;
            assert_eq!(harmed, open.contains(&WriteAttack::ReopenWrite), "{place}");
        }
        match kind {
            Kind::Memfd => assert_eq!(open, []),
            // A segment without a seal can be opened anew by any process of the same user.
            Kind::Posix | Kind::File => {
                assert_eq!(open, [WriteAttack::ReopenWrite, WriteAttack::ReopenMap], "{kind}");
            }
        }
    }
}
