//! Recorded runs again: in every form, for other tools, side by side, asserted about, and broken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use record::Trial;
use serde_json::Value as Json;

use crate::tools::{coordinator, skip};

/// A sweep of two sizes on one core, measured once for all tests; its folder, and what it printed.
fn recorded() -> &'static (tempfile::TempDir, String) {
    static RUN: OnceLock<(tempfile::TempDir, String)> = OnceLock::new();
    RUN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let run = sweep(folder.path(), &["--out", "run"]);
        assert!(run.status.success(), "{}", said(&run));
        (folder, String::from_utf8(run.stdout).unwrap())
    })
}

/// Enough samples for a p99 and enough generations for a verdict, in a second or two.
fn sweep(at: &Path, more: &[&str]) -> Output {
    let axes = ["sweep", "--sizes", "4KiB,64KiB", "--pin", "same", "--wakeup", "futex"];
    let few = ["--generations", "6", "--pairs", "1", "--tasks", "60", "--quiet"];
    coordinator(&[&axes, &few[..], more].concat()).current_dir(at).output().unwrap()
}

fn folder() -> PathBuf {
    recorded().0.path().join("run")
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn report(args: &[&str]) -> Output {
    coordinator(&[&["report"], args].concat()).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn trials(folder: &Path) -> Vec<Trial> {
    record::store::read(folder).unwrap().record.trials
}

#[test]
fn a_report_says_again_what_the_run_said_from_its_folder_or_its_record_alone() {
    let printed = &recorded().1;
    // Where it lies is said as it was named.
    let (tables, _) = printed.split_once("\nreport ").unwrap();
    let alone = tempfile::tempdir().unwrap();
    let copy = alone.path().join("run.jsonl");
    fs::copy(folder().join("run.jsonl"), &copy).unwrap();
    for run in [folder(), folder().join("run.jsonl"), alone.path().to_owned(), copy] {
        let output = report(&[path(&run)]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let text = text(&output);
        assert!(text.starts_with("machine  ") && text.contains(tables), "{text}");
        assert_eq!(said(&output), "");
        assert!(text.lines().all(|line| !line.ends_with(' ')));
    }
}

#[test]
fn every_form_shows_the_same_texts_and_the_record_s_numbers() {
    let form = |form: &str| text(&report(&[path(&folder()), "--format", form]));
    let (terminal, markdown) = (form("text"), form("md"));
    let json: Json = serde_json::from_str(&form("json")).unwrap();
    let csv = form("csv");
    let mut reader = csv_rows(&csv);
    assert_eq!(reader.remove(0), ["section", "row", "column", "text", "name", "value"]);
    let mut cells = 0;
    for section in json["sections"].as_array().unwrap() {
        let title = section["title"].as_str().unwrap();
        assert!(terminal.contains(title) && markdown.contains(title));
        let columns = section["table"]["columns"].as_array().unwrap();
        for row in section["table"]["rows"].as_array().unwrap() {
            for (cell, column) in row.as_array().unwrap().iter().zip(columns) {
                let text = cell["text"].as_str().unwrap();
                assert!(terminal.contains(text), "{text}");
                assert!(markdown.contains(&text.replace('~', "\\~")), "{text}");
                for (name, number) in cell["numbers"].as_object().unwrap() {
                    let number = number.as_str().map_or(number.to_string(), String::from);
                    let want = [title, column["name"].as_str().unwrap(), text, name, &number];
                    let has =
                        |row: &Vec<String>| [0, 2, 3, 4, 5].map(|at| row[at].as_str()) == want;
                    assert!(reader.iter().any(has), "{want:?}");
                    cells += 1;
                }
            }
        }
    }
    assert!(cells > 20, "{cells}");
    for trial in trials(&folder()) {
        let want = trial.round_trip_ns.p99.to_string();
        assert!(reader.iter().any(|row| row[4] == "p99_ns" && row[5] == want), "{want}");
    }
    assert!(markdown.contains("| ---: |") && markdown.contains("## same core, sleep"));
}

/// Rows of comma-separated values without a quoted comma in a quoted line break.
fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let row = |line: &str| {
        let (mut cells, mut quoted) = (vec![String::new()], false);
        for character in line.chars() {
            match character {
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(String::new()),
                other => cells.last_mut().unwrap().push(other),
            }
        }
        cells
    };
    text.lines().map(row).collect()
}

#[test]
fn a_report_goes_into_a_folder_where_one_is_named() {
    let out = tempfile::tempdir().unwrap();
    let deeper = out.path().join("deeper");
    for (format, name) in [("text", "report.txt"), ("md", "report.md"), ("hlog", "run.hlog")] {
        let run = folder();
        let output = report(&[path(&run), "--format", format, "--out", path(&deeper)]);
        assert_eq!(text(&output).trim(), path(&deeper.join(name)), "{}", said(&output));
        assert!(fs::read_to_string(deeper.join(name)).unwrap().len() > 100);
    }
    let output = report(&[path(&folder()), "--out", "/dev/null/no"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("--out"), "{}", said(&output));
}

#[test]
fn percentiles_are_a_file_for_each_trial_that_agrees_with_the_record() {
    let out = tempfile::tempdir().unwrap();
    let output = report(&[path(&folder()), "--format", "hgrm", "--out", path(out.path())]);
    let names: Vec<String> = text(&output).lines().map(String::from).collect();
    let trials = trials(&folder());
    assert_eq!(names.len(), trials.len());
    for (name, trial) in names.iter().zip(&trials) {
        let text = fs::read_to_string(name).unwrap();
        assert!(name.contains(&trial.params.arm.transport) && name.contains("same"), "{name}");
        assert!(text.starts_with("#[") && text.contains("microseconds (scaling ratio 1000 "));
        let rt = &trial.round_trip_ns;
        let us = |ns: u64| format!("{:.3}", ns as f64 / 1000.0);
        let rows: Vec<Vec<&str>> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().collect())
            .filter(|row: &Vec<&str>| !row.is_empty())
            .collect();
        assert_eq!(rows[0], ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]);
        // The last value is the largest, and stands on every sample.
        let last = rows.last().unwrap();
        assert_eq!(last[..], [&us(rt.max), "1.000000000000", &rt.count.to_string()], "{name}");
        let p50 = rows.iter().find(|row| row[1] == "0.500000000000").unwrap();
        assert_eq!((p50[0], p50[3]), (us(rt.p50).as_str(), "2.00"), "{name}");
        let numbers = rows[1..].windows(2).all(|two| {
            let of = |row: &[&str], at: usize| row[at].parse::<f64>().unwrap();
            (0..3).all(|at| of(&two[0], at) <= of(&two[1], at))
        });
        assert!(numbers, "{name}: nothing falls");
        let footer: Vec<&str> = text.lines().rev().take(3).collect();
        assert!(footer[0].starts_with("#[Buckets = ") && footer[0].contains("SubBuckets"));
        assert!(footer[1].contains(&us(rt.max)) && footer[1].contains(&rt.count.to_string()));
        assert!(footer[2].starts_with("#[Mean    = ") && footer[2].contains("StdDeviation"));
    }
}

#[test]
fn a_single_trial_s_percentiles_go_to_stdout() {
    let run = tempfile::tempdir().unwrap();
    let whole = fs::read_to_string(folder().join("run.jsonl")).unwrap();
    let upto = whole.find("\"kind\":\"trial\"").unwrap();
    let end = upto + whole[upto..].find('\n').unwrap();
    fs::write(run.path().join("run.jsonl"), &whole[..end]).unwrap();
    let output = report(&[path(run.path()), "--format", "hgrm"]);
    assert!(text(&output).contains("1/(1-Percentile)"), "{}", said(&output));
}

/// Reads an interval log with the reference reader in Python.
const READ_HLOG: &str = "
import sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 3600000000000, 3))
while True:
    h = reader.get_next_interval_histogram()
    if h is None: break
    print(h.get_tag(), h.total_count, *(h.get_value_at_percentile(p) for p in (50, 90, 99, 99.9)), h.get_max_value())
