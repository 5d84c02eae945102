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

mod residuals;
mod rounds;
mod terms;

use record::{AdviceLine, Placement, PlanLine, Record, Wait};
use stats::cost_model::{Basis, Model};
use stats::median;

pub use self::residuals::Residuals;
use self::rounds::{Round, rounds};
pub use self::terms::{Curve, Terms, Way, terms};
use super::cost_models::cost_models;

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

/// Doing it alone.
pub const SEQUENTIAL: &str = "sequential";
/// The verdict where intervals overlap.
pub const TOO_CLOSE: &str = "TOO CLOSE TO CALL";

/// Ways through a pool; the last one needs a list.
const WAYS: [&str; 3] = ["pipe", "shared place", "shared resident"];
/// Smallest margin of a total: runs differ by as much.
const MIN_MARGIN: f64 = 0.05;
/// A round tells of handing over if that is at least this part of it, and else of computing.
const MIN_HANDOVER_SHARE: f64 = 0.15;

/// What `record` says of `question`; `known` as in [`stats::cost_model::fit`].
///
/// # Errors
/// In words, what the record lacks.
pub fn advise(record: &Record, known: &[f64], question: &Question) -> Result<AdviceLine, String> {
    let (Some(run), Some(machine)) = (&record.run, record.machine()) else {
        return Err("a run and its machine".into());
    };
    let cores = machine.cores;
    let rounds = rounds(record, question.workers);
    let Some(first) = rounds.first() else {
        return Err(format!("tasks through pools of {} workers", question.workers));
    };
    let (placement, wait) = (first.placement, first.wait);
    let learnt = PoolFit { models: models(record, known, placement, wait), rounds, cores };
    let (read, read_margin, read_basis) = learnt.read(question.bytes)?;
    let each = question.compute_ns as f64 + read;
    let alone = question.tasks as f64 * each;
    let alone_margin = learnt.alone_residuals().near(each).max(read_margin);
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
        run: run.id.clone(),
        bytes,
        compute_ns,
        tasks,
        workers,
        cores,
        placement,
        wait,
        plans,
        verdict,
    })
}

/// What a record says of pools with so many workers.
struct PoolFit {
    /// Cost models of the transports, by the name of the way.
    models: Vec<(String, Model)>,
    rounds: Vec<Round>,
    cores: usize,
}

impl PoolFit {
    /// Time to read a list once, its margin, and what that stands on.
    fn read(&self, bytes: usize) -> Result<(f64, f64, Basis), String> {
        if bytes == 0 {
            return Ok((0.0, MIN_MARGIN, Basis::Inside));
        }
        // A task that does nothing but read its list.
        let mut light = light_reads(&self.rounds, bytes);
        if !light.is_empty() {
            return Ok((median(&mut light), MIN_MARGIN, Basis::Inside));
        }
        let of = self.model("shared resident").ok_or_else(|| lists(bytes))?;
        let (all, none) = (of.at(bytes as f64), of.line.alpha_ns);
        let margin = (all.high / all.ns - 1.0).max(MIN_MARGIN);
        Ok(((all.ns - none).max(0.0), margin, all.basis.max(Basis::Inside)))
    }

    /// Total time through a pool by `way`, its margin, and what that stands on.
    fn pool(&self, way: &str, of: &Question, read: f64) -> Result<(f64, f64, Basis), String> {
        let (hand, handover_margin, basis) = self.handover_ns(way, of.bytes)?;
        let efficiency = self.efficiency();
        let each = of.compute_ns as f64 + read;
        let serial = of.tasks as f64 * hand;
        let parallel = shared_out(of.tasks, of.workers, self.cores) * each / efficiency;
        let total = serial + parallel;
        let miss = self.residuals(way).near(each);
        let margin = miss.max(MIN_MARGIN) + handover_margin * serial / total.max(1.0);
        let basis = if each > 10.0 * self.heaviest() { Basis::Extrapolated } else { basis };
        Ok((total.max(1.0), margin, basis))
    }

    /// How far the formula misses the very rounds that it was learnt from.
    fn residuals(&self, way: &str) -> Residuals {
        let efficiency = self.efficiency();
        let miss = |round: &Round| {
            let (hand, ..) = self.handover_ns(way, round.bytes).ok()?;
            let told =
                round.tasks as f64 * hand + self.shared_out(round) * round.alone_ns / efficiency;
            Some((round.alone_ns, (told / round.round_ns - 1.0).abs()))
        };
        Residuals(self.rounds.iter().filter(|round| round.way == way).filter_map(miss).collect())
    }

    /// How far tasks that were asked to compute for so long, and did it alone, missed that.
    fn alone_residuals(&self) -> Residuals {
        let miss = |round: &Round| {
            let asked = round.compute_ns as f64 + self.read(round.bytes).ok()?.0;
            Some((round.alone_ns, (asked / round.alone_ns.max(1.0) - 1.0).abs()))
        };
        Residuals(
            self.rounds.iter().filter(|round| round.compute_ns > 0).filter_map(miss).collect(),
        )
    }

    /// The longest task that was measured alone.
    fn heaviest(&self) -> f64 {
        self.rounds.iter().map(|round| round.alone_ns).fold(0.0, f64::max)
    }

