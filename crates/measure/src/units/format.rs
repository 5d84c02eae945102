//! Numbers as people read them.

use bytesize::ByteSize;

/// A size: `64 KiB` where it is a power of two of something, else `400 kB`.
pub fn size(bytes: usize) -> String {
    let whole = |unit: usize| bytes >= unit && bytes.is_multiple_of(unit);
    let text = ByteSize(bytes as u64).display();
    match bytes {
        0..1000 => format!("{bytes} B"),
        _ if !whole(1 << 10) && whole(1000) => format!("{} kB", bytes / 1000),
        _ => text.iec().to_string().replace(".0 ", " "),
    }
}

/// A time in the unit that leaves one to three digits before the point.
pub fn time(ns: u64) -> String {
    let (value, unit) = scaled(ns, ns);
    format!("{value} {unit}")
}

/// `2.2 / 4.3 µs`: two times in the unit that fits the first.
pub fn times(first_ns: u64, second_ns: u64) -> String {
    let (first, unit) = scaled(first_ns, first_ns);
    let (second, _) = scaled(second_ns, first_ns);
    format!("{first} / {second} {unit}")
}

/// `value` in the unit that fits `scale`, with three digits that count.
fn scaled(value: u64, scale: u64) -> (String, &'static str) {
    let (divisor, unit) = match scale {
        // What would be rounded to a thousand has the next unit.
        0..999_500 => (1e3, "µs"),
        999_500..999_500_000 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    let value = value as f64 / divisor;
    let decimals = match value {
        value if value < 10.0 => 2,
        value if value < 100.0 => 1,
        _ => 0,
    };
    (format!("{value:.decimals$}"), unit)
}

/// A time in seconds, as the lecture prints it, with three digits that count.
pub fn seconds(ns: u64) -> String {
    let value = ns as f64 / 1e9;
    let before = value.max(1e-9).log10().floor() as i32;
    let decimals = (2 - before).clamp(0, 9) as usize;
    format!("{value:.decimals$}")
}

/// `1.24× (1.20–1.29)`: a ratio and its interval.
pub fn range(middle: f64, low: f64, high: f64) -> String {
    let end = |value| ratio(value).replace('×', "");
    format!("{} ({}–{})", ratio(middle), end(low), end(high))
}

/// `1.24×`.
pub fn ratio(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}×"),
        value if value < 100.0 => format!("{value:.1}×"),
        _ => format!("{value:.0}×"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_as_people_write_them() {
        assert_eq!(
            [size(64), size(1024), size(400_000), size(64 << 20)],
            ["64 B", "1 KiB", "400 kB", "64 MiB"]
        );
        assert_eq!(times(2_210, 43_000), "2.21 / 43.0 µs");
        assert_eq!(times(3_670_000, 11_900_000), "3.67 / 11.9 ms");
        assert_eq!([time(205), time(999_600), time(999_499)], ["0.20 µs", "1.00 ms", "999 µs"]);
        assert_eq!(
            [seconds(4_020_000_000), seconds(10_513), seconds(0)],
            ["4.02", "0.0000105", "0.000000000"]
        );
        assert_eq!(range(1.234, 0.9, 12.34), "1.23× (0.90–12.3)");
        assert_eq!([ratio(1.034), ratio(31.26), ratio(107.2)], ["1.03×", "31.3×", "107×"]);
    }
}
