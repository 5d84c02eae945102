//! The lecture's labs, each in its own words: one file for each kind of table.

mod cases;
mod crossover;
mod futures;
mod owners;
mod wakeup;

use measure::record::{Claim, Comparison, CrossoverLine, Line, Sequential, Trial};

use crate::model::Section;

pub(crate) use cases::way;

/// What every lab in the record found, one after another.
pub(crate) fn labs(lines: &[Line]) -> Vec<Section> {
    let mut labs: Vec<&str> = Vec::new();
    for lab in lines.iter().filter_map(lab) {
        if !labs.contains(&lab) {
            labs.push(lab);
        }
    }
    let mut sections = Vec::new();
    for lab in labs {
        sections.extend(cases::section(lines, lab));
        sections.extend(crossover::sections(lines, lab));
        sections.extend(futures::sections(lines, lab));
        sections.extend(owners::sections(lines, lab));
        sections.extend(wakeup::sections(lines, lab));
        let claims = lines.iter().filter_map(claim).filter(|claim| claim.lab == lab);
        let said = claims.map(|claim| {
            let seen = if claim.seen { "seen    " } else { "not seen" };
            format!("{seen}  {} · {}", claim.text, claim.reason)
        });
        match sections.last_mut() {
            Some(last) => last.notes.extend(said),
            None => sections.push(Section { notes: said.collect(), ..Section::default() }),
        }
    }
    sections
}

/// Whether a trial stands in a table of its lab's own.
pub(crate) fn has_own_table(trial: &Trial) -> bool {
    trial.lecture.is_some() || trial.lab == wakeup::LAB
}

/// One sentence for each crossover: the way, the list, and from where on parallel wins.
pub(crate) fn crossovers(lines: &[Line]) -> Vec<String> {
    crossover::sentences(lines)
}

/// The crossovers; of one that was found again, the last.
pub(crate) fn last_crossovers(lines: &[Line]) -> Vec<&CrossoverLine> {
    crossover::latest(lines)
}

/// A case alone, a pool against it, and that pool's trial.
pub(crate) type Compared<'a> = (&'a Sequential, &'a Comparison, Option<&'a Trial>);

/// Every pool that was set against doing the same alone, lab by lab.
pub(crate) fn all_compared(lines: &[Line]) -> Vec<Compared<'_>> {
    let mut labs: Vec<&str> = lines.iter().filter_map(lab).collect();
    labs.sort_unstable();
    labs.dedup();
    let cases = labs.into_iter().flat_map(|lab| alone(lines, lab));
    cases.flat_map(|base| compared(lines, base).map(move |(c, t)| (base, c, t))).collect()
}

/// The lab that a line of its own kinds belongs to.
fn lab(line: &Line) -> Option<&str> {
    match line {
        Line::Sequential(sequential) => Some(&sequential.lab),
        Line::Outcome(outcome) => Some(&outcome.lab),
        Line::Trial(trial) if trial.lab == wakeup::LAB => Some(&trial.lab),
        Line::Claim(claim) => Some(&claim.lab),
        Line::Storm(storm) => Some(&storm.lab),
        Line::Fate(fate) => Some(&fate.lab),
        _ => None,
    }
}

/// Doing a case of `lab` alone; of a case that was measured again, the last.
fn alone<'a>(lines: &'a [Line], lab: &str) -> Vec<&'a Sequential> {
    let of = |line: &'a Line| match line {
        Line::Sequential(sequential) if sequential.lab == lab => Some(sequential),
        _ => None,
    };
    let all: Vec<&Sequential> = lines.iter().filter_map(of).collect();
    let again = |at: usize| all[at + 1..].iter().any(|later| later.lecture == all[at].lecture);
    (0..all.len()).filter(|at| !again(*at)).map(|at| all[at]).collect()
}

/// The comparisons of one case, each with its trial.
fn compared<'a>(
    lines: &'a [Line],
    base: &'a Sequential,
) -> impl Iterator<Item = (&'a Comparison, Option<&'a Trial>)> {
    lines.iter().filter_map(|line| match line {
        Line::Comparison(c) if c.base == base.id => Some((&**c, trial(lines, c.other))),
        _ => None,
    })
}

/// Median time of a round through a pool.
pub(crate) fn round(trial: &Trial) -> u64 {
    trial.round_ns.as_ref().map_or(0, |rounds| rounds.p50)
}

fn claim(line: &Line) -> Option<&Claim> {
    match line {
        Line::Claim(claim) => Some(claim),
        _ => None,
    }
}

fn trial(lines: &[Line], id: u64) -> Option<&Trial> {
    lines.iter().find_map(|line| match line {
        Line::Trial(trial) if trial.id == id => Some(&**trial),
        _ => None,
    })
}
