//! A list of which some is still in the stream.

use rustix::io::read;
use shm::ITEM_BYTES;

use super::wait::ReadEnd;
use crate::message::Failure;

/// A list of which some is still in the stream; what nobody asks for is read by the spoke later.
pub(crate) struct LeftoverBytes<'a> {
    read: &'a ReadEnd,
    /// Room for the items that were not given yet; so many bytes of it are there.
    room: &'a mut [i64],
    got: usize,
    /// Bytes of the body that are still in the stream: the spoke's own count.
    unread: &'a mut usize,
}

impl<'a> LeftoverBytes<'a> {
    /// Of a list in `room` only `unread` bytes are missing.
    pub(super) fn new(
        read: &'a ReadEnd,
        room: &'a mut [i64],
        unread: &'a mut usize,
    ) -> LeftoverBytes<'a> {
        let got = room.len() * ITEM_BYTES - *unread;
        LeftoverBytes { read, room, got, unread }
    }

    pub(crate) fn left(&self) -> usize {
        self.room.len()
    }

    pub(crate) fn ready(&self) -> usize {
        self.got / ITEM_BYTES
    }

    /// Whatever whole items are there; at least one, of which there must be some left.
    pub(crate) fn next_part(&mut self) -> Result<&'a [i64], Box<Failure>> {
        self.read_until(ITEM_BYTES)?;
        Ok(self.give(self.got / ITEM_BYTES))
    }

    /// All items.
    pub(crate) fn whole(&mut self) -> Result<&'a [i64], Box<Failure>> {
        self.read_until(self.room.len() * ITEM_BYTES)?;
        Ok(self.give(self.room.len()))
    }

    fn give(&mut self, items: usize) -> &'a [i64] {
        let (given, left) = std::mem::take(&mut self.room).split_at_mut(items);
        self.room = left;
        self.got -= items * ITEM_BYTES;
        given
    }

    fn read_until(&mut self, bytes: usize) -> Result<(), Box<Failure>> {
        let room: &mut [u8] = bytemuck::cast_slice_mut(self.room);
        while self.got < bytes {
            match self.read.when_ready(|fd| read(fd, &mut room[self.got..])) {
                Ok(0) => return Err(Failure::cut_off("the other side has closed its end")),
                Ok(count) => {
                    self.got += count;
                    *self.unread -= count;
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
        let (mut room, mut unread) = ([0; 100], bytes.len() - 13);
        bytemuck::cast_slice_mut(&mut room)[..13].copy_from_slice(&bytes[..13]);
        let mut rest = LeftoverBytes::new(&end, &mut room, &mut unread);
        assert_eq!(rest.next_part().unwrap(), [1]);
        write(&theirs, &bytes[13..15]).unwrap();
        write(&theirs, &bytes[15..29]).unwrap();
        assert_eq!(rest.next_part().unwrap(), [2, 3]);
        write(&theirs, &bytes[29..799]).unwrap();
        drop(theirs);
        assert_eq!(rest.next_part().unwrap(), &list[3..99]);
        assert!(rest.next_part().unwrap_err().message.contains("closed"));
        assert!(rest.whole().is_err());
        assert_eq!((rest.left(), unread), (1, 1));
    }
}
