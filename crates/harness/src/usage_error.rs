//! Errors that the user can mend.

use std::fmt;

/// Something that the user can mend, in one sentence: a wrong option, or a file or folder that cannot be used.
#[derive(Debug)]
pub struct UsageError(String);

impl UsageError {
    /// What the process ends with.
    pub const CODE: u8 = 2;

    /// That sentence.
    pub fn new(message: impl fmt::Display) -> UsageError {
        UsageError(message.to_string())
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}
