//! Sizes, durations and rates as people write them: `64KiB`, `64B..64MiB*4`, `1.5ms`, `10k/s`.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;

/// Bytes of a list's item: sizes are rounded up to whole items.
const ITEM_BYTES: usize = size_of::<i64>();

/// Sizes of lists in bytes: whole items, ascending, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes(pub Vec<usize>);

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Sizes, String> {
        let mut sizes = Vec::new();
        for part in text.split(',') {
            match part.split_once("..") {
                Some((from, rest)) => sizes.extend(geometric(from, rest)?),
                None => sizes.push(parse_size(part)?),
            }
        }
        sizes.sort_unstable();
        sizes.dedup();
        Ok(Sizes(sizes))
    }
}

/// `64B..64MiB*4`: from the first, times the factor, up to the last.
fn geometric(from: &str, rest: &str) -> Result<Vec<usize>, String> {
    let (to, factor) = rest.split_once('*').unwrap_or((rest, "2"));
    let factor: NonZeroUsize = factor
        .trim()
        .parse()
        .ok()
        .filter(|factor: &NonZeroUsize| factor.get() >= 2)
        .ok_or_else(|| format!("`{factor}` is not a factor: write for example 64B..64MiB*4"))?;
    let (from, to) = (parse_size(from)?, parse_size(to)?);
    if from > to {
        return Err(format!("{from} is more than {to}: write the smaller size first"));
    }
    let next = |size: &usize| size.checked_mul(factor.get());
    Ok(std::iter::successors(Some(from), next).take_while(|size| *size <= to).collect())
}

/// One size, rounded up to whole items.
pub fn parse_size(text: &str) -> Result<usize, String> {
    let example = "write for example 64B, 400KB or 16MiB";
    let size: ByteSize =
        text.trim().parse().map_err(|_| format!("`{text}` is not a size: {example}"))?;
    let bytes = usize::try_from(size.as_u64()).map_err(|_| format!("`{text}` is too large"))?;
    if bytes == 0 {
        return Err(format!("a list cannot have 0 bytes: {example}"));
    }
    bytes.checked_next_multiple_of(ITEM_BYTES).ok_or_else(|| format!("`{text}` is too large"))
}

/// A duration such as `10us`, `0.4ms` or `1h 30min`; `None` for text that is not one.
///
/// humantime reads no fractions, so a fraction of one unit is read here.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(whole) = humantime::parse_duration(text) {
        return Some(whole);
    }
    let (number, unit) = text.split_at(text.find(char::is_alphabetic)?);
    let number = number.trim().parse::<f64>().ok().filter(|number| *number >= 0.0)?;
    let unit = if unit == "μs" { "µs" } else { unit };
    let one = unit.chars().all(char::is_alphabetic).then(|| format!("1{unit}"))?;
    let seconds = number * humantime::parse_duration(&one).ok()?.as_secs_f64();
    Duration::try_from_secs_f64(seconds).ok()
}

/// A duration within `range`.
///
/// # Errors
/// It is not one, in a sentence that names the range and gives `examples`.
pub fn parse_duration_in(
    text: &str,
    range: RangeInclusive<Duration>,
    examples: &str,
) -> Result<Duration, String> {
    parse_duration(text).filter(|duration| range.contains(duration)).ok_or_else(|| {
        let [from, to] = [range.start(), range.end()].map(|end| humantime::format_duration(*end));
        format!("`{text}` is not a duration from {from} to {to}: write for example {examples}")
    })
}

/// Tasks a second, as in `1000/s`, `10k/s` or `1.5M`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate(pub f64);

impl FromStr for Rate {
    type Err = String;
    fn from_str(text: &str) -> Result<Rate, String> {
        let number = text.trim().strip_suffix("/s").unwrap_or(text.trim());
        let (number, times) = match number.strip_suffix(['k', 'M']) {
            Some(rest) if number.ends_with('k') => (rest, 1e3),
            Some(rest) => (rest, 1e6),
            None => (number, 1.0),
        };
        let rate = number.parse::<f64>().map(|number| number * times);
        match rate {
            Ok(rate) if (1.0..=1e8).contains(&rate) => Ok(Rate(rate)),
            _ => Err(format!(
                "`{text}` is not a rate from 1/s to 100M/s: write for example 1000/s or 10k/s"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str) -> Result<Vec<usize>, String> {
        text.parse::<Sizes>().map(|sizes| sizes.0)
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(sizes("64KiB, 400KB,8"), Ok(vec![8, 65_536, 400_000]));
        assert_eq!(sizes("64B..4KiB*4"), Ok(vec![64, 256, 1024, 4096]));
        assert_eq!(sizes("8..64"), Ok(vec![8, 16, 32, 64]));
        assert_eq!(sizes("9"), Ok(vec![16]));
    }

    #[test]
    fn what_is_not_a_size_is_refused_with_an_example() {
        for wrong in ["", "0", "0B", "many", "-1", "1..0", "8..64*1", "8..64*x", "99999999999TiB"] {
            let refusal = sizes(wrong).unwrap_err();
            assert!(
                refusal.contains("write") || refusal.contains("too large"),
                "{wrong}: {refusal}"
            );
        }
    }

    #[test]
    fn durations_have_fractions_and_are_refused_outside_their_range() {
        let read = |text| parse_duration(text).map(|duration| duration.as_nanos());
        for (text, ns) in [
            ("0.4ms", 400_000),
            ("1.5 ms", 1_500_000),
            ("5.00 µs", 5000),
            ("800ns", 800),
            ("0us", 0),
        ] {
            assert_eq!(read(text), Some(ns), "{text}");
        }
        for wrong in ["", "5", "-1ms", "soon", "1e400s", "NaNs", "infs"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        let second = Duration::from_secs(1);
        let refused = parse_duration_in("2s", Duration::ZERO..=second, "100us or 3ms").unwrap_err();
        assert_eq!(refused, "`2s` is not a duration from 0s to 1s: write for example 100us or 3ms");
    }

    #[test]
    fn rates_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<Rate>().map(|rate| rate.0);
        assert_eq!([read("1000/s"), read("10k/s"), read("1.5M")], [Ok(1e3), Ok(1e4), Ok(1.5e6)]);
        for wrong in ["", "k/s", "0/s", "-1/s", "fast", "1e9/s", "10/min"] {
            assert!(read(wrong).unwrap_err().contains("10k/s"), "{wrong}");
        }
    }
}
