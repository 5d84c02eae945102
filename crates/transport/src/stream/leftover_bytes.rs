//! The rest of a list that is still in the stream.

use rustix::io::read;
use shm::ITEM_BYTES;

use super::wait::ReadEnd;
use crate::message::Failure;

/// A list of which a part is still in the stream. What the job does not read is skipped by the
/// spoke.
pub(crate) struct LeftoverBytes<'a> {
    read: &'a ReadEnd,
    /// The buffer for the items that were not returned yet, of which `ready_bytes` bytes are there.
    room: &'a mut [i64],
    ready_bytes: usize,
    /// The spoke's count of the bytes of this body that are still in the stream.
    body_remaining: &'a mut usize,
}

impl<'a> LeftoverBytes<'a> {
    /// A list in `room`, of which the last `body_remaining` bytes were not read yet.
    pub(super) fn new(
        read: &'a ReadEnd,
        room: &'a mut [i64],
        body_remaining: &'a mut usize,
    ) -> LeftoverBytes<'a> {
        let ready_bytes = room.len() * ITEM_BYTES - *body_remaining;
        LeftoverBytes { read, room, ready_bytes, body_remaining }
    }

    pub(crate) fn left(&self) -> usize {
        self.room.len()
    }

    pub(crate) fn ready(&self) -> usize {
        self.ready_bytes / ITEM_BYTES
    }

    /// The whole items that are there, at least one. There must be one left.
    pub(crate) fn next_part(&mut self) -> Result<&'a [i64], Box<Failure>> {
        self.read_until(ITEM_BYTES)?;
        Ok(self.give(self.ready_bytes / ITEM_BYTES))
    }

    /// All items that were not returned yet.
    pub(crate) fn whole(&mut self) -> Result<&'a [i64], Box<Failure>> {
        self.read_until(self.room.len() * ITEM_BYTES)?;
        Ok(self.give(self.room.len()))
    }

    fn give(&mut self, items: usize) -> &'a [i64] {
        let (given, left) = std::mem::take(&mut self.room).split_at_mut(items);
        self.room = left;
        self.ready_bytes -= items * ITEM_BYTES;
        given
    }

    fn read_until(&mut self, bytes: usize) -> Result<(), Box<Failure>> {
        let room: &mut [u8] = bytemuck::cast_slice_mut(self.room);
        while self.ready_bytes < bytes {
            match self.read.when_ready(|fd| read(fd, &mut room[self.ready_bytes..])) {
                Ok(0) => return Err(Failure::cut_off("the other side has closed its end")),
                Ok(count) => {
                    self.ready_bytes += count;
                    *self.body_remaining -= count;
                }
                Err(fault) => return Err(Failure::cut_off(&fault.to_string())),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use rustix::io::write;
    use rustix::pipe::pipe;
    use shm::wakeup::WaitStrategy;

    use super::*;

    #[test]
    fn parts_are_whole_items_in_order_and_the_end_of_file_cuts_the_list_off() {
        let (read, theirs) = pipe().unwrap();
        let end = ReadEnd { fd: read, wait: WaitStrategy::Sleep, poll: RefCell::default() };
        let list: Vec<i64> = (1..=100).collect();
        let bytes: &[u8] = bytemuck::cast_slice(&list);
        // Thirteen bytes came with the head.
        let (mut room, mut body_remaining) = ([0; 100], bytes.len() - 13);
        bytemuck::cast_slice_mut(&mut room)[..13].copy_from_slice(&bytes[..13]);
        let mut rest = LeftoverBytes::new(&end, &mut room, &mut body_remaining);
        assert_eq!(rest.next_part().unwrap(), [1]);
        write(&theirs, &bytes[13..15]).unwrap();
        write(&theirs, &bytes[15..29]).unwrap();
        assert_eq!(rest.next_part().unwrap(), [2, 3]);
        write(&theirs, &bytes[29..799]).unwrap();
        drop(theirs);
        assert_eq!(rest.next_part().unwrap(), &list[3..99]);
        assert!(rest.next_part().unwrap_err().message.contains("closed"));
        assert!(rest.whole().is_err());
        assert_eq!((rest.left(), body_remaining), (1, 1));
    }
}
