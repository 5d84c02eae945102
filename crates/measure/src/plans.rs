//! How long many tasks will take, one after another and through pools: from what a record has of both.
//!
//! Handing over is the coordinator's work, one task after another; computing is shared out among the
//! cores that the workers have. So, as in Amdahl's law,
//!
//! ```text
//! alone = tasks · (compute + read)
//! pool  = tasks · hand  +  rounds · (compute + read) / efficiency
//! ```
//!
//! `read` is the time to read the list once. `hand` comes from rounds of light tasks through such a
//! pool; for sizes without any, it is scaled by what the transport's model says that carrying the list
//! adds. `rounds` is how many tasks the busiest core does, and `efficiency` is found from heavy tasks.

mod misses;
mod rounds;
mod terms;

use serde::{Deserialize, Serialize};

pub use self::misses::Misses;
use self::rounds::{Round, rounds};
pub use self::terms::{Curve, Terms, Way, terms};
use crate::model::{self, Basis, Model, ModelLine};
use crate::record::Line;

/// What is asked: so many equal tasks, each with a list and some computing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Question {
    /// Bytes of each task's list; 0 for none.
    pub bytes: usize,
    /// Computing of each task alone, without reading its list, in nanoseconds.
    pub compute_ns: u64,
    /// Tasks.
    pub tasks: usize,
    /// Worker processes of a pool.
    pub workers: usize,
}

/// Plans for a case, the one that is predicted to be done first before the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdviceLine {
    /// The run that it was learnt from.
    pub run: String,
    /// Bytes of each task's list.
    pub bytes: usize,
    /// Computing of each task.
    pub compute_ns: u64,
    /// Tasks.
    pub tasks: usize,
    /// Worker processes of a pool.
    pub workers: usize,
    /// Cores that the machine of that run has: a speedup ends at the smaller of both.
    pub cores: usize,
    /// Where coordinator and workers run.
    pub placement: String,
    /// What a waiting side does.
    pub regime: String,
    /// The plans.
    pub plans: Vec<PlanLine>,
    /// Name of the first plan, or `TOO CLOSE TO CALL` where the second's interval overlaps its own.
    pub verdict: String,
}

/// One plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanLine {
    /// `sequential`, or the way through a pool: `pipe`, `shared place`, `shared resident`.
    pub plan: String,
    /// All tasks, from the first submitted to the last collected.
    pub predicted_ns: u64,
    /// Lower end of its interval.
    pub low_ns: u64,
    /// Upper end.
    pub high_ns: u64,
    /// Times as fast as sequential.
    pub speedup: f64,
    /// measured, inside or extrapolated.
    pub basis: String,
    /// What it took when it was measured afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_ns: Option<u64>,
}

/// Doing it alone.
pub const SEQUENTIAL: &str = "sequential";
/// The verdict where intervals overlap.
pub const TOO_CLOSE: &str = "TOO CLOSE TO CALL";

/// Ways through a pool; the last one needs a list.
const WAYS: [&str; 3] = ["pipe", "shared place", "shared resident"];
/// Smallest margin of a total: runs differ by as much.
const LEAST_MARGIN: f64 = 0.05;
/// A round tells of handing over if that is at least this part of it, and else of computing.
const LIGHT: f64 = 0.15;

/// What `lines` say of `question`; `known` as in [`model::fit`].
///
/// # Errors
/// In words, what the record lacks.
pub fn advise(lines: &[Line], known: &[f64], question: &Question) -> Result<AdviceLine, String> {
    let (Some(run), Some(cores)) = (name(lines), cores(lines)) else {
        return Err("a run and its machine".into());
    };
    let rounds = rounds(lines, question.workers);
    let Some(first) = rounds.first() else {
        return Err(format!("tasks through pools of {} workers", question.workers));
    };
    let (placement, regime) = (first.placement.clone(), first.regime.clone());
    let learnt = Learnt { models: models(lines, known, &placement, &regime), rounds, cores };
    let (read, read_margin, read_basis) = learnt.read(question.bytes)?;
    let each = question.compute_ns as f64 + read;
    let alone = question.tasks as f64 * each;
    let alone_margin = learnt.alone_misses().near(each).max(read_margin);
    let mut plans = vec![plan(SEQUENTIAL, alone, alone_margin, alone, read_basis)];
    for way in WAYS.iter().filter(|way| question.bytes > 0 || !way.ends_with("resident")) {
        let (total, margin, basis) = learnt.pool(way, question, read)?;
        plans.push(plan(way, total, margin, alone, basis.max(read_basis)));
    }
    plans.sort_by_key(|plan| plan.predicted_ns);
    let verdict = match plans[0].high_ns < plans[1].low_ns {
        true => plans[0].plan.clone(),
        false => TOO_CLOSE.into(),
    };
    let Question { bytes, compute_ns, tasks, workers } = *question;
    Ok(AdviceLine {
        run,
        bytes,
        compute_ns,
        tasks,
        workers,
        cores,
        placement,
        regime,
        plans,
        verdict,
    })
}

