//! Two locks that processes share, to show what becomes of them when their holder is killed. No task needs a
//! lock.
//!
//! A mutex of the C library in memory of a peer cannot be made safe against that peer: what it writes there can
//! keep this process waiting, or abort it.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use raw_sync::Timeout;
use raw_sync::locks::{LockImpl, LockInit, Mutex as Raw};

use crate::span::Span;

/// raw_sync's mutex, in shared memory. It is not robust: killed, its holder takes it along.
pub struct Mutex {
    lock: Box<dyn LockImpl>,
    _words: Span,
}

/// Bytes of a span that a mutex lies in.
pub const MUTEX_BYTES: usize = 128;

/// In whole seconds: raw_sync adds nanoseconds without carrying them over.
const PATIENCE: Duration = Duration::from_secs(1);

impl Mutex {
    /// Makes a mutex in `words`, which are fresh and all zero, of [`MUTEX_BYTES`].
    ///
    /// # Errors
    /// The C library refused.
    pub fn create(words: Span) -> io::Result<Mutex> {
        let room = room(&words);
        // SAFETY: `room` says that the object fits; the span was not handed over yet. The mutex
        // guards nothing: its pointer to data is never followed.
        let (lock, _bytes) = unsafe { Raw::new(room, room) }.map_err(refused)?;
        Ok(Mutex { lock, _words: words })
    }

    /// The mutex that a peer made in `words`.
    ///
    /// # Errors
    /// The C library refused.
    pub fn open(words: Span) -> io::Result<Mutex> {
        let room = room(&words);
        // SAFETY: the caller's peer made a mutex there before it handed the span over. If it wrote other words
        // there, the C library may wait for ever, fail or abort this process by an assertion; it reads
        // and writes within this span only, since a mutex that is not robust has no pointers to others.
        let (lock, _bytes) = unsafe { Raw::from_existing(room, room) }.map_err(refused)?;
        Ok(Mutex { lock, _words: words })
    }

    /// Takes it for as long as this process lives; false if another process holds it for longer than a second.
    pub fn take(&self) -> bool {
        self.lock.try_lock(Timeout::Val(PATIENCE)).map(std::mem::forget).is_ok()
    }
}

/// Takes the lock on a file, of its open description, for as long as that is open anywhere; false if
/// another process holds it. The kernel drops it with its holder.
pub fn take_file(file: impl AsFd) -> bool {
    crate::segment::lock(file).is_ok()
}

fn room(words: &Span) -> *mut u8 {
    assert!(Raw::size_of(Some(words.address())) <= MUTEX_BYTES.min(8 * words.words()));
    words.address()
}

fn refused(cause: Box<dyn std::error::Error>) -> io::Error {
    io::Error::other(cause.to_string())
}
