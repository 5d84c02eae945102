//! What the user can mend.

use std::fmt;

/// Something that the user can mend: one sentence, and the code to end with.
#[derive(Debug)]
pub struct Refusal {
    code: u8,
    message: String,
}

impl Refusal {
    /// What the process ends with.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Usage, or a file or folder named that cannot be used.
    pub fn usage(message: impl fmt::Display) -> Refusal {
        Refusal { code: 2, message: message.to_string() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}
