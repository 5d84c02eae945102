//! The links to all workers: how a hub waits for them, and reads from them.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use shm::wakeup::{Backoff, LIVENESS_INTERVAL, POLL_BUDGET, WaitStrategy, poll_spinning};
use smallvec::SmallVec;

use super::link::{Link, WriteState};
use super::wait::poll_fds;
use crate::alarm::Alarm;
use crate::alarm_event::AlarmEvent;
use crate::error::TransportError;
use crate::hub::HubEvent;

/// Number of descriptors that are polled without an allocation.
const MAX_INLINE: usize = 64;

/// The links to all workers.
pub(super) struct Links {
    links: Vec<Option<Link>>,
    /// The link that is looked at first: the one after the last that had a reply, so that none
    /// starves.
    next_link: usize,
    wait: WaitStrategy,
    backoff: Backoff,
    /// Free buffers for built lists.
    pub(super) spare: Vec<Vec<i64>>,
    pub(super) alarm: Arc<Alarm>,
    alarm_event: AlarmEvent,
    /// The worker in whose pipe the alarm writes a wake-up frame.
    blocks_on: Option<usize>,
}

impl Links {
    /// Places for `workers` links. A hub that polls does so `spins` times before it yields its
    /// core.
    pub(super) fn new(
        workers: usize,
        wait: WaitStrategy,
        spins: usize,
    ) -> Result<Links, TransportError> {
        let alarm_event = AlarmEvent::new()?;
        Ok(Links {
            links: (0..workers).map(|_| None).collect(),
            next_link: 0,
            wait,
            backoff: Backoff::every(spins),
            spare: Vec::new(),
            alarm: Alarm::new(Some(Box::new(alarm_event.clone()))),
            alarm_event,
            blocks_on: None,
        })
    }

    /// Whether reads block: if the hub sleeps, it polls first.
    pub(super) fn reads_block(&self) -> bool {
        self.wait == WaitStrategy::Sleep
    }

    /// Whether `worker` has a place, and is not attached.
    pub(super) fn is_free(&self, worker: usize) -> bool {
        self.links.get(worker).is_some_and(Option::is_none)
    }

    pub(super) fn set(&mut self, worker: usize, link: Link) {
        self.links[worker] = Some(link);
    }

    pub(super) fn take(&mut self, worker: usize) -> Option<Link> {
        if self.blocks_on == Some(worker) {
            self.set_blocks_on(None);
        }
        self.links.get_mut(worker).and_then(Option::take)
    }

    #[inline]
    pub(super) fn get(&self, worker: usize) -> Option<&Link> {
        self.links.get(worker).and_then(Option::as_ref)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, worker: usize) -> Option<&mut Link> {
        self.links.get_mut(worker).and_then(Option::as_mut)
    }

    pub(super) fn attached(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().flatten()
    }

    /// The next event that was read and not returned yet.
    #[inline]
    pub(super) fn take_arrival(&mut self) -> Option<HubEvent> {
        let count = self.links.len();
        for step in 0..count {
            let worker = (self.next_link + step) % count;
            let Some(link) = &mut self.links[worker] else {
                continue;
            };
            match link.take_reply(&mut self.spare) {
                Ok(Some(reply)) => {
                    self.next_link = worker + 1;
                    return Some(HubEvent::Reply { worker, reply });
                }
                Ok(None) if link.closed => return Some(HubEvent::Disconnected { worker }),
                Ok(None) => {}
                Err(fault) => {
                    return Some(HubEvent::ProtocolViolation { worker, what: fault.to_string() });
                }
            }
        }
        None
    }

    /// A worker whose stream has a part of a frame, and the error that prevented the rest.
    pub(super) fn broken(&self) -> Option<(usize, &str)> {
        (0..).zip(&self.links).find_map(|(worker, link)| match &link.as_ref()?.write_state {
            WriteState::Broken(what) => Some((worker, &what[..])),
            WriteState::Open | WriteState::Stalled => None,
        })
    }

