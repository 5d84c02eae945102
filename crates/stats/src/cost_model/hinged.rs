//! A continuous line that bends at hinges and never falls, fitted to relative errors.

use super::Point;

/// More hinges than these explain chance.
pub const MAX_HINGES: usize = 3;
/// Places where a hinge is looked for, at most: their triples are all tried.
const MAX_PLACES: usize = 24;

/// `T(n) = alpha + Σ beta_i · (bytes of n in piece i)`; hinges part the pieces.
#[derive(Clone, Debug, PartialEq)]
pub struct Hinged {
    /// Nanoseconds for nothing at all.
    pub alpha_ns: f64,
    /// Nanoseconds for each further byte, one for each piece, none negative.
    pub beta_ns_per_byte: Vec<f64>,
    /// Bytes at which the slope changes: one fewer than there are pieces.
    pub hinges_bytes: Vec<f64>,
}

impl Hinged {
    /// Nanoseconds for `bytes`.
    pub fn at(&self, bytes: f64) -> f64 {
        let pieces = (0..self.beta_ns_per_byte.len())
            .map(|piece| self.beta_ns_per_byte[piece] * part(&self.hinges_bytes, piece, bytes));
        self.alpha_ns + pieces.sum::<f64>()
    }
}

/// Hinges that so many points can carry: two more points than numbers to be found.
pub(super) fn most(points: usize) -> usize {
    (points.saturating_sub(4) / 2).min(MAX_HINGES)
}

/// The line with that many hinges, or as many as there are places for, that misses least.
pub(super) fn best(points: &[Point], known: &[f64], hinges: usize) -> Hinged {
    let places = places(points, known);
    let mut found: Option<(f64, Hinged)> = None;
    choose(&places, hinges.min(places.len()), &mut Vec::new(), &mut |chosen| {
        if !each_piece_has_two(points, chosen) {
            return;
        }
        let (miss, line) = fit(points, chosen);
        if found.as_ref().is_none_or(|(least, _)| miss < *least) {
            found = Some((miss, line));
        }
    });
    found.map_or_else(|| fit(points, &[]).1, |(_, line)| line)
}

/// Where a hinge may be: at what is known, at the inner sizes, and between two of them, as long as
/// at least one size lies on either side.
fn places(points: &[Point], known: &[f64]) -> Vec<f64> {
    let (Some(first), Some(last)) = (points.get(1), points.iter().nth_back(1)) else {
        return Vec::new();
    };
    let inside = |bytes: &f64| (first.0..=last.0).contains(bytes);
    let mut places: Vec<f64> = known.iter().copied().filter(inside).collect();
    let room = MAX_PLACES.saturating_sub(places.len());
    let sizes = points.iter().map(|point| point.0).filter(inside);
    let middles = points.windows(2).map(|two| (two[0].0 * two[1].0).sqrt()).filter(inside);
    let mut others: Vec<f64> = sizes.chain(middles).collect();
    others.sort_by(f64::total_cmp);
    let step = others.len().div_ceil(room.max(1)).max(1);
    places.extend(others.into_iter().step_by(step));
    places.sort_by(f64::total_cmp);
    places.dedup();
    places
}

/// Whether at least two sizes lie in each piece: one alone would bend the line to its chance.
fn each_piece_has_two(points: &[Point], hinges: &[f64]) -> bool {
    let ends = hinges.iter().copied().chain([f64::INFINITY]);
    let mut from = f64::NEG_INFINITY;
    ends.into_iter().all(|to| {
        let inside = points.iter().filter(|point| (from..=to).contains(&point.0)).count();
        from = to;
        inside >= 2
    })
}

/// Calls `with` for each way to choose `count` of `places`, ascending.
fn choose(places: &[f64], count: usize, chosen: &mut Vec<f64>, with: &mut dyn FnMut(&[f64])) {
    if count == 0 {
        return with(chosen);
    }
    for at in 0..places.len().saturating_sub(count - 1) {
        chosen.push(places[at]);
        choose(&places[at + 1..], count - 1, chosen, with);
        chosen.pop();
    }
}

