//! However a run ends, no worker lives on, nothing of ours lies in /dev/shm, and what was measured
//! is on the disk.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::tools::{
    COORDINATOR, SHARED_FOLDER, TINY, alive, children, coordinator, lines_of, recorded,
    segments_of, skip, wait_until,
};

/// A run that would take long, once its first cell is on the disk.
fn begin(out: &Path, segment: &str, generations: &str) -> Child {
    let child = start(out, segment, generations);
    wait_until("a first cell", Duration::from_secs(60), || trials(out) > 0);
    child
}

fn start(out: &Path, segment: &str, generations: &str) -> Child {
    let out_arg = out.to_str().unwrap();
    let args = [
        "sweep",
        "--quiet",
        "--sizes",
        "64B,4KiB,64KiB,1MiB",
        "--generations",
        generations,
        "--pairs",
        "30",
        "--out",
        out_arg,
        "--segment",
        segment,
    ];
    coordinator(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn trials(out: &Path) -> usize {
    lines_of(out).iter().filter(|line| line["kind"] == "trial").count()
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
}

#[test]
fn ctrl_c_and_sigterm_keep_what_was_measured_and_end_the_workers() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        for segment in ["memfd", "posix"] {
            let folder = tempfile::tempdir().unwrap();
            let mut child = begin(folder.path(), segment, "8");
            let pid = child.id();
            let workers = children(pid);
            send(&child, signal);
            assert_eq!(child.wait().unwrap().code(), Some(code));
            wait_until("workers end", Duration::from_secs(1), || !workers.iter().any(alive));
            assert!(segments_of(pid).is_empty(), "{segment}: {:?}", segments_of(pid));
            let stored = record::store::read(folder.path()).unwrap();
            assert!(stored.faults.is_empty());
            let end = stored.record.end.expect("an end line");
            assert_eq!((end.status.as_str(), end.lost), ("interrupted", 0));
            assert_eq!((end.segments_left, end.workers_left), (0, 0));
            assert!(folder.path().join("trials.csv").exists());
        }
    }
}

#[test]
fn a_killed_coordinator_leaves_no_worker_and_no_segment_and_every_line_it_wrote() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let mut child = begin(folder.path(), "memfd", "8");
        let pid = child.id();
        // Between two generations there may be none for a moment.
        let mut workers = Vec::new();
        wait_until("workers", Duration::from_secs(10), || {
            workers = children(pid);
            !workers.is_empty()
        });
        let before = trials(folder.path());
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until("workers end", Duration::from_secs(1), || !workers.iter().any(alive));
        assert!(segments_of(pid).is_empty());
        assert!(trials(folder.path()) >= before && before > 0);
        assert_eq!(recorded(folder.path()).end, None);
        let pairs = fs::read_to_string(folder.path().join("pairs.csv")).unwrap();
        assert!(pairs.lines().count() > 30, "pairs are written as they are measured");
    }
}

#[test]
fn what_a_killed_coordinator_leaves_of_posix_segments_is_removed_and_a_living_run_s_is_not() {
    let _alone = SHARED_FOLDER.lock().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut living = start(&folder.path().join("living"), "posix", "1000");
    wait_until("a living segment", Duration::from_secs(20), || {
        !segments_of(living.id()).is_empty()
    });
    for round in 0..3 {
        let mut child = start(&folder.path().join(round.to_string()), "posix", "8");
        let pid = child.id();
        let mut workers = Vec::new();
        wait_until("a segment and its workers", Duration::from_secs(20), || {
            workers = children(pid);
            !workers.is_empty() && !segments_of(pid).is_empty()
        });
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until("workers end", Duration::from_secs(1), || !workers.iter().any(alive));
        assert!(!segments_of(pid).is_empty(), "a name outlives its maker");
        assert!(coordinator(&["doctor", "--clean"]).output().unwrap().status.success());
        assert!(segments_of(pid).is_empty());
    }
    send(&living, Signal::SIGINT);
    assert_eq!(living.wait().unwrap().code(), Some(130));
    for trial in &recorded(&folder.path().join("living")).trials {
        let well = trial.error.as_ref().is_none_or(|why| why.contains("interrupted"));
        assert!(well, "{trial:?}");
    }
}

#[test]
fn a_worker_that_is_killed_makes_a_failed_row_and_code_4_and_the_other_cells_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = begin(folder.path(), "memfd", "3");
    let pid = child.id();
    // One that is killed while it starts is replaced: the next one gets another chance.
    wait_until("a failed row", Duration::from_secs(60), || {
        if let Some((victim, _)) = children(pid).first() {
            let _ = kill(Pid::from_raw(*victim as i32), Signal::SIGKILL);
            std::thread::sleep(Duration::from_millis(50));
        }
        lines_of(folder.path()).iter().any(|line| !line["error"].is_null())
    });
    let code = child.wait().unwrap().code();
    let record = recorded(folder.path());
    let of_trials = record.trials.iter().filter_map(|trial| trial.error.clone());
    let of_tests = record.aa_tests.iter().filter_map(|test| test.error.clone());
    let failed: Vec<String> = of_trials.chain(of_tests).collect();
    assert!(failed.iter().any(|error| error.contains("SIGKILL")), "{failed:?}");
    assert_eq!(code, Some(4));
    assert_eq!(trials(folder.path()), 4 * 3, "the other cells are measured");
    assert!(record.end.is_some());
    assert!(children(pid).is_empty());
}