";

#[test]
fn an_interval_log_is_read_by_others_with_the_same_counts_and_percentiles() {
    let out = tempfile::tempdir().unwrap();
    let log = out.path().join("run.hlog");
    fs::write(&log, report(&[path(&folder()), "--format", "hlog"]).stdout).unwrap();
    let text = fs::read_to_string(&log).unwrap();
    assert_eq!(text.lines().next(), Some("#[Histogram log format version 1.2]"));
    assert_eq!(text.lines().filter(|line| line.starts_with("Tag=")).count(), 6);
    let known = Command::new("python3").args(["-c", "import hdrh"]).output();
    if !known.is_ok_and(|output| output.status.success()) {
        return skip("python3 has no package hdrhistogram");
    }
    let python = Command::new("python3").args(["-c", READ_HLOG, path(&log)]).output().unwrap();
    assert!(python.status.success(), "{}", said(&python));
    let read: Vec<String> = self::text(&python).lines().map(String::from).collect();
    let trials = trials(&folder());
    assert_eq!(read.len(), trials.len());
    for (read, trial) in read.iter().zip(&trials) {
        let rt = &trial.round_trip_ns;
        let want = [rt.count, rt.p50, rt.p90, rt.p99, rt.p999, rt.max].map(|of| of.to_string());
        let (tag, numbers) = read.split_once(' ').unwrap();
        assert_eq!(numbers, want.join(" "), "{tag}");
        assert!(tag.starts_with(&trial.params.arm.transport), "{tag}");
    }
}

