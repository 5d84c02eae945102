//! Whether faults heal.

/// Whether places are filled again after a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mode {
    /// Every replacement comes at last.
    FaultsHeal,
    /// A place whose worker died may stay empty for good.
    FaultsStay,
}
