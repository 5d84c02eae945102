//! The costs of a task, as a transport states them.

/// Costs of one task for the coordinator: one task in flight, the default wake-up, and a list that
/// fits into the pipe, socket or slot as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Copies of the list between the coordinator's memory and the worker's, including those in the
    /// kernel.
    pub copies: u32,
    /// Calls of write, writev and vmsplice.
    pub writes: u32,
    /// Calls of read and readv.
    pub reads: u32,
}
