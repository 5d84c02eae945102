//! The page of a run: written beside its record, complete also if the record lacks something, and in a browser.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use report::analysis::advice::{Question, advise};
use report::analysis::cost_models::hinges;
use serde_json::{Value as Json, json};

use crate::browser::Browser;
use crate::made::{parsed, sweep, text, whole};
use crate::tools::{TINY, coordinator, skip, wait_until};

/// A page that opens at once and travels well.
const MAX_PAGE_BYTES: usize = 1_000_000;

#[test]
fn a_sweep_writes_its_page_and_names_it_last_and_a_report_makes_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = coordinator(&[&["sweep", "--out", "run"], TINY].concat())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(run.stdout).unwrap();
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("report   run/report.html (run.jsonl, "), "{said}");
    let path = folder.path().join("run/report.html");
    let first = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let again = coordinator(&["report", "run", "--format", "html"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(again.stdout).unwrap().trim(), "run/report.html");
    assert_eq!(fs::read_to_string(&path).unwrap().trim_end(), first.trim_end());
}

#[test]
fn several_runs_are_refused_in_a_form_that_shows_one_and_laid_over_each_other_on_a_page() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("run.jsonl"), text(&whole())).unwrap();
    }
    let report = |args: &[&str]| {
        coordinator(&[&["report"], args].concat()).current_dir(folder.path()).output().unwrap()
    };
    let refused = report(&["a", "b"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("--format html"));
    let refused = report(&["a", "--open", "--format", "csv"]);
    assert_eq!(refused.status.code(), Some(2));
    let made = report(&["a", "b", "--format", "html"]);
    assert_eq!(String::from_utf8(made.stdout).unwrap().trim(), "a/overlaid.html");
    let page = fs::read_to_string(folder.path().join("a/overlaid.html")).unwrap();
    assert!(page.contains("A = a") && page.contains("B = b") && page.len() < MAX_PAGE_BYTES);
}

#[test]
fn the_browser_of_the_user_is_given_the_page_and_without_one_a_sentence_says_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("run.jsonl"), text(&whole())).unwrap();
    let (run, told) = (folder.path().to_str().unwrap(), folder.path().join("told"));
    let page = folder.path().join("report.html");
    let tools = folder.path().join("tools");
    fs::create_dir(&tools).unwrap();
    let open = |path: &str| {
        let mut report = coordinator(&["report", run, "--open"]);
        report.env("PATH", path).env("TOLD", &told).output().unwrap()
    };
    let without_browser = open(tools.to_str().unwrap());
    let said = String::from_utf8(without_browser.stderr).unwrap();
    assert_eq!(without_browser.status.code(), Some(3), "{said}");
    assert!(said.starts_with("coordinator: no browser could be started"), "{said}");
    assert!(said.ends_with(&format!("open {} yourself\n", page.display())), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(page.exists() && !told.exists());
    // Says what it was given, as one that shows pages would be told.
    let opener = tools.join("xdg-open");
    fs::write(
        &opener,
        "#!/bin/sh\nprintf '%s' \"$*\" >\"$TOLD.part\"\nmv \"$TOLD.part\" \"$TOLD\"\n",
    )
    .unwrap();
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    let opened = open(&format!("{}:/usr/bin:/bin", tools.display()));
    assert_eq!(opened.status.code(), Some(0), "{}", String::from_utf8_lossy(&opened.stderr));
    wait_until("xdg-open is told", Duration::from_secs(10), || told.exists());
    assert_eq!(fs::read_to_string(&told).unwrap(), page.to_str().unwrap());
}

/// The page of a record with these lines, as a file.
fn page(folder: &Path, name: &str, lines: &[Json]) -> PathBuf {
    let record = &parsed(lines);
    let page = report::page(&[report::Source { name, record, folder: Path::new("runs/x") }]);
    assert!(page.len() < MAX_PAGE_BYTES, "{name}: {} bytes", page.len());
    let path = folder.join(format!("{name}.html"));
    fs::write(&path, page).unwrap();
    path
}

