//! A run as read back: each kind of line in a vector of its own. What was measured again stands once, as it was
//! measured last, so a reader need not ask.

use measure::machine::Machine;

use crate::lines::{
    AaTest, AdviceLine, Chaos, Claim, Comparison, CrossoverLine, End, Guess, Kill, Limit, Line,
    RunLine, Score, Sequential, TaskOutcome, TaskTimeline, Timelines, Trial,
};
use crate::pairs::{self, Batch, PairRow};
use crate::params::Params;

/// A run, or as much of it as could be read.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The first run line.
    pub run: Option<RunLine>,
    /// Run lines of the invocations that continued it.
    pub continued: Vec<RunLine>,
    /// The machine, as each invocation saw it.
    pub machines: Vec<Machine>,
    /// Round trips and pool rounds, one for each arm of each cell.
    pub trials: Vec<Trial>,
    /// The same tasks without another process, one for each case.
    pub sequentials: Vec<Sequential>,
    /// Two arms of a cell, or a pool against doing the tasks alone.
    pub comparisons: Vec<Comparison>,
    /// Arms against themselves.
    pub aa_tests: Vec<AaTest>,
    /// Where one arm begins to win.
    pub crossovers: Vec<CrossoverLine>,
    /// Limits of the machine; of one that was measured twice, the lower.
    pub limits: Vec<Limit>,
    /// What became of single tasks.
    pub outcomes: Vec<TaskOutcome>,
    /// What the lecture says, and whether it was seen.
    pub claims: Vec<Claim>,
    /// Guesses before the measurement.
    pub guesses: Vec<Guess>,
    /// Guesses beside what was measured.
    pub scores: Vec<Score>,
    /// Stamped tasks of trials.
    pub timelines: Vec<Timelines>,
    /// Owners that were killed in a chosen state.
    pub kills: Vec<Kill>,
    /// Chaos tests.
    pub chaos: Vec<Chaos>,
    /// Advices.
    pub advices: Vec<AdviceLine>,
    /// How the run ended; none if it was killed, or goes on.
    pub end: Option<End>,
    /// Batches, of everything that was measured.
    pub pairs: Vec<PairRow>,
    /// Counts over everything that was measured, also what was measured again later.
    pub totals: Totals,
    /// The largest number of any line.
    pub max_id: u64,
}

/// Counts over everything that was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Tasks.
    pub tasks: u64,
    /// Tasks that never came back.
    pub lost: u64,
    /// Answers that were not the right ones.
    pub wrong: u64,
}

impl Record {
    /// The record that `lines` come to.
    pub fn of(lines: impl IntoIterator<Item = Line>) -> Record {
        let mut record = Record::default();
        lines.into_iter().for_each(|line| record.push(line));
        record
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.run.is_none() && self.machines.is_empty() && self.max_id == 0 && self.end.is_none()
    }

    /// Adds a line; what it says again takes the place of what was said before.
    pub fn push(&mut self, line: Line) {
        match line {
            // A run that is continued has not ended.
            Line::Run(run) => {
                self.end = None;
                match &self.run {
                    None => self.run = Some(run),
                    Some(_) => self.continued.push(run),
                }
            }
            Line::Machine(machine) => self.machines.push(machine),
            Line::Trial(trial) => self.push_trial(*trial),
            Line::Sequential(alone) => {
                self.count(alone.id, 0, 0, 0);
                let same = |of: &Sequential| (&of.lab, &of.case) == (&alone.lab, &alone.case);
                self.forget(
                    self.sequentials.iter().filter(|of| same(of)).map(|of| of.id).collect(),
                );
                replace(&mut self.sequentials, alone, |a, b| {
                    (&a.lab, &a.case) == (&b.lab, &b.case)
                });
            }
            Line::Comparison(line) => {
                self.count(line.id, 0, 0, 0);
                replace(&mut self.comparisons, *line, |a, b| {
                    (&a.lab, &a.params, &a.cores) == (&b.lab, &b.params, &b.cores)
                });
            }
            Line::AaTest(line) => {
                self.count(line.id, 0, 0, 0);
                let key = |of: &AaTest| {
                    (of.lab.clone(), of.params.clone(), of.cores.clone(), of.injected)
                };
                replace(&mut self.aa_tests, *line, |a, b| key(a) == key(b));
            }
            Line::Crossover(line) => {
                self.count(line.id, 0, 0, 0);
                let key = |of: &CrossoverLine| (of.lab.clone(), of.axis.clone(), of.params.clone());
                replace(&mut self.crossovers, *line, |a, b| key(a) == key(b));
            }
            Line::Limit(limit) => self.push_limit(*limit),
            Line::Outcome(outcome) => self.push_outcome(*outcome),
            Line::Claim(claim) => {
                replace(&mut self.claims, claim, |a, b| (&a.lab, &a.text) == (&b.lab, &b.text));
            }
            Line::Guess(guess) => {
                replace(&mut self.guesses, guess, |a, b| {
                    (&a.lab, &a.question) == (&b.lab, &b.question)
                });
            }
            Line::Score(score) => replace(&mut self.scores, score, |a, b| {
                (&a.guess.lab, &a.guess.question) == (&b.guess.lab, &b.guess.question)
            }),
            Line::Timelines(timelines) => self.timelines.push(timelines),
            Line::Kill(kill) => replace(&mut self.kills, kill, |a, b| {
                (&a.lab, &a.owner, &a.of, &a.state) == (&b.lab, &b.owner, &b.of, &b.state)
            }),
            Line::Chaos(chaos) => {
                self.count(0, chaos.tasks, chaos.lost, chaos.wrong);
                let key = |of: &Chaos| {
                    (of.lab.clone(), of.transport.clone(), of.wakeup.clone(), of.segment.clone())
                };
                replace(&mut self.chaos, *chaos, |a, b| key(a) == key(b));
            }
            Line::Advice(advice) => self.advices.push(*advice),
            Line::End(end) => self.end = Some(end),
            Line::Unknown => {}
        }
    }

