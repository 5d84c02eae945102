//! The rows of a record, stratum by stratum: what stands in one table.

use std::cmp::Ordering;

use record::{Comparison, Record, Stratum, Trial, TrialTable};

/// The rows of one stratum.
pub(crate) struct Rows<'a> {
    pub(crate) stratum: &'a Stratum,
    /// In words that no other stratum of the record has.
    pub(crate) title: String,
    pub(crate) trials: Vec<&'a Trial>,
    pub(crate) comparisons: Vec<&'a Comparison>,
}

impl<'a> Rows<'a> {
    /// Sizes in it, ascending.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<usize> = self.trials.iter().map(|trial| trial.params.bytes).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// Arms in it: copying ones before sharing ones, each in the order in which it was planned.
    pub(crate) fn arms(&self) -> Vec<String> {
        let mut arms: Vec<(bool, String)> = Vec::new();
        for trial in &self.trials {
            let arm = (trial.params.arm.shares(), trial.params.arm.name());
            if !arms.contains(&arm) {
                arms.push(arm);
            }
        }
        arms.sort_by_key(|(shares, _)| *shares);
        arms.into_iter().map(|(_, arm)| arm).collect()
    }

    /// The trial of one arm at one size.
    pub(crate) fn trial(&self, arm: &str, bytes: usize) -> Option<&'a Trial> {
        let is = |trial: &&&Trial| trial.params.bytes == bytes && trial.params.arm.name() == arm;
        self.trials.iter().find(is).copied()
    }

    /// The comparison of one arm at one size.
    pub(crate) fn comparison(&self, arm: &str, bytes: usize) -> Option<&'a Comparison> {
        let is = |of: &&&Comparison| of.params.bytes == bytes && of.params.arm.name() == arm;
        self.comparisons.iter().find(is).copied()
    }
}

/// The record's rows, stratum by stratum, in the order of the axes; such as have a table of their lab's own are left
/// out.
pub(crate) fn rows<'a>(record: &'a Record) -> Vec<Rows<'a>> {
    let in_table =
        |trial: &&Trial| trial.params.case.is_none() && trial.table == TrialTable::Stratum;
    let trials: Vec<&Trial> = record.trials.iter().filter(in_table).collect();
    let strata = sorted(trials.iter().map(|trial| &trial.params.stratum));
    let rows = |stratum: &&'a Stratum| Rows {
        stratum,
        title: stratum.title_among(strata.iter().copied()),
        trials: trials.iter().filter(|of| of.params.stratum == **stratum).copied().collect(),
        comparisons: record
            .comparisons
            .iter()
            .filter(|of| of.params.case.is_none() && of.params.stratum == **stratum)
            .collect(),
    };
    strata.iter().map(rows).collect()
}

/// Each stratum once, in the order of the axes.
pub(crate) fn sorted<'a>(strata: impl Iterator<Item = &'a Stratum>) -> Vec<&'a Stratum> {
    let mut all: Vec<&Stratum> = Vec::new();
    for stratum in strata {
        if !all.contains(&stratum) {
            all.push(stratum);
        }
    }
    all.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    all
}
