//! The open loop: a stall makes late all that was due meanwhile.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value as Json;

use crate::tools::{children, coordinator};

/// A sweep of one cell whose worker stands still for 200 ms in each second; gives its trial.
fn stalled(more: &[&str]) -> Json {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let fixed = ["sweep", "--quiet", "--json", "-", "--sizes", "64B", "--residency", "place"];
    let one = ["--transport", "shared", "--generations", "1", "--pairs", "1"];
    let args = [&fixed[..], &one, more, &["--out", out.to_str().unwrap()]].concat();
    let child = coordinator(&args)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id();
    let output = std::thread::spawn(move || child.wait_with_output().unwrap());
    while !output.is_finished() {
        for (signal, pause_ms) in [(Signal::SIGSTOP, 200), (Signal::SIGCONT, 800)] {
            for (worker, _) in children(pid) {
                let _ = kill(Pid::from_raw(worker as i32), signal);
            }
            std::thread::sleep(Duration::from_millis(pause_ms));
        }
    }
    let output = output.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    lines.find(|line| line["kind"] == "trial").unwrap()
}

#[test]
fn a_worker_that_stands_still_shows_in_the_open_loop_s_p99_and_hardly_in_the_closed_one_s() {
    let open = stalled(&["--rate", "1000/s", "--tasks", "4000"]);
    assert_eq!(open["rate"], 1000.0);
    assert_eq!((&open["verified"], &open["lost"]), (&open["tasks"], &0.into()));
    // 200 of 1000 tasks are due while it stands: the hundredth worst waits for nearly all of it.
    assert!(open["round_trip_ns"]["p99"].as_u64().unwrap() > 100_000_000, "{open}");
    // So many take over a second on any machine, so one of the stalls is among them.
    let closed = stalled(&["--wakeup", "futex", "--pin", "same", "--tasks", "400000"]);
    assert!(closed["rate"].is_null());
    assert!(closed["round_trip_ns"]["p99"].as_u64().unwrap() < 50_000_000, "{closed}");
    assert!(closed["round_trip_ns"]["max"].as_u64().unwrap() > 100_000_000, "it did stand still");
}

#[test]
fn a_rate_that_makes_no_sense_is_refused_with_an_example() {
    for rate in ["0/s", "fast", "-5/s", "10/min"] {
        let output = coordinator(&["sweep", "--rate", rate]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("10k/s"), "{said}");
    }
}