/// What a record says of pools with so many workers.
struct Learnt {
    models: Vec<(ModelLine, Model)>,
    rounds: Vec<Round>,
    cores: usize,
}

impl Learnt {
    /// Time to read a list once, its margin, and what that stands on.
    fn read(&self, bytes: usize) -> Result<(f64, f64, Basis), String> {
        if bytes == 0 {
            return Ok((0.0, LEAST_MARGIN, Basis::Inside));
        }
        // A task that does nothing but read its list.
        let mut light = light_reads(&self.rounds, bytes);
        if !light.is_empty() {
            return Ok((middle(&mut light), LEAST_MARGIN, Basis::Inside));
        }
        let of = self.model("shared resident").ok_or_else(|| lists(bytes))?;
        let (all, none) = (of.at(bytes as f64), of.line.alpha_ns);
        let margin = (all.high / all.ns - 1.0).max(LEAST_MARGIN);
        Ok(((all.ns - none).max(0.0), margin, all.basis.max(Basis::Inside)))
    }

    /// Total time through a pool by `way`, its margin, and what that stands on.
    fn pool(&self, way: &str, of: &Question, read: f64) -> Result<(f64, f64, Basis), String> {
        let (hand, hand_margin, basis) = self.hand(way, of.bytes)?;
        let efficiency = self.efficiency();
        let each = of.compute_ns as f64 + read;
        let serial = of.tasks as f64 * hand;
        let parallel = shared_out(of.tasks, of.workers, self.cores) * each / efficiency;
        let total = serial + parallel;
        let miss = self.misses(way).near(each);
        let margin = miss.max(LEAST_MARGIN) + hand_margin * serial / total.max(1.0);
        let basis = if each > 10.0 * self.heaviest() { Basis::Extrapolated } else { basis };
        Ok((total.max(1.0), margin, basis))
    }

    /// How far the formula misses the very rounds that it was learnt from.
    fn misses(&self, way: &str) -> Misses {
        let efficiency = self.efficiency();
        let miss = |round: &Round| {
            let (hand, ..) = self.hand(way, round.bytes).ok()?;
            let told =
                round.tasks as f64 * hand + self.shared_out(round) * round.alone_ns / efficiency;
            Some((round.alone_ns, (told / round.round_ns - 1.0).abs()))
        };
        Misses(self.rounds.iter().filter(|round| round.way == way).filter_map(miss).collect())
    }

    /// How far tasks that were asked to compute for so long, and did it alone, missed that.
    fn alone_misses(&self) -> Misses {
        let miss = |round: &Round| {
            let asked = round.compute_ns as f64 + self.read(round.bytes).ok()?.0;
            Some((round.alone_ns, (asked / round.alone_ns.max(1.0) - 1.0).abs()))
        };
        Misses(self.rounds.iter().filter(|round| round.compute_ns > 0).filter_map(miss).collect())
    }

    /// The longest task that was measured alone.
    fn heaviest(&self) -> f64 {
        self.rounds.iter().map(|round| round.alone_ns).fold(0.0, f64::max)
    }

    /// Time of the coordinator for each task, its margin, and what that stands on.
    fn hand(&self, way: &str, bytes: usize) -> Result<(f64, f64, Basis), String> {
        if let Some(hand) = self.light(way, bytes) {
            return Ok((hand, 0.0, Basis::Inside));
        }
        let none = self.none(way).ok_or("light tasks without a list through a pool")?;
        if bytes == 0 || way.ends_with("resident") {
            return Ok((none, 0.0, Basis::Inside));
        }
        let (carried, margin, basis) = self.carry(way, bytes).ok_or_else(|| lists(bytes))?;
        let factor = self.factor(way).ok_or_else(|| lists(bytes))?;
        Ok((none + factor * carried, margin, basis))
    }

    /// Time of the coordinator for each task without a list. What is resident is not carried: it
    /// costs what a task without a list does.
    fn none(&self, way: &str) -> Option<f64> {
        self.light(if way.ends_with("resident") { "shared place" } else { way }, 0)
    }

    /// What the model says that carrying a list adds, its margin, and what that stands on.
    fn carry(&self, way: &str, bytes: usize) -> Option<(f64, f64, Basis)> {
        let (all, read) = (self.model(way)?.at(bytes as f64), self.model("shared resident")?);
        let carried = (all.ns - read.at(bytes as f64).ns).max(0.0);
        Some((carried, all.high / all.ns - 1.0, all.basis.max(Basis::Inside)))
    }

