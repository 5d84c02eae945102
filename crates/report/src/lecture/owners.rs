//! What survives of an owner's death: storms, way by way.

use measure::owners::{Fate, StormLine};
use measure::record::Line;

use crate::model::{Cell, Column, Section, Table};
use crate::units::time;

/// What survived of each owner, and then the storms of `lab`.
pub(super) fn sections(lines: &[Line], lab: &str) -> impl Iterator<Item = Section> {
    fates(lines, lab).into_iter().chain(storms(lines, lab))
}

fn fates(lines: &[Line], lab: &str) -> Option<Section> {
    let fates = lines.iter().filter_map(|line| match line {
        Line::Fate(fate) if fate.lab == lab => Some(fate),
        _ => None,
    });
    let fates: Vec<&Fate> = fates.collect();
    if fates.is_empty() {
        return None;
    }
    let columns = ["owner", "state when it is killed", "what survives"].map(Column::left);
    let columns = [&columns[..], &["left", "another there"].map(Column::right)].concat();
    let row = |fate: &&Fate| {
        let known =
            fate.known_ns.map_or(Cell::new(""), |ns| Cell::new(time(ns)).with("known_ns", ns));
        vec![
            Cell::new(format!("{} {}", fate.owner, fate.of)),
            Cell::new(fate.state.clone()),
            Cell::new(fate.outcome.clone()).with("well", fate.well),
            Cell::new(fate.left.to_string()).with("left", fate.left),
            known,
        ]
    };
    let table = Table { columns, rows: fates.iter().map(row).collect() };
    let legend =
        "left = processes and names in /dev/shm · another there = from the kill to a new worker";
    let notes = vec![legend.to_owned()];
    let title = format!("{lab}: what survives its owner");
    Some(Section { title, table, notes, ..Section::default() })
}

fn storms(lines: &[Line], lab: &str) -> Option<Section> {
    let storms = lines.iter().filter_map(|line| match line {
        Line::Storm(storm) if storm.lab == lab => Some(&**storm),
        _ => None,
    });
    let storms: Vec<&StormLine> = storms.collect();
    let workers = storms.first()?.workers;
    let columns =
        ["way", "killed", "tasks", "begun again", "lost", "twice", "wrong", "left", "took"];
    let column =
        |name: &&str| if *name == "way" { Column::left(*name) } else { Column::right(*name) };
    let table = Table {
        columns: columns.iter().map(column).collect(),
        rows: storms.iter().map(|storm| row(storm)).collect(),
    };
    let failed = storms.iter().filter_map(|storm| {
        let why = storm.error.as_ref().or(storm.told.as_ref())?;
        Some(format!("failed  {}: {why}", way(storm)))
    });
    let legend = "left = workers, segments and descriptors that were still there when it was over";
    let given_up: u64 = storms.iter().map(|storm| storm.given_up).sum();
    let given_up = (given_up > 0).then(|| {
        format!("{given_up} threads given up to a lock that died with its holder (wake-up event)")
    });
    let notes = failed.chain([legend.to_owned()]).chain(given_up).collect();
    let title = format!("{lab}: storms, {workers} workers killed at random instants under load");
    Some(Section { title, table, notes, ..Section::default() })
}

fn way(storm: &StormLine) -> String {
    let StormLine { transport, wakeup, segment, .. } = storm;
    let segment = segment.as_ref().map_or(String::new(), |segment| format!(" {segment}"));
    format!("{transport} {wakeup}{segment}")
}

fn row(storm: &StormLine) -> Vec<Cell> {
    let count = |name, count: u64| Cell::new(count.to_string()).with(name, count);
    vec![
        Cell::new(way(storm)),
        count("kills", storm.kills.into()),
        count("tasks", storm.tasks),
        count("again", storm.again),
        count("lost", storm.lost),
        count("duplicated", storm.duplicated),
        count("wrong", storm.wrong),
        count("left", storm.left()),
        Cell::new(time(storm.wall_ns)).with("took_ns", storm.wall_ns),
    ]
}
