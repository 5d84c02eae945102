//! What a measurement is: the one definition of "the same cell", which tables, file names, comparisons between
//! runs, assertions and a resumed run all ask.
//!
//! ```text
//! Params = Stratum (what a table holds fixed) + bytes (a table's rows) + ArmParams (a table's columns)
//! ```
//!
//! To add an axis, add a field with `#[serde(default)]` to [`Stratum`] (or to [`ArmParams`], if arms of one cell may
//! differ in it). Its place among the fields is its place in the sort order. Titles, columns of trials.csv, file names,
//! filters of assertions, and the identity itself follow from the field.

use std::fmt::Write as _;

use measure::units::{size, time};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use strum::{Display, EnumString, VariantArray};

/// What a measurement is. Two measurements are of the same thing if these are equal, wherever they were taken.
#[derive(Clone, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Params {
    /// In the lecture's labs: which of its cases, at which scale.
    #[serde(flatten)]
    pub case: Option<LectureCase>,
    /// What is the same in every row of a table.
    #[serde(flatten)]
    pub stratum: Stratum,
    /// Bytes of the list; 0 for none.
    pub bytes: usize,
    /// Which way the list took.
    #[serde(flatten)]
    pub arm: ArmParams,
}

/// What a table holds fixed: everything but the list's size and its way.
#[derive(Clone, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Stratum {
    /// Through the transport alone, or from submit to result through the pool.
    #[serde(default)]
    pub layer: Layer,
    /// Which core runs which process.
    pub placement: Placement,
    /// What a process does while it waits.
    pub wait: Wait,
    /// The wake-up of the sharing arms of the cell, where they have one in common: copying arms may have another.
    #[serde(default)]
    pub shared_wakeup: Option<String>,
    /// Worker processes.
    pub workers: usize,
    /// Tasks in flight per worker.
    pub depth: usize,
    /// Computing that each task adds to its job, in nanoseconds.
    pub compute_ns: u64,
    /// The job that each task names.
    pub job: String,
    /// Tasks a second, sent on a schedule (open loop); null where the next is sent after an answer (closed loop).
    #[serde(default)]
    pub rate: Option<f64>,
}

/// One way of handing a list over: what a cell compares with the others.
#[derive(Clone, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct ArmParams {
    /// Kind of segment; null where nothing is shared. First, so that copying arms sort before sharing ones.
    pub segment: Option<Segment>,
    /// Name of the transport.
    pub transport: String,
    /// Where the list is before its task.
    pub residency: Residency,
    /// What pages the segment was asked to be made of.
    #[serde(default)]
    pub pages: Pages,
    /// How the other side was woken.
    pub wakeup: String,
}

/// One of the lecture's cases.
#[derive(Clone, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct LectureCase {
    /// Its name, as the lecture prints it.
    pub case: String,
    /// lecture (its exact counts) or calibrated (heavy jobs last as long as in CPython).
    pub scale: String,
    /// Times that a heavy job does its exact loop.
    pub repeats: u32,
}

