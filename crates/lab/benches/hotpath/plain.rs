//! Two processes and two pipes, as plainly as one can write it.

use std::hint::spin_loop;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harness::list::Windows;
use harness::placement::pin;
use measure::now;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{Errno, read, readv, write, writev};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use workload::sum::sum;

use super::{OTHER_END, middle};

/// What a C program would write: the length is known to both, one writev, read until all is there,
/// sum, sixteen bytes back.
pub(crate) struct PlainPipe {
    child: Child,
    to: Option<OwnedFd>,
    from: OwnedFd,
    polls: bool,
}

impl PlainPipe {
    pub(crate) fn start(core: usize, windows: &Windows<'_>, polls: bool) -> PlainPipe {
        let (their_in, to) = big_pipe();
        let (from, their_out) = big_pipe();
        if polls {
            fcntl_setfl(&to, OFlags::NONBLOCK).expect("a pipe that does not block");
            fcntl_setfl(&from, OFlags::NONBLOCK).expect("a pipe that does not block");
            fcntl_setfl(&their_in, OFlags::NONBLOCK).expect("a pipe that does not block");
        }
        let child = Command::new(std::env::current_exe().expect("this program"))
            .env(OTHER_END, format!("{core} {} {polls}", windows.items))
            .stdin(Stdio::from(their_in))
            .stdout(Stdio::from(their_out))
            .spawn()
            .expect("the other end");
        let mut plain = PlainPipe { child, to: Some(to), from, polls };
        plain.trips(windows, 200);
        plain
    }

    pub(crate) fn trips(&mut self, windows: &Windows<'_>, count: usize) -> u64 {
        let to = self.to.as_ref().expect("open until dropped");
        // A byte that says go, and a byte that says rest: a polling end would disturb the others.
        if self.polls {
            std::thread::sleep(Duration::from_micros(1));
        }
        let took = (0..count).map(|id| {
            let list = &windows.all[windows.part(id as u32)];
            let rest = u64::from(id + 1 == count);
            let started = now();
            let head = [list.len() as u64, rest];
            let mut slices = [
                IoSlice::new(bytemuck::cast_slice(&head)),
                IoSlice::new(bytemuck::cast_slice(list)),
            ];
            let mut left = &mut slices[..];
            while !left.iter().all(|slice| slice.is_empty()) {
                match writev(to, left) {
                    Ok(count) => IoSlice::advance_slices(&mut left, count),
                    Err(Errno::AGAIN) => spin_loop(),
                    Err(error) => panic!("writev: {error}"),
                }
            }
            let mut answer = [0u8; 16];
            read_whole(&self.from, &mut answer);
            now() - started
        });
        middle(took.collect()) * count as u64
    }
}

impl Drop for PlainPipe {
    fn drop(&mut self) {
        self.to = None;
        let _ = self.child.wait();
    }
}

/// The plain loop's other process.
pub(crate) fn other_end(role: &str) {
    let mut words = role.split(' ');
    let core = words.next().and_then(|word| word.parse().ok()).expect("a core");
    let items: usize = words.next().and_then(|word| word.parse().ok()).expect("a length");
    pin(&[core]).expect("pinning");
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().expect("stdin");
    let stdout = std::io::stdout().as_fd().try_clone_to_owned().expect("stdout");
    let mut list = vec![0i64; items];
    let mut resting = false;
    loop {
        if resting {
            let mut ready = [rustix::event::PollFd::new(&stdin, rustix::event::PollFlags::IN)];
            let _ = rustix::event::poll(&mut ready, None);
        }
        let mut head = [0u64; 2];
        let mut got = 0;
        while got < 16 + items * 8 {
            let result = if got == 0 {
                let mut slices = [
                    IoSliceMut::new(bytemuck::cast_slice_mut(&mut head)),
                    IoSliceMut::new(bytemuck::cast_slice_mut(&mut list)),
                ];
                readv(&stdin, &mut slices)
            } else {
                read(&stdin, &mut bytemuck::cast_slice_mut::<i64, u8>(&mut list)[got - 16..])
            };
            match result {
                Ok(0) => return,
                Ok(count) => got += count,
                Err(Errno::AGAIN) => spin_loop(),
                Err(error) => panic!("read: {error}"),
            }
        }
        resting = head[1] == 1;
        let answer = [sum(&list), 0];
        write(&stdout, bytemuck::cast_slice(&answer)).expect("write");
    }
}

fn big_pipe() -> (OwnedFd, OwnedFd) {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    let _ = fcntl_setpipe_size(&write, 1 << 20);
    (read, write)
}

fn read_whole(fd: &OwnedFd, bytes: &mut [u8]) {
    let mut got = 0;
    while got < bytes.len() {
        match read(fd, &mut bytes[got..]) {
            Ok(0) => panic!("the other end is gone"),
            Ok(count) => got += count,
            Err(Errno::AGAIN) => spin_loop(),
            Err(error) => panic!("read: {error}"),
        }
    }
}
