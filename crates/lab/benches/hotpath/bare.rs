//! Two processes that only wake each other: the limit of every sleeping wake-up.

use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering::{Acquire, Release};

use harness::placement::pin;
use measure::now;
use rustix::io::{read, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::thread::futex;
use shm::{Access, CACHE_LINE_PAIR_BYTES, Kind, Segment, Span};

use super::{OTHER_END, middle};

/// What the other side ends with.
const STOP: u32 = u32::MAX;
/// Which of the two words goes back.
const BACK: usize = CACHE_LINE_PAIR_BYTES / size_of::<u32>();

/// This process's side.
pub(crate) struct Bare {
    end: Option<End>,
    round: u32,
    child: Child,
}

enum End {
    /// A word out, a word back, and on which of them this side waits.
    Futex {
        words: Span,
        out: usize,
        back: usize,
    },
    Pipe {
        write: OwnedFd,
        read: OwnedFd,
    },
}

impl Bare {
    /// Words that both sleep on.
    pub(crate) fn futex(core: usize) -> Bare {
        let segment = Segment::create(Kind::Memfd, Access::Words, 2 * CACHE_LINE_PAIR_BYTES)
            .expect("a segment");
        let (grant, fd) = segment.grant().expect("a grant");
        let grant = serde_json::to_string(&grant).expect("plain data");
        let fd = fd.expect("a memfd");
        let child = child(format!("bare {core} futex {grant}"), fd.into(), Stdio::null());
        let end = End::Futex {
            words: Span::of(&segment, 0, 2 * CACHE_LINE_PAIR_BYTES),
            out: 0,
            back: BACK,
        };
        Bare::warm(end, child)
    }

    /// A pipe each way.
    pub(crate) fn pipe(core: usize) -> Bare {
        let pipe = || pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        let ((their_in, write), (read, their_out)) = (pipe(), pipe());
        let child = child(format!("bare {core} pipe"), their_in.into(), their_out.into());
        Bare::warm(End::Pipe { write, read }, child)
    }

    fn warm(end: End, child: Child) -> Bare {
        let mut bare = Bare { end: Some(end), round: 0, child };
        bare.trips(200);
        bare
    }

    /// `count` times there and back: the median times `count`.
    pub(crate) fn trips(&mut self, count: usize) -> u64 {
        let end = self.end.as_ref().expect("open until dropped");
        let took = (0..count).map(|_| {
            self.round += 1;
            let started = now();
            end.ring(self.round);
            end.wait(self.round);
            now() - started
        });
        middle(took.collect()) * count as u64
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end.ring(STOP);
        }
        let _ = self.child.wait();
    }
}

impl End {
    fn ring(&self, round: u32) {
        match self {
            End::Futex { words, out, .. } => {
                words.word32(*out).store(round, Release);
                let _ = futex::wake(words.word32(*out), futex::Flags::empty(), 1);
            }
            End::Pipe { write: to, .. } => {
                let _ = write(to, &u64::from(round).to_ne_bytes());
            }
        }
    }

    /// Waits for `round`, or for the end, and says which came.
    fn wait(&self, round: u32) -> u32 {
        match self {
            End::Futex { words, back, .. } => loop {
                let word = words.word32(*back);
                match word.load(Acquire) {
                    seen if seen == round || seen == STOP => return seen,
                    seen => {
                        let _ = futex::wait(word, futex::Flags::empty(), seen, None);
                    }
                }
            },
            End::Pipe { read: from, .. } => {
                let mut word = [0; 8];
                match read(from, &mut word) {
                    Ok(8) => u64::from_ne_bytes(word) as u32,
                    _ => STOP,
                }
            }
        }
    }
}

fn child(role: String, stdin: Stdio, stdout: Stdio) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env(OTHER_END, role).stdin(stdin).stdout(stdout).spawn().expect("the other end")
}

/// The other process; `role` is what follows `bare`.
pub(crate) fn other_end(role: &str) {
    let mut words = role.splitn(3, ' ');
    let core = words.next().and_then(|word| word.parse().ok()).expect("a core");
    pin(&[core]).expect("pinning");
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().expect("stdin");
    let end = match (words.next(), words.next()) {
        (Some("futex"), Some(grant)) => {
            let grant = serde_json::from_str(grant).expect("a grant");
            let segment = Segment::open(&grant, Some(stdin)).expect("a segment");
            End::Futex {
                words: Span::of(&segment, 0, 2 * CACHE_LINE_PAIR_BYTES),
                out: BACK,
                back: 0,
            }
        }
        _ => {
            let stdout = std::io::stdout().as_fd().try_clone_to_owned().expect("stdout");
            End::Pipe { write: stdout, read: stdin }
        }
    };
    for round in 1.. {
        if end.wait(round) == STOP {
            return;
        }
        end.ring(round);
    }
}
