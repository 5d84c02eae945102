//! Docs run: each `$ coordinator …` in README and docs is a command that works, and what is shown below
//! it has the shape of what it says.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Mutex;

use lab::lab::Answer;

use crate::tools::{SHARED_FOLDER, coordinator, root};

fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).into_iter().flatten().flatten();
    let pages = docs.map(|entry| entry.path());
    let markdown = pages.filter(|path| path.extension().is_some_and(|found| found == "md"));
    markdown.chain([root().join("README.md"), root().join("CONTRIBUTING.md")]).collect()
}

/// A command, where it stands, and what is shown below it.
struct Shown {
    page: PathBuf,
    words: Vec<String>,
    sample: Vec<String>,
}

/// Commands of all pages, without their `$ coordinator`; the same one once, with all of its samples.
fn commands() -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        // The command that output is shown of.
        let mut below: Option<usize> = None;
        for line in text.lines() {
            let line = line.replace("$ cargo run --release -- ", "$ coordinator ");
            if let Some(rest) = line.trim_start().strip_prefix("$ coordinator ") {
                let words = rest.split(" #").next().unwrap_or("").split_whitespace();
                let words: Vec<String> = words.map(str::to_owned).collect();
                let known = all.iter().position(|shown| shown.words == words);
                below = Some(known.unwrap_or(all.len()));
                if known.is_none() {
                    all.push(Shown { page: page.clone(), words, sample: Vec::new() });
                }
            } else if line.trim_start().starts_with("```") {
                below = None;
            } else if let Some(at) = below {
                all[at].sample.push(line);
            }
        }
    }
    all
}

/// The command as this test runs it: quick, and with files of its own.
fn args(words: &[String], folder: &Path) -> Vec<String> {
    let list = folder.join("list");
    fs::write(&list, [7; 4096]).unwrap();
    let mut args: Vec<String> = Vec::new();
    let measures = ["quick", "sweep", "lab", "limits", "floor", "advise"]
        .contains(&words[0].as_str())
        && !["--help", "--hint"].iter().any(|word| words.iter().any(|found| found == word))
        && (!words.contains(&"--reveal".into()) || words.contains(&"--predict".into()));
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            // Where it writes, and for how long it measures, are this test's choice.
            "--budget" | "--generations" | "--pairs" | "--save" | "--out" if measures => {
                words.next();
            }
            "--list" => {
                words.next();
                args.extend(["--list".into(), list.to_str().unwrap().into()]);
            }
            "--answers" => {
                words.next();
                let question = lab::labs::find(&args[1]).unwrap().questions().first().unwrap();
                let answer = match question.answer {
                    Answer::Choice(_) | Answer::Count => "1",
                    Answer::Times => "1x",
                    Answer::Duration => "1us",
                };
                let path = folder.join("answers");
                fs::write(&path, format!("{} = {answer}", question.key)).unwrap();
                args.extend(["--answers".into(), path.to_str().unwrap().into()]);
            }
            _ => args.push(word.trim_matches('\'').to_owned()),
        }
    }
    if measures {
        let out = folder.join("out").to_str().unwrap().to_owned();
        args.extend(["--budget".into(), "100ms".into(), "--quiet".into(), "--out".into(), out]);
        if ["lab", "sweep"].contains(&args[0].as_str()) {
            args.extend(["--generations", "1", "--pairs", "1"].map(str::to_owned));
        }
        let timed = args.contains(&"--durations".to_owned());
        if args[..2] == ["lab", "crossover"] && !timed {
            // Its longest tasks take seconds by design.
            args.extend(["--durations", "1us,1ms"].map(str::to_owned));
        }
    }
    args
}

/// Runs it in the folder that has `runs`, and gives empty answers to its questions.
fn run(args: &[impl AsRef<str>], folder: &Path) -> Output {
    let args: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
    let mut command = coordinator(&args);
    command.current_dir(folder).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Most ask nothing, and may be gone already.
    let _ = child.stdin.take().unwrap().write_all(&[b'\n'; 20]);
    child.wait_with_output().unwrap()
}