#[test]
fn two_signals_at_once_are_one_and_a_later_one_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = begin(folder.path(), "memfd", "8");
    let workers = children(child.id());
    // As `timeout` sends it: to the process and to its group.
    send(&child, Signal::SIGTERM);
    send(&child, Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(recorded(folder.path()).end.is_some());
    wait_until("workers end", Duration::from_secs(1), || !workers.iter().any(alive));

    let folder = tempfile::tempdir().unwrap();
    let mut child = begin(folder.path(), "memfd", "8");
    let workers = children(child.id());
    // A hung worker holds the run up; the second signal does not wait for it.
    workers.iter().for_each(|(pid, _)| {
        let _ = kill(Pid::from_raw(*pid as i32), Signal::SIGSTOP);
    });
    send(&child, Signal::SIGINT);
    std::thread::sleep(Duration::from_millis(700));
    if child.try_wait().unwrap().is_none() {
        send(&child, Signal::SIGINT);
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    // One that was stopped before it could ask to end with its parent finds its parent gone once it goes on.
    workers.iter().for_each(|(pid, _)| {
        let _ = kill(Pid::from_raw(*pid as i32), Signal::SIGCONT);
    });
    wait_until("workers end", Duration::from_secs(1), || !workers.iter().any(alive));
}

#[test]
fn a_cell_that_was_interrupted_is_measured_anew_when_the_run_is_continued() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let args = ["sweep", "--quiet", "--sizes", "64B,4KiB", "--generations", "10", "--out", out];
    let child = coordinator(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut child = child;
    // A control has no resident arm: these are the first pairs of a cell with most of them to come.
    wait_until("a few pairs of a cell", Duration::from_secs(30), || {
        fs::read_to_string(folder.path().join("pairs.csv"))
            .is_ok_and(|text| text.lines().filter(|row| row.contains("resident")).count() > 3)
    });
    send(&child, Signal::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(coordinator(&args).output().unwrap().status.code(), Some(0));
    let lines = lines_of(folder.path());
    let cut = |line: &&serde_json::Value| {
        line["error"].as_str().is_some_and(|e| e.contains("interrupted"))
    };
    assert_eq!(lines.iter().filter(cut).count(), 3, "what was cut short stays in the record");
    let record = recorded(folder.path());
    assert_eq!(record.trials.len(), 2 * 3, "and is measured again");
    assert!(record.trials.iter().all(|of| of.error.is_none() && of.generations >= 6));
    let batches = |id| record.generation_medians(id).len();
    assert!(record.trials.iter().all(|of| batches(of.id) == of.generations as usize));
}

#[test]
fn however_few_descriptors_there_are_it_is_an_error_in_words_and_no_process_is_left() {
    for most in (6..60).step_by(3) {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let script = format!("ulimit -n {most}; exec \"$0\" \"$@\"");
        let output = std::process::Command::new("sh")
            .args(["-c", &script, crate::tools::COORDINATOR, "sweep", "--workers", "4"])
            .args(["--out", out.to_str().unwrap()])
            .args(crate::tools::TINY)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 2 | 3)), "{most}: {code:?} {said}");
        assert!(!said.contains("panicked"), "{most}: {said}");
        if let Some(end) = recorded(&out).end {
            assert_eq!((end.workers_left, end.segments_left), (0, 0), "{most}: {said}");
        }
    }
}

#[test]
fn a_worker_that_is_moved_from_its_core_makes_the_run_invalid_and_is_named() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 {
        return crate::tools::skip("one core: no process can be moved to another");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = begin(folder.path(), "memfd", "3");
    let mut everywhere = CpuSet::new();
    (0..cores).for_each(|core| everywhere.set(core).unwrap());
    // A worker that has just been started pins itself later: the next one gets another chance.
    let code = loop {
        for (worker, _) in children(child.id()) {
            let _ = sched_setaffinity(Pid::from_raw(worker as i32), &everywhere);
        }
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(code, Some(6));
    let record = recorded(folder.path());
    let end = record.end.as_ref().expect("an end line");
    assert_eq!(end.status, "invalid");
    assert!(end.reason.as_ref().is_some_and(|why| why.contains("core")), "{end:?}");
    let errors = record.trials.iter().filter_map(|trial| trial.error.as_ref());
    let mut errors = errors.chain(record.aa_tests.iter().filter_map(|test| test.error.as_ref()));
    let named = errors.any(|why| why.contains("worker 0 was moved"));
    assert!(named);
}

#[test]
fn a_call_that_is_forbidden_is_the_error_of_its_rows_and_the_others_go_on() {
    for (call, transport) in [("process_vm_readv", "vm_read"), ("vmsplice", "vmsplice")] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        command.args(["-e", &format!("inject={call}:error=EPERM"), COORDINATOR, "sweep"]);
        command.args(["--transport", &format!("pipe,{transport},shared"), "--pin", "same"]);
        let output = command.arg("--out").arg(&out).args(TINY).output();
        let Ok(output) = output else { return skip("there is no strace") };
        let said = String::from_utf8_lossy(&output.stderr);
        if !out.exists() {
            return skip(&format!("strace may not trace here: {said}"));
        }
        assert_eq!(output.status.code(), Some(3), "{said}");
        let record = recorded(&out);
        let (forbidden, well): (Vec<_>, Vec<_>) =
            record.trials.iter().partition(|trial| trial.params.arm.transport == transport);
        assert!(!forbidden.is_empty() && well.len() >= 2, "{transport}");
        for trial in forbidden {
            let error = trial.error.as_deref().unwrap_or_default();
            assert!(error.contains(call) && error.contains("not permitted"), "{error}");
        }
        for trial in well {
            assert!(trial.error.is_none() && trial.verified == trial.tasks, "{trial:?}");
        }
    }
}
