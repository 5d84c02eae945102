//! The buffer that bodies are read into, aligned so that the kernel copies whole cache lines.

use std::ops::Range;

use shm::ITEM_BYTES;
use shm::descriptor::DESCRIPTOR_BYTES;

use super::frame::LINE;

/// A buffer for padding and body. It grows with the longest body.
///
/// It begins half a cache line behind the start of one. Since a head of thirty-two bytes comes
/// first, pages of the stream begin where cache lines of this buffer do, whatever the padding.
#[derive(Default)]
pub(super) struct ReceiveBuffer {
    memory: Vec<i64>,
    start: usize,
}

impl ReceiveBuffer {
    /// At least `bytes` bytes. What was read before is kept.
    pub(super) fn bytes_mut(&mut self, bytes: usize) -> &mut [u8] {
        let items = bytes.div_ceil(ITEM_BYTES);
        if self.memory.len() < items + LINE / ITEM_BYTES {
            self.grow(items);
        }
        bytemuck::cast_slice_mut(&mut self.memory[self.start..])
    }

    /// The items in the bytes of `body`.
    pub(super) fn items_mut(&mut self, body: Range<usize>) -> &mut [i64] {
        &mut self.memory[self.start + body.start / ITEM_BYTES..self.start + body.end / ITEM_BYTES]
    }

    fn grow(&mut self, items: usize) {
        let before = std::mem::take(&mut self.memory);
        let mut memory = vec![0; items + 2 * LINE / ITEM_BYTES];
        let past_line = memory.as_ptr().addr() % LINE;
        let past_half = (past_line + LINE - DESCRIPTOR_BYTES) % LINE;
        let start = (LINE - past_half) % LINE / ITEM_BYTES;
        let kept = before.len().saturating_sub(self.start).min(items);
        memory[start..start + kept]
            .copy_from_slice(&before[before.len().min(self.start)..][..kept]);
        *self = ReceiveBuffer { memory, start };
    }
}