    fn push_trial(&mut self, trial: Trial) {
        self.count(trial.id, trial.tasks, trial.lost, trial.ok.abs_diff(trial.verified));
        self.forget(self.trials.iter().filter(|of| of.is_same(&trial)).map(|of| of.id).collect());
        replace(&mut self.trials, trial, Trial::is_same);
    }

    /// Of a limit that is measured again, the lower counts: that is what it is a limit of.
    fn push_limit(&mut self, limit: Limit) {
        let key = |of: &Limit| (of.what.clone(), of.placement, of.bytes);
        match self.limits.iter_mut().find(|of| key(of) == key(&limit)) {
            Some(known) if known.ns.p50 <= limit.ns.p50 => {}
            Some(known) => *known = limit,
            None => self.limits.push(limit),
        }
    }

    /// Outcomes of one transport are said together: the first of another set begins it anew.
    fn push_outcome(&mut self, outcome: TaskOutcome) {
        let key = |of: &TaskOutcome| (of.lab.clone(), of.transport.clone());
        let again = |of: &TaskOutcome| {
            key(of) == key(&outcome) && (&of.part, of.task) == (&outcome.part, outcome.task)
        };
        if self.outcomes.iter().any(again) {
            self.outcomes.retain(|of| key(of) != key(&outcome));
        }
        self.outcomes.push(outcome);
    }

    /// Drops what is said of lines that are measured again.
    fn forget(&mut self, ids: Vec<u64>) {
        if !ids.is_empty() {
            self.comparisons.retain(|of| !ids.contains(&of.base) && !ids.contains(&of.other));
            self.timelines.retain(|of| !ids.contains(&of.trial));
        }
    }

    fn count(&mut self, id: u64, tasks: u64, lost: u64, wrong: u64) {
        self.max_id = self.max_id.max(id);
        self.totals.tasks += tasks;
        self.totals.lost += lost;
        self.totals.wrong += wrong;
    }

    /// The machine, as it was seen last.
    pub fn machine(&self) -> Option<&Machine> {
        self.machines.last()
    }

    /// The trial with that number.
    pub fn trial(&self, id: u64) -> Option<&Trial> {
        self.trials.iter().find(|trial| trial.id == id)
    }

    /// The batches of the line with that number.
    pub fn batches_of(&self, id: u64) -> Vec<Batch> {
        pairs::batches_of(&self.pairs, id)
    }

    /// The median batch of each generation of the line with that number.
    pub fn generation_medians(&self, id: u64) -> Vec<f64> {
        pairs::generation_medians(&self.pairs, id)
    }

    /// Stamped tasks of the trial with that number.
    pub fn timelines_of(&self, id: u64) -> &[TaskTimeline] {
        self.timelines.iter().find(|of| of.trial == id).map_or(&[], |of| &of.tasks)
    }

    /// Trials of one lab that have answers.
    pub fn measured<'a>(&'a self, lab: &'a str) -> impl Iterator<Item = &'a Trial> + Clone {
        self.trials.iter().filter(move |trial| trial.lab == lab && trial.error.is_none())
    }