    /// Time of the coordinator for each task, its margin, and what that stands on.
    fn handover_ns(&self, way: &str, bytes: usize) -> Result<(f64, f64, Basis), String> {
        if let Some(hand) = self.light_rounds(way, bytes) {
            return Ok((hand, 0.0, Basis::Inside));
        }
        let none = self.empty_task_ns(way).ok_or("light tasks without a list through a pool")?;
        if bytes == 0 || way.ends_with("resident") {
            return Ok((none, 0.0, Basis::Inside));
        }
        let (carried, margin, basis) = self.carry(way, bytes).ok_or_else(|| lists(bytes))?;
        let factor = self.carry_scale(way).ok_or_else(|| lists(bytes))?;
        Ok((none + factor * carried, margin, basis))
    }

    /// Time of the coordinator for each task without a list. What is resident is not carried: it
    /// costs what a task without a list does.
    fn empty_task_ns(&self, way: &str) -> Option<f64> {
        self.light_rounds(if way.ends_with("resident") { "shared place" } else { way }, 0)
    }

    /// What the model says that carrying a list adds, its margin, and what that stands on.
    fn carry(&self, way: &str, bytes: usize) -> Option<(f64, f64, Basis)> {
        let (all, read) = (self.model(way)?.at(bytes as f64), self.model("shared resident")?);
        let carried = (all.ns - read.at(bytes as f64).ns).max(0.0);
        Some((carried, all.high / all.ns - 1.0, all.basis.max(Basis::Inside)))
    }

    /// How many times what the model says a list adds in a pool, where both are known.
    fn carry_scale(&self, way: &str) -> Option<f64> {
        let none = self.empty_task_ns(way)?;
        let mut sizes: Vec<usize> = self.rounds.iter().map(|round| round.bytes).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let mut factors: Vec<f64> = sizes
            .into_iter()
            .filter(|size| *size > 0)
            .filter_map(|size| {
                Some((self.light_rounds(way, size)? - none) / self.carry(way, size)?.0)
            })
            .filter(|factor| factor.is_finite() && *factor > 0.0)
            .collect();
        (!factors.is_empty()).then(|| median(&mut factors))
    }

    /// What light rounds of that size say of handing over, for each task: the shortest round, and such
    /// as take at most twice as long. In longer ones computing drowns it.
    fn light_rounds(&self, way: &str, bytes: usize) -> Option<f64> {
        let of = |round: &&Round| round.way == way && round.bytes == bytes;
        let rounds = || self.rounds.iter().filter(of);
        let shortest = rounds().map(|round| round.round_ns).min_by(f64::total_cmp)?;
        let mut hands: Vec<f64> = rounds()
            .filter(|round| round.round_ns <= 2.0 * shortest)
            .filter_map(|round| {
                let serial = round.round_ns - self.shared_out(round) * round.alone_ns;
                (serial >= MIN_HANDOVER_SHARE * round.round_ns)
                    .then_some(serial / round.tasks as f64)
            })
            .collect();
        (!hands.is_empty()).then(|| median(&mut hands))
    }

    /// How much of its cores a pool gets out of heavy tasks: up to 1. The upper quartile, since
    /// interference only ever lowers it.
    fn efficiency(&self) -> f64 {
        let mut shares: Vec<f64> = Vec::new();
        for round in &self.rounds {
            let Ok((hand, ..)) = self.handover_ns(&round.way, round.bytes) else { continue };
            let serial = hand * round.tasks as f64;
            if serial < MIN_HANDOVER_SHARE * round.round_ns {
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
        self.models.iter().find(|(name, _)| name == way).map(|(_, model)| model)
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

/// Models of one worker with one task at a time, where the pools were, by the name of the way.
///
/// Arms with other pages than the usual ones have another name than any way through a pool.
fn models(
    record: &Record,
    known: &[f64],
    placement: Placement,
    wait: Wait,
) -> Vec<(String, Model)> {
    let all = cost_models(record, known).into_iter().filter(|of| {
        let stratum = &of.trial.params.stratum;
        (stratum.workers, stratum.depth, stratum.placement, stratum.wait) == (1, 1, placement, wait)
    });
    all.map(|of| (of.trial.params.arm.name(), of.model)).collect()
}

fn lists(bytes: usize) -> String {
    format!("what carrying lists of about {bytes} bytes costs")
}

#[cfg(test)]
mod tests {
    use record::Layer;

    use super::*;

    /// A record: pools of 4 workers on 2 cores. A light task costs 5 µs by pipe and 1 µs by
    /// shared memory; a list of 400,000 bytes takes 6 µs to read, and by pipe 80 µs, placed 4 µs more.
    fn record() -> Record {
        let text = include_str!("../../../../tests/records/advise/run.jsonl");
        record::store::parse(text, Vec::new()).record
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
        assert!(advise(&Record::default(), &[], &of(4)).unwrap_err().contains("run"));
        let mut without = record();
        without.trials.retain(|trial| trial.params.stratum.layer == Layer::Pool);
        assert!(advise(&without, &[], &of(4)).unwrap_err().contains("64 bytes"));
    }

    #[test]
    fn tasks_are_shared_out_among_workers_and_cores() {
        assert_eq!(shared_out(8, 4, 2), 4.0, "two cores");
        assert_eq!(shared_out(5, 4, 8), 2.0, "one worker does two");
        assert_eq!((shared_out(1, 4, 2), shared_out(3, 1, 2)), (1.0, 3.0));
    }
}
