//! The lecture's labs: its results to the last bit, its words, its claims.

use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value as Json;

use crate::tools::{coordinator, lines_of, recorded, wait_until};

/// Runs a lab and gives its record.
fn lab(args: &[&str]) -> Vec<Json> {
    lab_and_tables(args).0
}

/// Runs a lab and gives its record, and what it prints for people.
fn lab_and_tables(args: &[&str]) -> (Vec<Json>, String) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let more = ["--json", "-", "--quiet", "--out", out.to_str().unwrap()];
    let output = coordinator(&[&["lab"], args, &more].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (lines, String::from_utf8(output.stderr).unwrap())
}

fn of_kind<'a>(lines: &'a [Json], kind: &str) -> Vec<&'a Json> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

fn reference() -> Json {
    serde_json::from_str(include_str!("../../crates/workload/tests/reference.json")).unwrap()
}

#[test]
fn quadrants_give_the_lecture_s_values_four_cases_each_way_and_its_claims() {
    let tiny = ["quadrants", "--scale", "lecture", "--generations", "1", "--pairs", "1"];
    let lines = lab(&tiny);
    let reference = reference();
    let sequential = of_kind(&lines, "sequential");
    let answer = |case: &str| {
        let found = sequential.iter().find(|line| line["case"] == case).unwrap();
        found["answer"].as_str().unwrap().to_owned()
    };
    let heavy = &reference["heavy_work_small_data"]["200000"]["py311"];
    assert_eq!(answer("Heavy compute, small data"), heavy.as_str().unwrap());
    assert_eq!(answer("Light compute, small data"), "400000");
    let heavy = &reference["heavy_work_large_data"]["range(50000)"]["py311"];
    assert_eq!(answer("Heavy compute, large data"), heavy.as_str().unwrap());
    assert_eq!(answer("Light compute, large data"), "1249975000");
    assert_eq!(sequential.len(), 4);
    let trials = of_kind(&lines, "trial");
    // Small data has no list to be resident.
    assert_eq!(trials.len(), 3 + 3 + 4 + 4);
    for trial in &trials {
        assert_eq!(trial["verified"], trial["tasks"], "{trial}");
        assert_eq!((&trial["layer"], &trial["scale"]), (&"pool".into(), &"lecture".into()));
        assert_eq!((&trial["workers"], &trial["repeats"]), (&4.into(), &1.into()));
        assert!(trial["tasks"].as_u64().unwrap() >= 8);
        let small = trial["case"].as_str().unwrap().ends_with("small data");
        assert_eq!(trial["bytes"], if small { 0 } else { 400_000 });
    }
    let comparisons = of_kind(&lines, "comparison");
    assert_eq!(comparisons.len(), trials.len());
    for comparison in comparisons {
        assert_eq!(
            (&comparison["what"], &comparison["threshold"]),
            (&"speedup".into(), &1.2.into())
        );
        assert!(sequential.iter().any(|line| line["id"] == comparison["base"]));
        assert!(trials.iter().any(|trial| trial["id"] == comparison["other"]));
        assert_eq!(comparison["verdict"], "TOO CLOSE TO CALL", "one generation carries no verdict");
    }
    let claims = of_kind(&lines, "claim");
    assert_eq!(claims.len(), 4);
    assert!(claims.iter().all(|claim| claim["reason"].as_str().unwrap().contains("pipe-serde")));
}

#[test]
fn a_calibrated_heavy_task_lasts_as_long_as_in_cpython_and_a_light_one_is_not_stretched() {
    let lines = lab(&["26.1", "--workers", "1", "--generations", "1", "--pairs", "1"]);
    for line in of_kind(&lines, "sequential") {
        let heavy = line["case"].as_str().unwrap().starts_with("Heavy");
        assert_eq!(line["repeats"].as_u64().unwrap() > 1, heavy, "{line}");
    }
}

