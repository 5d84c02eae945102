//! The histograms of a record, each with a name that no other of its record has.

use measure::Histogram;
use measure::record::{Cell, Line, Trial};

use crate::table::arm;
use crate::units::{size, time};

/// The round trips of one trial, every sample.
#[derive(Clone, Debug)]
pub struct Whole<'a> {
    /// The trial.
    pub trial: &'a Trial,
    /// A name for files and tags: letters, digits, dots and hyphens.
    pub name: String,
    /// In words.
    pub title: String,
    /// Its round trips, in nanoseconds.
    pub histogram: Histogram,
}

/// The trials of `lines` that have samples, in their order, and which histograms cannot be read. Of
/// an arm that was measured anew, the last.
pub fn whole(lines: &[Line]) -> (Vec<Whole<'_>>, Vec<String>) {
    let trials = lines.iter().filter_map(|line| match line {
        Line::Trial(trial) => Some(&**trial),
        _ => None,
    });
    let trials: Vec<&Trial> = trials.filter(|trial| trial.round_trip_ns.count > 0).collect();
    let same = |a: &Trial, b: &Trial| {
        a.cell == b.cell && a.lecture == b.lecture && a.lab == b.lab && a.through == b.through
    };
    let mut all: Vec<Whole<'_>> = Vec::new();
    let mut faults = Vec::new();
    for (at, trial) in trials.iter().enumerate() {
        if trials[at + 1..].iter().any(|later| same(later, trial)) {
            continue;
        }
        let title = title(trial);
        match trial.round_trip_ns.histogram() {
            Ok(histogram) => {
                let name = unused(&name(trial), &all);
                all.push(Whole { trial, name, title, histogram });
            }
            Err(fault) => faults.push(format!("trial {}, {title}: {fault}", trial.id)),
        }
    }
    (all, faults)
}

pub(crate) fn title(trial: &Trial) -> String {
    let Cell { bytes, placement, wakeup, regime, workers, depth, compute_ns, .. } = &trial.cell;
    let computing = match (&trial.lecture, *compute_ns) {
        (None, 1..) => format!(", each computes {}", time(*compute_ns)),
        _ => String::new(),
    };
    let case = trial.lecture.as_ref().map_or(String::new(), |of| format!("{}, ", of.case));
    let list = if *bytes == 0 { "no list".into() } else { size(*bytes) };
    let title = format!(
        "{case}{}, {list}, {placement}, {regime} ({wakeup}), {workers} × {depth} in flight{computing}",
        arm(&trial.cell)
    );
    title.replace(char::is_control, " ")
}

fn name(trial: &Trial) -> String {
    let Cell { bytes, placement, wakeup, regime, workers, depth, segment, compute_ns, .. } =
        &trial.cell;
    let case = trial.lecture.as_ref().map_or("", |of| &of.case);
    let list = if *bytes == 0 { "no list".into() } else { size(*bytes).replace(' ', "") };
    let mut parts = vec![case.to_owned(), arm(&trial.cell), list, placement.clone()];
    parts.push(format!("{regime} {wakeup}"));
    if case.is_empty() && *compute_ns > 0 {
        parts.push(format!("compute {compute_ns}ns"));
    }
    if workers * depth > 1 {
        parts.push(format!("{workers}x{depth}"));
    }
    parts.extend(segment.iter().filter(|segment| *segment != "memfd").cloned());
    slug(&parts.join(" "))
}

/// Letters, digits and dots, with a hyphen for every run of anything else: a file's name whatever
/// the record says.
fn slug(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { ' ' };
    let text: String = text.replace('µ', "u").chars().map(plain).collect();
    let words: Vec<&str> = text
        .split(' ')
        .map(|word| word.trim_matches('.'))
        .filter(|word| !word.is_empty())
        .collect();
    words.join("-").chars().take(LONGEST).collect()
}

/// Characters of a name, so that it fits as a file's.
const LONGEST: usize = 180;

fn unused(name: &str, all: &[Whole<'_>]) -> String {
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
        assert_eq!(slug(&"long ".repeat(100)).len(), LONGEST);
    }
}
