//! Lists that do not travel: a worker fetches them from its coordinator's memory.

use std::io::IoSliceMut;

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use rustix::process::{PTracer, getpid, set_ptracer};
use serde::{Deserialize, Serialize};
use shm::{Descriptor, ITEM_BYTES};

use super::LINE;
use crate::{Failure, TransportError, What};

/// What a worker reads first, to see whether it may.
static PROBE: u64 = 0x6970_636c_6162;

/// Whose memory lists are fetched from.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Source {
    pid: i32,
    /// Where [`PROBE`] lies there.
    probe: usize,
}

impl Source {
    /// This process, which from now on lets its descendants read it, where Yama would not.
    pub(super) fn here() -> Source {
        // Without Yama there is nothing to ask: whether reading is allowed, the worker finds out.
        let _ = set_ptracer(PTracer::ProcessID(getpid()));
        Source { pid: getpid().as_raw_nonzero().get(), probe: (&raw const PROBE).addr() }
    }
}

/// Writes where `list` lies into `descriptor`: the fields that name a slot elsewhere.
pub(super) fn describe(list: &[i64], descriptor: &mut Descriptor) {
    let address = list.as_ptr().addr() as u64;
    (descriptor.slot, descriptor.generation) = (address as u32, (address >> 32) as u32);
}

/// A worker's way into its coordinator's memory.
pub(super) struct Fetched {
    pid: Pid,
    /// The last list, somewhere in it, and room from the longest.
    memory: Vec<i64>,
}

impl Fetched {
    /// Looks whether `source` may be read.
    pub(super) fn open(source: Source) -> Result<Fetched, TransportError> {
        let fetched = Fetched { pid: Pid::from_raw(source.pid), memory: Vec::new() };
        let mut word = [0; size_of::<u64>()];
        match fetched.read(source.probe, &mut word) {
            Ok(()) if word == PROBE.to_ne_bytes() => Ok(fetched),
            Ok(()) => Err(TransportError::Nonsense("another process where lists should be".into())),
            Err(cause) => Err(TransportError::Forbidden {
                transport: "vm_read",
                call: "process_vm_readv",
                cause: cause.into(),
                hint: "; the rules of ptrace decide it (/proc/sys/kernel/yama/ptrace_scope, seccomp)",
            }),
        }
    }

    /// The list that `descriptor` says; its length was checked against the room.
    ///
    /// # Errors
    /// It cannot be read: the worker is well, and refuses it.
    pub(super) fn fetch(&mut self, descriptor: &Descriptor) -> Result<&[i64], Failure> {
        let items = descriptor.length as usize;
        let address = descriptor.slot as usize | (descriptor.generation as usize) << 32;
        // The copy begins where it does in its cache line there, so that lines are copied whole.
        let memory = &mut self.memory;
        if memory.len() < items + 2 * LINE / ITEM_BYTES {
            *memory = vec![0; items + 2 * LINE / ITEM_BYTES];
        }
        let start = (address.wrapping_sub(memory.as_ptr().addr())) % LINE / ITEM_BYTES;
        let mut memory = std::mem::take(memory);
        let list = &mut memory[start..start + items];
        let read = self.read(address, bytemuck::cast_slice_mut(list));
        self.memory = memory;
        match read {
            Ok(()) => Ok(&self.memory[start..start + items]),
            Err(cause) => Err(Failure {
                what: What::Refused,
                message: format!("a list of {items} items that cannot be read: {cause}"),
            }),
        }
    }

    /// Fills `to` from `address` there.
    fn read(&self, address: usize, to: &mut [u8]) -> Result<(), Errno> {
        let mut got = 0;
        while got < to.len() {
            let there = RemoteIoVec { base: address + got, len: to.len() - got };
            match process_vm_readv(self.pid, &mut [IoSliceMut::new(&mut to[got..])], &[there]) {
                // A part of it is not there.
                Ok(0) => return Err(Errno::EFAULT),
                Ok(count) => got += count,
                Err(Errno::EINTR) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(list: &[i64]) -> Descriptor {
        let mut descriptor = Descriptor { length: list.len() as u32, ..Descriptor::default() };
        describe(list, &mut descriptor);
        descriptor
    }

    #[test]
    fn a_list_is_fetched_whole_whatever_its_length_and_alignment() {
        let list: Vec<i64> = (0..100_000).collect();
        let mut fetched = Fetched::open(Source::here()).unwrap();
        for part in [0..100_000, 3..7, 1..99_999, 5..5, 8..4096] {
            assert_eq!(fetched.fetch(&described(&list[part.clone()])).unwrap(), &list[part]);
        }
    }

    #[test]
    fn what_is_not_there_is_refused_and_the_next_is_well() {
        let mut fetched = Fetched::open(Source::here()).unwrap();
        let nowhere = Descriptor { slot: 8, length: 10, ..Descriptor::default() };
        let refused = fetched.fetch(&nowhere).unwrap_err();
        assert_eq!(refused.what, What::Refused);
        assert!(refused.message.contains("10 items"), "{refused:?}");
        assert_eq!(fetched.fetch(&described(&[1, 2])).unwrap(), [1, 2]);
    }

    #[test]
    fn a_process_that_may_not_be_read_or_is_another_is_told_before_any_task() {
        // No process has this number.
        let nobody = Source { pid: i32::MAX, probe: 8 };
        let refused = Fetched::open(nobody).map(drop).unwrap_err();
        assert!(matches!(refused, TransportError::Forbidden { call: "process_vm_readv", .. }));
        let other = 1u64;
        let elsewhere = Source { probe: (&raw const other).addr(), ..Source::here() };
        let refused = Fetched::open(elsewhere).map(drop).unwrap_err();
        assert!(matches!(refused, TransportError::Nonsense(_)));
    }
}
