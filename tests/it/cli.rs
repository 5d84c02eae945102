//! The command line: bad input gets one clear sentence, the right code, and leaves nothing behind.

use std::fs;
use std::process::Output;

use crate::tools::{TINY, WORKER, coordinator};

fn run(args: &[&str]) -> Output {
    coordinator(args).output().unwrap()
}

/// Runs a sweep with `args` and gives its code and what it said on stderr.
fn sweep(args: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = run(&[&["sweep", "--quiet", "--out", out.to_str().unwrap()], args].concat());
    assert!(!out.exists(), "{args:?} left {} behind", out.display());
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn bad_input_is_refused_in_one_sentence_that_says_how_to_mend_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (empty, odd) = (file("empty", b""), file("odd", b"nine byte"));
    let float = file("float.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8'}");
    let missing = folder.path().join("missing").to_str().unwrap().to_owned();
    let cases: &[(&[&str], &str)] = &[
        (&["--sizes", "0"], "0 bytes"),
        (&["--sizes", "many"], "64B, 400KB or 16MiB"),
        (&["--sizes", "64MiB..64B"], "smaller size first"),
        (&["--sizes", "4000TiB"], "smaller --sizes"),
        (&["--transport", "pipe,shared,pipe"], "names pipe twice"),
        (&["--transport", "pigeon"], "pipe, pipe-serde, socket, vmsplice, vm_read, shared"),
        (&["--wakeup", "shout"], "futex"),
        (&["--residency", "nowhere"], "place, build, resident"),
        (&["--segment", "clay"], "memfd, posix, file"),
        (&["--pages", "torn"], "ready, lazy, huge, huge-lazy"),
        (&["--pages", "huge,huge"], "name it once"),
        (&["--pages", "huge", "--transport", "pipe"], "add --transport shared"),
        (&["--workers", "0"], "give 1 to 64"),
        (&["--workers", "65"], "give 1 to 64"),
        (&["--workers", "2", "--pin", "same"], "--pin spread"),
        (&["--depth", "0"], "give 1 to 1024"),
        (&["--tasks", "0"], "give 1 to"),
        (&["--compute", "1h"], "0us, 100us or 1ms"),
        (&["--plant", "10"], "10%"),
        (&["--plant", "10%"], "--transport pipe,pipe"),
        (&["--pin", "sideways"], "same, spread, none"),
        (&["--pin", "0,999"], "core 999"),
        (&["--budget", "soon"], "60s"),
        (&["--list", &missing], "cannot be read"),
        (&["--list", &empty], "is empty"),
        (&["--list", &odd], "multiple of 8"),
        (&["--list", &float], "int64"),
        (&["--list", "/dev/zero"], "regular file"),
        (&["--worker", &missing], "cannot be started"),
        (&["--worker", "/bin/true"], "not a worker of this build"),
    ];
    for (args, word) in cases {
        let (code, said) = sweep(args);
        assert_eq!(code, 2, "{args:?}: {said}");
        assert!(said.contains(word), "{args:?} does not say `{word}`: {said}");
        assert!(!said.contains("panicked") && !said.contains("backtrace"), "{args:?}: {said}");
    }
}

#[test]
fn an_output_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let out = file.join("deeper").to_str().unwrap().to_owned();
    let output = run(&[&["sweep", "--out", &out], TINY].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(&out) && said.contains("--out"), "{said}");
}

#[test]
fn unknown_commands_and_no_command_are_usage() {
    for args in [&["dance"][..], &[], &["sweep", "--dance"], &["quick", "--json", "file"]] {
        assert_eq!(run(args).status.code(), Some(2), "{args:?}");
    }
    for args in [&["--help"][..], &["sweep", "--help"], &["--version"]] {
        assert_eq!(run(args).status.code(), Some(0), "{args:?}");
    }
}

#[test]
fn a_worker_by_hand_says_who_starts_it() {
    let output = std::process::Command::new(WORKER).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("started by its coordinator"));
}

#[test]
fn a_list_of_one_s_own_is_carried_raw_and_npy() {
    let folder = tempfile::tempdir().unwrap();
    let items: Vec<u8> = (0..1000i64).flat_map(|i| (i * i - 7).to_le_bytes()).collect();
    let raw = folder.path().join("list");
    fs::write(&raw, &items).unwrap();
    let mut header = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    let dict = "{'descr': '<i8', 'fortran_order': False, 'shape': (1000,), }";
    header.extend(format!("{dict:<117}\n").bytes());
    let npy = folder.path().join("list.npy");
    fs::write(&npy, [header, items].concat()).unwrap();
    for (index, list) in [raw, npy].iter().enumerate() {
        let out = folder.path().join(format!("out{index}"));
        let tiny = &TINY[2..];
        let args =
            [&["sweep", "--list", list.to_str().unwrap(), "--out", out.to_str().unwrap()], tiny];
        let output = run(&args.concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("8 kB"), "{said}");
    }
}

#[test]
fn completions_and_manual_pages_know_every_subcommand_and_option() {
    let help = text(&run(&["--help"]));
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() >= 10, "{commands:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&run(&["completions", shell]));
        let missing = commands.iter().find(|name| !script.contains(**name));
        assert_eq!(missing, None, "{shell}");
        assert!(script.contains("generations") && script.contains("rate"), "{shell}");
        // Other shells are told of options and subcommands only.
        let names = ["bash", "zsh"].contains(&shell);
        assert!(!names || lab::labs::ALL.iter().all(|lab| script.contains(lab.name())), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man");
    let said = text(&run(&["man", "--out", out.to_str().unwrap()]));
    assert_eq!(said.lines().count(), commands.len() + 1);
    for name in commands {
        let page = fs::read_to_string(out.join(format!("coordinator-{name}.1"))).unwrap();
        assert!(page.contains(&format!(".SH NAME\ncoordinator\\-{name} \\- ")), "{page}");
        assert_eq!(text(&run(&["man", name])), page);
    }
    assert_eq!(text(&run(&["man"])), fs::read_to_string(out.join("coordinator.1")).unwrap());
    let refused = run(&["man", "tea"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("there are quick, sweep"));
    // The script is one that its shell reads.
    let script = folder.path().join("script");
    fs::write(&script, text(&run(&["completions", "bash"]))).unwrap();
    let read = std::process::Command::new("bash").arg("-n").arg(&script).output();
    assert!(read.is_ok_and(|read| read.status.success() && read.stderr.is_empty()));
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}