#[test]
fn each_command_in_the_docs_works_and_says_what_is_shown_below_it() {
    let commands = commands();
    assert!(commands.len() >= 30, "the docs show how to use it");
    assert!(commands.iter().filter(|shown| !shown.sample.is_empty()).count() >= 6);
    // Runs that the docs call by name.
    let runs = tempfile::tempdir().unwrap();
    let few = ["--generations", "6", "--pairs", "1", "--tasks", "60", "--quiet"];
    for name in ["before", "after"] {
        let run = ["sweep", "--sizes", "4KiB,64KiB", "--pin", "same", "--save", name];
        let mut save = coordinator(&[&run, &few[..]].concat());
        assert!(save.current_dir(runs.path()).output().unwrap().status.success());
    }
    let few = ["--generations", "1", "--pairs", "1", "--budget", "100ms", "--quiet"];
    let mine = [&["lab", "copy", "--save", "mine"], &few[..]].concat();
    assert!(run(&mine, runs.path()).status.success());
    // Doctor looks at /dev/shm, which others must leave alone meanwhile.
    let (doctors, others): (Vec<Shown>, Vec<Shown>) =
        commands.into_iter().partition(|shown| shown.words[0] == "doctor");
    let left = Mutex::new(others.into_iter());
    let mut faults: Vec<String> = std::thread::scope(|scope| {
        let work = || {
            let next = || left.lock().unwrap().next();
            std::iter::from_fn(next).filter_map(|shown| fault(&shown, runs.path())).collect()
        };
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| -> Vec<String> { thread.join().unwrap() }).collect()
    });
    let _alone = SHARED_FOLDER.lock().unwrap();
    faults.extend(doctors.iter().filter_map(|shown| fault(shown, runs.path())));
    assert!(faults.is_empty(), "{} commands:\n{}", faults.len(), faults.join("\n\n"));
}

/// Commands that run at once: each measures for 0.1 s, starts and ends for longer.
const AT_ONCE: usize = 4;

/// What is wrong with a command of the docs, if anything.
fn fault(shown: &Shown, runs: &Path) -> Option<String> {
    let Shown { page, words, sample } = shown;
    let (page, folder) = (page.display(), tempfile::tempdir().unwrap());
    let args = args(words, folder.path());
    let output = run(&args, runs);
    let said = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || text.is_empty() {
        return Some(format!("{page}: {args:?}: {}: {said}", output.status));
    }
    let missing = has_the_shape_of(sample, &text).err()?;
    Some(format!("{page}: {words:?} says no `{missing}`, or not there:\n{text}"))
}

/// Whether each line of `sample` stands in `shown`, in this order, but for figures and verdicts; else
/// the first that does not.
fn has_the_shape_of<'a>(sample: &'a [String], shown: &str) -> Result<(), &'a str> {
    let mut verdicts = false;
    let mut real = shown.lines().map(|line| {
        verdicts = line.starts_with("VERDICT") || verdicts && !line.starts_with("record");
        shape(line, verdicts)
    });
    let mut verdicts = false;
    for line in sample {
        verdicts = line.starts_with("VERDICT") || verdicts && !line.starts_with("record");
        // The machine, and what is in its way, are said on stderr.
        let of_now = ["machine ", "warning: "].iter().any(|word| line.trim().starts_with(word));
        if line.trim().is_empty() || line.trim() == "…" || of_now {
            continue;
        }
        let shape = shape(line, verdicts);
        let fits = |real: Vec<String>| match shape.iter().position(|word| word == "…") {
            Some(cut) => real.starts_with(&shape[..cut]),
            None => real == shape,
        };
        if !real.any(fits) {
            return Err(line);
        }
    }
    Ok(())
}

/// Words that say how something came out: any of them may stand for any other.
const VERDICTS: [&str; 15] = [
    "SLOWER or no gain",
    "TOO CLOSE TO CALL",
    "PARALLEL WINS",
    "SEQUENTIAL WINS",
    "FASTER",
    "SHARE",
    "COPY",
    "SAME",
    "not seen",
    "seen",
    "inside",
    "extrapolated",
    "no change beyond noise",
    "faster",
    "slower",
];