    /// How many times what the model says a list adds in a pool, where both are known.
    fn factor(&self, way: &str) -> Option<f64> {
        let none = self.none(way)?;
        let mut sizes: Vec<usize> = self.rounds.iter().map(|round| round.bytes).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let mut factors: Vec<f64> = sizes
            .into_iter()
            .filter(|size| *size > 0)
            .filter_map(|size| Some((self.light(way, size)? - none) / self.carry(way, size)?.0))
            .filter(|factor| factor.is_finite() && *factor > 0.0)
            .collect();
        (!factors.is_empty()).then(|| middle(&mut factors))
    }

    /// What light rounds of that size say of handing over, for each task: the shortest round, and such
    /// as take at most twice as long. In longer ones computing drowns it.
    fn light(&self, way: &str, bytes: usize) -> Option<f64> {
        let of = |round: &&Round| round.way == way && round.bytes == bytes;
        let rounds = || self.rounds.iter().filter(of);
        let shortest = rounds().map(|round| round.round_ns).min_by(f64::total_cmp)?;
        let mut hands: Vec<f64> = rounds()
            .filter(|round| round.round_ns <= 2.0 * shortest)
            .filter_map(|round| {
                let serial = round.round_ns - self.shared_out(round) * round.alone_ns;
                (serial >= LIGHT * round.round_ns).then_some(serial / round.tasks as f64)
            })
            .collect();
        (!hands.is_empty()).then(|| middle(&mut hands))
    }

    /// How much of its cores a pool gets out of heavy tasks: up to 1. The upper quartile, since
    /// whoever else takes a core only ever lowers it.
    fn efficiency(&self) -> f64 {
        let mut shares: Vec<f64> = Vec::new();
        for round in &self.rounds {
            let Ok((hand, ..)) = self.hand(&round.way, round.bytes) else { continue };
            let serial = hand * round.tasks as f64;
            if serial < LIGHT * round.round_ns {
                shares.push(self.shared_out(round) * round.alone_ns / (round.round_ns - serial));
            }
        }
        match shares.is_empty() {
            true => 1.0,
            false => {
                shares.sort_by(f64::total_cmp);
                shares[shares.len() * 3 / 4].clamp(0.1, 1.0)
            }
        }
    }

    fn shared_out(&self, round: &Round) -> f64 {
        shared_out(round.tasks, round.workers, self.cores)
    }

    fn model(&self, way: &str) -> Option<&Model> {
        let name = |line: &ModelLine| match line.segment.is_some() {
            true => format!("{} {}", line.transport, line.residency),
            false => line.transport.clone(),
        };
        // Plans are for pages of the usual size, which is what a pool has unless it asks for others.
        let usual = |line: &ModelLine| line.pages.is_none();
        let is = |line: &ModelLine| usual(line) && name(line) == way;
        self.models.iter().find(|(line, _)| is(line)).map(|(_, model)| model)
    }
}

/// Tasks that the busiest core does, or the busiest worker where there are fewer of them.
fn shared_out(tasks: usize, workers: usize, cores: usize) -> f64 {
    let at_once = workers.min(cores).max(1);
    let even = tasks as f64 / at_once as f64;
    (tasks.div_ceil(workers.max(1)) as f64).max(even)
}

fn plan(name: &str, total: f64, margin: f64, alone: f64, basis: Basis) -> PlanLine {
    PlanLine {
        plan: name.into(),
        predicted_ns: total.round() as u64,
        low_ns: (total / (1.0 + margin)).round() as u64,
        high_ns: (total * (1.0 + margin)).round() as u64,
        speedup: alone / total.max(1.0),
        basis: basis.name().into(),
        measured_ns: None,
    }
}

/// What tasks took that do nothing but read a list of that size.
fn light_reads(rounds: &[Round], bytes: usize) -> Vec<f64> {
    let reads = rounds.iter().filter(|round| round.bytes == bytes && round.only_reads);
    reads.map(|round| round.alone_ns).collect()
}

/// Models of one worker with one task at a time, where the pools were.
fn models(lines: &[Line], known: &[f64], placement: &str, regime: &str) -> Vec<(ModelLine, Model)> {
    let mut models = model::of_record(lines, known);
    models.retain(|(line, _)| {
        (line.workers, line.depth) == (1, 1) && line.placement == placement && line.regime == regime
    });
    models
}

fn lists(bytes: usize) -> String {
    format!("what carrying lists of about {bytes} bytes costs")
}

fn name(lines: &[Line]) -> Option<String> {
    lines.iter().find_map(|line| match line {
        Line::Run(run) => Some(run.id.clone()),
        _ => None,
    })
}

