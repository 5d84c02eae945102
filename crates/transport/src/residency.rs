//! Where a list is before its task.

use std::fmt;
use std::str::FromStr;

/// Where a list is before its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Residency {
    /// In memory of the coordinator's own: it is copied for each task.
    Place,
    /// Nowhere: it is produced for each task, where the transport takes it from.
    Build,
    /// In the segment: it was placed once, and each task says only which part.
    Resident,
}

impl Residency {
    /// All of them.
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
