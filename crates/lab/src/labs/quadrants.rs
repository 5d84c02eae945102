//! 26.1: heavy and light computing, small and large data: where does a pool pay?

use std::sync::Arc;

use measure::compare::{SPEEDUP, Verdict};
use measure::record::{Claim, Comparison, Line};
use pool::Value;
use workload::lecture::{
    HeavyWorkLargeData, HeavyWorkSmallData, LightWorkLargeData, LightWorkSmallData, repeated,
};

use super::Lab;
use crate::book::Done;
use crate::speedup::{self, Case, calibrate};
use crate::wish::{Scale, Wish};

/// The lab of example 26.1.
pub(super) struct Quadrants;

/// Tasks of each case.
const TASKS: usize = 8;
/// Square roots of a heavy task with small data.
const ROOTS: u32 = 200_000;
/// Items of a large list.
const ITEMS: i64 = 50_000;

impl Lab for Quadrants {
    fn name(&self) -> &'static str {
        "quadrants"
    }
    fn number(&self) -> &'static str {
        "26.1"
    }
    fn question(&self) -> &'static str {
        "heavy or light computing, small or large data: where does a pool pay?"
    }
    fn run(&self, wish: &Wish) -> anyhow::Result<Done> {
        speedup::carry_out(self.name(), &cases(wish.scale), wish, claims)
    }
}

/// The four cases, in the lecture's order and words.
fn cases(scale: Scale) -> Vec<Case> {
    let list: Arc<[i64]> = (0..ITEMS).collect();
    let roots = |repeats| repeated(ROOTS, repeats);
    // One number for both heavy jobs, so that they stand to each other as they do in CPython.
    let repeats = match scale {
        Scale::Lecture => 1,
        Scale::Calibrated => calibrate(&HeavyWorkSmallData, &roots, &[]),
    };
    vec![
        Case {
            name: "Heavy compute, small data",
            job: &HeavyWorkSmallData,
            arg: roots(repeats),
            list: None,
            tasks: TASKS,
            repeats,
        },
        Case {
            name: "Light compute, small data",
            job: &LightWorkSmallData,
            arg: Value::Int(i64::from(ROOTS)),
            list: None,
            tasks: TASKS,
            repeats: 1,
        },
        Case {
            name: "Heavy compute, large data",
            job: &HeavyWorkLargeData,
            arg: repeated(0, repeats),
            list: Some(list.clone()),
            tasks: TASKS,
            repeats,
        },
        Case {
            name: "Light compute, large data",
            job: &LightWorkLargeData,
            arg: Value::Int(0),
            list: Some(list),
            tasks: TASKS,
            repeats: 1,
        },
    ]
}

/// What the lecture expects of each case, and within which speedups.
const EXPECTED: [(&str, &str, f64, f64); 4] = [
    ("Heavy compute, small data", "speedup 3–4× (parallel wins clearly)", 3.0, f64::MAX),
    ("Light compute, small data", "speedup < 1× (IPC overhead dominates)", 0.0, 1.0),
    ("Heavy compute, large data", "speedup 1–2× (marginal)", 1.0, 2.0),
    ("Light compute, large data", "speedup < 1× (IPC cost far exceeds any benefit)", 0.0, 1.0),
];

/// Generations whose agreement means anything, as for a verdict.
const ENOUGH_GENERATIONS: usize = 6;

/// Checks the lecture's expectations on what comes nearest to its pool: serialised lists in pipes.
fn claims(lines: &[Line], cores: usize, workers: usize) -> Vec<Claim> {
    let check = |(case, words, low, high): (&str, &str, f64, f64)| {
        let found = lines.iter().find_map(|line| match line {
            Line::Comparison(c)
                if c.cell.transport == "pipe-serde"
                    && c.lecture.as_ref().is_some_and(|lecture| lecture.case == case) =>
            {
                Some(&**c)
            }
            _ => None,
        })?;
        let enough = found.generations >= ENOUGH_GENERATIONS;
        let seen = enough && found.low >= low && found.high <= high;
        let reason = reason(found, low, cores, workers);
        let text = format!("{case}: {words}");
        Some(Claim { lab: "quadrants".into(), text, seen, reason })
    };
    EXPECTED.into_iter().filter_map(check).collect()
}

fn reason(found: &Comparison, low: f64, cores: usize, workers: usize) -> String {
    let Comparison { ratio, low: from, high: to, .. } = found;
    let measured = format!("pipe-serde {ratio:.2}× ({from:.2}–{to:.2})");
    let ceiling = cores.min(workers) as f64;
    if found.generations < ENOUGH_GENERATIONS {
        format!("{measured}; {} generations are too few to say", found.generations)
    } else if low > ceiling {
        format!("{measured}; {cores} cores: the ceiling is {ceiling}×")
    } else if found.verdict == Verdict::Faster && found.ratio > SPEEDUP && low == 0.0 {
        format!("{measured}; handing over costs less here than in CPython")
    } else {
        measured
    }
}
