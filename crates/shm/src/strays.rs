//! Descriptors that a process was born with and nobody meant for it.

use nix::libc;

/// Closes every descriptor from 3 on: what a process inherited beside its standard streams, because
/// somebody up the line had opened it without close-on-exec.
///
/// For the first line of a process that is given all of its descriptors later. Whoever owns one already
/// would find it closed.
pub fn close_inherited() {
    // SAFETY: it touches no memory. That no owned descriptor is among those closed is for the caller,
    // who has just been started; where the call is refused nothing is closed, and nothing is lost.
    let _ = unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
}
