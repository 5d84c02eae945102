//! Controls in a few lines: whether the same was the same.

use std::fmt::Write as _;

use measure::record::{Control, Line};

use crate::table::{Stratum, arm};
use crate::units::{range, size};

/// One line for each control; nothing without any.
pub(crate) fn all(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let Line::Control(control) = line else { continue };
        if text.is_empty() {
            text.push_str("\n controls: an arm against itself, in workers of its own\n");
        }
        let Control { cell, ratio, low, high, verdict, error, .. } = &**control;
        let found = match (error, ratio, low, high) {
            (Some(error), ..) => format!("failed: {error}"),
            (None, Some(ratio), Some(low), Some(high)) => {
                format!("{} {verdict}", range(*ratio, *low, *high))
            }
            _ => verdict.clone(),
        };
        let title = Stratum::of(cell).title();
        let _ = writeln!(text, " {title}  {} {}  {found}", size(cell.bytes), arm(cell));
    }
    text
}
