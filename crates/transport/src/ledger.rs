//! What a transport says that a task costs.

/// What one task costs the coordinator, for a list that fits whole into what carries it, one task
/// at a time, with the transport's first wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Copies of the list from the coordinator's memory to the worker's, the kernel's included.
    pub copies: u32,
    /// System calls that write.
    pub writes: u32,
    /// System calls that read.
    pub reads: u32,
}
