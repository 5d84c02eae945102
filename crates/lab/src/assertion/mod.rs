//! What must hold of a run, as a user writes it: `share.p99<1ms@1MiB`.
//!
//! An assertion holds where the evidence carries it: with enough samples for the percentile, and a
//! ratio with all of its interval on the right side.

mod parse;

use std::cmp::Ordering;

use harness::UsageError;
use harness::plan::Plan;
use measure::Distribution;
use measure::histogram::SAMPLES_FOR_P99;
use measure::units::{size, time};
use record::params::word;
use record::{ArmParams, Comparison, Params, Record, Trial};
use stats::paired_ratio::MIN_GENERATIONS;

/// Something that must hold of every arm and every stratum that it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    text: String,
    what: What,
    order: Order,
    bytes: usize,
    /// What the cell's parameters must be.
    filters: Vec<Filter>,
}

/// What is measured, and against what.
#[derive(Clone, Debug, PartialEq)]
enum What {
    Time { arms: Arms, statistic: Statistic, limit_ns: u64 },
    Ratio { base: Arms, other: Arms, limit: f64 },
}

/// A parameter's value: `same`, or with its name, as in `workers=4`.
#[derive(Clone, Debug, PartialEq)]
struct Filter {
    /// The parameter; any of those that have words, unless given.
    name: Option<String>,
    value: String,
}

/// `copy`, `share`, a transport or an arm, without hyphens.
#[derive(Clone, Debug, PartialEq)]
struct Arms(String);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Statistic {
    P50,
    P90,
    P99,
    P999,
    Max,
    Mean,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Less,
    LessOrSame,
    More,
    MoreOrSame,
}

impl Assertion {
    /// Whether `plan` measures what it names.
    ///
    /// # Errors
    /// It does not.
    pub fn check(&self, plan: &Plan) -> Result<(), UsageError> {
        let names = |cell: &&harness::plan::Cell| {
            let all: Vec<Params> = cell.arms.iter().map(|arm| cell.params(arm)).collect();
            let has = |arms: &Arms, copies: Option<bool>| {
                all.iter().any(|params| {
                    copies.is_none_or(|copies| params.arm.shares() != copies)
                        && arms.has(&params.arm)
                })
            };
            let arms = match &self.what {
                What::Time { arms: of, .. } => has(of, None),
                What::Ratio { base, other, .. } => has(base, Some(true)) && has(other, Some(false)),
            };
            arms && !cell.is_aa_test() && all.iter().all(|params| self.is_at(params))
        };
        match plan.cells.iter().find(names) {
            Some(_) => Ok(()),
            None => {
                let size = size(self.bytes);
                Err(UsageError::new(format!(
                    "--assert '{}' matches no cell of this run: there is none at {size}",
                    self.text
                )))
            }
        }
    }

    /// One line for each arm of each stratum in which it does not hold.
    pub fn failures(&self, record: &Record) -> Vec<String> {
        let mut seen = 0;
        let mut failures = Vec::new();
        let mut judge = |params: &Params, fault: Option<String>| {
            seen += 1;
            let (arm, size) = (params.arm.name(), size(params.bytes));
            let at = format!("{arm}, {size}, {}", params.stratum.title());
            failures.extend(fault.map(|fault| format!("{} failed: {at}: {fault}", self.text)));
        };
        match &self.what {
            What::Time { arms, statistic, limit_ns } => {
                let these = record.trials.iter().filter(|trial| {
                    let params = &trial.params;
                    params.case.is_none() && self.is_at(params) && arms.has(&params.arm)
                });
                these.for_each(|trial| {
                    judge(&trial.params, self.time(trial, *statistic, *limit_ns))
                });
            }
            What::Ratio { base, other, limit } => {
                let these = record.comparisons.iter().filter(|line| {
                    let params = &line.params;
                    params.case.is_none()
                        && self.is_at(params)
                        && other.has(&params.arm)
                        && record.base(line).is_some_and(|trial| base.has(&trial.params.arm))
                });
                these.for_each(|line| judge(&line.params, self.ratio(line, *limit)));
            }
        }
        if seen == 0 {
            failures.push(format!("{} failed: no such cell was measured", self.text));
        }
        failures
    }

    fn is_at(&self, params: &Params) -> bool {
        params.bytes == self.bytes && self.filters.iter().all(|filter| filter.holds(params))
    }

    /// Why it does not hold of a trial, if so.
    fn time(&self, trial: &Trial, statistic: Statistic, limit_ns: u64) -> Option<String> {
        let times = &trial.round_trip_ns;
        if let Some(error) = &trial.error {
            return Some(error.clone());
        }
        let (count, name) = (times.count, statistic.name());
        if count < statistic.samples() {
            let samples = statistic.samples();
            return Some(format!("n too small: {count} samples, {name} needs {samples}"));
        }
        let value = statistic.of(times);
        let holds = self.order.holds(value.cmp(&limit_ns));
        (!holds).then(|| format!("{name} is {} ({count} samples)", time(value)))
    }

    /// Why it does not hold of a comparison, if so.
    fn ratio(&self, line: &Comparison, limit: f64) -> Option<String> {
        let Comparison { ratio, low, high, generations, .. } = *line;
        if generations < MIN_GENERATIONS {
            let few = format!("{generations} generations");
            return Some(format!("n too small: {few}, a ratio needs {MIN_GENERATIONS}"));
        }
        let end = match self.order {
            Order::More | Order::MoreOrSame => low,
            Order::Less | Order::LessOrSame => high,
        };
        let holds = self.order.holds(end.total_cmp(&limit));
        (!holds).then(|| format!("the ratio is {ratio:.2} ({low:.2} to {high:.2})"))
    }
}

