//! Lists that a worker reads from its coordinator's memory.

use std::io::IoSliceMut;

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use rustix::process::{PTracer, getpid, set_ptracer};
use serde::{Deserialize, Serialize};
use shm::{Descriptor, ITEM_BYTES};

use super::frame::LINE;
use crate::error::TransportError;
use crate::message::{Failure, FailureKind};

/// A known value, which a worker reads first to check its permission.
static PROBE: u64 = 0x6970_636c_6162;

/// The process whose memory is read.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct RemoteMemory {
    pid: i32,
    /// The address of [`PROBE`] in that process.
    probe: usize,
}

impl RemoteMemory {
    /// This process. Under Yama it now permits its descendants to read it.
    pub(super) fn here() -> RemoteMemory {
        // An error means that there is no Yama. The worker finds out whether it may read.
        let _ = set_ptracer(PTracer::ProcessID(getpid()));
        RemoteMemory { pid: getpid().as_raw_nonzero().get(), probe: (&raw const PROBE).addr() }
    }
}

/// Writes the address of `list` into `descriptor`, in the fields that name a slot elsewhere.
pub(super) fn describe(list: &[i64], descriptor: &mut Descriptor) {
    let address = list.as_ptr().addr() as u64;
    [descriptor.slot, descriptor.generation] = bytemuck::cast(address);
}

/// Reads lists from a coordinator's memory.
pub(super) struct RemoteReader {
    there: RemoteProcess,
    /// A buffer with the last list, as long as the longest one so far.
    memory: Vec<i64>,
}

impl RemoteReader {
    /// Checks that `target` may be read.
    pub(super) fn open(target: RemoteMemory) -> Result<RemoteReader, TransportError> {
        let there = RemoteProcess(Pid::from_raw(target.pid));
        let mut word = [0; size_of::<u64>()];
        match there.read(target.probe, &mut word) {
            Ok(()) if word == PROBE.to_ne_bytes() => Ok(RemoteReader { there, memory: Vec::new() }),
            Ok(()) => {
                Err(TransportError::InvalidMessage("another process where lists should be".into()))
            }
            Err(cause) => Err(TransportError::Forbidden {
                transport: "vm_read",
                call: "process_vm_readv",
                cause: cause.into(),
                hint: "; the rules of ptrace decide it (/proc/sys/kernel/yama/ptrace_scope, seccomp)",
            }),
        }
    }

    /// Starts to read the list that `descriptor` names, and waits for its first piece. The length
    /// was checked against the limit before.
    ///
    /// # Errors
    /// It cannot be read. The worker is well, and refuses the list.
    pub(super) fn fetch(
        &mut self,
        descriptor: &Descriptor,
    ) -> Result<RemoteList<'_>, Box<Failure>> {
        let items = descriptor.length as usize;
        let address: u64 = bytemuck::cast([descriptor.slot, descriptor.generation]);
        // What is no address here cannot be read either.
        let address = usize::try_from(address).unwrap_or(usize::MAX);
        let line = LINE / ITEM_BYTES;
        if self.memory.len() < items + line {
            self.memory = vec![0; items + line];
        }
        // The copy has the same offset in a cache line as the original, so that whole lines are
        // copied.
        let start = address.wrapping_sub(self.memory.as_ptr().addr()) % LINE / ITEM_BYTES;
        let room = &mut self.memory[start..start + items];
        let mut list = RemoteList { there: &self.there, address, room, got: 0 };
        list.read_until(items.min(PIECE))?;
        Ok(list)
    }
}

/// Items that are read at once. A job that takes its list in parts finds each part in its cache.
const PIECE: usize = REMOTE_READ_BYTES / ITEM_BYTES;
pub(crate) const REMOTE_READ_BYTES: usize = 128 * 1024;

/// A list of which a part was not read yet.
pub(crate) struct RemoteList<'a> {
    there: &'a RemoteProcess,
    /// The address of the first item that was not returned yet.
    address: usize,
    /// The buffer for the items that were not returned yet, of which `got` are there.
    room: &'a mut [i64],
    got: usize,
}

