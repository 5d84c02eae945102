//! What the runs in a folder say of each lab: there is no other memory of what was done.

use std::path::{Path, PathBuf};

use record::store::RECORD;

use crate::lab::Lab;

/// How far a reader is with a lab.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// A run of it has ended; the newest.
    Done {
        /// Its folder.
        run: PathBuf,
        /// Points of the guesses that were scored, and how many those were.
        points: Option<(f64, usize)>,
    },
    /// Runs of it were interrupted, killed or invalid; the newest.
    Unfinished(PathBuf),
    /// `quick` has asked it in a short form; the newest.
    Short(PathBuf),
    /// No run of it is there.
    Open,
}

/// One recorded run, as far as it concerns progress.
pub struct PastRun {
    folder: PathBuf,
    /// When it began, in UTC: sorts as text.
    started: String,
    /// Name of the lab that it asked, or `quick`.
    asked: String,
    /// How it ended; nothing if it has not.
    status: Option<String>,
    /// Points of each guess that was scored.
    points: Vec<f64>,
}

/// Runs in `folder`, and in the folders in it, where scripts keep several; oldest first.
pub fn read(folder: &Path) -> Vec<PastRun> {
    let mut kept: Vec<PastRun> = inside(folder)
        .into_iter()
        .flat_map(|folder| [vec![folder.clone()], inside(&folder)].concat())
        .filter_map(of)
        .collect();
    kept.sort_by(|a, b| a.started.cmp(&b.started));
    kept
}

/// How far `kept` is with `lab`.
pub fn progress(lab: &dyn Lab, runs: &[PastRun]) -> Progress {
    let newest = |asked: &str, ended: bool| {
        let fits = |run: &&PastRun| run.asked == asked && run.has_ended() == ended;
        runs.iter().rev().find(fits)
    };
    let folder = |run: &PastRun| run.folder.clone();
    let done = |run: &PastRun| Progress::Done { run: folder(run), points: run.sum() };
    let short = newest("quick", true).filter(|_| lab.is_in_quick());
    (newest(lab.name(), true).map(done))
        .or_else(|| newest(lab.name(), false).map(|run| Progress::Unfinished(folder(run))))
        .or_else(|| short.map(|run| Progress::Short(folder(run))))
        .unwrap_or(Progress::Open)
}

impl PastRun {
    fn sum(&self) -> Option<(f64, usize)> {
        (!self.points.is_empty()).then(|| (self.points.iter().sum(), self.points.len()))
    }

    /// Whether it came to an end that counts: all of it, or as much as its time allowed.
    fn has_ended(&self) -> bool {
        matches!(self.status.as_deref(), Some("done" | "budget"))
    }
}

fn inside(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// The run in `folder`. Only lines that say how it began and ended, and of guesses, are read: histograms are long.
fn of(folder: PathBuf) -> Option<PastRun> {
    let text = std::fs::read_to_string(folder.join(RECORD)).ok()?;
    let short = |line: &&str| {
        ["run", "end", "score"]
            .iter()
            .any(|kind| line.starts_with(&format!("{{\"kind\":\"{kind}\"")))
    };
    let lines: Vec<&str> = text.lines().filter(short).collect();
    let record = record::store::parse(&lines.join("\n"), Vec::new()).record;
    let run = record.run.as_ref()?;
    Some(PastRun {
        folder,
        started: record.continued.last().unwrap_or(run).started.clone(),
        asked: run.plan.split(' ').next().unwrap_or("").to_owned(),
        status: record.end.map(|end| end.status),
        points: record.scores.iter().filter_map(|score| score.points).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs;

    fn keep(folder: &Path, started: &str, plan: &str, statuses: &[&str]) {
        std::fs::create_dir_all(folder).unwrap();
        let mut text = String::new();
        for status in statuses {
            text += &format!(
                r#"{{"kind":"run","schema":1,"id":"x","command":[],"version":"0","build":"b","commit":null,"seed":1,"plan":"{plan}","started":"{started}"}}"#
            );
            text += "\n{\"kind\":\"trial\",\"cut off\n";
            if !status.is_empty() {
                text += &format!(
                    r#"{{"kind":"end","status":"{status}","tasks":1,"lost":0,"duplicated":0,"segments_left":0,"workers_left":0,"wall_ns":1}}"#
                );
                text += "\n";
            }
        }
        std::fs::write(folder.join(RECORD), text).unwrap();
    }

    #[test]
    fn a_lab_is_done_when_a_run_of_it_has_ended_independent_of_other_runs() {
        let runs = tempfile::tempdir().unwrap();
        let lab = labs::find("quadrants").unwrap();
        let at = |name: &str| runs.path().join(name);
        let now = || progress(lab, &read(runs.path()));
        assert_eq!(now(), Progress::Open);
        keep(&at("other"), "2026-01-01T00:00:00Z", "futures lecture 4 workers", &["done"]);
        keep(&at("broken"), "2026-01-01T00:00:00Z", "quadrants lecture", &["invalid"]);
        keep(&at("quick"), "2026-01-02T00:00:00Z", "quick 6x4 26 cells 01", &["budget"]);
        keep(&at("torn"), "2026-01-03T00:00:00Z", "quick 6x4 26 cells 01", &[""]);
        std::fs::write(runs.path().join("a file"), "").unwrap();
        assert_eq!(now(), Progress::Unfinished(at("broken")));
        std::fs::remove_dir_all(at("broken")).unwrap();
        assert_eq!(now(), Progress::Short(at("quick")));
        keep(&at("deep/er"), "2026-01-04T00:00:00Z", "quadrants lecture 4", &["interrupted", ""]);
        assert_eq!(now(), Progress::Unfinished(at("deep/er")));
        keep(
            &at("deep/er"),
            "2026-01-04T00:00:00Z",
            "quadrants lecture 4",
            &["interrupted", "done"],
        );
        keep(&at("later"), "2026-01-05T00:00:00Z", "quadrants lecture 4", &["interrupted"]);
        assert_eq!(now(), Progress::Done { run: at("deep/er"), points: None });
    }
}