#[test]
fn futures_print_the_lecture_s_lines_and_each_way_to_fail_has_its_own_error() {
    let tiny = ["futures", "--workers", "2", "--generations", "1", "--pairs", "1"];
    let (lines, tables) = lab_and_tables(&tiny);
    let hashes = &reference()["compute_hash"];
    let outcomes = of_kind(&lines, "outcome");
    for transport in ["pipe", "shared"] {
        let of = |part: &str| -> Vec<&Json> {
            let here = |o: &&&Json| o["transport"] == transport && o["part"] == part;
            outcomes.iter().filter(here).copied().collect()
        };
        let workload = of("workload");
        assert_eq!(workload.len(), 8);
        for outcome in workload {
            let input = outcome["input"].as_i64().unwrap();
            if input > 0 {
                let hash = hashes[input.to_string()].as_i64().unwrap();
                assert_eq!(outcome["answer"], hash.to_string());
                assert!(tables.contains(&format!("\nRange {input}: hash={hash}\n")));
                assert!(outcome["worker"].is_u64() && outcome["pid"].is_u64());
            } else {
                let error = &outcome["error"];
                assert_eq!(
                    (&outcome["ok"], &error["type"]),
                    (&false.into(), &"InvalidRange".into())
                );
                assert_eq!(error["message"], "Invalid range: -1");
                assert!(error["worker"].is_u64() && error["pid"].is_u64());
            }
        }
        let types: Vec<&str> = of("faults")
            .iter()
            .map(|outcome| outcome["error"]["type"].as_str().unwrap_or("an answer"))
            .collect();
        let want = ["Cancelled", "Unencodable", "Panicked", "WorkerDied", "TimedOut", "an answer"];
        assert_eq!(types, want, "{transport}");
    }
    assert!(tables.contains("\nError for range -1: Invalid range: -1\n"));
    assert_eq!(tables.matches("\nDone: 7 succeeded, 1 failed\n").count(), 2);
    let claims = of_kind(&lines, "claim");
    assert_eq!(claims.len(), 2);
    assert_eq!(claims[1]["seen"], true, "{}", claims[1]);
    for trial in of_kind(&lines, "trial") {
        assert_eq!(trial["verified"], trial["tasks"]);
    }
}

#[test]
fn the_crossover_has_a_row_for_each_duration_and_a_line_for_each_way_and_size() {
    let tiny = [
        "crossover",
        "--scale",
        "lecture",
        "--durations",
        "1us,1ms,5ms",
        "--sizes",
        "none,8KB",
        "--workers",
        "2",
        "--generations",
        "1",
        "--pairs",
        "1",
    ];
    let (lines, tables) = lab_and_tables(&tiny);
    let sequential = of_kind(&lines, "sequential");
    for duration in ["1 ms", "5 ms"] {
        let line = sequential.iter().find(|line| line["case"] == duration).unwrap();
        let ms = duration.split(' ').next().unwrap();
        assert_eq!(line["answer"], reference()["simulate_work"][ms][1]);
    }
    let trials = of_kind(&lines, "trial");
    for trial in &trials {
        assert_eq!(trial["verified"], trial["tasks"], "{trial}");
        assert!(trial["round_ns"]["count"].as_u64().unwrap() > 0);
    }
    let ways = |bytes: u64| -> Vec<(&str, &str)> {
        of_kind(&lines, "crossover")
            .iter()
            .filter(|line| line["bytes"] == bytes)
            .map(|line| {
                assert_eq!(line["verdict"], "too few generations", "one carries none");
                (line["transport"].as_str().unwrap(), line["residency"].as_str().unwrap())
            })
            .collect()
    };
    assert_eq!(ways(0), [("pipe", "place"), ("shared", "place")]);
    assert_eq!(ways(8000), [("pipe", "place"), ("shared", "place"), ("shared", "resident")]);
    let nominal = |ns: u64| trials.iter().filter(|trial| trial["compute_ns"] == ns).count();
    assert_eq!([1_000, 1_000_000, 5_000_000].map(nominal), [5, 5, 5]);
    assert!(tables.contains("Duration (ms)") && tables.contains("crossover by pipe, no list"));
    assert!(tables.contains("too few generations: 6 are needed"), "{tables}");
}

#[test]
fn a_lab_that_was_interrupted_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let args = ["lab", "crossover", "--scale", "lecture", "--durations", "1us,2us,4us,8us,1ms,9ms"];
    let more = ["--sizes", "none", "--workers", "1", "--generations", "2", "--pairs", "2"];
    let quiet = ["--quiet", "--seed", "7", "--out", out.to_str().unwrap()];
    let args = [&args[..], &more, &quiet].concat();
    let mut child = coordinator(&args).stdout(Stdio::null()).spawn().unwrap();
    let measured = || recorded(&out).trials.iter().filter(|trial| trial.error.is_none()).count();
    wait_until("two cases", Duration::from_secs(60), || measured() >= 4);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let before = measured();
    let output = coordinator(&args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("crossover by shared, no list"), "{text}");
    let whole = |line: &&Json| line["kind"] == "trial" && line["error"].is_null();
    let lines = lines_of(&out);
    let cases: Vec<(String, String)> = lines
        .iter()
        .filter(whole)
        .map(|line| (line["case"].to_string(), line["transport"].to_string()))
        .collect();
    let mut once = cases.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), cases.len(), "nothing is measured twice");
    assert!(cases.len() >= 12 && before < cases.len());
}

