//! The labs, each in its own words: one file for each kind of table.

mod cases;
mod crossover;
mod futures;
mod owners;
mod wakeup;

use record::{Claim, Record, TrialTable};

use crate::document::Section;

pub(crate) use crossover::sentences as crossovers;

/// What every lab in the record found, one after another.
pub(crate) fn sections(record: &Record) -> Vec<Section> {
    let mut sections = Vec::new();
    for lab in labs(record) {
        sections.extend(cases::section(record, lab));
        sections.extend(crossover::sections(record, lab));
        sections.extend(futures::sections(record, lab));
        sections.extend(owners::sections(record, lab));
        sections.extend(wakeup::sections(record, lab));
        let claims = record.claims.iter().filter(|claim| claim.lab == lab).map(describe);
        match sections.last_mut() {
            Some(last) => last.notes.extend(claims),
            None => sections.push(Section { notes: claims.collect(), ..Section::default() }),
        }
    }
    sections
}

fn describe(claim: &Claim) -> String {
    let seen = if claim.seen { "seen    " } else { "not seen" };
    format!("{seen}  {} · {}", claim.text, claim.reason)
}

/// The labs that have lines of their own kinds, in the order in which they were measured.
fn labs(record: &Record) -> Vec<&str> {
    let wakeups = record.trials.iter().filter(|trial| trial.table == TrialTable::Wakeups);
    let all = (record.sequentials.iter().map(|of| &of.lab))
        .chain(record.outcomes.iter().map(|of| &of.lab))
        .chain(wakeups.map(|of| &of.lab))
        .chain(record.kills.iter().map(|of| &of.lab))
        .chain(record.chaos.iter().map(|of| &of.lab))
        .chain(record.claims.iter().map(|of| &of.lab));
    let mut labs: Vec<&str> = Vec::new();
    for lab in all {
        if !labs.contains(&lab.as_str()) {
            labs.push(lab);
        }
    }
    labs
}
