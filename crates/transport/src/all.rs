//! The list of transports. Adding one is one line here.

use crate::contract::Transport;
use crate::{pipe, pipe_serde, shared, socket, vm_read, vmsplice};

/// Every transport.
pub static ALL: &[&dyn Transport] = &[
    &pipe::PIPE,
    &pipe_serde::PIPE_SERDE,
    &socket::SOCKET,
    &vmsplice::VMSPLICE,
    &vm_read::VM_READ,
    &shared::Shared,
];

/// The transport of that name.
pub fn by_name(name: &str) -> Option<&'static dyn Transport> {
    ALL.iter().copied().find(|transport| transport.name() == name)
}
