//! The record of a run, as other programs read it.

use std::fs;
use std::path::Path;
use std::process::Command;

use report::analysis::cost_models::{cost_models, hinges};
use serde_json::Value as Json;

use crate::tools::{TINY, coordinator, recorded, skip};

fn lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_kind<'a>(lines: &'a [Json], kind: &str) -> Vec<&'a Json> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

#[test]
fn quick_writes_a_trial_for_each_arm_with_every_answer_verified() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    // A second is too short for all of it: each cell gets one generation.
    let args = ["quick", "--json", "-", "--budget", "1s", "--out", out, "--seed", "7"];
    let output = coordinator(&args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.lines().last().unwrap().starts_with("next     coordinator lab quadrants"),
        "{said}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("run.jsonl")).unwrap(), text);
    let lines = lines(&text);
    assert_eq!((&lines[0]["kind"], &lines[0]["schema"]), (&"run".into(), &2.into()));
    assert_eq!((&lines[0]["seed"], &lines[1]["kind"]), (&7.into(), &"machine".into()));
    let trials = of_kind(&lines, "trial");
    let lecture = |transport: &str, residency: &str| {
        let found = trials.iter().find(|trial| {
            trial["bytes"] == 400_000
                && trial["transport"] == transport
                && trial["residency"] == residency
        });
        found.copied().unwrap_or_else(|| panic!("no trial with {transport} {residency}"))
    };
    for trial in
        [lecture("pipe", "place"), lecture("shared", "place"), lecture("shared", "resident")]
    {
        assert!(trial["tasks"].as_u64().unwrap() >= 8);
    }
    for trial in &trials {
        assert_eq!(trial["verified"], trial["tasks"], "{trial}");
        assert_eq!((&trial["failed"], &trial["lost"]), (&0.into(), &0.into()));
    }
    // What the kernel counted: a resident list's length does not show, a pipe's is all there is.
    let out_of = |trial: &Json| trial["wire_bytes"]["per_task_out"].as_f64();
    if let (Some(pipe), Some(shared)) =
        (out_of(lecture("pipe", "place")), out_of(lecture("shared", "resident")))
    {
        assert!((400_032.0..400_096.0).contains(&pipe), "{pipe}");
        assert!(shared <= 128.0, "{shared}");
    }
    let end = of_kind(&lines, "end")[0];
    assert_eq!(
        (&end["lost"], &end["segments_left"], &end["workers_left"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!(end["status"], "budget");
    for comparison in of_kind(&lines, "comparison") {
        assert_eq!(comparison["verdict"], "TOO CLOSE TO CALL", "one generation carries no verdict");
    }
    decode_with_python(&text);
}

/// The reference reader of another language must see the same percentiles.
fn decode_with_python(text: &str) {
    const SCRIPT: &str = "
import json, sys
from hdrh.histogram import HdrHistogram
count = 0
for line in sys.stdin:
    line = json.loads(line)
    if line['kind'] != 'trial': continue
    for rt in [line['round_trip_ns'], *line['phases_ns'].values()]:
        h = HdrHistogram.decode(rt['hdr'])
        got = [h.total_count, h.get_value_at_percentile(50), h.get_value_at_percentile(99), h.get_max_value()]
        want = [rt['count'], rt['p50'], rt['p99'], rt['max']]
        assert got == want, (line['id'], got, want)
        count += 1
print(count)
";
    let known = Command::new("python3").args(["-c", "import hdrh"]).output();
    if !known.is_ok_and(|output| output.status.success()) {
        return skip("python3 has no package hdrhistogram");
    }
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    fs::write(&record, text).unwrap();
    let python = Command::new("python3")
        .args(["-c", SCRIPT])
        .stdin(fs::File::open(&record).unwrap())
        .output()
        .unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    assert!(String::from_utf8_lossy(&python.stdout).trim().parse::<u32>().unwrap() > 100);
}

fn sweep(out: &Path, more: &[&str]) -> (i32, String) {
    let out = out.to_str().unwrap();
    let output = coordinator(&[&["sweep", "--out", out], TINY, more].concat()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), said)
}

/// The recorded run as a text.
fn report(folder: &Path) -> String {
    let output = coordinator(&["report", folder.to_str().unwrap()]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_sweep_goes_on_where_it_was_cut_off_and_only_with_the_same_plan() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = ["--sizes", "64B,4KiB,64KiB"];
    // TINY names a size too: the later one counts for clap only if it may be given once.
    let tiny: Vec<&str> = TINY.iter().copied().skip(2).collect();
    let run = |sizes: &[&str]| {
        let out = folder.path().to_str().unwrap();
        coordinator(&[&["sweep", "--out", out], &tiny[..], sizes].concat()).output().unwrap()
    };
    assert_eq!(run(&sizes).status.code(), Some(0));
    let record = folder.path().join("run.jsonl");
    let whole = fs::read_to_string(&record).unwrap();
    let refused = run(&sizes);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is complete"));

    // As a kill in the middle of a line leaves it: without the last cell's lines.
    let mut kept: Vec<&str> = whole.lines().collect();
    let last = whole.lines().rfind(|line| line.contains("\"kind\":\"comparison\"")).unwrap();
    let bytes = &self::lines(last)[0]["bytes"];
    let first = |line: &&str| {
        let line = &self::lines(line)[0];
        line["kind"] == "trial" && line["bytes"] == *bytes
    };
    kept.truncate(whole.lines().position(|line| first(&line)).unwrap());
    fs::write(&record, kept.join("\n") + "\n{\"kind\":\"trial\",\"id\":99,\"la").unwrap();
    let other = run(&["--sizes", "64B"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("another plan"));

    assert_eq!(run(&sizes).status.code(), Some(0));
    let read = record::store::read(folder.path()).unwrap();
    assert!(read.faults.is_empty(), "{:?}", read.faults);
    let text = fs::read_to_string(&record).unwrap();
    assert!(text.starts_with(&(kept.join("\n") + "\n")), "what was there stays as it was");
    let trials = text.lines().map(|line| lines(line).remove(0)).filter(|l| l["kind"] == "trial");
    let mut cells: Vec<String> =
        trials.map(|t| format!("{} {} {}", t["bytes"], t["transport"], t["residency"])).collect();
    let count = cells.len();
    cells.sort();
    cells.dedup();
    assert_eq!((count, cells.len()), (9, 9), "each arm once, none twice");
    assert_eq!(read.record.continued.len(), 1);
    assert!(read.record.continued[0].resumes.is_some());
    let ids: Vec<u64> = text.lines().filter_map(|l| lines(l)[0]["id"].as_u64()).collect();
    assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
}

#[test]
fn every_axis_of_a_sweep_reaches_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let more = [
        "--transport",
        "pipe,pipe-serde,socket,vmsplice,vm_read,shared",
        "--residency",
        "place,build,resident",
        "--wakeup",
        "futex,event,pipe,hybrid",
        "--workers",
        "1,2",
        "--depth",
        "1,4",
        "--segment",
        "posix",
    ];
    let (code, said) = sweep(folder.path(), &more);
    assert_eq!(code, 0, "{said}");
    let text = fs::read_to_string(folder.path().join("run.jsonl")).unwrap();
    let lines = lines(&text);
    let trials = of_kind(&lines, "trial");
    // An A/A test for each placement, wait strategy, number of workers and depth.
    let tests = of_kind(&lines, "aa_test");
    assert_eq!(tests.len(), 2 * 2 * 2);
    for test in &tests {
        assert_eq!((&test["bytes"], &test["transport"]), (&4096.into(), &"pipe".into()));
        assert_eq!(test["verdict"], "TOO CLOSE TO CALL", "one generation carries no verdict");
    }
    // 4 wake-ups x 2 numbers of workers x 2 depths x (5 streams x 2 + 3 residencies).
    assert_eq!(trials.len(), 4 * 2 * 2 * 13);
    for trial in trials {
        assert_eq!(trial["verified"], trial["tasks"], "{trial}");
        let shares = trial["transport"] == "shared";
        assert_eq!(trial["segment"] == "posix", shares);
        assert!(!trial["wakeup"].is_null() && !trial["wait"].is_null());
        assert_eq!(
            trial["cores"].as_array().unwrap().len() as u64,
            trial["workers"].as_u64().unwrap() + 1
        );
    }
    let table = fs::read_to_string(folder.path().join("trials.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 208);
    let pairs = fs::read_to_string(folder.path().join("pairs.csv")).unwrap();
    assert_eq!(pairs.lines().count(), 1 + 208 + 2 * tests.len());
    assert_eq!(pairs.matches(",aa_test,").count(), 2 * tests.len());
    assert_eq!(pairs.matches(",pipe again,").count(), tests.len());
    assert!(pairs.starts_with(
        "run,trial,case,placement,wait,wakeup,workers,depth,generation,pair,order,arm,size,compute,median,mean,min,n,time"
    ));
}

#[test]
fn pages_that_are_asked_for_are_arms_of_their_own_and_the_record_says_what_was_got_or_why_not() {
    for segment in ["memfd", "posix", "file"] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().to_str().unwrap();
        let args = ["sweep", "--out", out, "--sizes", "64KiB,4MiB", "--segment", segment];
        let pages = ["--pages", "ready,lazy,huge,huge-lazy", "--residency", "place"];
        let few = ["--generations", "1", "--pairs", "1", "--tasks", "3", "--no-limits", "--quiet"];
        let output = coordinator(&[&args[..], &pages, &few].concat()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let shown = report(folder.path());
        let lines = lines(&fs::read_to_string(folder.path().join("run.jsonl")).unwrap());
        let trials = of_kind(&lines, "trial");
        // The pipe once, and the segment with each of the four.
        assert_eq!(trials.len(), 2 * 5, "{segment}");
        for trial in trials {
            assert_eq!(trial["verified"], trial["tasks"], "{trial}");
            assert_eq!(trial["first_ns"]["count"], 1, "{trial}");
            let got = &trial["pages_got"];
            let asked = trial["pages"].as_str().unwrap();
            if asked == "ready" {
                assert!(got.is_null(), "{trial}");
                continue;
            }
            let of = |side: &str, what: &str| got[side][what].as_u64().unwrap();
            assert!(of("coordinator", "mapped") <= got["bytes"].as_u64().unwrap(), "{trial}");
            let huge = of("coordinator", "huge").min(of("worker", "huge"));
            let told = got["why"].is_string();
            assert_eq!(told, asked.starts_with("huge") && huge == 0, "{segment} {asked}: {got}");
            // Only a memfd can lie in reserved pages; it does, or it is said why not.
            let reserved = got["by"] == "reservation";
            let not_reserved = got.get("not_reserved").is_some();
            let tried = asked.starts_with("huge") && segment == "memfd";
            assert!(!(reserved && not_reserved), "{got}");
            assert_eq!(reserved || not_reserved, tried, "{segment} {asked}: {got}");
            assert!(huge == 0 || got["by"].is_string(), "{got}");
            let long = trial["bytes"] == 4 << 20 || reserved;
            assert!(long || huge == 0, "a huge page in a short segment: {got}");
            // A lazy segment has in the end what was touched: not the room of the resident list, unless a
            // huge page has that too.
            let some = of("worker", "mapped") < got["bytes"].as_u64().unwrap();
            let lazy = asked.ends_with("lazy");
            assert!(some == lazy || (lazy && reserved && trial["bytes"] != 4 << 20), "{got}");
        }
        assert!(shown.contains("pages of shared lists"), "{shown}");
        let reserved = shown.contains("got by reservation");
        assert!(shown.contains("not got, because its") || reserved, "{shown}");
    }
}

#[test]
fn the_machine_s_limits_stand_in_the_record_and_beside_the_rows_unless_they_are_not_wanted() {
    for (more, wanted) in
        [(&["--pin", "same"][..], true), (&["--pin", "same", "--no-limits"], false)]
    {
        let folder = tempfile::tempdir().unwrap();
        let (code, said) = sweep(folder.path(), more);
        assert_eq!(code, 0, "{said}");
        let shown = report(folder.path());
        assert_eq!(shown.contains("× limit"), wanted, "{shown}");
        assert!(!shown.contains("limits of this machine"), "{shown}");
        let lines = lines(&fs::read_to_string(folder.path().join("run.jsonl")).unwrap());
        let limits = of_kind(&lines, "limit");
        let of = |what: &str| -> Vec<u64> {
            let of = |limit: &&&Json| limit["what"] == what && limit["placement"] == "same";
            limits.iter().filter(of).map(|limit| limit["bytes"].as_u64().unwrap()).collect()
        };
        // Before the cells, and after them.
        let each: &[u64] = if wanted { &[4096, 4096] } else { &[] };
        assert_eq!(of("list_read"), each.to_vec());
        assert_eq!(of("list_copied_and_read"), each.to_vec());
        assert_eq!(of("futex_round_trip").len(), each.len());
    }
}

#[test]
fn computing_is_added_to_each_task_of_its_cells_and_to_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let more = ["--compute", "0us,2ms", "--transport", "pipe,shared", "--no-limits"];
    let (code, said) = sweep(folder.path(), &more);
    assert_eq!(code, 0, "{said}");
    let shown = report(folder.path());
    assert!(shown.contains("each task computes 2.00 ms"), "{shown}");
    let lines = lines(&fs::read_to_string(folder.path().join("run.jsonl")).unwrap());
    let trials = of_kind(&lines, "trial");
    assert_eq!(trials.len(), 2 * 3);
    for trial in trials {
        assert_eq!(trial["verified"], trial["tasks"], "{trial}");
        let (least, job) = match trial["compute_ns"].as_u64().unwrap() {
            0 => (0, "sum"),
            ns => (ns, "sum-then-compute"),
        };
        assert_eq!(trial["job"], job);
        // Histograms keep three digits.
        let shortest = trial["round_trip_ns"]["min"].as_u64().unwrap();
        assert!(shortest >= least / 1000 * 999, "{trial}");
        let computed = trial["phases_ns"]["compute"]["min"].as_u64().unwrap();
        assert!(computed >= least / 1000 * 999, "{trial}");
    }
}

#[test]
fn an_injected_effect_is_there_and_is_no_fault_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let more = ["--transport", "pipe,pipe", "--inject", "300%", "--pin", "same"];
    let (code, said) = sweep(folder.path(), &more);
    assert_eq!(code, 0, "{said}");
    let shown = report(folder.path());
    assert!(shown.contains("pipe, the second + 300 %"), "{shown}");
    let lines = lines(&fs::read_to_string(folder.path().join("run.jsonl")).unwrap());
    let test = of_kind(&lines, "aa_test")[0];
    assert_eq!(test["injected"], 3.0);
    let pairs = fs::read_to_string(folder.path().join("pairs.csv")).unwrap();
    let rows: Vec<Vec<&str>> = pairs.lines().map(|row| row.split(',').collect()).collect();
    let column = |name: &str| rows[0].iter().position(|column| *column == name).unwrap();
    let (arm, median, min) = (column("arm"), column("median"), column("min"));
    // In the first pair the first arm comes first, and the second computes three times as long.
    let of = |name: &str| rows.iter().find(|row| row[arm] == name).unwrap();
    let number = |text: &str| text.parse::<u64>().unwrap();
    let (first, second) = (number(of("pipe")[median]), number(of("pipe again")[min]));
    assert!(second >= 3 * first, "{first} {second}");
}

#[test]
fn the_coordinator_is_its_own_worker_where_none_lies_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("coordinator");
    fs::copy(crate::tools::COORDINATOR, &alone).unwrap();
    let out = folder.path().join("out");
    let mut command = Command::new(&alone);
    command.args(["sweep", "--json", "-", "--out", out.to_str().unwrap()]).args(TINY);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = lines(&String::from_utf8(output.stdout).unwrap());
    assert!(of_kind(&lines, "trial").iter().all(|trial| trial["worker"] == "self"));
}

#[test]
fn the_same_name_twice_is_set_against_itself_in_workers_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let more = ["--transport", "shared,shared", "--residency", "place,resident"];
    let (code, said) = sweep(folder.path(), &more);
    assert_eq!(code, 0, "{said}");
    let record = recorded(folder.path());
    let residencies = record.aa_tests.iter().map(|test| test.params.arm.residency.to_string());
    let mut found: Vec<String> = residencies.collect();
    found.sort_unstable();
    assert_eq!(found, ["place", "resident"]);
    assert!(record.aa_tests.iter().all(|test| test.error.is_none() && test.pairs == 1));
    assert!(record.trials.is_empty() && record.comparisons.is_empty());
}

#[test]
fn a_sweep_looks_and_stops_and_the_cap_is_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["sweep", "--quiet", "--sizes", "1MiB", "--generations", "8", "--pairs", "2"];
    let out = folder.path().to_str().unwrap();
    assert!(coordinator(&[&args[..], &["--out", out]].concat()).status().unwrap().success());
    let record = recorded(folder.path());
    for comparison in &record.comparisons {
        assert!([6, 7, 8].contains(&comparison.generations), "analyses are at 6, 7 and 8");
        assert_eq!(comparison.confidence, 0.975);
    }
    for trial in &record.trials {
        match trial.stopped.as_deref() {
            Some("cap") => assert_eq!(trial.generations, 8),
            Some("decided" | "narrow") => assert!(trial.generations >= 6),
            other => panic!("stopped by {other:?}"),
        }
        assert!(trial.warnings.iter().all(|warning| !warning.contains("generations")));
    }
    assert!(record.end.is_some_and(|end| end.status == "done"));
}

