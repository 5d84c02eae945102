//! A report as a terminal shows it.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, presets};

use crate::FILES;
use crate::document::{Cell, Report, Section, Table};

/// The report as text: tables, verdicts, how it ended, where the record is. What stands at its head
/// is left out: a run says that when it begins ([`head`]).
pub fn terminal(report: &Report) -> String {
    format!("{}\n{}", tables(report), closing(report))
}

/// All tables.
pub fn tables(report: &Report) -> String {
    let mut text = String::new();
    report.sections.iter().for_each(|section| write_section(&mut text, section));
    tidy(&text)
}

/// What stands below the tables: verdicts, how it ended, where the record is.
pub fn closing(report: &Report) -> String {
    let mut text = String::new();
    let mut label = "VERDICT";
    for verdicts in &report.verdicts {
        let _ = writeln!(text, "{label:7}  {}", verdicts.title);
        label = "";
        for sentence in &verdicts.sentences {
            let _ = writeln!(text, "           {sentence}");
        }
    }
    for line in &report.ending {
        let _ = writeln!(text, "         {line}");
    }
    let _ = match &report.page {
        Some(page) => write!(text, "report   {page} ({FILES})"),
        None => write!(text, "record   {}", report.record),
    };
    tidy(&text)
}

/// What stands at the report's head, as a terminal shows it.
pub fn head(report: &Report) -> String {
    let mut text = String::new();
    for line in &report.head {
        let _ = writeln!(text, "{line}");
    }
    tidy(&text)
}

fn write_section(text: &mut String, section: &Section) {
    if !section.title.is_empty() {
        let _ = writeln!(text, "\n {}", section.title);
    }
    for line in &section.lines {
        let _ = writeln!(text, "{line}");
    }
    if !section.table.columns.is_empty() {
        let _ = writeln!(text, "{}", table(&section.table));
    }
    for note in &section.notes {
        let _ = writeln!(text, " {note}");
    }
}

fn table(table: &Table) -> comfy_table::Table {
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(presets::NOTHING);
    drawn.set_header(table.columns.iter().map(|column| &column.name));
    let padded = |cell: &Cell| format!("{}{:2$}", cell.text, "", cell.padding);
    table.rows.iter().for_each(|row| {
        drawn.add_row(row.iter().map(padded));
    });
    for (drawn, column) in drawn.column_iter_mut().zip(&table.columns) {
        if column.right {
            drawn.set_cell_alignment(CellAlignment::Right);
        }
    }
    drawn
}

/// Lines end where their words end, and nothing that a record says steers the terminal.
fn tidy(text: &str) -> String {
    let line = |line: &str| line.trim_end_matches(' ').replace(char::is_control, "?");
    let lines: Vec<String> = text.split('\n').map(line).collect();
    lines.join("\n")
}
