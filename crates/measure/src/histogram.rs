//! A distribution kept whole: the histogram is the result, percentiles are a convenience.

use base64::prelude::{BASE64_STANDARD as BASE64, Engine};
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

/// Longest time that is told apart, in nanoseconds: one hour.
const HIGHEST_NS: u64 = 3_600_000_000_000;
/// Three significant digits.
const DIGITS: u8 = 3;

/// Times in nanoseconds, to three digits.
///
/// It is filled after measuring, from raw samples: its counts are some 250 KiB and would push a
/// list out of the cache.
#[derive(Clone, Debug)]
pub struct Histogram(hdrhistogram::Histogram<u64>);

impl Default for Histogram {
    fn default() -> Histogram {
        let bounds = hdrhistogram::Histogram::new_with_bounds(1, HIGHEST_NS, DIGITS);
        Histogram(bounds.expect("constant bounds are valid"))
    }
}

impl Extend<u64> for Histogram {
    fn extend<T: IntoIterator<Item = u64>>(&mut self, samples_ns: T) {
        samples_ns.into_iter().for_each(|sample| self.0.saturating_record(sample));
    }
}

impl FromIterator<u64> for Histogram {
    fn from_iter<T: IntoIterator<Item = u64>>(samples_ns: T) -> Histogram {
        let mut histogram = Histogram::default();
        histogram.extend(samples_ns);
        histogram
    }
}

impl Histogram {
    /// Samples recorded.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The value at `percentile` (0 to 100) by nearest rank, as the C and Python readers of the
    /// format compute it; 0 while empty.
    pub fn percentile(&self, percentile: f64) -> u64 {
        let count = self.0.len();
        if count == 0 {
            return 0;
        }
        let rank = ((percentile.min(100.0) * count as f64 / 100.0 + 0.5) as u64).max(1);
        // The crate takes the next rank above quantile x count: half a rank lower is exact.
        self.0.value_at_quantile((rank as f64 - 0.5) / count as f64)
    }

    /// The crate's own type, for writers of files that other tools read.
    pub fn hdr(&self) -> &hdrhistogram::Histogram<u64> {
        &self.0
    }

    /// Everything a record keeps of it.
    pub fn distribution(&self) -> Distribution {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.0, &mut bytes)
            .expect("writing to memory does not fail");
        let empty = self.0.is_empty();
        Distribution {
            count: self.0.len(),
            min: if empty { 0 } else { self.0.min() },
            p50: self.percentile(50.0),
            p90: self.percentile(90.0),
            p99: self.percentile(99.0),
            p999: self.percentile(99.9),
            max: self.0.max(),
            mean: self.0.mean().round() as u64,
            hdr: BASE64.encode(&bytes),
        }
    }
}

/// A histogram as a record keeps it; all times in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// Samples.
    pub count: u64,
    /// Smallest.
    pub min: u64,
    /// Median.
    pub p50: u64,
    /// 90th percentile.
    pub p90: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p999: u64,
    /// Largest.
    pub max: u64,
    /// Mean, rounded.
    pub mean: u64,
    /// HdrHistogram's V2 format, compressed, in base64.
    pub hdr: String,
}

impl Distribution {
    /// The histogram itself, as it was before it was written down.
    ///
    /// # Errors
    /// `hdr` is no histogram, in words that say why.
    pub fn histogram(&self) -> Result<Histogram, String> {
        let bytes = BASE64.decode(&self.hdr).map_err(|fault| fault.to_string())?;
        let read = Deserializer::new().deserialize(&mut bytes.as_slice());
        read.map(Histogram).map_err(|fault| fault.to_string())
    }
}

/// Samples without which an upper percentile says nothing: a 95 % bound of p99 needs 299.
pub const SAMPLES_FOR_P99: u64 = 299;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks_within_three_digits() {
        let histogram: Histogram = (1..=1000).map(|n| n * 1000).collect();
        assert_eq!(histogram.count(), 1000);
        for (percentile, want) in [(50.0, 500_000.0), (99.0, 990_000.0), (100.0, 1_000_000.0)] {
            let got = histogram.percentile(percentile) as f64;
            assert!((got / want - 1.0).abs() < 0.001, "p{percentile}: {got}");
        }
        assert_eq!(Histogram::default().percentile(50.0), 0);
    }

    #[test]
    fn the_record_s_histogram_decodes_to_the_same_samples() {
        let distribution = (1..5000u64).map(|n| n * 37).collect::<Histogram>().distribution();
        assert!(distribution.hdr.starts_with("HISTFAAA"));
        let back = distribution.histogram().unwrap();
        assert_eq!(back.count(), 4999);
        assert_eq!(back.distribution(), distribution);
    }

    #[test]
    fn what_is_no_histogram_is_an_error_in_words() {
        for hdr in ["", "HIST", "no base64", "HISTFAAAAAA="] {
            let distribution = Distribution { hdr: hdr.into(), ..Distribution::default() };
            assert!(!distribution.histogram().unwrap_err().is_empty(), "{hdr}");
        }
    }
}
