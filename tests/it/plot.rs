//! Plots as text: every curve told apart without colour, in as many columns as there are.

use crate::made::{parsed, text, whole};
use crate::tools::coordinator;

/// Without the escapes that colour it.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn every_plot_has_its_curves_in_characters_of_their_own_and_fits_the_columns() {
    let record = parsed(&whole());
    for columns in [40, 60, 80, 200] {
        let colored = report::plots(&record, columns);
        assert!(colored.contains('\u{1b}'));
        let text = plain(&colored);
        for title in [
            "median round trip",
            "copy ÷ share",
            "percentiles",
            "phase by phase",
            "who wins",
            "speedup of a pool",
        ] {
            assert!(text.contains(title), "{columns}: no {title}: {text}");
        }
        let legend = text.lines().find(|line| line.starts_with(" # pipe")).unwrap();
        assert_eq!(legend, " # pipe   + shared place   o shared resident");
        for marker in ['#', '+', 'o'] {
            assert!(text.matches(marker).count() > 10, "{columns}: {marker}");
        }
        let drawn = text.lines().filter(|line| line.contains(['│', '└']));
        let widest = drawn.map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= columns && widest > columns.min(110) - 4, "{widest} of {columns}");
    }
    assert!(plain(&report::plots(&record, 30)).contains("need 40 columns"));
    assert!(plain(&report::plots(&parsed(&whole()[..2]), 80)).contains("nothing to plot"));
}

#[test]
fn plots_stand_between_tables_and_verdicts_and_without_colour_where_it_is_not_wanted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("run.jsonl"), text(&whole())).unwrap();
    let report = |args: &[&str]| {
        let run = folder.path().to_str().unwrap();
        coordinator(&[&["report", run], args].concat()).output().unwrap()
    };
    let said = String::from_utf8(report(&["--plot"]).stdout).unwrap();
    assert!(!said.contains('\u{1b}'), "NO_COLOR");
    let at = |words: &str| said.find(words).unwrap_or_else(|| panic!("no {words}: {said}"));
    assert!(at("same core, sleep\n") < at("median round trip"), "tables first");
    assert!(at("median round trip") < at("VERDICT"), "verdicts last");
    let without = String::from_utf8(report(&[]).stdout).unwrap();
    assert!(!without.contains("median round trip against list"));
    let refused = report(&["--plot", "--format", "md"]);
    assert_eq!(refused.status.code(), Some(2));
}