/// A line's words, with one word for every figure, unit and verdict. Of a verdict's sentence only what
/// it is about.
fn shape(line: &str, verdicts: bool) -> Vec<String> {
    let mut line = line.trim().to_owned();
    let about = line.split("  ").next().unwrap_or("").to_owned();
    if verdicts && !["VERDICT", "tasks run"].iter().any(|word| line.starts_with(word)) {
        line = about;
    }
    for verdict in VERDICTS {
        line = line.replace(verdict, "V");
    }
    let of = |word: &str| match word {
        "!" | "^" => None,
        "~" => Some("V".into()),
        "ns" | "µs" | "ms" | "s" => Some("time".into()),
        "B" | "kB" | "KiB" | "MiB" | "GiB" => Some("size".into()),
        _ if word.contains(|c: char| c.is_ascii_digit()) => Some("#".into()),
        _ => Some(word.to_owned()),
    };
    line.split_whitespace().filter_map(of).collect()
}

#[test]
fn a_sample_with_another_column_title_or_order_is_noticed() {
    let real = "\n same core, sleeping\n list  pipe  ratio\n 64 B  1.20 / 3 µs !  1.0× (1–2) SAME\n\
                VERDICT  same core\n  shared place  share from 4 KiB up\nrecord   runs/x\n";
    let fits = |sample: &str| {
        let sample: Vec<String> = sample.lines().map(str::to_owned).collect();
        has_the_shape_of(&sample, real).map_err(str::to_owned)
    };
    let same = " same core, sleeping\n list  pipe  ratio\n 1 MiB  2.2 / 4.1 ms  3.1× (2–4) SHARE\n…\n\
                VERDICT  same core\n  shared place  copy wins\nrecord …";
    assert_eq!(fits(same), Ok(()));
    for (from, to) in [
        ("pipe", "socket"),
        ("  ratio", ""),
        ("same core, sleeping", "spread, hybrid"),
        (" 3.1×", ""),
        ("shared place", "shared resident"),
        ("record", "report"),
    ] {
        assert!(fits(&same.replace(from, to)).is_err(), "{from} is not {to}");
    }
    assert!(fits(" list  pipe  ratio\n same core, sleeping").is_err(), "the order counts");
}

/// What links of a page point to, code left out.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut code = false;
    for line in text.lines() {
        code ^= line.trim_start().starts_with("```");
        let prose = line.split('`').step_by(2).filter(|_| !code);
        for part in prose.collect::<Vec<_>>().join("`").split("](").skip(1) {
            links.extend(part.split_once(')').map(|(target, _)| target.to_owned()));
        }
    }
    links
}

/// Anchors of a page, as mdBook makes them of its headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#') && line.contains("# "));
    let slug = |heading: &str| {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || " _-".contains(*c));
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(slug).collect()
}

#[test]
fn no_link_is_broken_and_the_book_has_every_page_once() {
    let docs = root().join("docs");
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            let named = format!("{} links to {link}", page.display());
            assert!(target.exists(), "{named}, which is not there");
            let outside = page.starts_with(&docs) && (file.contains("..") || file.starts_with('/'));
            assert!(!outside, "{named}, which is not in the book");
            if !anchor.is_empty() {
                let target = fs::read_to_string(&target).unwrap();
                let known = anchors(&target);
                assert!(known.iter().any(|known| known == anchor), "{named}: {known:?}");
            }
        }
    }
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let mut listed = links(&summary);
    listed.push("SUMMARY.md".into());
    listed.sort();
    let in_docs = pages().into_iter().filter(|page| page.starts_with(&docs));
    let name = |page: PathBuf| page.file_name().unwrap().to_str().unwrap().to_owned();
    let mut there: Vec<String> = in_docs.map(name).collect();
    there.sort();
    assert_eq!(listed, there, "SUMMARY.md lists each page once");
}

#[test]
fn every_lab_s_page_has_the_outline_of_a_lab() {
    let outline = [
        "**Time it takes:**",
        "## Question",
        "## Predict",
        "## Run",
        "## Look",
        "## Explain",
        "<details>",
        "## Refute",
        "## Change one thing",
        "## If yours differs",
        "## What this does not show",
    ];
    for lab in lab::labs::ALL.iter().filter(|lab| !lab.questions().is_empty()) {
        let name = format!("-{}.md", lab.name());
        let page = pages().into_iter().find(|page| page.to_str().unwrap().ends_with(&name));
        let text = fs::read_to_string(page.unwrap()).unwrap();
        let mut lines = text.lines();
        for part in outline {
            let found = lines.any(|line| line.starts_with(part));
            assert!(found, "{}'s page has no `{part}`, or not there", lab.name());
        }
        assert!(text.contains(&format!("$ coordinator lab {} --predict", lab.name())), "{name}");
    }
}
