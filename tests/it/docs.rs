//! Docs run: each `$ coordinator …` in README and docs is a command that works.

use std::fs;
use std::path::PathBuf;

use crate::tools::{coordinator, root};

fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).into_iter().flatten().flatten();
    let pages = docs.map(|entry| entry.path());
    let markdown = pages.filter(|path| path.extension().is_some_and(|found| found == "md"));
    markdown.chain([root().join("README.md"), root().join("CONTRIBUTING.md")]).collect()
}

/// Commands of all pages, without their `$ coordinator`.
fn commands() -> Vec<(PathBuf, Vec<String>)> {
    let mut commands = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for line in text.lines() {
            if let Some(rest) = line.trim_start().strip_prefix("$ coordinator ") {
                let words = rest.split('#').next().unwrap_or("").split_whitespace();
                commands.push((page.clone(), words.map(str::to_owned).collect()));
            }
        }
    }
    commands
}

#[test]
fn each_command_in_the_docs_works() {
    let commands = commands();
    assert!(commands.len() >= 3, "the docs show how to use it");
    // Runs that the docs call by name.
    let runs = tempfile::tempdir().unwrap();
    for name in ["before", "after"] {
        let few = ["--generations", "6", "--pairs", "1", "--tasks", "60", "--quiet"];
        let run = ["sweep", "--sizes", "4KiB,64KiB", "--pin", "same", "--save", name];
        let mut save = coordinator(&[&run, &few[..]].concat());
        assert!(save.current_dir(runs.path()).output().unwrap().status.success());
    }
    for (page, words) in commands {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list");
        fs::write(&list, [7; 4096]).unwrap();
        let mut args: Vec<String> = Vec::new();
        let mut words = words.into_iter().peekable();
        let measures = words.peek().is_some_and(|word| {
            ["quick", "sweep", "lab", "floor", "advise"].contains(&word.as_str())
        });
        while let Some(word) = words.next() {
            match word.as_str() {
                // Where it writes, and for how long it measures, are this test's choice.
                "--budget" | "--generations" | "--pairs" | "--save" => drop(words.next()),
                "--out" if measures => drop(words.next()),
                "--list" => {
                    words.next();
                    args.extend(["--list".into(), list.to_str().unwrap().into()]);
                }
                _ => args.push(word.trim_matches('\'').to_owned()),
            }
        }
        if measures && !args.contains(&"--help".to_owned()) {
            let out = folder.path().join("out").to_str().unwrap().to_owned();
            args.extend(["--budget".into(), "100ms".into(), "--quiet".into(), "--out".into(), out]);
            if args[0] == "lab" {
                args.extend(["--generations", "1", "--pairs", "1"].map(str::to_owned));
                if args[1] == "crossover" && !args.contains(&"--durations".to_owned()) {
                    // Its longest tasks take seconds by design.
                    args.extend(["--durations", "1us,1ms"].map(str::to_owned));
                }
            }
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = coordinator(&args).current_dir(runs.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {args:?}: {said}", page.display());
        assert!(!output.stdout.is_empty(), "{}: {args:?}", page.display());
    }
}