/// Records that lack something, and what their page must say of it.
fn broken() -> Vec<(&'static str, Vec<Json>, &'static str)> {
    let all = whole();
    let head = all[..2].to_vec();
    let with = |more: &[Json]| [&head, more].concat();
    let end = all.last().unwrap().clone();
    let mut failed = sweep("same", "sleeping", &[64, 4096]);
    failed[0]["error"] = json!("</script><b>the worker died</b>");
    failed[0]["round_trip_ns"] = json!({ "count": 0, "min": 0, "p50": 0, "p90": 0, "p99": 0, "p999": 0, "max": 0, "mean": 0, "hdr": "no histogram" });
    let mut invalid = end.clone();
    invalid["status"] = json!("invalid");
    invalid["reason"] = json!("an answer was wrong");
    let mut only_failed = failed[..1].to_vec();
    only_failed.push(end.clone());
    vec![
        ("empty", Vec::new(), "no complete trial"),
        ("head", head.clone(), "no complete trial"),
        ("only-failed", with(&only_failed), "no complete trial"),
        (
            "one-trial",
            with(&[sweep("same", "sleeping", &[64])[0].clone(), end.clone()]),
            "no verdict",
        ),
        (
            "one-size",
            with(&[sweep("same", "sleeping", &[65536]), vec![end.clone()]].concat()),
            "share from 64 KiB up",
        ),
        ("failed-rows", with(&failed), "This run was killed"),
        (
            "invalid",
            with(&[sweep("same", "sleeping", &[64]), vec![invalid]].concat()),
            "INVALID: an answer was wrong",
        ),
    ]
}

#[test]
fn a_page_of_a_record_that_lacks_something_says_what() {
    let folder = tempfile::tempdir().unwrap();
    for (name, lines, says) in broken() {
        let page = fs::read_to_string(page(folder.path(), name, &lines)).unwrap();
        assert!(page.contains(says), "{name}: no `{says}`");
        assert!(!page.contains("<b>the worker died"), "{name}: a record's text is no markup");
        assert_eq!(page.matches("</script>").count(), 3, "{name}: nothing ends a script early");
    }
}

#[test]
fn a_spent_budget_is_said_and_is_no_alarm() {
    let folder = tempfile::tempdir().unwrap();
    for (status, alarms) in [("budget", false), ("interrupted", true)] {
        let mut lines = whole();
        let end = lines.last_mut().unwrap();
        end["status"] = json!(status);
        end["reason"] = json!("fewer generations than planned");
        let page = fs::read_to_string(page(folder.path(), status, &lines)).unwrap();
        assert!(page.contains(&format!("{status}: fewer generations than planned")));
        assert_eq!(page.contains("class=\"verdict alarm\""), alarms, "{status}");
    }
}

/// Every picture of a whole run.
const FIGURES: [&str; 8] =
    ["percentiles", "latency", "ratio", "phases", "map", "measured", "speedup", "crossover"];

#[test]
fn in_a_browser_a_page_shows_verdict_and_pictures_asks_for_nothing_and_sliders_change_the_plan() {
    let Some(mut browser) = Browser::start() else { return skip("no chromium") };
    let folder = tempfile::tempdir().unwrap();
    browser.resize(1240, 900);
    let file = page(folder.path(), "whole", &whole());
    browser.open(&file);
    assert!(browser.said.is_empty(), "{:?}", browser.said);
    let verdict = browser.evaluate("document.querySelector('.verdict').innerText");
    assert!(verdict.as_str().unwrap().contains("share from"), "{verdict}");
    let remark = browser.evaluate("document.querySelector('#latency .remark').innerText");
    for part in remark.as_str().unwrap().lines() {
        let (_, of_arm) = part.split_once(": ").unwrap();
        assert!(verdict.as_str().unwrap().contains(of_arm), "{remark} is of the verdict");
    }
    for id in FIGURES {
        let drawn = browser.evaluate(&format!(
            "document.querySelectorAll('#{id} .plot svg[role=img] :is(path, rect, circle, line)').length"
        ));
        assert!(drawn.as_u64().unwrap() > 4, "{id}: {drawn} marks");
        let named = browser.evaluate(&format!(
            "document.querySelector('#{id} svg[role=img]').getAttribute('aria-label')"
        ));
        assert!(
            named.as_str().unwrap().len() > 40 && !named.as_str().unwrap().contains("undefined"),
            "{id}: {named}"
        );
        let numbers =
            browser.evaluate(&format!("document.querySelectorAll('#{id} .data tbody tr').length"));
        assert!(numbers.as_u64().unwrap() > 0, "{id}: no numbers behind it");
    }
    let advice = "document.getElementById('advice').innerText";
    let before = browser.evaluate(advice);
    for (slider, value) in [("compute", 0), ("bytes", 21), ("compute", 20), ("tasks", 0)] {
        let move_to = format!(
            "(() => {{ const slider = document.getElementById('{slider}'); slider.value = {value}; slider.dispatchEvent(new Event('input')); }})()"
        );
        let was = browser.evaluate(advice);
        browser.evaluate(&move_to);
        assert_ne!(browser.evaluate(advice), was, "{slider}");
    }
    assert_ne!(browser.evaluate(advice), before);
    let button = |label: &str| {
        format!("document.querySelector('#latency .zoom [aria-label=\"{label}\"]').click()")
    };
    let ticks = "document.querySelector('#latency [aria-label=\"x-axis tick label\"]').textContent";
    let whole_axis = browser.evaluate(ticks);
    browser.evaluate(&button("zoom in"));
    assert_ne!(browser.evaluate(ticks), whole_axis);
    browser.evaluate(&button("whole picture"));
    assert_eq!(browser.evaluate(ticks), whole_axis);
    let colour = "getComputedStyle(document.body).backgroundColor";
    let light = browser.evaluate(colour);
    browser.evaluate("document.getElementById('theme').click()");
    assert_ne!(browser.evaluate(colour), light);
    browser.resize(390, 800);
    browser.open(&file);
    let wide = browser.evaluate("document.scrollingElement.scrollWidth");
    assert!(wide.as_u64().unwrap() <= 390, "{wide} pixels wide on a phone");
    for (name, lines, _) in broken() {
        browser.open(&page(folder.path(), name, &lines));
        assert!(browser.said.is_empty(), "{name}: {:?}", browser.said);
    }
    agree(&mut browser, &file);
    overlay(&mut browser, folder.path());
    hurry(&mut browser, folder.path());
}

