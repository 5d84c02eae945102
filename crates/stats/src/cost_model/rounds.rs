//! Rounds of all sizes, and the one time for each size that they come to.

/// The time of each size, from `rounds` that each measured all of them (0 where there is none): the shortest
/// in the quicker half of the rounds.
///
/// Each round has all sizes in one state of the machine. A slower state is caused by the
/// host or by another program, and a median over both would have some sizes in the one and some in the
/// other. So the rounds are ranked as wholes.
pub fn quicker_half(rounds: &[Vec<u64>]) -> Vec<u64> {
    let level =
        |round: &Vec<u64>| round.iter().map(|ns| (*ns).max(1) as f64).map(f64::ln).sum::<f64>();
    let mut ranked: Vec<(f64, &Vec<u64>)> =
        rounds.iter().map(|round| (level(round), round)).collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = &ranked[..rounds.len().div_ceil(2)];
    let sizes = rounds.first().map_or(0, Vec::len);
    let of = |size: usize| half.iter().map(|(_, round)| round[size]).min().unwrap_or(0);
    (0..sizes).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_of_one_state_even_where_most_of_a_size_s_rounds_are_of_the_other() {
        let near = |noise: u64| vec![100 + noise, 200 + noise, 400 - noise];
        let far: Vec<u64> = near(0).iter().map(|ns| ns * 3).collect();
        let rounds = [far.clone(), near(1), near(0), far, near(2)];
        assert_eq!(quicker_half(&rounds), [100, 200, 398]);
        assert_eq!(quicker_half(&rounds[..2]), near(1));
        assert_eq!(quicker_half(&[]), [0; 0]);
    }
}
