//! The median, in one place: of an even number of values, the mean of the middle two.

/// The median of `values`, which are sorted on the way; 0 if there are none.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match values {
        [] => 0.0,
        _ => (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0,
    }
}

/// The median of times that are sorted already, rounded down; 0 if there are none.
pub fn median_of_sorted(sorted_ns: &[u64]) -> u64 {
    match sorted_ns {
        [] => 0,
        _ => sorted_ns[(sorted_ns.len() - 1) / 2].midpoint(sorted_ns[sorted_ns.len() / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!([median(&mut []), median(&mut [3.0]), median(&mut [4.0, 1.0])], [0.0, 3.0, 2.5]);
        assert_eq!(median(&mut [9.0, 1.0, 2.0, 4.0]), 3.0);
        let of = |sorted: &[u64]| median_of_sorted(sorted);
        assert_eq!([of(&[]), of(&[3]), of(&[1, 4]), of(&[1, 2, 4, 9])], [0, 3, 2, 3]);
        assert_eq!(of(&[u64::MAX - 2, u64::MAX]), u64::MAX - 1, "without overflow");
    }
}
