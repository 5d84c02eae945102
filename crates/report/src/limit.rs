//! What a row's task needs at least, from the floor that was measured in the same run: being woken there
//! and back, and the list read once; and copied once, unless it is resident.
//!
//! | placement, regime | waking |
//! |---|---|
//! | across cores, polling or hybrid | a cache line there and back |
//! | one core, polling or hybrid | giving the core away there and back |
//! | sleeping | the shorter of a futex and a pipe there and back |

use measure::record::{Cell, FloorLine, Line, Trial};

use crate::floor::lowest;

/// The floor of a record.
pub(crate) struct Limits<'a>(Vec<&'a FloorLine>);

impl Limits<'_> {
    pub(crate) fn of(lines: &[Line]) -> Limits<'_> {
        Limits(lowest(lines))
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The median of `trial` as a multiple of what it needs at least. Nothing where tasks wait for each
    /// other or for a schedule, and where it was not measured.
    pub(crate) fn multiple(&self, trial: &Trial) -> Option<f64> {
        let cell = &trial.cell;
        let alone = cell.workers == 1 && cell.depth == 1 && cell.rate.is_none();
        let counts = alone && trial.round_trip_ns.count > 0;
        let limit = self.ns(cell).filter(|ns| counts && *ns > 0.0)?;
        Some(trial.round_trip_ns.p50 as f64 / limit)
    }

    fn ns(&self, cell: &Cell) -> Option<f64> {
        let Cell { placement, bytes, .. } = cell;
        let here = |what: &str| self.p50(what, placement, 0);
        let polling = match placement.as_str() {
            "same" => here("yield_round_trip"),
            _ => here("cache_line_round_trip"),
        };
        let wake = match cell.regime.as_str() {
            "sleeping" => here("futex_round_trip")?.min(here("pipe_round_trip")?),
            _ => polling?,
        };
        let list = match (cell.residency.as_str(), placement.as_str()) {
            ("resident", _) => self.p50("list_read", "same", *bytes)?,
            (_, "same") => self.p50("list_copied_and_read", placement, *bytes)?,
            // Across cores a cache line there and back is in it.
            _ => (self.p50("list_copied_and_read", placement, *bytes)? - polling?).max(0.0),
        };
        Some(wake + list + cell.compute_ns as f64)
    }

    /// The median of a limit; of a list's, for so many bytes.
    pub(crate) fn p50(&self, what: &str, placement: &str, bytes: usize) -> Option<f64> {
        let is = |floor: &&&FloorLine| {
            floor.what == what
                && floor.placement == placement
                && (bytes == 0 || floor.bytes == bytes)
        };
        self.0.iter().find(is).map(|floor| floor.ns.p50 as f64)
    }
}

/// As it is read: `1.3`, `42`.
pub(crate) fn multiple(times: f64) -> String {
    if times < 9.95 { format!("{times:.1}") } else { format!("{times:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor(what: &str, placement: &str, bytes: usize, p50: u64) -> Line {
        let text = format!(
            r#"{{"kind":"floor","what":"{what}","placement":"{placement}","bytes":{bytes},"ns":{{
            "count":9,"min":1,"p50":{p50},"p90":9,"p99":9,"p999":9,"max":9,"mean":9,"hdr":""}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn cell(placement: &str, regime: &str, transport: &str, residency: &str) -> Cell {
        let text = format!(
            r#"{{"job":"sum","transport":"{transport}","residency":"{residency}","wakeup":"futex",
            "regime":"{regime}","segment":null,"workers":1,"depth":1,"placement":"{placement}",
            "cores":[0,1],"bytes":4096,"items":512,"compute_ns":7}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_limit_is_waking_and_the_list_and_what_the_task_computes() {
        let lines = [
            floor("cache_line_round_trip", "spread", 64, 100),
            floor("futex_round_trip", "spread", 4, 50_000),
            floor("pipe_round_trip", "spread", 8, 60_000),
            floor("yield_round_trip", "same", 4, 900),
            floor("futex_round_trip", "same", 4, 2000),
            floor("pipe_round_trip", "same", 8, 1900),
            floor("list_read", "same", 4096, 40),
            floor("list_copied_and_read", "same", 4096, 90),
            floor("list_copied_and_read", "spread", 4096, 300),
            floor("list_copied_and_read", "spread", 8192, 1),
            // Measured again, in a worse and in a better state of the machine.
            floor("cache_line_round_trip", "spread", 64, 900),
            floor("futex_round_trip", "spread", 4, 49_000),
        ];
        let limits = Limits::of(&lines);
        for (cell, ns) in [
            (cell("spread", "hybrid", "shared", "resident"), 100 + 40 + 7),
            (cell("spread", "polling", "shared", "place"), 300 + 7),
            (cell("spread", "sleeping", "pipe", "place"), 49_000 + 200 + 7),
            (cell("same", "sleeping", "pipe", "place"), 1900 + 90 + 7),
            (cell("same", "hybrid", "shared", "resident"), 900 + 40 + 7),
        ] {
            assert_eq!(limits.ns(&cell), Some(f64::from(ns)), "{cell:?}");
        }
        let unknown = Cell { bytes: 64, ..cell("same", "sleeping", "pipe", "place") };
        assert_eq!(limits.ns(&unknown), None);
        assert_eq!(Limits::of(&[]).ns(&cell("same", "sleeping", "pipe", "place")), None);
        assert_eq!([multiple(1.26), multiple(9.96), multiple(41.7)], ["1.3", "10", "42"]);
    }
}