    /// Waits until some link may have something to read, the alarm is raised, or about `timeout`
    /// has passed; reads what came.
    pub(super) fn wait_for_replies(
        &mut self,
        timeout: Option<Duration>,
    ) -> Result<(), TransportError> {
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            // One look, without yielding the core.
            return self.sleep(None, timeout);
        }
        if self.wait != WaitStrategy::Sleep {
            let spins = self.wait == WaitStrategy::Spin;
            let longest = timeout.unwrap_or(LIVENESS_INTERVAL);
            let mut backoff = std::mem::take(&mut self.backoff);
            let mut result = Ok(false);
            let mut ready = || {
                result = self.read_all();
                !matches!(result, Ok(false)) || self.alarm.raised()
            };
            let found = if spins {
                poll_spinning(&mut ready, longest)
            } else {
                backoff.poll(&mut ready, POLL_BUDGET.min(longest))
            };
            self.backoff = backoff;
            result?;
            if found || spins {
                return Ok(());
            }
        }
        let mut attached = self.links.iter().enumerate().filter(|(_, link)| link.is_some());
        match (attached.next(), attached.next(), timeout) {
            (Some((only, Some(link))), None, None) if link.may_block => self.block(only),
            _ => self.sleep(None, timeout),
        }
    }

    /// Reads from the only worker, until something comes or the alarm is raised.
    #[inline]
    fn block(&mut self, worker: usize) -> Result<(), TransportError> {
        if self.blocks_on != Some(worker) {
            self.set_blocks_on(Some(worker));
            // It may have been raised just before, without a frame in this pipe.
            if self.alarm.raised() {
                return Ok(());
            }
        }
        self.read_replies(worker).map(drop)
    }

    #[cold]
    fn set_blocks_on(&mut self, worker: Option<usize>) {
        self.blocks_on = worker;
        let link = worker.and_then(|worker| self.links[worker].as_ref());
        self.alarm_event.set_pipe(link.map(|link| &link.read));
    }

    /// Waits for room in `worker`'s stream, which is full since `since`, for a while; reads the
    /// replies that come meanwhile.
    pub(super) fn wait_for_room(
        &mut self,
        worker: usize,
        since: Instant,
        timeout: Option<Duration>,
    ) -> Result<(), TransportError> {
        match self.wait {
            WaitStrategy::Spin => std::hint::spin_loop(),
            WaitStrategy::Hybrid if since.elapsed() < POLL_BUDGET => std::thread::yield_now(),
            WaitStrategy::Sleep | WaitStrategy::Hybrid => {
                return self.sleep(Some(worker), timeout);
            }
        }
        self.read_all().map(drop)
    }

    /// Sleeps until a reply comes, the alarm is raised, `writer`'s stream has room, or `timeout`
    /// has passed; reads what came.
    fn sleep(
        &mut self,
        writer: Option<usize>,
        timeout: Option<Duration>,
    ) -> Result<(), TransportError> {
        let open: SmallVec<[(usize, &OwnedFd); MAX_INLINE]> = (0..)
            .zip(&self.links)
            .filter_map(|(worker, link)| {
                let open = link.as_ref().filter(|link| !link.closed)?;
                Some((worker, &open.read))
            })
            .collect();
        let mut polled: SmallVec<[PollFd<'_>; MAX_INLINE]> = SmallVec::new();
        // The writer does not look at the alarm; the next wait of `recv` does.
        polled.push(match writer.and_then(|worker| self.links[worker].as_ref()) {
            Some(link) => PollFd::new(&link.write, PollFlags::OUT),
            None => self.alarm_event.poll_fd(),
        });
        polled.extend(open.iter().map(|(_, read)| PollFd::new(*read, PollFlags::IN)));
        poll_fds(&mut polled, timeout)?;
        if writer.is_none() && !polled[0].revents().is_empty() {
            self.alarm_event.clear();
        }
        let heard: SmallVec<[usize; MAX_INLINE]> = open
            .iter()
            .zip(&polled[1..])
            .filter(|(_, fd)| !fd.revents().is_empty())
            .map(|((worker, _), _)| *worker)
            .collect();
        drop((open, polled));
        heard.into_iter().try_for_each(|worker| self.read_replies(worker).map(drop))
    }

    /// Reads from every open link, without blocking; returns whether anything came.
    fn read_all(&mut self) -> Result<bool, TransportError> {
        let mut any = false;
        for worker in 0..self.links.len() {
            any |= self.read_replies(worker)?;
        }
        Ok(any)
    }

    /// Calls read once for one link; returns whether bytes or end of file came.
    fn read_replies(&mut self, worker: usize) -> Result<bool, TransportError> {
        self.links[worker].as_mut().map_or(Ok(false), Link::read_replies)
    }
}

impl Drop for Links {
    /// No alarm finds a pipe whose descriptor is closed, and its number perhaps another's.
    fn drop(&mut self) {
        self.set_blocks_on(None);
    }
}
