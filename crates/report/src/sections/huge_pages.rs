//! The pages of shared lists, where others than the usual ones were asked for: what the kernel gave, and
//! what the first touch cost beside the steady state.

use measure::units::{size, time};
use record::{Mapped, Pages, PagesGot, Record, Trial};

use crate::document::{Cell, Column, Section, Table};

/// One row for each sharing trial of a run that asked for other pages; nothing where none did.
pub(crate) fn section(record: &Record) -> Option<Section> {
    let shares = |trial: &&Trial| trial.params.arm.shares() && trial.params.case.is_none();
    let mut trials: Vec<&Trial> = record.trials.iter().filter(shares).collect();
    if trials.iter().all(|trial| trial.params.arm.pages == Pages::Ready) {
        return None;
    }
    let place = |of: &Trial| (of.params.stratum.title(), of.params.bytes, of.params.arm.name());
    trials.sort_by_key(|trial| place(trial));
    let words = ["where", "list", "way"].map(Column::left);
    let numbers = ["first task", "steady p50"].map(Column::right);
    let got = ["coordinator", "worker", "got"].map(Column::left);
    let columns = words.into_iter().chain(numbers).chain(got).collect();
    let table = Table { columns, rows: trials.into_iter().map(row).collect() };
    let notes = LEGEND.map(String::from).to_vec();
    Some(Section { title: "pages of shared lists".into(), table, notes, ..Section::default() })
}

const LEGEND: [&str; 4] = [
    "first task: the first task of this arm in each generation, before any warm-up; the median over generations",
    "coordinator, worker: how much of the segment is in each side's page table at the end, and how much of it in huge pages",
    "got by reservation: pages reserved by the administrator (vm.nr_hugepages) · by collapse: made by the kernel from ordinary pages",
    "lazy: mapped when first touched · huge: asked for huge pages · ready: of the usual size, mapped before the first task",
];

fn row(trial: &Trial) -> Vec<Cell> {
    let ns =
        |ns: Option<u64>| ns.map_or(Cell::new("-"), |ns| Cell::new(time(ns)).with("p50_ns", ns));
    let steady = Some(trial.round_trip_ns.p50).filter(|_| trial.round_trip_ns.count > 0);
    let got = trial.pages_got.as_ref();
    let side = |side: fn(&PagesGot) -> Mapped| {
        got.map_or(Cell::new("-"), |got| mapped(got.bytes, side(got)))
    };
    vec![
        Cell::new(trial.params.stratum.title()),
        Cell::new(size(trial.params.bytes)).with("bytes", trial.params.bytes),
        Cell::new(trial.params.arm.name()),
        ns(trial.first_ns.as_ref().map(|first| first.p50)),
        ns(steady),
        side(|got| got.coordinator),
        side(|got| got.worker),
        Cell::new(verdict(trial)),
    ]
}

fn mapped(bytes: usize, of: Mapped) -> Cell {
    let text = match of.huge {
        0 => format!("{} of {}", size(of.mapped), size(bytes)),
        huge => format!("{} of {}, {} huge", size(of.mapped), size(bytes), size(huge)),
    };
    Cell::new(text).with("mapped_bytes", of.mapped).with("huge_bytes", of.huge)
}

/// Whether what was asked for is there, and how it was got.
fn verdict(trial: &Trial) -> String {
    let asked = matches!(trial.params.arm.pages, Pages::Huge | Pages::HugeLazy);
    let Some(got) = trial.pages_got.as_ref().filter(|_| asked) else {
        return if asked { "not known".into() } else { String::new() };
    };
    let sides = [got.coordinator.huge, got.worker.huge];
    let said = if sides.iter().all(|huge| *huge > 0) {
        got.by.as_ref().map_or("got".into(), |by| format!("got by {by}"))
    } else {
        let why = got.why.as_deref().unwrap_or("the kernel does not say why");
        let one = if sides.iter().any(|huge| *huge > 0) { " on both sides" } else { "" };
        format!("not got{one}, because {why}")
    };
    got.not_reserved.iter().fold(said, |said, why| format!("{said}; {why}"))
}
