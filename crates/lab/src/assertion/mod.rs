//! What must hold of a run, as a user writes it: `share.p99<1ms@1MiB`.
//!
//! An assertion holds where the evidence carries it: with enough samples for the percentile, and a
//! ratio with all of its interval on the right side.

mod parse;

use std::cmp::Ordering;

use measure::compare::ENOUGH_GENERATIONS;
use measure::histogram::{Distribution, SAMPLES_FOR_P99};
use measure::record::{Cell, Comparison, Line, Trial};

use crate::plan::Plan;
use crate::refusal::Refusal;

/// Something that must hold of every arm and every stratum that it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    text: String,
    what: What,
    order: Order,
    bytes: usize,
    /// Placements and regimes; each must be the cell's.
    stratum: Vec<String>,
}

/// What is measured, and against what.
#[derive(Clone, Debug, PartialEq)]
enum What {
    Time { arms: Arms, statistic: Statistic, limit_ns: u64 },
    Ratio { base: Arms, other: Arms, limit: f64 },
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
    pub fn check(&self, plan: &Plan) -> Result<(), Refusal> {
        let names = |cell: &&crate::plan::Cell| {
            let here = [cell.placement.name().to_owned(), cell.regime.name().to_owned()];
            let arms = |arms: &Arms, copies: Option<bool>| {
                cell.arms.iter().any(|arm| {
                    copies.is_none_or(|copies| arm.copies() == copies)
                        && arms.are(arm.transport.name(), arm.residency.name(), arm.copies())
                })
            };
            let arms = match &self.what {
                What::Time { arms: of, .. } => arms(of, None),
                What::Ratio { base, other, .. } => {
                    arms(base, Some(true)) && arms(other, Some(false))
                }
            };
            cell.bytes == self.bytes && arms && self.stratum.iter().all(|word| here.contains(word))
        };
        match plan.cells.iter().find(names) {
            Some(_) => Ok(()),
            None => {
                let size = report::size(self.bytes);
                Err(Refusal::usage(format!(
                    "--assert '{}' names a cell that this run does not measure: nothing like it at {size}",
                    self.text
                )))
            }
        }
    }

    /// One line for each arm of each stratum in which it does not hold.
    pub fn failures(&self, lines: &[Line]) -> Vec<String> {
        let mut seen = 0;
        let mut failures = Vec::new();
        let mut judge = |cell: &Cell, fault: Option<String>| {
            seen += 1;
            let Cell { placement, regime, bytes, .. } = cell;
            let (arm, size) = (report::arm(cell), report::size(*bytes));
            let at = format!("{arm}, {size}, {placement}, {regime}");
            failures.extend(fault.map(|fault| format!("{} failed: {at}: {fault}", self.text)));
        };
        match &self.what {
            What::Time { arms, statistic, limit_ns } => {
                let these =
                    trials(lines).filter(|trial| self.is_at(&trial.cell) && arms.has(&trial.cell));
                these.for_each(|trial| judge(&trial.cell, self.time(trial, *statistic, *limit_ns)));
            }
            What::Ratio { base, other, limit } => {
                let bases = |line: &Comparison| {
                    trials(lines).any(|trial| trial.id == line.base && base.has(&trial.cell))
                };
                let these = comparisons(lines)
                    .filter(|line| self.is_at(&line.cell) && other.has(&line.cell) && bases(line));
                these.for_each(|line| judge(&line.cell, self.ratio(line, *limit)));
            }
        }
        if seen == 0 {
            failures.push(format!("{} failed: no such cell was measured", self.text));
        }
        failures
    }

    fn is_at(&self, cell: &Cell) -> bool {
        let here = |word: &String| *word == cell.placement || *word == cell.regime;
        cell.bytes == self.bytes && self.stratum.iter().all(here)
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
        (!holds).then(|| format!("{name} is {} ({count} samples)", report::time(value)))
    }

    /// Why it does not hold of a comparison, if so.
    fn ratio(&self, line: &Comparison, limit: f64) -> Option<String> {
        let Comparison { ratio, low, high, generations, .. } = *line;
        if generations < ENOUGH_GENERATIONS {
            let few = format!("{generations} generations");
            return Some(format!("n too small: {few}, a ratio needs {ENOUGH_GENERATIONS}"));
        }
        let end = match self.order {
            Order::More | Order::MoreOrSame => low,
            Order::Less | Order::LessOrSame => high,
        };
        let holds = self.order.holds(end.total_cmp(&limit));
        (!holds).then(|| format!("the ratio is {ratio:.2} ({low:.2} to {high:.2})"))
    }
}

impl Arms {
    fn are(&self, transport: &str, residency: &str, copies: bool) -> bool {
        let transport = transport.replace('-', " ");
        let Arms(name) = self;
        match name.as_str() {
            "copy" => copies,
            "share" => !copies,
            _ => *name == transport || *name == format!("{transport} {residency}"),
        }
    }

