//! The histograms of a record, each with a name that no other of its record has.

use measure::Histogram;
use measure::units::size;
use record::{Params, Record, Stratum, Trial};

/// The round trips of one trial, every sample.
#[derive(Clone, Debug)]
pub struct TrialHistogram<'a> {
    /// The trial.
    pub trial: &'a Trial,
    /// A name for files and tags: letters, digits, dots and hyphens.
    pub name: String,
    /// In words.
    pub title: String,
    /// Its round trips, in nanoseconds.
    pub histogram: Histogram,
}

/// The trials of `record` that have samples, in their order, and which histograms cannot be read.
pub fn histograms(record: &Record) -> (Vec<TrialHistogram<'_>>, Vec<String>) {
    let mut all: Vec<TrialHistogram<'_>> = Vec::new();
    let mut faults = Vec::new();
    let strata: Vec<&Stratum> = record.trials.iter().map(|trial| &trial.params.stratum).collect();
    for trial in record.trials.iter().filter(|trial| trial.round_trip_ns.count > 0) {
        let title = trial.params.title().replace(char::is_control, " ");
        match trial.round_trip_ns.histogram() {
            Ok(histogram) => {
                let name = unused(&name(&trial.params, &strata), &all);
                all.push(TrialHistogram { trial, name, title, histogram });
            }
            Err(fault) => faults.push(format!("trial {}, {title}: {fault}", trial.id)),
        }
    }
    (all, faults)
}

/// The way, the list, and what the stratum's title names.
fn name(params: &Params, strata: &[&Stratum]) -> String {
    let case = params.case.as_ref().map_or("", |of| &of.case);
    let list =
        if params.bytes == 0 { "no list".into() } else { size(params.bytes).replace(' ', "") };
    let stratum = params.stratum.title_among(strata.iter().copied());
    slug(&format!("{case} {} {list} {stratum} {}", params.arm.name(), params.arm.wakeup))
}

/// Letters, digits and dots, with a hyphen for every run of anything else: a valid file name
/// for any record.
fn slug(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { ' ' };
    let text: String = text.replace('µ', "u").chars().map(plain).collect();
    let words: Vec<&str> = text
        .split(' ')
        .map(|word| word.trim_matches('.'))
        .filter(|word| !word.is_empty())
        .collect();
    words.join("-").chars().take(MAX_CHARACTERS).collect()
}

/// Characters of a name, so that it fits as a file's.
const MAX_CHARACTERS: usize = 180;

fn unused(name: &str, all: &[TrialHistogram<'_>]) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !all.iter().any(|other| other.name == *name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_for_files_and_tags_whatever_the_record_says() {
        assert_eq!(slug("8 µs, shared resident 1.5 MiB"), "8-us-shared-resident-1.5-MiB");
        assert_eq!(slug("../../etc/passwd, a=b\n"), "etc-passwd-a-b");
        assert_eq!(slug(&"long ".repeat(100)).len(), MAX_CHARACTERS);
    }
}
