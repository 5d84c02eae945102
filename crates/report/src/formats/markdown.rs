//! A report as Markdown: headings, tables with bars, lists.

use std::fmt::Write as _;

use crate::document::{Report, Section, Table};

/// The report as Markdown.
pub fn markdown(report: &Report) -> String {
    let mut text = String::from("# Report\n");
    paragraphs(&mut text, &report.head);
    report.sections.iter().for_each(|section| write_section(&mut text, section));
    if !report.verdicts.is_empty() {
        text.push_str("\n## Verdict\n");
    }
    for verdicts in &report.verdicts {
        let _ = writeln!(text, "\n{}\n", escaped(&verdicts.title));
        for sentence in &verdicts.sentences {
            let _ = writeln!(text, "- {}", escaped(sentence));
        }
    }
    paragraphs(&mut text, &report.ending);
    let _ = write!(text, "\nRecord: {}", escaped(&report.record));
    text
}

fn write_section(text: &mut String, section: &Section) {
    if !section.title.is_empty() {
        let _ = writeln!(text, "\n## {}", escaped(&section.title));
    }
    if !section.lines.is_empty() {
        let _ = writeln!(text, "\n```\n{}\n```", section.lines.join("\n"));
    }
    if !section.table.columns.is_empty() {
        write_table(text, &section.table);
    }
    paragraphs(text, &section.notes);
}

fn write_table(text: &mut String, table: &Table) {
    let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let names = table.columns.iter().map(|column| escaped(&column.name)).collect();
    let rules = table.columns.iter().map(|column| if column.right { "---:" } else { "---" });
    let _ = writeln!(text, "\n{}\n{}", row(names), row(rules.map(String::from).collect()));
    for cells in &table.rows {
        let cells = cells.iter().map(|cell| escaped(&cell.text)).collect();
        let _ = writeln!(text, "{}", row(cells));
    }
}

/// One list entry for each line: an empty list leaves nothing.
fn paragraphs(text: &mut String, lines: &[String]) {
    if !lines.is_empty() {
        text.push('\n');
    }
    for line in lines {
        let _ = writeln!(text, "- {}", escaped(line));
    }
}

/// What would be read as markup, or would end a cell, is read as itself.
fn escaped(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut out = String::with_capacity(text.len());
    for character in words.join(" ").chars() {
        if matches!(character, '\\' | '|' | '*' | '_' | '`' | '<' | '[' | '~') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
