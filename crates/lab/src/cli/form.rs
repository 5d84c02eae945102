//! In which form a report is shown.

use report::Report;

/// A form that every report has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// Text for a terminal
    Text,
    /// Markdown
    Md,
    /// Comma-separated values, one row per number
    Csv,
    /// JSON with the texts and the numbers behind them
    Json,
}

impl Form {
    /// The report in this form.
    pub(super) fn render(self, report: &Report) -> String {
        match self {
            Form::Text => format!("{}{}", report::head(report), report::terminal(report)),
            Form::Md => report::markdown(report),
            Form::Csv => report::csv(report),
            Form::Json => report::json(report),
        }
    }

    /// How its files end.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Form::Text => "txt",
            Form::Md => "md",
            Form::Csv => "csv",
            Form::Json => "json",
        }
    }
}