/// What becomes of the recorded run with its lines changed.
fn broken(change: impl FnOnce(&mut Vec<String>)) -> Output {
    let run = tempfile::tempdir().unwrap();
    let whole = fs::read_to_string(folder().join("run.jsonl")).unwrap();
    let mut lines: Vec<String> = whole.lines().map(String::from).collect();
    change(&mut lines);
    fs::write(run.path().join("run.jsonl"), lines.join("\n")).unwrap();
    report(&[path(run.path())])
}

#[test]
fn what_can_be_read_of_a_broken_record_is_shown_and_the_rest_is_named_by_line() {
    let mut at = 0;
    let cut = broken(|lines| {
        at = lines.iter().rposition(|line| line.contains("\"kind\":\"trial\"")).unwrap();
        lines.truncate(at + 1);
        let half = lines[at].len() / 2;
        lines[at].truncate(half);
    });
    assert_eq!(cut.status.code(), Some(0));
    assert!(text(&cut).contains("4 KiB") || text(&cut).contains("64 KiB"), "{}", text(&cut));
    assert!(text(&cut).contains("the run was killed"));
    assert_eq!(said(&cut).lines().count(), 1, "{}", said(&cut));
    let named = format!("run.jsonl: line {}: cut off", at + 1);
    assert!(said(&cut).contains(&named), "{}", said(&cut));

    let odd = broken(|lines| {
        lines.insert(2, "not JSON".into());
        lines.insert(3, "{\"kind\":\"hologram\",\"depth\":3}".into());
        lines.insert(4, "{\"kind\":\"trial\",\"id\":1}".into());
        lines.insert(5, "{\"kind\":\"\\u001b[2Jx\"}".into());
    });
    assert_eq!(odd.status.code(), Some(0));
    let lines: Vec<String> = said(&odd).lines().map(String::from).collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[0].contains("line 3: not JSON"), "{lines:?}");
    assert!(lines[1].contains("line 4: the kind `hologram` is not known"), "{lines:?}");
    assert!(lines[2].contains("line 5: not a line of a record: missing field"), "{lines:?}");
    assert!(lines[3].contains("line 6") && !lines[3].contains('\u{1b}'), "{lines:?}");

    let many = broken(|lines| lines.extend((0..25).map(|_| "?".to_owned())));
    assert_eq!(many.status.code(), Some(0));
    assert_eq!(said(&many).lines().count(), 11, "{}", said(&many));
    assert!(said(&many).ends_with("and 15 more lines like these\n"), "{}", said(&many));

    let newer = broken(|lines| lines[0] = lines[0].replace("\"schema\":2", "\"schema\":7"));
    assert_eq!(newer.status.code(), Some(0));
    assert_eq!(said(&newer).lines().count(), 1);
    assert!(said(&newer).contains("has schema 7, but this program knows 2"), "{}", said(&newer));

    let elsewhere =
        broken(|lines| lines[1] = lines[1].replace("\"cpu\":\"", "\"cpu\":\"Elsewhere "));
    assert_eq!((elsewhere.status.code(), said(&elsewhere).as_str()), (Some(0), ""));
    assert!(text(&elsewhere).starts_with("machine  Elsewhere "), "{}", text(&elsewhere));
}