impl<'a> RemoteList<'a> {
    pub(crate) fn left(&self) -> usize {
        self.room.len()
    }

    pub(crate) fn ready(&self) -> usize {
        self.got
    }

    /// The next piece. There must be one.
    pub(crate) fn next_part(&mut self) -> Result<&'a [i64], Box<Failure>> {
        if self.got == 0 {
            self.read_until(self.room.len().min(PIECE))?;
        }
        Ok(self.give(self.got))
    }

    /// All items that were not returned yet.
    pub(crate) fn whole(&mut self) -> Result<&'a [i64], Box<Failure>> {
        self.read_until(self.room.len())?;
        Ok(self.give(self.room.len()))
    }

    fn give(&mut self, items: usize) -> &'a [i64] {
        let (given, left) = std::mem::take(&mut self.room).split_at_mut(items);
        self.room = left;
        self.address += size_of_val(given);
        self.got -= items;
        given
    }

    fn read_until(&mut self, items: usize) -> Result<(), Box<Failure>> {
        let missing = &mut self.room[self.got..items];
        let address = self.address.wrapping_add(self.got * ITEM_BYTES);
        self.there.read(address, bytemuck::cast_slice_mut(missing)).map_err(|cause| Failure {
            kind: FailureKind::Refused,
            message: format!("a list of {items} items that cannot be read: {cause}"),
        })?;
        self.got = items;
        Ok(())
    }
}

/// The coordinator.
struct RemoteProcess(Pid);

impl RemoteProcess {
    /// Fills `to` from the address `address` of that process.
    fn read(&self, address: usize, to: &mut [u8]) -> Result<(), Errno> {
        let mut got = 0;
        while got < to.len() {
            let there = RemoteIoVec { base: address.wrapping_add(got), len: to.len() - got };
            match process_vm_readv(self.0, &mut [IoSliceMut::new(&mut to[got..])], &[there]) {
                // Not mapped.
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
    fn a_list_of_any_length_and_alignment_is_read_whole() {
        let list: Vec<i64> = (0..100_000).collect();
        let mut reader = RemoteReader::open(RemoteMemory::here()).unwrap();
        for part in [0..100_000, 3..7, 1..99_999, 5..5, 8..4096] {
            let described = described(&list[part.clone()]);
            assert_eq!(reader.fetch(&described).unwrap().whole().unwrap(), &list[part.clone()]);
            let (mut list, mut parts) = (&list[part], reader.fetch(&described).unwrap());
            while parts.left() > 0 {
                let (next, later) = list.split_at(list.len().min(PIECE));
                assert_eq!(parts.next_part().unwrap(), next);
                list = later;
            }
            assert!(list.is_empty());
        }
    }

    #[test]
    fn what_is_not_there_is_refused_and_the_next_is_well() {
        let mut reader = RemoteReader::open(RemoteMemory::here()).unwrap();
        let nowhere = Descriptor { slot: 8, length: 10, ..Descriptor::default() };
        let refused = reader.fetch(&nowhere).map(drop).unwrap_err();
        assert_eq!(refused.kind, FailureKind::Refused);
        assert!(refused.message.contains("10 items"), "{refused:?}");
        let list = [1, 2];
        assert_eq!(reader.fetch(&described(&list)).unwrap().whole().unwrap(), list);
    }

    #[test]
    fn a_process_that_may_not_be_read_or_is_another_is_told_before_any_task() {
        // No process has this number.
        let no_process = RemoteMemory { pid: i32::MAX, probe: 8 };
        let refused = RemoteReader::open(no_process).map(drop).unwrap_err();
        assert!(matches!(refused, TransportError::Forbidden { call: "process_vm_readv", .. }));
        let other = 1u64;
        let elsewhere = RemoteMemory { probe: (&raw const other).addr(), ..RemoteMemory::here() };
        let refused = RemoteReader::open(elsewhere).map(drop).unwrap_err();
        assert!(matches!(refused, TransportError::InvalidMessage(_)));
    }
}
