//! How records of schema 1 are read: by the names that their fields have today.
//!
//! Schema 1 had no number that joins a batch to its trial, and no field for the wake-up that a cell is called by.
//! Both are found as its readers found them: by what a row says of itself, and by the arms beside it.

use serde_json::{Map, Value};

use crate::lines::{Line, Sequential, Trial};
use crate::pairs::{PairRow, SEQUENTIAL};
use crate::params::{Params, Stratum, Wait};

/// One line of schema 1.
pub(crate) fn line(text: &str) -> Result<Line, serde_json::Error> {
    let mut value: Value = serde_json::from_str(text)?;
    if let Some(fields) = value.as_object_mut() {
        rename(fields);
    }
    serde_json::from_value(value)
}

/// Fields, kinds and words that have another name today.
fn rename(fields: &mut Map<String, Value>) {
    let kind = fields.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut set = |name: &str, value: &str| fields.insert(name.into(), value.into());
    match kind.as_str() {
        "floor" => drop(set("kind", "limit")),
        "control" => drop(set("kind", "aa_test")),
        "fate" => drop(set("kind", "kill")),
        "storm" => drop(set("kind", "chaos")),
        _ => {}
    }
    for (old, new) in [
        ("regime", "wait"),
        ("through", "layer"),
        ("beside_ns", "interleaved_p50_ns"),
        ("planted", "injected"),
    ] {
        if let Some(value) = fields.remove(old) {
            fields.insert(new.into(), value);
        }
    }
    for (name, old, new) in
        [("wait", "sleeping", "sleep"), ("wait", "polling", "spin"), ("layer", "hub", "transport")]
    {
        if fields.get(name).and_then(Value::as_str) == Some(old) {
            fields.insert(name.into(), new.into());
        }
    }
    if kind == "trial" && fields.get("lab").and_then(Value::as_str) == Some("wakeup") {
        fields.insert("table".into(), "wakeups".into());
    }
    if kind == "sequential" {
        let is = |name: &str, word: &str| fields.get(name).and_then(Value::as_str) == Some(word);
        let (only_reads, mixed) = (is("job", "light_work_large_data"), is("lab", "futures"));
        fields.insert("only_reads".into(), only_reads.into());
        fields.insert("mixed".into(), mixed.into());
    }
    // Comparisons and crossovers of a pool did not say so.
    let of_pool = kind == "crossover"
        || kind == "comparison" && fields.get("what").and_then(Value::as_str) == Some("speedup");
    if of_pool {
        fields.insert("layer".into(), "pool".into());
    }
}

/// Finds what schema 1 left out: which wake-up a cell is called by, and to which trial a batch belongs.
pub(crate) fn join(lines: &mut [Line], pairs: &mut [PairRow]) {
    share_wakeups(lines);
    let mut run = String::new();
    let mut known: Vec<(Key, u64)> = Vec::new();
    for line in lines.iter() {
        match line {
            Line::Run(line) => run.clone_from(&line.id),
            Line::Trial(trial) => known.push((of_trial(&run, trial), trial.id)),
            Line::Sequential(alone) => known.push((of_sequential(&run, alone), alone.id)),
            Line::AaTest(test) => {
                let key = Key { case: "control".into(), ..of_params(&run, &test.params) };
                known.push((key, test.id));
            }
            _ => {}
        }
    }
    for row in pairs.iter_mut() {
        row.wait = match row.wait.as_str() {
            "sleeping" => Wait::Sleep.to_string(),
            "polling" => Wait::Spin.to_string(),
            other => other.to_owned(),
        };
        let key = of_row(row);
        let mut ids = known.iter().filter(|(of, _)| of.is(&key)).map(|(_, id)| *id);
        // Cells that the row does not tell apart: it belongs to none of them.
        row.trial = match (ids.next(), ids.next()) {
            (Some(id), None) => id,
            _ => 0,
        };
    }
}

/// Sharing arms have the wake-up that their cell is called by; a copying arm stands before the sharing arms of its
/// cell. In the lab of wake-ups each arm of a cell has another.
fn share_wakeups(lines: &mut [Line]) {
    let mut next: Option<Params> = None;
    for line in lines.iter_mut().rev() {
        let params = match line {
            Line::Trial(trial) if trial.lab != "wakeup" => &mut trial.params,
            Line::AaTest(test) if test.params.arm.shares() => &mut test.params,
            _ => continue,
        };
        if params.arm.shares() {
            params.stratum.shared_wakeup = Some(params.arm.wakeup.clone());
            next = Some(params.clone());
        } else if let Some(of) = &next {
            let wakeup = of.stratum.shared_wakeup.clone();
            let mine = Stratum { shared_wakeup: wakeup.clone(), ..params.stratum.clone() };
            if (&of.case, &of.stratum, of.bytes) == (&params.case, &mine, params.bytes) {
                params.stratum.shared_wakeup = wakeup;
            }
        }
    }
    let of_trials: Vec<(u64, Option<String>)> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Trial(trial) => Some((trial.id, trial.params.stratum.shared_wakeup.clone())),
            _ => None,
        })
        .collect();
    for line in lines.iter_mut() {
        if let Line::Comparison(line) = line
            && let Some((_, wakeup)) = of_trials.iter().find(|(id, _)| *id == line.other)
        {
            line.params.stratum.shared_wakeup.clone_from(wakeup);
        }
    }
}

/// What a row of pairs.csv said of its cell.
#[derive(Clone, Debug, Default, PartialEq)]
struct Key {
    run: String,
    case: String,
    arm: String,
    placement: String,
    wait: String,
    wakeup: String,
    load: (usize, usize),
    size: usize,
    compute: u64,
}

impl Key {
    /// Whether a row belongs to this line. A row of doing it alone names its case and its list only.
    fn is(&self, row: &Key) -> bool {
        match self.arm == SEQUENTIAL {
            true => (&self.run, &self.case, &self.arm) == (&row.run, &row.case, &row.arm),
            false => self == row,
        }
    }
}

fn of_params(run: &str, params: &Params) -> Key {
    let Params { stratum, arm, bytes, .. } = params;
    Key {
        run: run.into(),
        case: String::new(),
        arm: arm.name(),
        placement: stratum.placement.to_string(),
        wait: stratum.wait.to_string(),
        wakeup: arm.wakeup.clone(),
        load: (stratum.workers, stratum.depth),
        size: *bytes,
        compute: stratum.compute_ns,
    }
}

fn of_trial(run: &str, trial: &Trial) -> Key {
    let job = &trial.params.stratum.job;
    let case = match &trial.params.case {
        Some(of) => of.case.clone(),
        None if job.starts_with("sum-") || job == "sum" => String::new(),
        None => job.clone(),
    };
    Key { case, ..of_params(run, &trial.params) }
}

fn of_sequential(run: &str, alone: &Sequential) -> Key {
    let case = alone.case.case.clone();
    Key { run: run.into(), case, arm: SEQUENTIAL.into(), ..Key::default() }
}

fn of_row(row: &PairRow) -> Key {
    Key {
        run: row.run.clone(),
        case: row.case.clone(),
        arm: row.arm.strip_suffix(" again").unwrap_or(&row.arm).to_owned(),
        placement: row.placement.clone(),
        wait: row.wait.clone(),
        wakeup: row.wakeup.clone(),
        load: (row.workers, row.depth),
        size: row.size,
        compute: row.compute,
    }
}