impl Filter {
    fn holds(&self, params: &Params) -> bool {
        let values = params.values();
        match &self.name {
            Some(name) => values.get(name).is_some_and(|of| word(of) == self.value),
            None => {
                WORDED.iter().any(|name| values.get(*name).is_some_and(|of| word(of) == self.value))
            }
        }
    }
}

/// Parameters whose values can be named alone.
const WORDED: [&str; 2] = ["placement", "wait"];

impl Arms {
    fn has(&self, arm: &ArmParams) -> bool {
        let transport = arm.transport.replace('-', " ");
        let Arms(name) = self;
        match name.as_str() {
            "copy" => !arm.shares(),
            "share" => arm.shares(),
            _ => *name == transport || *name == format!("{transport} {}", arm.residency),
        }
    }
}

impl Statistic {
    const ALL: [Statistic; 6] = [
        Statistic::P50,
        Statistic::P90,
        Statistic::P99,
        Statistic::P999,
        Statistic::Max,
        Statistic::Mean,
    ];

    fn name(self) -> &'static str {
        match self {
            Statistic::P50 => "p50",
            Statistic::P90 => "p90",
            Statistic::P99 => "p99",
            Statistic::P999 => "p999",
            Statistic::Max => "max",
            Statistic::Mean => "mean",
        }
    }

    fn of(self, times: &Distribution) -> u64 {
        match self {
            Statistic::P50 => times.p50,
            Statistic::P90 => times.p90,
            Statistic::P99 => times.p99,
            Statistic::P999 => times.p999,
            Statistic::Max => times.max,
            Statistic::Mean => times.mean,
        }
    }

    /// Samples without which it says nothing: those of which the largest is above it with 95 %.
    fn samples(self) -> u64 {
        match self {
            Statistic::P50 => 5,
            Statistic::P90 => 29,
            Statistic::P99 => SAMPLES_FOR_P99,
            Statistic::P999 => 2_995,
            Statistic::Max | Statistic::Mean => 1,
        }
    }
}

impl Order {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Order::Less => order.is_lt(),
            Order::LessOrSame => order.is_le(),
            Order::More => order.is_gt(),
            Order::MoreOrSame => order.is_ge(),
        }
    }
}

#[cfg(test)]
mod tests {
    use record::{Line, samples};

    use super::*;

    /// A record of one cell: copy and share of 1 MiB on one core.
    fn record(change: impl Fn(&mut Trial), of_ratio: impl Fn(&mut Comparison)) -> Record {
        let at = |mut trial: Trial| {
            trial.params.bytes = 1 << 20;
            change(&mut trial);
            Line::Trial(Box::new(trial))
        };
        let mut comparison = samples::comparison(3, 1, 2);
        comparison.params.bytes = 1 << 20;
        of_ratio(&mut comparison);
        Record::of([
            at(samples::trial(1)),
            at(samples::sharing(samples::trial(2))),
            Line::Comparison(Box::new(comparison)),
        ])
    }

    fn failures(text: &str, record: &Record) -> Vec<String> {
        text.parse::<Assertion>().unwrap().failures(record)
    }

    #[test]
    fn what_holds_says_nothing_and_what_does_not_says_what_was_measured() {
        let lines = record(|_| (), |_| ());
        for holds in [
            "share.p99<1ms@1MiB",
            "share.p99<=900us@1MiB",
            "pipe.p50>0.4ms@1MiB,same",
            "shared-place.mean<601us@1MiB,same,sleep",
            "pipe.p50<1ms@1MiB,workers=1,depth=1,placement=same,wakeup=block,layer=transport",
            "shared place.max>=3ms@1MiB",
            "copy/share>2@1MiB",
            "pipe/shared<=3@1MiB",
        ] {
            assert_eq!(failures(holds, &lines), [""; 0], "{holds}");
        }
        let failed = failures("share.p99<900us@1MiB", &lines);
        assert_eq!(
            failed,
            [
                "share.p99<900us@1MiB failed: shared place, 1 MiB, same core, sleep: p99 is 900 µs (400 samples)"
            ]
        );
        let failed = failures("copy/share>2.2@1MiB", &lines);
        assert!(failed[0].ends_with("the ratio is 2.50 (2.10 to 3.00)"), "{failed:?}");
        let failed = failures("share.p50<1s@2MiB", &lines);
        assert!(failed[0].contains("no such cell"), "{failed:?}");
        assert_eq!(failures("share.p50<1s@1MiB,spread", &lines).len(), 1);
        assert_eq!(failures("share.p50<1s@1MiB,workers=2", &lines).len(), 1);
        assert_eq!(failures("share.p50<1s@1MiB,layer=pool", &lines).len(), 1);
    }

    #[test]
    fn too_few_samples_carry_no_assertion_however_far_the_value_is() {
        let few = record(
            |trial| trial.round_trip_ns.count = 298,
            |comparison| (comparison.generations, comparison.confidence) = (5, 0.9375),
        );
        for text in ["share.p99<1h@1MiB", "share.p999<1h@1MiB", "copy/share>1.01@1MiB"] {
            assert!(failures(text, &few)[0].contains("n too small"), "{text}");
        }
        assert_eq!(failures("share.p90<1h@1MiB", &few), [""; 0]);
    }

    #[test]
    fn a_failed_cell_fails_what_is_asserted_of_it() {
        let lines = record(|trial| trial.error = Some("the machine is full".into()), |_| ());
        assert!(failures("share.p50<1h@1MiB", &lines)[0].contains("the machine is full"));
    }
}
