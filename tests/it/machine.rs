//! What the coordinator says of the machine itself: its limits, and what is in the way of measuring.

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use crate::tools::{SHARED_FOLDER, coordinator};

fn lines(output: &[u8]) -> Vec<Json> {
    let text = String::from_utf8_lossy(output);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_machine_has_each_limit_on_one_core_and_across_two_and_its_table_shows_them() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let args = ["limits", "--json", "-", "--quiet", "--out", out.to_str().unwrap()];
    let output = coordinator(&args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = lines(&output.stdout);
    let cores = lines.iter().find(|line| line["kind"] == "machine").unwrap()["cores"].clone();
    let limits: Vec<&Json> = lines.iter().filter(|line| line["kind"] == "limit").collect();
    let on = |placement: &str| -> Vec<&str> {
        let of = limits.iter().filter(|limit| limit["placement"] == placement);
        of.map(|limit| limit["what"].as_str().unwrap()).collect()
    };
    let one = [
        "clock",
        "null_system_call",
        "copy_in_cache",
        "copy_out_of_cache",
        "page_fault",
        "compute",
        "list_read",
        "list_copied_and_read",
        "yield_round_trip",
        "futex_round_trip",
        "pipe_round_trip",
    ];
    assert_eq!(on("same"), one);
    if cores.as_u64() > Some(1) {
        let wakes = ["cache_line_round_trip", "futex_round_trip", "pipe_round_trip"];
        assert_eq!(on("spread"), [&["compute", "list_copied_and_read"], &wakes[..]].concat());
    }
    for limit in limits {
        assert!(limit["ns"]["count"].as_u64().unwrap() > 0, "{limit}");
    }
    let table = String::from_utf8_lossy(&output.stderr);
    assert!(table.contains("a pipe round trip, sleeping"), "{table}");
    let both = cores.as_u64() > Some(1);
    assert_eq!(table.contains("computing on two cores at once takes"), both, "{table}");
}

#[test]
fn the_doctor_names_and_removes_a_leftover_and_not_the_segment_of_a_living_run() {
    let _alone = SHARED_FOLDER.lock().unwrap();
    // No process can have so high a number.
    let left = "ipclab-4294967290-0123456789abcdef";
    let ours = format!("ipclab-{}-0123456789abcdef", std::process::id());
    for name in [left, &ours] {
        fs::write(format!("/dev/shm/{name}"), "").unwrap();
    }
    let output = coordinator(&["doctor"]).output().unwrap();
    let found = coordinator(&["doctor", "--json", "-"]).output().unwrap();
    let cleaned = coordinator(&["doctor", "--clean"]).output().unwrap();
    let there = |name: &str| Path::new("/dev/shm").join(name).exists();
    assert!(!there(left) && there(&ours));
    fs::remove_file(format!("/dev/shm/{ours}")).unwrap();
    let cleaned = String::from_utf8_lossy(&cleaned.stdout);
    assert!(cleaned.contains("removed 1 of 0 B in /dev/shm"), "{cleaned}");
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(left) && !said.contains(&ours), "{said}");
    assert!(said.contains("coordinator doctor --clean"), "{said}");
    let found = lines(&found.stdout);
    let stale_segments = found.iter().find(|line| line["what"] == "leftovers").unwrap();
    assert_eq!(
        (&stale_segments["kind"], &stale_segments["verdict"]),
        (&"check".into(), &"warning".into())
    );
    for what in ["kernel", "cores", "load", "stolen time", "clock", "pipes", "/dev/shm", "worker"] {
        assert!(found.iter().any(|line| line["what"] == what), "{what}");
    }
}
