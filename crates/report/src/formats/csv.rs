//! A report as comma-separated values: one row for each number, with the text that it stands behind.

use csv::Writer;

use crate::document::{Report, Section};

/// The report as CSV, in long form: `section`, `row`, `column`, `text`, `name`, `value`.
///
/// A cell without numbers has one row with an empty `name`. Verdicts and how the run ended are rows
/// too, with a `text` alone.
pub fn csv(report: &Report) -> String {
    let mut rows = vec![["section", "row", "column", "text", "name", "value"].map(String::from)];
    let said = |section: &str, row: &str, text: &String| {
        [section.into(), row.into(), String::new(), text.clone(), String::new(), String::new()]
    };
    rows.extend(report.head.iter().map(|line| said("head", "", line)));
    let mut title = "";
    for section in &report.sections {
        if !section.title.is_empty() {
            title = &section.title;
        }
        rows.extend(section.lines.iter().map(|line| said(title, "", line)));
        cells(&mut rows, title, section);
    }
    for verdicts in &report.verdicts {
        rows.extend(verdicts.sentences.iter().map(|text| said("verdict", &verdicts.title, text)));
    }
    rows.extend(report.ending.iter().map(|line| said("end", "", line)));
    rows.push(said("record", "", &report.record));
    let mut writer = Writer::from_writer(Vec::new());
    rows.iter().for_each(|row| writer.write_record(row).expect("writing to memory does not fail"));
    let bytes = writer.into_inner().expect("writing to memory does not fail");
    String::from_utf8(bytes).expect("only text was written").trim_end().to_owned()
}

fn cells(rows: &mut Vec<[String; 6]>, title: &str, section: &Section) {
    // A row is called by its first cell, or the last one above that says something, and by the
    // second where that is a column of words too.
    let mut name = String::new();
    for row in &section.table.rows {
        if let Some(first) = row.first().filter(|first| !first.text.is_empty()) {
            name.clone_from(&first.text);
        }
        let words = section.table.columns.get(1).is_some_and(|column| !column.right);
        let second = row.get(1).filter(|_| words);
        let called = second.map_or(name.clone(), |second| format!("{name}, {}", second.text));
        for (cell, column) in row.iter().zip(&section.table.columns) {
            let text = cell.text.trim_end();
            let mut add = |name: &str, value: String| {
                let (title, column) = (title.to_owned(), column.name.clone());
                rows.push([title, called.clone(), column, text.into(), name.into(), value]);
            };
            cell.numbers.iter().for_each(|(name, number)| add(name, number.to_string()));
            if cell.numbers.is_empty() && !text.is_empty() {
                add("", String::new());
            }
        }
    }
}