#[test]
fn four_sizes_make_a_model_of_each_arm_and_three_make_none() {
    let folder = tempfile::tempdir().unwrap();
    let sweep = |sizes: &str, out: &str| {
        let out = folder.path().join(out);
        let args = ["--generations", "1", "--pairs", "1", "--quiet", "--sizes", sizes];
        let more = ["--out", out.to_str().unwrap()];
        let output = coordinator(&[&["sweep"], &args[..], &more].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        (recorded(&out), String::from_utf8(output.stdout).unwrap())
    };
    let (record, said) = sweep("64B..256KiB*16", "four");
    let models = cost_models(&record, &hinges(&record));
    assert_eq!(models.len(), 3, "pipe, place, resident");
    for of in &models {
        let sizes: Vec<f64> = of.model.rising().iter().map(|(bytes, _)| *bytes).collect();
        assert_eq!(sizes, [64.0, 1024.0, 16_384.0, 262_144.0]);
        let line = &of.model.line;
        assert_eq!(line.beta_ns_per_byte.len(), line.hinges_bytes.len() + 1);
        assert!(line.alpha_ns >= 0.0, "{line:?}");
    }
    assert!(record.trials.iter().all(|trial| trial.interleaved_p50_ns.is_some()));
    assert!(said.contains("GB/s of each piece"), "{said}");
    let (record, said) = sweep("64B..16KiB*16", "three");
    assert!(cost_models(&record, &hinges(&record)).is_empty() && !said.contains("GB/s"), "{said}");
}