/// An enum whose variants are words of the record.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[derive(Display, EnumString, VariantArray)]
        #[serde(rename_all = "kebab-case")]
        #[strum(serialize_all = "kebab-case")]
        pub enum $name { $($(#[$doc])* $variant,)+ }
    };
}

words! {
    /// What carried a task.
    Layer {
        /// The transport alone: round trips through its hub.
        #[default]
        Transport,
        /// A pool: from submit to result.
        Pool,
    }
}

words! {
    /// Which core runs which process.
    Placement {
        /// All on one core.
        #[default]
        Same,
        /// The coordinator on one core, the workers on the others in turn.
        Spread,
        /// Wherever the scheduler puts them: a mixture, which carries no verdict.
        Unpinned,
    }
}

words! {
    /// What a process does while it waits.
    Wait {
        /// It sleeps until the kernel wakes it.
        #[default]
        Sleep,
        /// It spins for a while and then sleeps (adaptive spinning).
        Hybrid,
        /// It spins.
        Spin,
    }
}

words! {
    /// Where a list is before its task.
    Residency {
        /// In the coordinator's own memory: it is copied for each task.
        #[default]
        Place,
        /// Nowhere: it is produced for each task, where the transport takes it from.
        Build,
        /// In the segment already: a task names only which part.
        Resident,
    }
}

words! {
    /// What pages a segment is asked to be made of.
    Pages {
        /// Of the usual size, mapped before the first task.
        #[default]
        Ready,
        /// Of the usual size, mapped at the first touch.
        Lazy,
        /// Huge, mapped before the first task.
        Huge,
        /// Huge, mapped at the first touch.
        HugeLazy,
    }
}

words! {
    /// What holds shared lists.
    Segment {
        /// Anonymous memory behind a sealed descriptor.
        #[default]
        Memfd,
        /// A name in /dev/shm.
        Posix,
        /// A file without a name.
        File,
    }
}

impl Params {
    /// Items of the list, of eight bytes each.
    pub fn items(&self) -> usize {
        self.bytes / size_of::<i64>()
    }

    /// Whether the other differs by nothing but the list's size: two points of one cost model.
    pub fn same_except_size(&self, other: &Params) -> bool {
        (&self.case, &self.stratum, &self.arm) == (&other.case, &other.stratum, &other.arm)
    }

    /// How its way is called. Without a list there is nothing to be placed: `shared`.
    pub fn way(&self) -> String {
        if self.bytes == 0 { self.arm.transport.clone() } else { self.arm.name() }
    }

    /// The list, or the lecture's case with its list: `64 KiB`, `Light compute, small data, no list`.
    pub fn task(&self) -> String {
        let list = if self.bytes == 0 { "no list".into() } else { size(self.bytes) };
        self.case.as_ref().map_or(list.clone(), |of| format!("{}, {list}", of.case))
    }

    /// All of it in words.
    pub fn title(&self) -> String {
        let wakeup = &self.arm.wakeup;
        format!("{}, {}, {} ({wakeup})", self.task(), self.way(), self.stratum.title())
    }

    /// The names of all parameters in the record.
    pub fn names() -> Vec<String> {
        let full = Params { case: Some(LectureCase::default()), ..Params::default() };
        full.values().into_iter().map(|(name, _)| name).collect()
    }

    /// The same with another value of one parameter; none if there is no such parameter, or it cannot have that value.
    pub fn with(&self, name: &str, value: &str) -> Option<Params> {
        let number = value.parse::<Value>().ok().filter(Value::is_number);
        let known = Params::names().iter().any(|known| known == name);
        [number, Some(Value::from(value))].into_iter().flatten().filter(|_| known).find_map(
            |value| {
                let mut values = self.values();
                values.insert(name.into(), value);
                serde_json::from_value(Value::Object(values)).ok()
            },
        )
    }

    /// Every parameter by its name in the record, in the order of the fields.
    pub fn values(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(values)) => values,
            other => unreachable!("parameters are an object: {other:?}"),
        }
    }
}

impl Stratum {
    /// In words: `same core, sleep, 4 workers, 2 in flight each`. What has its default is left out, except for the
    /// placement and how a process waits, which decide most.
    pub fn title(&self) -> String {
        self.title_among(std::iter::empty())
    }

    /// The same, and the job and the wake-up where one of `others` differs from this in nothing else.
    pub fn title_among<'a>(&self, others: impl Iterator<Item = &'a Stratum>) -> String {
        let placement = match self.placement {
            Placement::Same => "same core".into(),
            Placement::Spread => "spread over cores".into(),
            Placement::Unpinned => Placement::Unpinned.to_string(),
        };
        let mut title = format!("{placement}, {}", self.wait);
        if self.workers > 1 || self.depth > 1 {
            let s = if self.workers == 1 { "" } else { "s" };
            let _ = write!(title, ", {} worker{s}, {} in flight each", self.workers, self.depth);
        }
        if self.compute_ns > 0 {
            let _ = write!(title, ", each task computes {}", time(self.compute_ns));
        }
        if let Some(rate) = self.rate {
            let _ = write!(title, ", open loop at {rate} tasks/s");
        }
        let (mut by_job, mut by_wakeup) = (false, false);
        for other in others {
            let Stratum { job, shared_wakeup, .. } = self.clone();
            let (same_job, same_wakeup) = (job == other.job, shared_wakeup == other.shared_wakeup);
            let same_rest = *self == Stratum { job, shared_wakeup, ..other.clone() };
            by_job |= same_rest && same_wakeup && !same_job;
            by_wakeup |= same_rest && same_job && !same_wakeup;
        }
        if by_job {
            let _ = write!(title, ", {}", self.job.replace('_', " "));
        }
        if let (true, Some(wakeup)) = (by_wakeup, &self.shared_wakeup) {
            let _ = write!(title, " ({wakeup})");
        }
        title + &self.others_in_words()
    }

    /// Axes that have no words of their own, where they have not their default: `, nice 10`.
    fn others_in_words(&self) -> String {
        const HAVE_WORDS: [&str; 9] = [
            "layer",
            "placement",
            "wait",
            "shared_wakeup",
            "workers",
            "depth",
            "compute_ns",
            "job",
            "rate",
        ];
        let values = |of: &Stratum| match serde_json::to_value(of) {
            Ok(Value::Object(values)) => values,
            other => unreachable!("a stratum is an object: {other:?}"),
        };
        let usual = values(&Stratum::default());
        let unusual = values(self).into_iter().filter(|(name, value)| {
            !HAVE_WORDS.contains(&name.as_str()) && usual.get(name) != Some(value)
        });
        unusual
            .map(|(name, value)| format!(", {} {}", name.replace('_', " "), word(&value)))
            .collect()
    }
}