fn cores(lines: &[Line]) -> Option<usize> {
    lines.iter().rev().find_map(|line| match line {
        Line::Machine(machine) => Some(machine.cores),
        _ => None,
    })
}

/// The median; `values` must not be empty.
fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() % 2 {
        0 => (values[half - 1] + values[half]) / 2.0,
        _ => values[half],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record as its lines: pools of 4 workers on 2 cores. A light task costs 5 µs by pipe and 1 µs by
    /// shared memory; a list of 400,000 bytes takes 6 µs to read, and by pipe 80 µs, placed 4 µs more.
    fn record() -> Vec<Line> {
        let text = include_str!("../../../tests/records/advise/run.jsonl");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn ask(bytes: usize, compute_us: u64, tasks: usize) -> AdviceLine {
        let question = Question { bytes, compute_ns: compute_us * 1000, tasks, workers: 4 };
        advise(&record(), &[], &question).unwrap()
    }

    fn total(advice: &AdviceLine, plan: &str) -> u64 {
        advice.plans.iter().find(|of| of.plan == plan).unwrap().predicted_ns
    }

    #[test]
    fn totals_are_as_computed_by_hand() {
        // 40 tasks of 100 µs without a list: alone 4 ms; pools 40 · hand + 20 · 100 µs.
        let small = ask(0, 100, 40);
        assert_eq!(total(&small, SEQUENTIAL), 4_000_000);
        assert_eq!(total(&small, "pipe"), 40 * 5000 + 2_000_000);
        assert_eq!(total(&small, "shared place"), 40 * 1000 + 2_000_000);
        assert!(small.plans.iter().all(|plan| plan.plan != "shared resident"), "{small:?}");
        // With a list of 400,000 bytes each reads 6 µs more.
        let large = ask(400_000, 100, 10);
        assert_eq!(total(&large, SEQUENTIAL), 1_060_000);
        assert_eq!(total(&large, "pipe"), 10 * 85_000 + 5 * 106_000);
        assert_eq!(total(&large, "shared place"), 10 * 5000 + 5 * 106_000);
        assert_eq!(total(&large, "shared resident"), 10 * 1000 + 5 * 106_000);
        let order: Vec<&str> = large.plans.iter().map(|plan| plan.plan.as_str()).collect();
        assert_eq!(order, ["shared resident", "shared place", SEQUENTIAL, "pipe"]);
    }

    #[test]
    fn a_tiny_task_is_done_alone_and_near_ones_are_too_close_to_call() {
        let tiny = ask(0, 1, 40);
        assert_eq!(tiny.verdict, SEQUENTIAL);
        let close = ask(400_000, 1000, 40);
        assert_eq!(close.verdict, TOO_CLOSE, "resident and place differ by less than a hundredth");
        assert!(close.plans[0].speedup > 1.9 && close.plans[0].speedup <= 2.0, "{close:?}");
    }

    #[test]
    fn a_size_between_those_measured_is_inside_and_one_beyond_extrapolated() {
        let basis = |bytes: usize| {
            let advice = ask(bytes, 10, 10);
            advice.plans.iter().find(|of| of.plan == "pipe").unwrap().basis.clone()
        };
        assert_eq!(
            [basis(400_000), basis(100_000), basis(64 << 20)],
            ["inside", "inside", "extrapolated"]
        );
        // Twice the list, twice what carrying and reading it add: its model is a line.
        let double = total(&ask(800_000, 10, 10), "pipe") as f64;
        let by_hand = 10.0 * 165_000.0 + 5.0 * (10_000.0 + 12_000.0);
        assert!((double / by_hand - 1.0).abs() < 0.02, "{double} {by_hand}");
    }

    #[test]
    fn what_a_record_lacks_is_named() {
        let of = |workers: usize| Question { bytes: 64, compute_ns: 1, tasks: 1, workers };
        assert!(advise(&record(), &[], &of(3)).unwrap_err().contains("3 workers"));
        assert!(advise(&[], &[], &of(4)).unwrap_err().contains("run"));
        let without: Vec<Line> = record()
            .into_iter()
            .filter(|line| !matches!(line, Line::Trial(t) if t.through == "hub"))
            .collect();
        assert!(advise(&without, &[], &of(4)).unwrap_err().contains("64 bytes"));
    }

    #[test]
    fn tasks_are_shared_out_among_workers_and_cores() {
        assert_eq!(shared_out(8, 4, 2), 4.0, "two cores");
        assert_eq!(shared_out(5, 4, 8), 2.0, "one worker does two");
        assert_eq!((shared_out(1, 4, 2), shared_out(3, 1, 2)), (1.0, 3.0));
    }
}
