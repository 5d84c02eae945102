//! What a worker can reach: what is meant for it, and nothing else.

use std::fs;

use transport::Setup;

use crate::pool::crew;

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

/// What that crew's hub is made for.
fn setup(wakeup: &str) -> Setup {
    Setup {
        wakeup: wakeup.into(),
        segment: shm::Kind::Memfd,
        workers: 1,
        depth: 1,
        room: 100,
        answer: 0,
        residents: 0,
        apart: false,
    }
}

#[test]
fn a_worker_has_the_descriptors_that_are_meant_for_it_and_no_others_and_gains_no_rights() {
    // Both ends are inherited by whatever this process starts.
    let (stray, _stray) = rustix::pipe::pipe().unwrap();
    let stray = fs::read_link(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&stray)));
    let stray = stray.unwrap().to_string_lossy().into_owned();
    let stderr = fs::read_link("/proc/self/fd/2").unwrap().to_string_lossy().into_owned();
    for transport in transport::ALL {
        for (wakeup, _) in transport.wakeups() {
            let place = format!("{} {wakeup}", transport.name());
            let crew = crew(*transport, wakeup, 1);
            let pid = crew.pids()[0];
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
