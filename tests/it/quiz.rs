//! Predict, run, reveal: guesses are asked before anything is measured, and scored by the record.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use lab::lab::{Answer, Lab, Question};
use serde_json::Value as Json;

use crate::tools::{COORDINATOR, coordinator, skip};

/// Runs a lab with `stdin`, and gives what it said.
fn lab(args: &[&str], stdin: &str) -> Output {
    let mut command = coordinator(&[&["lab"], args].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that has refused already reads nothing.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

/// Kinds of a record's lines, in their order, and its scores.
fn record(folder: &std::path::Path) -> (Vec<String>, Vec<Json>) {
    let text = std::fs::read_to_string(folder.join("run.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let lines: Vec<Json> = lines.collect();
    let kinds = lines.iter().map(|line| line["kind"].as_str().unwrap().to_owned()).collect();
    (kinds, lines.into_iter().filter(|line| line["kind"] == "score").collect())
}

const TINY: [&str; 8] =
    ["--scale", "lecture", "--generations", "1", "--pairs", "1", "--workers", "2"];

#[test]
fn guesses_from_prompts_are_written_before_anything_is_measured_and_scored_after() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let named = ["--out", out.to_str().unwrap()];
    // A hint on the way, a choice by its number, one by how it begins, one left out.
    let args = [&["futures", "--predict"][..], &TINY, &named].concat();
    let output = lab(&args, "?\n2\nInvalid\n\n");
    let (said, shown) = (text(&output.stderr), text(&output.stdout));
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("hint: it is the fourth") && said.contains(" 3/3 "), "{said}");
    let (kinds, scores) = record(&out);
    let at = |kind: &str| kinds.iter().position(|found| found == kind).unwrap();
    assert!(at("guess") < at("sequential") && at("score") > at("outcome"), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "guess").count(), 2);
    let of = |key: &str| scores.iter().find(|score| score["question"] == key).unwrap();
    assert_eq!(of("error-of-invalid")["points"], 1.0);
    let place = of("place-of-invalid");
    assert_eq!(place["points"] == 1.0, place["guess"] == place["measured"], "{place}");
    assert!(shown.contains("\n predicted\n") && shown.contains(" of 2\n"), "{shown}");
    // The report is made of the record alone.
    let again = coordinator(&["report", out.to_str().unwrap()]).output().unwrap();
    assert!(text(&again.stdout).contains("\n predicted\n"));
    let revealed = lab(&[&["26.2", "--reveal"], &named[..]].concat(), "");
    let revealed = text(&revealed.stdout);
    assert!(revealed.contains("guess: none · measured: one task fails, the pool goes on"));
    assert_eq!(revealed.matches("guess: ").count(), 3, "{revealed}");
}

#[test]
fn guesses_come_from_a_file_too_and_what_the_evidence_does_not_carry_is_not_scored() {
    let folder = tempfile::tempdir().unwrap();
    let (out, answers) = (folder.path().join("out"), folder.path().join("answers"));
    let keys = "# of a class\nheavy-small = 1.8x\nlight-small= slower   # surely\nlight-large =\n";
    std::fs::write(&answers, keys).unwrap();
    let named = ["--answers", answers.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let output = lab(&[&["quadrants", "--reveal", "--quiet"][..], &TINY, &named].concat(), "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let (_, scores) = record(&out);
    assert_eq!(scores.len(), 2);
    assert_eq!((&scores[0]["value"], &scores[0]["guess"]), (&1.8.into(), &"1.80×".into()));
    assert!([0.0, 0.5, 1.0].map(Json::from).contains(&scores[0]["points"]), "{}", scores[0]);
    // One generation carries no verdict.
    assert_eq!(scores[1]["points"], Json::Null, "{}", scores[1]);
    assert!(scores[1]["measured"].as_str().unwrap().starts_with("TOO CLOSE TO CALL"));
    let shown = text(&output.stdout);
    assert!(shown.contains("not scored") && shown.contains("guess: slower or no gain"), "{shown}");
    // What was answered before is not asked again.
    let (_, before) = record(&out);
    let refused = lab(&[&["quadrants", "--predict"][..], &TINY, &named[2..]].concat(), "");
    assert!(text(&refused.stderr).contains("is complete"), "{}", text(&refused.stderr));
    assert_eq!(record(&out).1, before);
}

#[test]
fn answers_that_are_none_are_refused_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = |text: &str| {
        let path = folder.path().join("answers");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let refused = |args: &[&str], stdin: &str| {
        let named = ["--out", out.to_str().unwrap()];
        let output = lab(&[args, &named].concat(), stdin);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!out.exists(), "{args:?} left something behind");
        text(&output.stderr)
    };
    let predict = ["futures", "--predict"];
    assert!(refused(&predict, "1\n").contains("`error-of-invalid`, question 2 of 3"));
    assert!(
        refused(&predict, "tea\n").contains("place-of-invalid: `tea` is not an answer: write 1 ")
    );
    assert!(refused(&["crossover", "--predict"], "5\n").contains("800ns, 5us or 1.5ms"));
    for (answers, word) in [
        ("pipe = soon", "line 1: `soon` is not an answer"),
        ("\npipe", "line 2: write `key = answer`"),
        ("tea = 5us", "no question `tea`; there are pipe, shared"),
        ("pipe = 5us\npipe = 6us", "line 2: `pipe` is answered twice"),
        ("# nothing\n", "has no answers"),
    ] {
        let said = refused(&["crossover", "--answers", &file(answers)], "");
        assert!(said.contains(word), "{said}");
    }
    assert!(refused(&["crossover", "--answers", "/nowhere"], "").contains("cannot be read"));
    assert!(refused(&["copy", "--workers", "2"], "").contains("lab copy has no --workers"));
    let unrun = coordinator(&["lab", "copy", "--reveal"]).current_dir(folder.path()).output();
    assert!(text(&unrun.unwrap().stderr).contains("no finished run of lab copy in runs"));
}

#[test]
fn every_lab_asks_and_every_question_has_its_hint_and_its_reason() {
    for lab in lab::labs::ALL {
        let questions = lab.questions();
        assert!(questions.len() >= 3, "{}", lab.name());
        let mut keys: Vec<&str> = questions.iter().map(|question| question.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), questions.len(), "{}: keys are unique", lab.name());
        for question in questions {
            assert!(
                (question.found)(&record::Record::default()).is_none(),
                "{}: nothing is known yet",
                question.key
            );
            assert!(question.asks.ends_with('?') && !question.hint.is_empty(), "{}", question.key);
            assert!(question.why.ends_with('.'), "{}", question.key);
        }
        let output = self::lab(&[lab.name(), "--hint"], "");
        let shown = text(&output.stdout);
        assert!(keys.iter().all(|key| shown.contains(&format!("{key}\n"))), "{shown}");
    }
}

/// The least that a lab can be asked, with answers to all of its questions and how many those are.
fn asked(lab: &dyn Lab) -> (Vec<&'static str>, Vec<(&'static str, &'static str)>) {
    let mut few = vec!["--generations", "1", "--pairs", "1", "--budget", "100ms"];
    if lab.name() == "crossover" {
        // Its longest tasks take seconds by design.
        few.extend(["--durations", "1us,1ms"]);
    }
    let answer = |question: &Question| match question.answer {
        Answer::Choice(_) | Answer::Count => (question.key, "1"),
        Answer::Times => (question.key, "2x"),
        Answer::Duration => (question.key, "5us"),
    };
    (few, lab.questions().iter().map(answer).collect())
}

#[test]
fn every_lab_takes_its_guesses_from_prompts_and_from_a_file_alike() {
    for lab in lab::labs::ALL {
        let (few, answers) = asked(*lab);
        let folder = tempfile::tempdir().unwrap();
        let (prompted, filed) = (folder.path().join("prompted"), folder.path().join("filed"));
        let file = folder.path().join("answers");
        let keyed = answers.iter().map(|(key, answer)| format!("{key} = {answer}\n"));
        std::fs::write(&file, keyed.collect::<String>()).unwrap();
        let typed: String = answers.iter().map(|(_, answer)| format!("{answer}\n")).collect();
        let mut guesses = Vec::new();
        for (out, source) in [
            (&prompted, &["--predict"][..]),
            (&filed, &["--answers", file.to_str().unwrap(), "--quiet"]),
        ] {
            let args = [&[lab.name()], source, &["--out", out.to_str().unwrap()], &few[..]];
            let output = self::lab(&args.concat(), &typed);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{}: {said}", lab.name());
            let (kinds, scores) = record(out);
            let measured = |kind: &String| !["run", "machine", "guess"].contains(&kind.as_str());
            let before = kinds.iter().take_while(|kind| !measured(kind));
            let before = before.filter(|kind| *kind == "guess").count();
            assert_eq!(before, answers.len(), "{}: guesses come first: {kinds:?}", lab.name());
            assert_eq!(scores.len(), answers.len(), "{}: each is answered", lab.name());
            for (number, question) in (1..).zip(lab.questions()) {
                let prompt = format!(" {number}/{}     {}", answers.len(), question.asks);
                assert_eq!(said.contains(&prompt), source.len() == 1, "{said}");
            }
            assert!(text(&output.stdout).contains("\n predicted\n"), "{}", lab.name());
            let of = |score: &Json| (score["question"].clone(), score["guess"].clone());
            guesses.push(scores.iter().map(of).collect::<Vec<_>>());
        }
        assert_eq!(guesses[0], guesses[1], "{}: the same guesses either way", lab.name());
    }
}

#[test]
fn at_a_terminal_a_mistyped_answer_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let words = [&["lab", "quadrants", "--predict", "--out", out.to_str().unwrap()], &TINY[..]];
    let command = words.concat().join(" ");
    let mut script = Command::new("script");
    script.args(["-qec", &format!("{COORDINATOR} {command}"), "/dev/null"]);
    script.env("NO_COLOR", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = script.spawn() else { return skip("no script, which lends a terminal") };
    let mut stdin = child.stdin.take().unwrap();
    let answers = "soon\n1.5x\n\n\n\n\n";
    stdin.write_all(answers.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("`soon` is not an answer"), "{shown}");
    let (_, scores) = record(&out);
    assert_eq!(scores.len(), 1, "{shown}");
    assert_eq!(scores[0]["value"], 1.5);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