impl ArmParams {
    /// Its name in tables and files: `pipe`, `shared resident`, `shared place huge`.
    pub fn name(&self) -> String {
        let ArmParams { transport, residency, pages, .. } = self;
        match (self.shares(), residency, pages) {
            (false, Residency::Place, _) => transport.clone(),
            (false, ..) | (true, _, Pages::Ready) => format!("{transport} {residency}"),
            (true, ..) => format!("{transport} {residency} {pages}"),
        }
    }

    /// Whether the list lies in a segment that both processes see. Otherwise its bytes go through the kernel.
    pub fn shares(&self) -> bool {
        self.segment.is_some()
    }
}

/// A parameter as one word, for tables and files: without quotes, and empty for null.
pub fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Params {
        let stratum = Stratum {
            placement: Placement::Spread,
            wait: Wait::Hybrid,
            workers: 1,
            depth: 1,
            job: "sum".into(),
            ..Stratum::default()
        };
        let arm = ArmParams {
            segment: Some(Segment::Memfd),
            transport: "shared".into(),
            residency: Residency::Resident,
            wakeup: "hybrid".into(),
            ..ArmParams::default()
        };
        Params { case: None, stratum, bytes: 65_536, arm }
    }

    #[test]
    fn parameters_are_flat_in_the_record_and_come_back_as_they_were() {
        let all = [
            params(),
            Params {
                case: Some(LectureCase {
                    case: "5 ms".into(),
                    scale: "lecture".into(),
                    repeats: 1,
                }),
                ..params()
            },
            Params {
                stratum: Stratum { rate: Some(1e4), layer: Layer::Pool, ..params().stratum },
                ..params()
            },
        ];
        for params in all {
            let text = serde_json::to_string(&params).unwrap();
            assert!(!text[1..].contains('{'), "{text}");
            assert_eq!(serde_json::from_str::<Params>(&text).unwrap(), params);
        }
    }

    #[test]
    fn every_axis_is_part_of_the_identity_and_of_the_values() {
        // One change for each value: none of them is equal to the original, nor to another.
        let values = params().values();
        let mut all = vec![params()];
        for (name, value) in &values {
            let mut changed = values.clone();
            let words = ["spin", "unpinned", "build", "posix", "pool", "lazy", "another"];
            let mut others = words.map(Value::from).into_iter().chain([Value::from(7)]);
            let fits = |other: &Value| {
                let mut tried = values.clone();
                tried.insert(name.clone(), other.clone());
                other != value && serde_json::from_value::<Params>(Value::Object(tried)).is_ok()
            };
            let another = others.find(fits).unwrap();
            changed.insert(name.clone(), another);
            let changed: Params = serde_json::from_value(Value::Object(changed)).unwrap();
            assert!(!all.contains(&changed), "{name}");
            assert_eq!(changed.same_except_size(&params()), name == "bytes", "{name}");
            all.push(changed);
        }
    }

    #[test]
    fn a_title_names_what_is_not_usual_and_a_job_where_it_tells_two_strata_apart() {
        let plain = params().stratum;
        assert_eq!(plain.title(), "spread over cores, hybrid");
        let busy = Stratum {
            workers: 4,
            depth: 2,
            compute_ns: 5_000_000,
            rate: Some(100.0),
            ..plain.clone()
        };
        assert_eq!(
            busy.title(),
            "spread over cores, hybrid, 4 workers, 2 in flight each, each task computes 5.00 ms, open loop at 100 tasks/s"
        );
        let other = Stratum { job: "sum_with_pauses".into(), ..plain.clone() };
        let both = [plain.clone(), other.clone()];
        assert_eq!(plain.title_among(both.iter()), "spread over cores, hybrid, sum");
        assert_eq!(other.title_among(both.iter()), "spread over cores, hybrid, sum with pauses");
        assert_eq!(plain.title_among([busy].iter()), "spread over cores, hybrid");
        let by = |wakeup: &str| Stratum { shared_wakeup: Some(wakeup.into()), ..plain.clone() };
        assert_eq!(
            by("futex").title_among([by("event")].iter()),
            "spread over cores, hybrid (futex)"
        );
        assert_eq!(by("futex").title_among([by("futex")].iter()), "spread over cores, hybrid");
    }

    #[test]
    fn ways_are_called_by_what_tells_them_apart() {
        let name = |change: fn(&mut ArmParams)| {
            let mut arm = params().arm;
            change(&mut arm);
            arm.name()
        };
        assert_eq!(name(|_| ()), "shared resident");
        assert_eq!(name(|arm| arm.pages = Pages::HugeLazy), "shared resident huge-lazy");
        assert_eq!(name(|arm| arm.segment = None), "shared resident");
        let pipe = |arm: &mut ArmParams| {
            (arm.segment, arm.residency) = (None, Residency::Place);
            arm.transport = "pipe".into();
        };
        assert_eq!(name(pipe), "pipe");
        assert_eq!(Params { bytes: 0, ..params() }.way(), "shared");
    }
}
