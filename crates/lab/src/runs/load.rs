//! Recorded runs, by folder, by file or by the name they were saved under.

use std::io::Write;
use std::path::{Path, PathBuf};

use harness::UsageError;
use harness::run_writer::RUNS;
use record::store::{RECORD, Stored};
use record::{Record, SCHEMA};

/// A recorded run, as it was opened.
pub struct LoadedRun {
    /// Its folder.
    pub folder: PathBuf,
    /// What can be read of it.
    pub record: Record,
}

/// Checks a name to save a run under.
///
/// # Errors
/// It is none, in words that say what one is.
pub fn name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match text.chars().all(fits) && text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        true if text.len() <= 100 => Ok(text.to_owned()),
        _ => Err("a name is letters, digits, . _ and -, as in before-2".into()),
    }
}

/// The folder of the run that was saved as `name`.
pub fn folder(name: &str) -> PathBuf {
    Path::new(RUNS).join(name)
}

/// Reads a recorded run, and names on stderr what of it could not be read.
///
/// `text` is a run's folder, its record, or the name it was saved under.
///
/// # Errors
/// There is no such run, or nothing in it can be shown.
pub fn load(text: &str) -> Result<LoadedRun, UsageError> {
    let path = find(text)?;
    let file = if path.is_dir() { path.join(RECORD) } else { path.clone() };
    let cannot = |why: &str| UsageError::new(format!("{}: {why}", file.display()));
    match std::fs::metadata(&file) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(cannot("is not a file: name a run's folder, or its run.jsonl")),
        Err(_) => return Err(cannot("there is no record: name a run's folder, or its run.jsonl")),
    }
    let stored = record::store::read(&file);
    let stored = stored.map_err(|cause| cannot(&format!("cannot be read ({cause})")))?;
    name_faults(&file, &stored);
    if stored.record.is_empty() {
        return Err(cannot("is not a record: nothing in it can be shown"));
    }
    let folder = file.parent().map_or_else(PathBuf::new, Path::to_owned);
    let folder = if folder.as_os_str().is_empty() { ".".into() } else { folder };
    Ok(LoadedRun { folder, record: stored.record })
}

fn find(text: &str) -> Result<PathBuf, UsageError> {
    let path = PathBuf::from(text);
    if path.exists() {
        return Ok(path);
    }
    let saved = name(text).ok().map(|name| folder(&name)).filter(|folder| folder.exists());
    saved.ok_or_else(|| {
        UsageError::new(format!(
            "there is no run `{text}`: name its folder, its run.jsonl, or the name it was saved as"
        ))
    })
}

/// Lines that are named one by one.
const MAX_NAMED_LINES: usize = 10;

/// Says on stderr what could not be read, line by line.
fn name_faults(file: &Path, stored: &Stored) {
    let mut messages: Vec<String> = Vec::new();
    let runs = stored.record.run.iter().chain(&stored.record.continued);
    if let Some(schema) = runs.map(|run| run.schema).find(|schema| *schema > SCHEMA) {
        messages.push(format!(
            "has schema {schema}, but this program knows {SCHEMA}: fields that have changed are shown with their old meaning"
        ));
    }
    let unknown = stored.unknown.iter();
    let unknown = unknown.map(|(line, kind)| (*line, format!("the kind `{kind}` is not known")));
    let mut lines: Vec<(usize, String)> = stored.faults.iter().cloned().chain(unknown).collect();
    lines.sort_unstable();
    messages.extend(
        lines.iter().take(MAX_NAMED_LINES).map(|(line, fault)| format!("line {line}: {fault}")),
    );
    if lines.len() > MAX_NAMED_LINES {
        messages.push(format!("and {} more lines like these", lines.len() - MAX_NAMED_LINES));
    }
    let mut stderr = std::io::stderr().lock();
    for message in messages {
        // What a record says does not steer the terminal.
        let message = message.replace(char::is_control, "?");
        let _ = writeln!(stderr, "coordinator: {}: {message}", file.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_letters_digits_and_a_little_more_and_never_a_path() {
        for fine in ["before", "v1.2_x-3", "2026-11-24T17-49-22"] {
            assert_eq!(name(fine).as_deref(), Ok(fine));
        }
        for wrong in ["", ".", "..", "a/b", "../x", "-x", ".hidden", "ä", "a b", &"x".repeat(101)]
        {
            assert!(name(wrong).unwrap_err().contains("before-2"), "{wrong}");
        }
    }
}
