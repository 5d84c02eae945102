//! A folder that keeps a run: run.jsonl, flushed line by line, and pairs.csv beside it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::lines::{Line, SCHEMA};
use crate::pairs::PairRow;
use crate::record::Record;
use crate::schema1;

/// Name of the record in its folder.
pub const RECORD: &str = "run.jsonl";
/// Name of the pairs' table in its folder.
pub const PAIRS: &str = "pairs.csv";

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
    /// An existing record is continued: read it first ([`read`]). A torn last line is cut off here.
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
        let is_new = pairs.metadata()?.len() == 0;
        let pairs = csv::WriterBuilder::new().has_headers(is_new).from_writer(pairs);
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

/// A recorded run, and what of it could not be read.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// What was understood.
    pub record: Record,
    /// Number and fault of each line that was not, counted from 1.
    pub faults: Vec<(usize, String)>,
    /// Number and kind of each line of a kind that this version does not know.
    pub unknown: Vec<(usize, String)>,
}

/// Reads the record at `path`, a run's folder or the record's file itself: what can be read is, and
/// the rest is named by line. Batches are read from the pairs.csv beside it, where there is one.
///
/// # Errors
/// There is no record to be read.
pub fn read(path: &Path) -> io::Result<Stored> {
    let file = if path.is_dir() { path.join(RECORD) } else { path.to_owned() };
    let text = std::fs::read(&file)?;
    let mut pairs = Vec::new();
    // A row that a kill cut short is left out.
    if let Ok(mut rows) = csv::Reader::from_path(file.with_file_name(PAIRS)) {
        pairs = rows.deserialize().flatten().collect();
    }
    Ok(parse(&String::from_utf8_lossy(&text), pairs))
}

/// The run that `text`, the lines of its record, and `pairs` come to.
pub fn parse(text: &str, mut pairs: Vec<PairRow>) -> Stored {
    let mut stored = Stored::default();
    let mut lines = Vec::new();
    let mut schema = SCHEMA;
    for (number, text) in (1..).zip(text.lines()) {
        let line = match schema {
            1 => schema1::line(text),
            _ => serde_json::from_str(text),
        };
        match line {
            Ok(Line::Unknown) => stored.unknown.push((number, kind_of(text))),
            Ok(line) => {
                if let Line::Run(run) = &line {
                    schema = run.schema;
                }
                lines.push(line);
            }
            Err(fault) => stored.faults.push((number, in_words(&fault))),
        }
    }
    if lines.iter().any(|line| matches!(line, Line::Run(run) if run.schema == 1)) {
        schema1::join(&mut lines, &mut pairs);
    }
    stored.record = Record::of(lines);
    stored.record.pairs = pairs;
    stored
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
    use crate::lines::End;

    fn ended(tasks: u64) -> Option<End> {
        Some(End { status: "done".into(), tasks, ..End::default() })
    }

    fn end(tasks: u64) -> Line {
        Line::End(ended(tasks).unwrap())
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
        let stored = read(&path).unwrap();
        assert_eq!(stored.record.end, ended(2));
        assert!(stored.faults.is_empty());
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
        let stored = read(folder.path()).unwrap();
        assert_eq!(stored.record.end, ended(3));
        assert_eq!(stored.faults.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3]);
        assert_eq!(stored.unknown, [(1, "hologram".to_owned())]);
    }
}
