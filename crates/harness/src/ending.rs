//! How a run ends: its last line, and what the process ends with.

use measure::now;
use record::{AaTest, Chaos, End, Record};

/// What the lines alone do not say of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Answers that came twice.
    pub duplicated: u64,
    /// Whether a worker died.
    pub worker_lost: bool,
    /// Whether a process was moved from the core where it was pinned.
    pub migrated: bool,
    /// Whether there are fewer generations than planned, for want of time.
    pub short: bool,
}

impl Outcome {
    /// What both say together.
    #[must_use]
    pub fn and(self, other: Outcome) -> Outcome {
        Outcome {
            duplicated: self.duplicated + other.duplicated,
            worker_lost: self.worker_lost || other.worker_lost,
            migrated: self.migrated || other.migrated,
            short: self.short || other.short,
        }
    }
}

/// The last line of a run that began at `started`, and the code to end with.
pub(crate) fn ending(
    record: &Record,
    signal: Option<u8>,
    outcome: Outcome,
    started: u64,
) -> (End, u8) {
    let (status, reason, code) = status(record, signal, outcome);
    let end = End {
        status: status.into(),
        reason: reason.map(Into::into),
        tasks: record.totals.tasks,
        lost: record.totals.lost,
        duplicated: outcome.duplicated,
        segments_left: segments_left(),
        workers_left: workers_left(),
        wall_ns: now() - started,
    };
    (end, code)
}

/// The last line's status and reason, and the code to end with.
fn status(
    record: &Record,
    signal: Option<u8>,
    outcome: Outcome,
) -> (&'static str, Option<&'static str>, u8) {
    let Outcome { duplicated, worker_lost, migrated, short } = outcome;
    match signal {
        _ if record.totals.wrong > 0 || duplicated > 0 => {
            ("invalid", Some("an answer was wrong"), 6)
        }
        _ if !record.chaos.iter().all(Chaos::is_clean) => {
            ("invalid", Some("a task was lost or something was left after a worker was killed"), 6)
        }
        _ if migrated => ("invalid", Some("a process was moved from its core"), 6),
        _ if record.aa_tests.iter().any(AaTest::is_false_positive) => {
            ("invalid", Some("an A/A test found a difference where there is none"), 6)
        }
        Some(signal) => ("interrupted", Some("by a signal"), 128 + signal),
        None if worker_lost => ("done", Some("a worker was lost"), 4),
        None if record.has_failed() => ("done", Some("a cell failed"), 3),
        None if short => ("budget", Some("fewer generations than planned"), 0),
        None => ("done", None, 0),
    }
}

/// Named segments of this process that are still there.
pub fn segments_left() -> u64 {
    let ours = format!("ipclab-{}-", std::process::id());
    let entries = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&ours)).count() as u64
}

/// Children of this process that are still there.
pub fn workers_left() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("children")).ok()?;
        Some(text.split_whitespace().count() as u64)
    });
    children.sum()
}

#[cfg(test)]
mod tests {
    use record::{Line, Trial, samples};

    use super::*;

    /// A trial with some fields changed.
    fn trial(id: u64, change: impl Fn(&mut Trial)) -> Line {
        let mut trial = samples::trial(id);
        change(&mut trial);
        Line::Trial(Box::new(trial))
    }

    fn code(lines: &[Line], signal: Option<u8>, outcome: Outcome) -> (&'static str, u8) {
        let (status, _, code) = status(&Record::of(lines.iter().cloned()), signal, outcome);
        (status, code)
    }

    #[test]
    fn one_wrong_or_second_answer_makes_the_run_invalid_whatever_else_happened() {
        let fine = Outcome::default();
        assert_eq!(code(&[trial(1, |_| ())], None, fine), ("done", 0));
        let wrong = [trial(1, |_| ()), trial(2, |trial| trial.verified -= 1)];
        assert_eq!(code(&wrong, None, fine), ("invalid", 6));
        assert_eq!(code(&wrong, Some(2), fine), ("invalid", 6));
        let twice = Outcome { duplicated: 1, ..fine };
        assert_eq!(code(&[trial(1, |_| ())], None, twice), ("invalid", 6));
    }

    #[test]
    fn a_false_positive_or_a_process_that_was_moved_makes_the_run_invalid() {
        let test = |verdict: &str, injected: Option<f64>| {
            let verdict = verdict.into();
            Line::AaTest(Box::new(AaTest { verdict, injected, ..samples::aa_test(1) }))
        };
        let fine = Outcome::default();
        assert_eq!(code(&[test("DIFFERENT", Some(0.1))], None, fine), ("done", 0));
        assert_eq!(code(&[test("DIFFERENT", None)], None, fine), ("invalid", 6));
        assert_eq!(code(&[test("DIFFERENT", None)], Some(2), fine), ("invalid", 6));
        for verdict in ["SAME", "TOO CLOSE TO CALL"] {
            assert_eq!(code(&[test(verdict, None)], None, fine), ("done", 0));
        }
        let moved = Outcome { migrated: true, ..fine };
        assert_eq!(code(&[trial(1, |_| ())], None, moved), ("invalid", 6));
    }

    #[test]
    fn a_failed_cell_is_forgiven_once_it_was_measured_again() {
        let fine = Outcome::default();
        let failed = trial(1, |trial| trial.error = Some("interrupted".into()));
        assert_eq!(code(std::slice::from_ref(&failed), None, fine), ("done", 3));
        assert_eq!(code(std::slice::from_ref(&failed), Some(15), fine), ("interrupted", 143));
        assert_eq!(code(&[failed.clone(), trial(2, |_| ())], None, fine), ("done", 0));
        let another = trial(2, |trial| trial.params.bytes = 16);
        assert_eq!(code(&[failed, another], None, fine), ("done", 3));
        let lost = Outcome { worker_lost: true, ..fine };
        assert_eq!(code(&[], None, lost), ("done", 4));
    }
}
