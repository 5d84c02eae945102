//! What a row's task needs at least, from the machine limits that were measured in the same run: a wake-up each
//! way, and the list read once; and copied once, unless it is resident.
//!
//! | placement, wait strategy | waking |
//! |---|---|
//! | across cores, spin or hybrid | a cache line there and back |
//! | one core, spin or hybrid | yielding the core there and back |
//! | sleep | the shorter of a futex and a pipe there and back |

use measure::units::size;
use record::{Limit, Params, Placement, Record, Residency, Trial, Wait};

/// The limits of a record.
pub(crate) struct Limits<'a>(&'a [Limit]);

impl Limits<'_> {
    pub(crate) fn of(record: &Record) -> Limits<'_> {
        Limits(&record.limits)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The median of `trial` as a multiple of what it needs at least. Nothing where tasks wait for each
    /// other or for a schedule, and where it was not measured.
    pub(crate) fn multiple(&self, trial: &Trial) -> Option<f64> {
        let stratum = &trial.params.stratum;
        let alone = stratum.workers == 1 && stratum.depth == 1 && stratum.rate.is_none();
        let counts = alone && trial.round_trip_ns.count > 0;
        let limit = self.ns(&trial.params).filter(|ns| counts && *ns > 0.0)?;
        Some(trial.round_trip_ns.p50 as f64 / limit)
    }

    fn ns(&self, params: &Params) -> Option<f64> {
        let Params { stratum, bytes, arm, .. } = params;
        let placement = stratum.placement;
        let here = |what: &str| self.p50(what, placement, 0);
        let polling = match placement {
            Placement::Same => here("yield_round_trip"),
            _ => here("cache_line_round_trip"),
        };
        let wake = match stratum.wait {
            Wait::Sleep => here("futex_round_trip")?.min(here("pipe_round_trip")?),
            _ => polling?,
        };
        let list = match (arm.residency, placement) {
            (Residency::Resident, _) => self.p50("list_read", Placement::Same, *bytes)?,
            (_, Placement::Same) => self.p50("list_copied_and_read", placement, *bytes)?,
            // Across cores a cache line there and back is in it.
            _ => (self.p50("list_copied_and_read", placement, *bytes)? - polling?).max(0.0),
        };
        Some(wake + list + stratum.compute_ns as f64)
    }

    /// The bare loop that wakes the same way in the same placement; there is none with more workers than cores.
    pub(crate) fn of_wakeup(&self, params: &Params) -> Option<u64> {
        let stratum = &params.stratum;
        let what = match (stratum.wait, params.arm.wakeup.as_str()) {
            _ if stratum.workers > 1 => return None,
            (Wait::Sleep, "pipe") => "pipe_round_trip",
            (Wait::Spin | Wait::Hybrid, _) if stratum.placement == Placement::Spread => {
                "cache_line_round_trip"
            }
            _ => "futex_round_trip",
        };
        let limit = self.find(what, stratum.placement, 0)?;
        Some(limit.ns.p50).filter(|ns| *ns > 0)
    }

    /// The median of a limit; of a list's, for so many bytes.
    pub(crate) fn p50(&self, what: &str, placement: Placement, bytes: usize) -> Option<f64> {
        self.find(what, placement, bytes).map(|limit| limit.ns.p50 as f64)
    }

    fn find(&self, what: &str, placement: Placement, bytes: usize) -> Option<&Limit> {
        let is = |limit: &&Limit| {
            limit.what == what
                && limit.placement == placement
                && (bytes == 0 || limit.bytes == bytes)
        };
        self.0.iter().find(is)
    }

    /// How much longer computing takes while the other core computes too; none where that was not measured.
    pub(crate) fn both_cores(&self) -> Option<f64> {
        Some(self.p50("compute", Placement::Spread, 0)? / self.p50("compute", Placement::Same, 0)?)
    }
}

/// What a limit is of, in words.
pub(crate) fn name(what: &str, bytes: usize) -> String {
    match what {
        "clock" => "reading the clock".into(),
        "null_system_call" => "a system call that does nothing".into(),
        "copy_in_cache" => format!("a copy of {}, in the cache", size(bytes)),
        "copy_out_of_cache" => format!("a copy of {}, in no cache", size(bytes)),
        "compute" => "computing square roots; across two: on both at once".into(),
        "page_fault" => "the first touch of a page".into(),
        "cache_line_round_trip" => "a cache-line round trip, polling".into(),
        "yield_round_trip" => "a sched_yield round trip".into(),
        "list_read" => format!("a list of {}, read", size(bytes)),
        "list_copied_and_read" => {
            format!("a list of {}, copied into a segment and read there", size(bytes))
        }
        "futex_round_trip" => "a futex round trip, sleeping".into(),
        "pipe_round_trip" => "a pipe round trip, sleeping".into(),
        other => other.replace('_', " "),
    }
}
/// As it is read: `1.3`, `42`.
pub(crate) fn multiple(times: f64) -> String {
    if times < 9.95 { format!("{times:.1}") } else { format!("{times:.0}") }
}

#[cfg(test)]
mod tests {
    use measure::Distribution;
    use record::Line;

    use super::*;

    fn limit(what: &str, placement: Placement, bytes: usize, p50: u64) -> Line {
        let ns = Distribution { count: 9, p50, ..Distribution::default() };
        Line::Limit(Box::new(Limit { what: what.into(), placement, bytes, ns }))
    }

    fn params(placement: Placement, wait: Wait, residency: Residency) -> Params {
        let mut params = record::samples::params();
        (params.stratum.placement, params.stratum.wait) = (placement, wait);
        (params.stratum.compute_ns, params.arm.residency) = (7, residency);
        params
    }

    #[test]
    fn a_limit_is_waking_and_the_list_and_what_the_task_computes() {
        use Placement::{Same, Spread};
        use Residency::{Place, Resident};
        let record = Record::of([
            limit("cache_line_round_trip", Spread, 64, 100),
            limit("futex_round_trip", Spread, 4, 50_000),
            limit("pipe_round_trip", Spread, 8, 60_000),
            limit("yield_round_trip", Same, 4, 900),
            limit("futex_round_trip", Same, 4, 2000),
            limit("pipe_round_trip", Same, 8, 1900),
            limit("list_read", Same, 4096, 40),
            limit("list_copied_and_read", Same, 4096, 90),
            limit("list_copied_and_read", Spread, 4096, 300),
            limit("list_copied_and_read", Spread, 8192, 1),
            // Measured again, in a worse and in a better state of the machine.
            limit("cache_line_round_trip", Spread, 64, 900),
            limit("futex_round_trip", Spread, 4, 49_000),
        ]);
        let limits = Limits::of(&record);
        for (params, ns) in [
            (params(Spread, Wait::Hybrid, Resident), 100 + 40 + 7),
            (params(Spread, Wait::Spin, Place), 300 + 7),
            (params(Spread, Wait::Sleep, Place), 49_000 + 200 + 7),
            (params(Same, Wait::Sleep, Place), 1900 + 90 + 7),
            (params(Same, Wait::Hybrid, Resident), 900 + 40 + 7),
        ] {
            assert_eq!(limits.ns(&params), Some(f64::from(ns)), "{params:?}");
        }
        let unknown = Params { bytes: 64, ..params(Same, Wait::Sleep, Place) };
        assert_eq!(limits.ns(&unknown), None);
        let empty = Record::default();
        assert_eq!(Limits::of(&empty).ns(&params(Same, Wait::Sleep, Place)), None);
        assert_eq!([multiple(1.26), multiple(9.96), multiple(41.7)], ["1.3", "10", "42"]);
    }
}