#[test]
fn labs_that_do_not_exist_and_workers_past_the_limit_are_refused() {
    for (args, word) in [
        (&["lab", "tea"][..], "quadrants (26.1)"),
        (&["lab", "quadrants", "--workers", "0"], "give 1 to 64"),
        (&["lab", "quadrants", "--scale", "huge"], "calibrated"),
        (&["lab", "quadrants", "--durations", "1ms"], "lab quadrants has no --durations"),
        (&["lab", "futures", "--sizes", "none"], "lab futures has no --sizes"),
        (&["lab", "crossover", "--durations", "-1ms"], "write for example 10us"),
        (&["lab", "crossover", "--durations", "2h"], "from 1us to 1m"),
        (&["lab", "crossover", "--durations", "0ms"], "from 1us to 1m"),
        (&["lab", "crossover", "--sizes", "4TiB"], "are free"),
        (&["lab", "crossover", "--generations", "0"], "1..=1000"),
    ] {
        let output = coordinator(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn every_lab_has_its_page_and_every_page_its_lab() {
    let docs = crate::tools::root().join("docs");
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    for lab in lab::labs::ALL {
        let page = summary.lines().find(|line| line.contains(&format!("-{}.md", lab.name())));
        let page = page.unwrap_or_else(|| panic!("no page for lab {}", lab.name()));
        let file = page.split(['(', ')']).nth(1).unwrap();
        let text = std::fs::read_to_string(docs.join(file)).unwrap();
        assert!(text.contains(&format!("$ coordinator lab {}", lab.name())), "{file}");
        assert!(text.contains(lab.number()), "{file}");
    }
}

#[test]
fn labs_lists_every_lab_and_a_run_of_one_makes_it_done() {
    let folder = tempfile::tempdir().unwrap();
    let here = |args: &[&str]| {
        let output = coordinator(args).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let done = || -> Vec<Json> {
        here(&["labs", "--json", "-"])
            .lines()
            .map(|line| serde_json::from_str::<Json>(line).unwrap())
            .collect()
    };
    assert_eq!(done().len(), lab::labs::ALL.len());
    assert!(done().iter().all(|line| line["done"] == "no"));
    let tiny = ["lab", "26.2", "--scale", "lecture", "--generations", "1", "--pairs", "1"];
    here(&[&tiny[..], &["--quiet", "--workers", "1", "--save", "mine"]].concat());
    for (line, lab) in done().iter().zip(lab::labs::ALL) {
        assert_eq!((&line["name"], &line["number"]), (&lab.name().into(), &lab.number().into()));
        let want = if lab.number() == "26.2" { "yes" } else { "no" };
        assert_eq!(line["done"], want, "{line}");
    }
    let text = here(&["labs"]);
    assert!(text.contains("done: runs/mine"), "{text}");
    let refused = coordinator(&["labs", "/nowhere"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn the_tail_has_both_loops_with_pauses_and_without_and_an_open_one_meets_each_pause() {
    let (lines, tables) = lab_and_tables(&["tail", "--generations", "1", "--pairs", "1"]);
    let trials = of_kind(&lines, "trial");
    assert_eq!(trials.len(), 8, "two transports, two loops, with pauses and without");
    for trial in &trials {
        assert_eq!((&trial["verified"], &trial["lab"]), (&trial["tasks"], &"tail".into()));
        let open = trial["rate"] == 10_000.0;
        assert!(open || trial["rate"].is_null(), "{trial}");
        // Its 200 ms hold a pause for certain.
        if open && trial["job"] == "sum_with_pauses" {
            assert!(trial["round_trip_ns"]["max"].as_u64().unwrap() >= 5_000_000, "{trial}");
        }
    }
    let paused = trials.iter().filter(|trial| trial["job"] == "sum_with_pauses");
    assert_eq!(paused.count(), 4);
    assert_eq!(of_kind(&lines, "claim").len(), 3);
    assert!(tables.contains(", open loop at 10000 tasks/s, sum with pauses\n"), "{tables}");
}