#[test]
fn where_nothing_can_be_shown_one_sentence_says_why_and_the_code_is_2() {
    let at = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        fs::write(at.path().join(name), bytes).unwrap();
        at.path().join(name).to_str().unwrap().to_owned()
    };
    fs::create_dir(at.path().join("folder")).unwrap();
    let binary: Vec<u8> =
        (0..9999u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let cases = [
        (file("empty", b""), "is not a record", 1),
        (file("binary", &binary), "is not a record", 12),
        (file("words", b"a poem\nin two lines\n"), "is not a record", 3),
        (at.path().join("folder").to_str().unwrap().to_owned(), "there is no record", 1),
        (at.path().join("missing").to_str().unwrap().to_owned(), "there is no run", 1),
        ("/dev/zero".to_owned(), "is not a file", 1),
        ("".to_owned(), "there is no run", 1),
    ];
    let whole = folder();
    for (run, word, lines) in &cases {
        let commands: [&[&str]; 3] = [
            &["report", run],
            &["report", run, "--format", "hlog"],
            &["compare", run, path(&whole)],
        ];
        for command in commands {
            let output = coordinator(command).output().unwrap();
            let said = said(&output);
            assert_eq!(output.status.code(), Some(2), "{command:?}: {said}");
            assert!(said.contains(word) && !said.contains("panicked"), "{command:?}: {said}");
            assert!(said.lines().count() <= *lines, "{command:?}: {said}");
            assert!(output.stdout.is_empty() && !said.contains('\u{1b}'), "{command:?}");
        }
    }
}

#[test]
fn a_saved_run_has_a_name_and_is_not_overwritten() {
    let at = tempfile::tempdir().unwrap();
    let save = |name: &str| sweep(at.path(), &["--save", name]);
    let first = save("before");
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    let record = at.path().join("runs/before/run.jsonl");
    let before = fs::read(&record).unwrap();
    let again = save("before");
    assert_eq!(again.status.code(), Some(2));
    assert!(said(&again).contains("--save"), "{}", said(&again));
    assert_eq!(fs::read(&record).unwrap(), before);
    for wrong in ["../before", "a/b", ".", ""] {
        let refused = save(wrong);
        assert_eq!(refused.status.code(), Some(2), "{wrong}");
        assert!(said(&refused).contains("letters, digits"), "{}", said(&refused));
    }
    let both = sweep(at.path(), &["--save", "x", "--out", "y"]);
    assert_eq!(both.status.code(), Some(2));
    let compared = coordinator(&["compare", "before", "before"]).current_dir(at.path()).output();
    assert!(text(&compared.unwrap()).contains("6 without change beyond noise"));
}

/// The recorded run with every batch of it taking `factor` times as long.
fn slowed(factor: f64) -> tempfile::TempDir {
    let slow = tempfile::tempdir().unwrap();
    fs::copy(folder().join("run.jsonl"), slow.path().join("run.jsonl")).unwrap();
    let pairs = fs::read_to_string(folder().join("pairs.csv")).unwrap();
    let median = pairs.lines().next().unwrap().split(',').position(|name| name == "median");
    let row = |(number, row): (usize, &str)| {
        let mut cells: Vec<String> = row.split(',').map(String::from).collect();
        if number > 0 {
            let cell = &mut cells[median.unwrap()];
            *cell = format!("{:.0}", cell.parse::<f64>().unwrap() * factor);
        }
        cells.join(",")
    };
    let rows: Vec<String> = pairs.lines().enumerate().map(row).collect();
    fs::write(slow.path().join("pairs.csv"), rows.join("\n") + "\n").unwrap();
    slow
}

fn compare(a: &Path, b: &Path, more: &[&str]) -> Output {
    coordinator(&[&["compare", path(a), path(b)], more].concat()).output().unwrap()
}

#[test]
fn a_run_has_not_changed_against_itself_and_one_four_times_as_slow_has() {
    let itself = compare(&folder(), &folder(), &["--format", "json"]);
    let json: Json = serde_json::from_str(&text(&itself)).unwrap();
    let rows = json["sections"][0]["table"]["rows"].as_array().unwrap();
    assert_eq!((rows.len(), itself.status.code()), (6, Some(0)));
    for row in rows {
        assert_eq!(row[6]["text"], "no change beyond noise");
        assert_eq!(row[5]["numbers"]["ratio"], 1.0);
        assert_eq!(row[7]["numbers"]["ratio"], 1.0, "360 samples carry a p99");
    }
    let slow = slowed(4.0);
    let verdict = |output: &Output| {
        text(output).lines().find(|l| l.contains("of 6 common")).map(str::to_owned)
    };
    let (there, back) =
        (compare(&folder(), slow.path(), &[]), compare(slow.path(), &folder(), &[]));
    assert!(verdict(&there).unwrap().ends_with("6 slower"), "{}", text(&there));
    assert!(verdict(&back).unwrap().ends_with("6 faster"), "{}", text(&back));
    assert!(!text(&there).contains("different"), "{}", text(&there));
}

