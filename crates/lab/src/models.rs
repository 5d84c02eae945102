//! The models of a run written down.

use measure::model;
use measure::record::Line;

use crate::book::Book;

/// Writes down the models of the transports' trials, if they are not there as they are now.
///
/// # Errors
/// The disk is full, or stdout is closed.
pub fn say(book: &mut Book) -> anyhow::Result<()> {
    for (line, _) in model::of_record(&book.lines, &model::hinges(&book.lines)) {
        let line = Line::Model(Box::new(line));
        if !book.lines.contains(&line) {
            book.say(line)?;
        }
    }
    Ok(())
}
