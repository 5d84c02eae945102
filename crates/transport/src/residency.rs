//! Where a task's list is before the task is sent.

use std::fmt;
use std::str::FromStr;

/// Where a task's list is before the task is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Residency {
    /// Copied in for each task, from the coordinator's memory.
    Place,
    /// Produced in place for each task, in the buffer from which the transport takes it.
    Build,
    /// Already there: it was placed in the segment once, and each task names a range of it.
    Resident,
}

impl Residency {
    /// All residencies.
    pub const ALL: &[Residency] = &[Residency::Place, Residency::Build, Residency::Resident];

    /// The word on the command line and in records.
    pub fn name(self) -> &'static str {
        match self {
            Residency::Place => "place",
            Residency::Build => "build",
            Residency::Resident => "resident",
        }
    }
}

impl fmt::Display for Residency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Residency {
    type Err = String;
    fn from_str(text: &str) -> Result<Residency, String> {
        let names: Vec<_> = Residency::ALL.iter().map(|residency| residency.name()).collect();
        Residency::ALL.iter().copied().find(|residency| residency.name() == text).ok_or_else(|| {
            format!("no residency is called `{text}`; there are {}", names.join(", "))
        })
    }
}
