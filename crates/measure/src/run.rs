//! A folder that keeps a run: run.jsonl, flushed line by line, and pairs.csv beside it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::record::Line;

/// Name of the record in its folder.
pub const RECORD: &str = "run.jsonl";
/// Name of the pairs' table in its folder.
pub const PAIRS: &str = "pairs.csv";

/// One batch of one arm of a pair, as pairs.csv keeps it; times in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairRow {
    /// Name of the run.
    pub run: String,
    /// In the lecture's labs: which of its cases.
    pub case: String,
    /// same, spread or unpinned.
    pub placement: String,
    /// sleeping, polling or hybrid.
    pub regime: String,
    /// How the other side was woken.
    pub wakeup: String,
    /// Worker processes.
    pub workers: usize,
    /// Tasks in flight per worker.
    pub depth: usize,
    /// Which set of fresh workers.
    pub generation: u32,
    /// Which pair of that generation.
    pub pair: u32,
    /// Whether this arm came first, second, …
    pub order: u32,
    /// Transport and residency.
    pub arm: String,
    /// Bytes of the list.
    pub size: usize,
    /// Computing added to each task.
    pub compute: u64,
    /// Median round trip of the batch.
    pub median: u64,
    /// Mean of it.
    pub mean: u64,
    /// Smallest of it.
    pub min: u64,
    /// Tasks of the batch.
    pub n: usize,
    /// When the batch began, on the monotonic clock.
    pub time: u64,
}

/// Writes a run down as it becomes known.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    record: File,
    pairs: csv::Writer<File>,
    echo: bool,
}

impl Writer {
    /// Opens `folder`, making it if need be; `echo` sends each line to stdout too.
    ///
    /// An existing record is continued: whoever resumes has read it before ([`read`]), and a torn
    /// last line is cut off here.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn open(folder: &Path, echo: bool) -> io::Result<Writer> {
        std::fs::create_dir_all(folder)?;
        let open = |name| OpenOptions::new().create(true).append(true).open(folder.join(name));
        let record = open(RECORD)?;
        if record.try_lock().is_err() {
            return Err(io::Error::other("another run is writing there"));
        }
        cut_torn_line(&folder.join(RECORD))?;
        cut_torn_line(&folder.join(PAIRS))?;
        let pairs = open(PAIRS)?;
        let fresh = pairs.metadata()?.len() == 0;
        let pairs = csv::WriterBuilder::new().has_headers(fresh).from_writer(pairs);
        Ok(Writer { folder: folder.to_owned(), record, pairs, echo })
    }

    /// Where it writes.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds one line, and hands it to the system at once.
    ///
    /// # Errors
    /// The disk is full, or stdout is closed.
    pub fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.record.write_all(text.as_bytes())?;
        if self.echo {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes())?;
            stdout.flush()?;
        }
        Ok(())
    }

    /// Adds the batches of one pair.
    ///
    /// # Errors
    /// The disk is full.
    pub fn write_pairs(&mut self, rows: &[PairRow]) -> io::Result<()> {
        rows.iter().try_for_each(|row| self.pairs.serialize(row).map_err(io::Error::other))?;
        self.pairs.flush()
    }
}

/// A recorded run as read back.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Lines that were understood, unknown kinds left out.
    pub lines: Vec<Line>,
    /// Number and fault of each line that was not, counted from 1.
    pub faults: Vec<(usize, String)>,
    /// Number and kind of each line of a kind that this version does not know.
    pub unknown: Vec<(usize, String)>,
    /// Batches that were understood.
    pub pairs: Vec<PairRow>,
}

/// Reads the record at `path`, a run's folder or the record's file itself: what can be read is, and
/// the rest is named by line. Batches are read from the pairs.csv beside it, where there is one.
///
/// # Errors
/// There is no record to be read.
pub fn read(path: &Path) -> io::Result<Record> {
    let file = if path.is_dir() { path.join(RECORD) } else { path.to_owned() };
    let text = std::fs::read(&file)?;
    let mut record = parse(&String::from_utf8_lossy(&text));
    // A row that a kill cut short is left out.
    if let Ok(mut rows) = csv::Reader::from_path(file.with_file_name(PAIRS)) {
        record.pairs = rows.deserialize().flatten().collect();
    }
    Ok(record)
}

/// The lines of `text`: what can be read is, and the rest is named by line.
pub fn parse(text: &str) -> Record {
    let mut record = Record::default();
    for (number, line) in (1..).zip(text.lines()) {
        match serde_json::from_str(line) {
            Ok(Line::Unknown) => record.unknown.push((number, kind_of(line))),
            Ok(line) => record.lines.push(line),
            Err(fault) => record.faults.push((number, in_words(&fault))),
        }
    }
    record
}

/// What a line calls itself.
fn kind_of(line: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    value["kind"].as_str().unwrap_or("").to_owned()
}

/// Why a line was not understood; its place in the file is said elsewhere.
fn in_words(fault: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let text = fault.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    match fault.classify() {
        Category::Eof => "cut off, or empty".into(),
        Category::Syntax => format!("not JSON: {what}"),
        Category::Data | Category::Io => format!("not a line of a record: {what}"),
    }
}

/// Drops what follows the last line's end: the write that a kill cut short.
fn cut_torn_line(path: &Path) -> io::Result<()> {
    let Ok(text) = std::fs::read(path) else {
        return Ok(());
    };
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if whole < text.len() {
        OpenOptions::new().write(true).open(path)?.set_len(whole as u64)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::End;

    fn end(tasks: u64) -> Line {
        Line::End(End {
            status: "done".into(),
            reason: None,
            tasks,
            lost: 0,
            duplicated: 0,
            segments_left: 0,
            workers_left: 0,
            wall_ns: 1,
        })
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_the_rest_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper");
        Writer::open(&path, false).unwrap().write(&end(1)).unwrap();
        let torn = b"{\"kind\":\"end\",\"sta";
        let mut file = OpenOptions::new().append(true).open(path.join(RECORD)).unwrap();
        file.write_all(torn).unwrap();
        assert_eq!(read(&path).unwrap().faults[0].0, 2);
        Writer::open(&path, false).unwrap().write(&end(2)).unwrap();
        let record = read(&path).unwrap();
        assert_eq!(record.lines, [end(1), end(2)]);
        assert!(record.faults.is_empty());
    }

    #[test]
    fn two_runs_never_write_into_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = Writer::open(folder.path(), false).unwrap();
        let refused = Writer::open(folder.path(), false).unwrap_err().to_string();
        assert!(refused.contains("another run"), "{refused}");
        drop(first);
        assert!(Writer::open(folder.path(), false).is_ok());
    }

    #[test]
    fn kinds_and_fields_of_a_later_version_are_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let mut text = "{\"kind\":\"hologram\",\"depth\":3}\n".to_owned();
        text +=
            &serde_json::to_string(&end(3)).unwrap().replace("\"tasks\"", "\"new\":1,\"tasks\"");
        std::fs::write(folder.path().join(RECORD), text + "\nnot JSON\n").unwrap();
        let record = read(folder.path()).unwrap();
        assert_eq!(record.lines, [end(3)]);
        assert_eq!(record.faults.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3]);
        assert_eq!(record.unknown, [(1, "hologram".to_owned())]);
    }
}