#[test]
fn other_machines_other_builds_and_cells_of_one_run_alone_are_said() {
    let other = slowed(1.0);
    let record = other.path().join("run.jsonl");
    let lines = fs::read_to_string(&record).unwrap();
    let lines = lines.lines().filter(|line| {
        !(line.contains("\"kind\":\"trial\"")
            && line.contains("\"residency\":\"resident\",")
            && line.contains("\"bytes\":4096,"))
    });
    let changed: Vec<String> = lines
        .map(|line| {
            line.replace("\"cpu\":\"", "\"cpu\":\"Elsewhere ")
                .replace("\"build\":\"", "\"build\":\"x")
        })
        .collect();
    fs::write(&record, changed.join("\n")).unwrap();
    let text = text(&compare(&folder(), other.path(), &[]));
    for word in ["different machines", "different builds", "only in A", "of 5 common cells"] {
        assert!(text.contains(word), "no {word}: {text}");
    }
    assert!(
        text.contains("same core, sleep: 4 KiB, shared resident (futex)")
            && !text.contains("only in B"),
        "{text}"
    );
}

#[test]
fn what_is_asserted_of_a_run_ends_it_with_5_if_it_does_not_hold() {
    let run = folder();
    let assert = |expression: &str| report(&[path(&run), "--assert", expression]);
    for holds in ["share.p99<1h@4KiB", "copy.p50>1ns@64KiB,same,sleep", "pipe/share>0.001@4KiB"] {
        let output = assert(holds);
        assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), ""), "{holds}");
    }
    for (fails, word, count) in [
        ("share.p99<1ns@4KiB", "(360 samples)", 2),
        ("pipe.max>1h@4KiB", "max is", 1),
        ("copy/share>1000@64KiB", "the ratio is", 2),
        ("share.p999<1h@4KiB", "n too small: 360 samples", 2),
        ("share.p50<1h@8KiB", "no such cell was measured", 1),
        ("share.p50<1h@4KiB,spread", "no such cell was measured", 1),
    ] {
        let output = assert(fails);
        assert_eq!(output.status.code(), Some(5), "{fails}: {}", said(&output));
        assert!(text(&output).contains("VERDICT"), "what was measured is shown all the same");
        let said = said(&output);
        assert!(
            said.lines().all(|line| line.starts_with("assert   ") && line.contains(word)),
            "{said}"
        );
        assert_eq!(said.lines().count(), count, "{said}");
    }
    for (wrong, word) in [("share.p99", "no @"), ("pigeon.p50<1ms@4KiB", "no arm `pigeon`")] {
        let output = assert(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        let said = said(&output);
        assert!(said.contains(word) && said.contains("share.p99<1ms@1MiB"), "{said}");
    }
}

#[test]
fn a_sweep_asserts_after_it_measured_and_refuses_before_what_it_will_not_measure() {
    let at = tempfile::tempdir().unwrap();
    let unknown = sweep(at.path(), &["--out", "never", "--assert", "share.p99<1ms@8KiB"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", said(&unknown));
    assert!(said(&unknown).contains("matches no cell of this run"), "{}", said(&unknown));
    assert!(!at.path().join("never").exists());
    let quick = coordinator(&["quick", "--quiet", "--assert", "socket.p50<1ms@4KiB"])
        .current_dir(at.path())
        .output()
        .unwrap();
    assert_eq!(quick.status.code(), Some(2), "{}", said(&quick));
    assert!(!at.path().join("runs").exists());

    let both = ["--assert", "share.p99<1h@4KiB", "--assert", "share.p99<1ns@4KiB"];
    let failed = sweep(at.path(), &[&["--out", "a"], &both[..]].concat());
    assert_eq!(failed.status.code(), Some(5), "{}", said(&failed));
    assert!(text(&failed).contains("VERDICT"));
    assert_eq!(said(&failed).lines().count(), 2, "{}", said(&failed));
    assert_eq!(trials(&at.path().join("a")).len(), 6);
}