    /// Comparisons of one lab.
    pub fn compared<'a>(&'a self, lab: &'a str) -> impl Iterator<Item = &'a Comparison> + Clone {
        self.comparisons.iter().filter(move |comparison| comparison.lab == lab)
    }

    /// The trial that a comparison divides; none if that is a sequential line.
    pub fn base(&self, comparison: &Comparison) -> Option<&Trial> {
        self.trial(comparison.base)
    }

    /// How a comparison's base is called: its arm, or `sequential`.
    pub fn base_name(&self, comparison: &Comparison) -> String {
        self.base(comparison)
            .map_or(comparison.base_transport.clone(), |trial| trial.params.arm.name())
    }

    /// Whether a cell failed and was not measured again since.
    pub fn has_failed(&self) -> bool {
        self.trials.iter().any(|trial| trial.error.is_some())
            || self.aa_tests.iter().any(|test| test.error.is_some())
            || self.chaos.iter().any(|chaos| chaos.error.is_some())
    }

    /// Whether there is a trial of `params` on `cores` that has not failed.
    pub fn has_measured(&self, lab: &str, params: &Params, cores: &[usize]) -> bool {
        self.measured(lab).any(|trial| trial.params == *params && trial.cores == cores)
    }
}

impl Trial {
    /// Whether the other is the same cell of the same run, measured again.
    fn is_same(&self, other: &Trial) -> bool {
        (&self.lab, &self.params, &self.cores) == (&other.lab, &other.params, &other.cores)
    }
}

/// Puts `new` at the end, and drops what is the same.
fn replace<T>(all: &mut Vec<T>, new: T, same: impl Fn(&T, &T) -> bool) {
    all.retain(|old| !same(old, &new));
    all.push(new);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_cell_that_is_measured_again_stands_once_as_it_was_last_and_so_do_its_comparisons() {
        let failed =
            Trial { error: Some("the machine is full".into()), tasks: 5, ..samples::trial(1) };
        let compared = |id, base, other| samples::comparison(id, base, other);
        let share = |id| samples::sharing(samples::trial(id));
        let lines = [
            Line::Trial(Box::new(failed)),
            Line::Trial(Box::new(share(2))),
            Line::Comparison(Box::new(compared(3, 1, 2))),
            Line::Timelines(Timelines { trial: 1, tasks: Vec::new() }),
            Line::Trial(Box::new(samples::trial(4))),
        ];
        let mut record = Record::of(lines);
        assert_eq!(record.trials.iter().map(|trial| trial.id).collect::<Vec<_>>(), [2, 4]);
        assert!(
            record.comparisons.is_empty() && record.timelines.is_empty() && !record.has_failed()
        );
        assert_eq!((record.totals.tasks, record.max_id), (5 + samples::trial(4).tasks * 2, 4));
        record.push(Line::Comparison(Box::new(compared(5, 4, 2))));
        record.push(Line::Comparison(Box::new(compared(6, 4, 2))));
        assert_eq!(record.comparisons.iter().map(|line| line.id).collect::<Vec<_>>(), [6]);
        assert_eq!(record.base_name(&record.comparisons[0]), "pipe");
    }

    #[test]
    fn cells_that_differ_in_any_axis_in_the_lab_or_in_their_cores_are_not_the_same() {
        let mut another = samples::trial(2);
        another.params.stratum.rate = Some(1e4);
        let elsewhere = Trial { cores: vec![0, 3], ..samples::trial(3) };
        let of_lab = Trial { lab: "tail".into(), ..samples::trial(4) };
        let all = [samples::trial(1), another, elsewhere, of_lab];
        let record = Record::of(all.map(|trial| Line::Trial(Box::new(trial))));
        assert_eq!(record.trials.len(), 4);
    }

    #[test]
    fn of_a_limit_the_lowest_counts_in_whichever_order_it_was_measured() {
        let limit = |p50| Line::Limit(Box::new(samples::limit("futex_round_trip", p50)));
        for order in [[50, 49, 60], [49, 60, 50]] {
            let record = Record::of(order.map(limit));
            assert_eq!(record.limits.iter().map(|limit| limit.ns.p50).collect::<Vec<_>>(), [49]);
        }
    }

    #[test]
    fn a_run_that_is_continued_has_not_ended() {
        let record = Record::of([
            Line::Run(samples::run("one")),
            Line::End(End { status: "interrupted".into(), ..End::default() }),
            Line::Run(samples::run("two")),
        ]);
        assert_eq!(record.run.map(|run| run.id).as_deref(), Some("one"));
        assert_eq!((record.continued.len(), record.end), (1, None));
    }
}