/// Bytes of `bytes` that lie in that piece.
fn part(hinges: &[f64], piece: usize, bytes: f64) -> f64 {
    let from = if piece == 0 { 0.0 } else { hinges[piece - 1] };
    let to = hinges.get(piece).copied().unwrap_or(f64::INFINITY);
    (bytes.min(to) - from).max(0.0)
}

/// Most numbers of one line: alpha and the slopes.
const MAX_PIECES: usize = MAX_HINGES + 2;

/// Least squares of relative errors, without a negative slope: the most negative number is set to
/// zero and the rest are found anew, until none is. Gives the mean squared relative error too.
fn fit(points: &[Point], hinges: &[f64]) -> (f64, Hinged) {
    let count = hinges.len() + 2;
    let mut free = [false; MAX_PIECES];
    free[..count].fill(true);
    let row = |&(bytes, ns): &Point| -> [f64; MAX_PIECES] {
        let mut row = [0.0; MAX_PIECES];
        row[0] = 1.0 / ns;
        for piece in 0..=hinges.len() {
            row[piece + 1] = part(hinges, piece, bytes) / ns;
        }
        row
    };
    let rows: Vec<[f64; MAX_PIECES]> = points.iter().map(row).collect();
    let numbers = loop {
        let numbers = solve(&rows, &free);
        let lowest = (0..count).filter(|at| free[*at]).min_by(|a, b| {
            // Slopes and alpha are compared by what they add to the times.
            let scale = |at: usize| rows.iter().map(|row| row[at]).sum::<f64>() * numbers[at];
            scale(*a).total_cmp(&scale(*b))
        });
        match lowest {
            Some(at) if numbers[at] < 0.0 => free[at] = false,
            _ => break numbers,
        }
    };
    let miss = |row: &[f64; MAX_PIECES]| {
        let predicted: f64 = row.iter().zip(&numbers).map(|(a, b)| a * b).sum();
        (predicted - 1.0).powi(2)
    };
    let all = rows.iter().map(miss).sum::<f64>() / rows.len().max(1) as f64;
    let line = Hinged {
        alpha_ns: numbers[0],
        beta_ns_per_byte: numbers[1..count].to_vec(),
        hinges_bytes: hinges.to_vec(),
    };
    (all, line)
}

/// The numbers that are free, by Gram and Schmidt: bytes and nanoseconds are too far apart for the
/// squares of normal equations.
fn solve(rows: &[[f64; MAX_PIECES]], free: &[bool; MAX_PIECES]) -> [f64; MAX_PIECES] {
    let mut columns: [Vec<f64>; MAX_PIECES] =
        std::array::from_fn(|at| rows.iter().map(|row| row[at]).collect());
    let mut rest = vec![1.0; rows.len()];
    let mut upper = [[0.0; MAX_PIECES]; MAX_PIECES];
    let mut goal = [0.0; MAX_PIECES];
    let mut used = [false; MAX_PIECES];
    for at in (0..MAX_PIECES).filter(|at| free[*at]) {
        let before = norm(&columns[at]);
        for earlier in (0..at).filter(|earlier| used[*earlier]) {
            let (head, tail) = columns.split_at_mut(at);
            let share = dot(&head[earlier], &tail[0]);
            upper[earlier][at] = share;
            tail[0].iter_mut().zip(&head[earlier]).for_each(|(x, q)| *x -= share * q);
        }
        let length = norm(&columns[at]);
        if length <= 1e-10 * before || length == 0.0 {
            continue; // no point tells this number from the others
        }
        columns[at].iter_mut().for_each(|x| *x /= length);
        upper[at][at] = length;
        goal[at] = dot(&columns[at], &rest);
        rest.iter_mut().zip(&columns[at]).for_each(|(x, q)| *x -= goal[at] * q);
        used[at] = true;
    }
    let mut numbers = [0.0; MAX_PIECES];
    for at in (0..MAX_PIECES).rev().filter(|at| used[*at]) {
        let later: f64 = (at + 1..MAX_PIECES).map(|l| upper[at][l] * numbers[l]).sum();
        numbers[at] = (goal[at] - later) / upper[at][at];
    }
    numbers
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}
