//! HdrHistogram's interval log (.hlog, V2), which its log processors read.

use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use record::Record;

use super::histograms::TrialHistogram;

/// One interval for each trial, with its name as the tag; values in nanoseconds.
///
/// Trials are laid end to end from the start of the run, each as long as its batches together: cells
/// are measured in turns, so no trial has an interval of its own.
pub fn hlog(record: &Record, trials: &[TrialHistogram<'_>]) -> String {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment("[Histogram log format version 1.2]");
    builder.add_comment("[Values in nanoseconds; one interval for each trial, laid end to end]");
    builder.with_start_time(started(record));
    let mut writer = builder
        .begin_log_with(&mut bytes, &mut serializer)
        .expect("writing to memory does not fail");
    let mut start = Duration::ZERO;
    for trial in trials {
        let length = Duration::from_nanos(trial.trial.wall_ns);
        let tag = Tag::new(&trial.name);
        writer
            .write_histogram(trial.histogram.hdr(), start, length, tag)
            .expect("writing to memory does not fail");
        start = start.saturating_add(length);
    }
    String::from_utf8(bytes).expect("a log is text").trim_end().to_owned()
}

/// When the run began; the epoch where the record does not say.
fn started(record: &Record) -> SystemTime {
    let time = record.run.as_ref().and_then(|run| run.started.parse::<jiff::Timestamp>().ok());
    time.map_or(SystemTime::UNIX_EPOCH, SystemTime::from).max(SystemTime::UNIX_EPOCH)
}