    fn has(&self, cell: &Cell) -> bool {
        self.are(&cell.transport, &cell.residency, cell.segment.is_none())
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

/// Trials of cells that no lab has asked for; of an arm that was measured anew, the last.
fn trials(lines: &[Line]) -> impl Iterator<Item = &Trial> {
    let all = lines.iter().enumerate().filter_map(|(at, line)| Some((at, trial(line)?)));
    let again = |at: usize, cell: &Cell| {
        lines[at + 1..].iter().filter_map(trial).any(|later| later.cell == *cell)
    };
    all.filter(move |(at, trial)| !again(*at, &trial.cell)).map(|(_, trial)| trial)
}

fn trial(line: &Line) -> Option<&Trial> {
    match line {
        Line::Trial(trial) if trial.lecture.is_none() => Some(trial),
        _ => None,
    }
}

/// Likewise of comparisons.
fn comparisons(lines: &[Line]) -> impl Iterator<Item = &Comparison> {
    let all = lines.iter().enumerate().filter_map(|(at, line)| Some((at, comparison(line)?)));
    let again = |at: usize, cell: &Cell| {
        lines[at + 1..].iter().filter_map(comparison).any(|later| later.cell == *cell)
    };
    all.filter(move |(at, comparison)| !again(*at, &comparison.cell)).map(|(_, line)| line)
}

fn comparison(line: &Line) -> Option<&Comparison> {
    match line {
        Line::Comparison(line) if line.lecture.is_none() => Some(line),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of one cell: copy and share of 1 MiB on one core.
    fn record(change: impl Fn(&mut serde_json::Value)) -> Vec<Line> {
        let cell = |id: u64, transport: &str, segment: Option<&str>| {
            serde_json::json!({"id":id,"lab":"sweep","job":"sum","transport":transport,
                "residency":"place","wakeup":"block","regime":"sleeping","segment":segment,
                "workers":1,"depth":1,"placement":"same","cores":[0,0],"bytes":1048576,
                "items":131072,"compute_ns":0,"generations":6})
        };
        let trial = |id, transport, segment| {
            let mut trial = cell(id, transport, segment);
            let rest = serde_json::json!({"kind":"trial","through":"hub","worker":"self",
                "arrival":"closed","pairs":1,"tasks":400,"ok":400,"failed":0,"lost":0,
                "verified":400,"wall_ns":1,"round_trip_ns":{"count":400,"min":1,"p50":500_000,
                "p90":800_000,"p99":900_000,"p999":2_000_000,"max":3_000_000,"mean":600_000,
                "hdr":""},"phases_ns":{},"overlap":false,"wire_bytes":null,
                "syscalls_per_task":null,"cpu_ns":{"coordinator":0,"workers":0},
                "faults":{"minor":0,"major":0},"switches":{"voluntary":0,"involuntary":0},
                "steady":true,"warnings":[]});
            trial.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            trial
        };
        let mut comparison = cell(3, "shared", Some("memfd"));
        let rest = serde_json::json!({"kind":"comparison","base":1,"other":2,
            "what":"copy÷share","base_transport":"pipe","ratio":2.5,"low":2.1,"high":3.0,
            "confidence":0.97,"threshold":1.05,"pairs":6,"verdict":"SHARE"});
        comparison.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let mut lines = [trial(1, "pipe", None), trial(2, "shared", Some("memfd")), comparison];
        lines.iter_mut().for_each(change);
        lines.map(|line| serde_json::from_value(line).unwrap()).into()
    }

    fn failures(text: &str, lines: &[Line]) -> Vec<String> {
        text.parse::<Assertion>().unwrap().failures(lines)
    }

    #[test]
    fn what_holds_says_nothing_and_what_does_not_says_what_was_measured() {
        let lines = record(|_| ());
        for holds in [
            "share.p99<1ms@1MiB",
            "share.p99<=900us@1MiB",
            "pipe.p50>0.4ms@1MiB,same",
            "shared-place.mean<601us@1MiB,same,sleeping",
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
                "share.p99<900us@1MiB failed: shared place, 1 MiB, same, sleeping: p99 is 900 µs (400 samples)"
            ]
        );
        let failed = failures("copy/share>2.2@1MiB", &lines);
        assert!(failed[0].ends_with("the ratio is 2.50 (2.10 to 3.00)"), "{failed:?}");
        let failed = failures("share.p50<1s@2MiB", &lines);
        assert!(failed[0].contains("no such cell"), "{failed:?}");
        assert_eq!(failures("share.p50<1s@1MiB,spread", &lines).len(), 1);
    }

    #[test]
    fn too_few_samples_carry_no_assertion_however_far_the_value_is() {
        let few = record(|line| {
            line["generations"] = 5.into();
            line["confidence"] = 0.9375.into();
            line["round_trip_ns"]["count"] = 298.into();
        });
        for text in ["share.p99<1h@1MiB", "share.p999<1h@1MiB", "copy/share>1.01@1MiB"] {
            assert!(failures(text, &few)[0].contains("n too small"), "{text}");
        }
        assert_eq!(failures("share.p90<1h@1MiB", &few), [""; 0]);
    }

    #[test]
    fn a_failed_cell_fails_what_is_asserted_of_it() {
        let lines = record(|line| line["error"] = "the machine is full".into());
        assert!(failures("share.p50<1h@1MiB", &lines)[0].contains("the machine is full"));
    }
}