/// The page's plans are those of `advise`.
fn agree(browser: &mut Browser, file: &Path) {
    browser.open(file);
    let record = parsed(&whole());
    let mut asked = 0;
    for bytes in [0, 8, 64, 5000, 65_536, 100_000, 400_000, 900_000, 64 << 20, 1 << 30] {
        for (compute_ns, tasks) in
            [(0, 1), (0, 40), (10_000, 7), (1_000_000, 1000), (1_000_000_000, 3)]
        {
            let question = Question { bytes, compute_ns, tasks, workers: 4 };
            let rust = advise(&record, &hinges(&record), &question).unwrap();
            let of_page = browser.evaluate(&format!(
                "plans.advise(chosen.terms, {{ bytes: {bytes}, compute_ns: {compute_ns}, tasks: {tasks} }})"
            ));
            assert_eq!(of_page["verdict"], rust.verdict, "{question:?}");
            assert_eq!(of_page["plans"].as_array().unwrap().len(), rust.plans.len());
            for (plan, page) in rust.plans.iter().zip(of_page["plans"].as_array().unwrap()) {
                assert_eq!(
                    (&page["plan"], &page["basis"]),
                    (&json!(plan.plan), &json!(plan.basis)),
                    "{question:?}"
                );
                for (name, ns) in [
                    ("predicted_ns", plan.predicted_ns),
                    ("low_ns", plan.low_ns),
                    ("high_ns", plan.high_ns),
                ] {
                    let off = (page[name].as_f64().unwrap() - ns as f64).abs();
                    assert!(off <= 1.0 + ns as f64 * 1e-9, "{question:?} {name}: {page} {plan:?}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 150, "{asked}");
}

/// A page of two runs says of each what its verdict is.
fn overlay(browser: &mut Browser, folder: &Path) {
    let (record, nowhere) = (&parsed(&whole()), Path::new("runs/x"));
    let of = |name| report::Source { name, record, folder: nowhere };
    let path = folder.join("overlaid.html");
    fs::write(&path, report::page(&[of("one"), of("two")])).unwrap();
    browser.open(&path);
    assert!(browser.said.is_empty(), "{:?}", browser.said);
    let remark = browser.evaluate("document.querySelector('#latency .remark').innerText");
    for begins in ["A: shared place: share", "B: shared resident: share"] {
        assert!(remark.as_str().unwrap().lines().any(|line| line.starts_with(begins)), "{remark}");
    }
}

/// Says how long a page of two hundred trials takes. A release build on a quiet machine needs a fraction of
/// a second for either; here others may be at work.
fn hurry(browser: &mut Browser, folder: &Path) {
    let mut lines = whole();
    let sizes: Vec<usize> = (0..16).map(|at| 64 << at).collect();
    for placement in ["same", "spread", "unpinned"] {
        for regime in ["sleeping", "polling"] {
            lines.extend(sweep(placement, regime, &sizes));
        }
    }
    let trials = lines.iter().filter(|line| line["kind"] == "trial").count();
    assert!(trials > 200, "{trials}");
    let begun = Instant::now();
    let file = page(folder, "many", &lines);
    let written = begun.elapsed();
    browser.open(&file);
    assert!(browser.said.is_empty(), "{:?}", browser.said);
    let drawn = browser.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd");
    let size = fs::metadata(&file).unwrap().len();
    assert!(written.as_secs() < 5, "written in {written:?}");
    assert!(drawn.as_f64().is_some_and(|ms| ms < 5000.0), "drawn in {drawn} ms");
    println!(
        "{trials} trials: {size} bytes, parsed and written in {written:?}, drawn in {drawn} ms"
    );
}
