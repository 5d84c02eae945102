//! What is left after a kill: single kills, and chaos tests way by way.

use measure::units::time;
use record::{Chaos, Kill, Record};

use crate::document::{Cell, Column, Section, Table};

/// What was left of each owner, and then the chaos tests of `lab`.
pub(super) fn sections(record: &Record, lab: &str) -> impl Iterator<Item = Section> {
    kills(record, lab).into_iter().chain(chaos_tests(record, lab))
}

fn kills(record: &Record, lab: &str) -> Option<Section> {
    let kills: Vec<&Kill> = record.kills.iter().filter(|kill| kill.lab == lab).collect();
    if kills.is_empty() {
        return None;
    }
    let columns = ["owner", "state when it is killed", "what survives"].map(Column::left);
    let columns = [&columns[..], &["left", "another there"].map(Column::right)].concat();
    let row = |kill: &&Kill| {
        let known =
            kill.known_ns.map_or(Cell::new(""), |ns| Cell::new(time(ns)).with("known_ns", ns));
        vec![
            Cell::new(format!("{} {}", kill.owner, kill.of)),
            Cell::new(kill.state.clone()),
            Cell::new(kill.outcome.clone()).with("well", kill.well),
            Cell::new(kill.left.to_string()).with("left", kill.left),
            known,
        ]
    };
    let table = Table { columns, rows: kills.iter().map(row).collect() };
    let legend = "left: processes and names in /dev/shm · another there: time from the kill until a new worker was ready";
    let notes = vec![legend.to_owned()];
    let title = format!("{lab}: what survives its owner");
    Some(Section { title, table, notes, ..Section::default() })
}

fn chaos_tests(record: &Record, lab: &str) -> Option<Section> {
    let tests: Vec<&Chaos> = record.chaos.iter().filter(|test| test.lab == lab).collect();
    let workers = tests.first()?.workers;
    let columns =
        ["way", "killed", "tasks", "begun again", "lost", "twice", "wrong", "left", "took"];
    let column =
        |name: &&str| if *name == "way" { Column::left(*name) } else { Column::right(*name) };
    let table = Table {
        columns: columns.iter().map(column).collect(),
        rows: tests.iter().map(|test| row(test)).collect(),
    };
    let failed = tests.iter().filter_map(|test| {
        let why = test.error.as_ref().or(test.told.as_ref())?;
        Some(format!("failed  {}: {why}", way(test)))
    });
    let legend = "left: workers, segments and descriptors that were still there at the end";
    let given_up: u64 = tests.iter().map(|test| test.given_up).sum();
    let given_up = (given_up > 0).then(|| {
        format!("{given_up} threads given up to a lock that died with its holder (wake-up event)")
    });
    let notes = failed.chain([legend.to_owned()]).chain(given_up).collect();
    let title =
        format!("{lab}: chaos tests, {workers} workers, killed at random instants under load");
    Some(Section { title, table, notes, ..Section::default() })
}

fn way(test: &Chaos) -> String {
    let Chaos { transport, wakeup, segment, .. } = test;
    let segment = segment.as_ref().map_or(String::new(), |segment| format!(" {segment}"));
    format!("{transport} {wakeup}{segment}")
}

fn row(test: &Chaos) -> Vec<Cell> {
    let count = |name, count: u64| Cell::new(count.to_string()).with(name, count);
    vec![
        Cell::new(way(test)),
        count("kills", test.kills.into()),
        count("tasks", test.tasks),
        count("again", test.again),
        count("lost", test.lost),
        count("duplicated", test.duplicated),
        count("wrong", test.wrong),
        count("left", test.left()),
        Cell::new(time(test.wall_ns)).with("took_ns", test.wall_ns),
    ]
}
