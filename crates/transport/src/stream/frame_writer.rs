//! Writes frames to workers, and queues small ones of corked links.

use std::io::IoSlice;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::fcntl::{SpliceFFlags, vmsplice};
use rustix::io::{Errno, writev};

use super::channel::{Body, StreamTransport};
use super::frame::PAGE;
use super::link::WriteState;
use super::links::Links;
use crate::error::TransportError;

/// Bytes of small frames that wait in a corked link, not counting the last of them.
const MAX_OUTBOX_BYTES: usize = 64 * 1024;

/// How frames are written.
pub(super) struct FrameWriter {
    /// Whether bodies of at least a page are spliced instead of written.
    splices: bool,
    /// Bytes that are written at once.
    piece_bytes: usize,
    /// See [`crate::Hub::set_stall`].
    pub(super) stall: Option<Duration>,
    /// Bytes that were spliced, and so not counted as written.
    pub(super) spliced: u64,
}

impl FrameWriter {
    pub(super) fn new(streams: &StreamTransport, cross_core: bool) -> FrameWriter {
        FrameWriter {
            splices: matches!(streams.body, Body::Spliced),
            piece_bytes: if cross_core { streams.piece_bytes } else { usize::MAX },
            stall: None,
            spliced: 0,
        }
    }

    /// Writes a frame, or queues a small one if the link is corked.
    #[inline]
    pub(super) fn write_or_queue(
        &mut self,
        links: &mut Links,
        worker: usize,
        head: &[u8],
        body: &[u8],
    ) -> Result<(), TransportError> {
        if let Some(link) = links.get_mut(worker).filter(|link| link.corked) {
            if body.len() < PAGE {
                link.outbox.extend_from_slice(head);
                link.outbox.extend_from_slice(body);
                let full = link.outbox.len() > MAX_OUTBOX_BYTES;
                return if full { self.flush_outbox(links, worker) } else { Ok(()) };
            }
            self.flush_outbox(links, worker)?;
        }
        self.write_frame(links, worker, head, body)
    }

    /// Writes the queued frames, in one call if the stream has room for them.
    #[cold]
    pub(super) fn flush_outbox(
        &mut self,
        links: &mut Links,
        worker: usize,
    ) -> Result<(), TransportError> {
        let frames = match links.get_mut(worker) {
            Some(link) if !link.outbox.is_empty() => std::mem::take(&mut link.outbox),
            _ => return Ok(()),
        };
        let written = self.write_frame(links, worker, &frames, &[]);
        if let Some(link) = links.get_mut(worker) {
            // Kept for its capacity.
            link.outbox = frames;
            link.outbox.clear();
            if let Err(fault) = written {
                // Its tasks are in flight already, so the error cannot be returned for them.
                link.write_state = WriteState::Broken(fault.to_string());
            }
        }
        Ok(())
    }

    /// Writes a whole frame. While the stream is full it reads replies, so that a worker that
    /// blocks in a write goes on.
    ///
    /// Nothing is written to a worker that has closed its end, or after a part of a frame;
    /// [`crate::Hub::recv`] reports both, after that worker's answers.
    #[inline]
    fn write_frame(
        &mut self,
        links: &mut Links,
        worker: usize,
        head: &[u8],
        body: &[u8],
    ) -> Result<(), TransportError> {
        let at_once = self.piece_bytes;
        let pages = self.splices && body.len() >= PAGE;
        let mut written = 0;
        let mut full_since = None;
        while written < head.len() + body.len() {
            let body = &body[written.saturating_sub(head.len())..];
            let head = head.get(written..).unwrap_or_default();
            let body = &body[..body.len().min(at_once.saturating_sub(head.len()))];
            let link = links.get(worker).ok_or(TransportError::Disconnected)?;
            if link.closed || !matches!(link.write_state, WriteState::Open) {
                return Ok(());
            }
            let parts = [IoSlice::new(head), IoSlice::new(body)];
            let went =
                if pages { splice(&link.write, &parts) } else { writev(&link.write, &parts) };
            match went {
                Ok(count) => {
                    written += count;
                    self.spliced += if pages { count as u64 } else { 0 };
                    full_since = None;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let since = *full_since.get_or_insert_with(Instant::now);
                    let left = self.stall.map(|stall| stall.saturating_sub(since.elapsed()));
                    if left.is_some_and(|left| left.is_zero()) {
                        set_write_state(links, worker, WriteState::Stalled);
                        return Ok(());
                    }
                    links.wait_for_room(worker, since, left)?;
                }
                // Its end of file follows.
                Err(Errno::PIPE | Errno::CONNRESET) => return Ok(()),
                Err(error) => {
                    let call = if pages { "vmsplice" } else { "writev" };
                    let fault = TransportError::system(call)(error);
                    if written > 0 {
                        set_write_state(links, worker, WriteState::Broken(fault.to_string()));
                    }
                    return Err(fault);
                }
            }
        }
        Ok(())
    }
}

#[cold]
fn set_write_state(links: &mut Links, worker: usize, state: WriteState) {
    if let Some(link) = links.get_mut(worker) {
        link.write_state = state;
    }
}

/// Splices the pages of `parts` into a pipe, as far as there is room.
fn splice(pipe: &OwnedFd, parts: &[IoSlice<'_>]) -> Result<usize, Errno> {
    vmsplice(pipe, parts, SpliceFFlags::SPLICE_F_NONBLOCK)
        .map_err(|error| Errno::from_raw_os_error(error as i32))
}
