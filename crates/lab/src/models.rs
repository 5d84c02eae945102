//! What is known beforehand of where a cost model may bend, and the models of a run written down.

use measure::model;
use measure::record::Line;

use crate::book::Book;

/// Writes down the models of the transports' trials, if they are not there as they are now.
///
/// # Errors
/// The disk is full, or stdout is closed.
pub fn say(book: &mut Book) -> anyhow::Result<()> {
    for (line, _) in model::of_record(&book.lines, &hinges()) {
        let line = Line::Model(Box::new(line));
        if !book.lines.contains(&line) {
            book.say(line)?;
        }
    }
    Ok(())
}

/// Sizes, in bytes, at which a hand-over may change its bandwidth: the pieces in which a list is
/// written, a pipe's capacity as made and as grown, and the caches.
pub fn hinges() -> Vec<f64> {
    let folder = std::path::Path::new("/sys/devices/system/cpu/cpu0/cache");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let caches = entries.filter_map(|entry| {
        let kind = std::fs::read_to_string(entry.path().join("type")).ok()?;
        let size = std::fs::read_to_string(entry.path().join("size")).ok()?;
        let kib: f64 = size.trim().strip_suffix('K')?.parse().ok()?;
        (kind.trim() != "Instruction").then_some(kib * 1024.0)
    });
    [8192.0, 65_536.0, 1_048_576.0].into_iter().chain(caches).collect()
}
