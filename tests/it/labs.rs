//! The lecture's labs: its results to the last bit, its words, its claims.

use serde_json::Value as Json;

use crate::tools::coordinator;

/// Runs a lab and gives its record.
fn lab(args: &[&str]) -> Vec<Json> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let more = ["--json", "-", "--quiet", "--out", out.to_str().unwrap()];
    let output = coordinator(&[&["lab"], args, &more].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
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
        assert_eq!((&trial["through"], &trial["scale"]), (&"pool".into(), &"lecture".into()));
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
fn labs_that_do_not_exist_and_workers_past_the_limit_are_refused() {
    for (args, word) in [
        (&["lab", "tea"][..], "quadrants (26.1)"),
        (&["lab", "quadrants", "--workers", "0"], "give 1 to 64"),
        (&["lab", "quadrants", "--scale", "huge"], "calibrated"),
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
