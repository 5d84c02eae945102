//! Advice: from a fixed record as computed by hand, by measuring where there is none, and refused by
//! field where the question has no meaning.

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value as Json;

use crate::tools::{coordinator, root};

fn record() -> PathBuf {
    root().join("tests/records/advise")
}

fn advise(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    coordinator(&[&["advise"], args].concat()).current_dir(folder.path()).output().unwrap()
}

fn from_record(args: &[&str]) -> (String, String) {
    let record = record();
    let run = ["--run", record.to_str().unwrap()];
    let output = advise(&[args, &run].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    (String::from_utf8(output.stdout).unwrap(), said)
}

const LARGE: [&str; 6] = ["--bytes", "400KB", "--compute", "100us", "--tasks", "10"];

#[test]
fn plans_of_a_fixed_record_are_ranked_as_computed_by_hand() {
    let (text, _) = from_record(&LARGE);
    let at =
        |plan: &str| text.find(&format!("\n {plan}  ")).unwrap_or_else(|| panic!("{plan}: {text}"));
    assert!(at("shared resident") < at("shared place"), "{text}");
    assert!(at("shared place") < at("sequential") && at("sequential") < at("pipe"), "{text}");
    for word in ["540 µs", "1.96×", "2 cores, spread, hybrid", "too close to call", "by-hand"] {
        assert!(text.contains(word), "no {word}: {text}");
    }
    let (tiny, _) = from_record(&["--bytes", "none", "--compute", "1us", "--tasks", "40"]);
    assert!(tiny.contains("one after another"), "{tiny}");
}

#[test]
fn as_json_an_advice_is_one_line_and_the_table_goes_to_stderr() {
    let (text, said) = from_record(&[&LARGE[..], &["--json", "-"]].concat());
    let line: Json = serde_json::from_str(&text).unwrap();
    assert_eq!((&line["kind"], &line["tasks"]), (&"advice".into(), &10.into()));
    assert_eq!(line["plans"][0]["predicted_ns"], 540_000);
    assert_eq!(line["plans"][3]["plan"], "pipe");
    assert!(said.contains("ADVICE"), "{said}");
}

#[test]
fn without_a_run_the_little_that_is_needed_is_measured_and_checked_where_asked() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    let args = ["--bytes", "8KB", "--compute", "20us", "--tasks", "6", "--workers", "2"];
    let more = ["--measure", "--budget", "100ms", "--json", "-", "--out", out];
    let output = advise(&[&args[..], &more].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("2 workers: measuring it"), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let advice = lines.iter().find(|line| line["kind"] == "advice").unwrap();
    let plans = advice["plans"].as_array().unwrap();
    assert_eq!(plans.len(), 4);
    for plan in plans {
        assert!(plan["measured_ns"].as_u64().unwrap() > 0, "{plan}");
        assert!(plan["low_ns"].as_u64() <= plan["high_ns"].as_u64(), "{plan}");
    }
    assert_eq!(lines.last().unwrap()["kind"], "end");
    // The next one learns from it.
    let again = advise(&[&args[..], &["--run", out]].concat());
    assert!(again.stderr.is_empty(), "{}", String::from_utf8_lossy(&again.stderr));
}

#[test]
fn a_question_without_meaning_is_refused_by_field() {
    let record = record();
    let ask = |bytes, compute, tasks, workers| {
        let run = record.to_str().unwrap();
        advise(&[
            "--bytes",
            bytes,
            "--compute",
            compute,
            "--tasks",
            tasks,
            "--workers",
            workers,
            "--run",
            run,
        ])
    };
    for (output, word) in [
        (ask("1KB", "1ms", "0", "4"), "--tasks"),
        (ask("1KB", "-1ms", "1", "4"), "--compute"),
        (ask("1KB", "1000h", "1", "4"), "--compute"),
        (ask("4000TiB", "1ms", "1", "4"), "--bytes"),
        (ask("1KB,2KB", "1ms", "1", "4"), "--bytes"),
        (ask("1KB", "1ms", "1", "65"), "--workers"),
        (advise(&[&LARGE[..], &["--run", "nowhere"]].concat()), "--run"),
    ] {
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{word}: {said}");
        assert!(said.contains(word) && !said.contains("panicked"), "{word}: {said}");
    }
    let long = ["--bytes", "none", "--compute", "1s", "--tasks", "99", "--measure"];
    let record = record.to_str().unwrap();
    let out = ["--out", "out", "--run", record];
    let output = advise(&[&long[..], &out].concat());
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}
