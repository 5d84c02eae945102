//! One chart as lines of text.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Color;
use ratatui_core::symbols::Marker;
use ratatui_core::widgets::Widget;
use ratatui_widgets::chart::{Axis as Drawn, Chart as Widgets, Dataset, GraphType};

use measure::units::{size, time};

/// What an axis measures; all are logarithmic, each in its own way.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Axis {
    /// Bytes.
    Bytes,
    /// Nanoseconds.
    Time,
    /// A quotient.
    Ratio,
    /// log10(1 / (1 - p)), as HdrHistogram's plots have it.
    Percentile,
}

/// A curve.
#[derive(Clone)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) marker: char,
    pub(super) color: AnsiColor,
}

/// Curves in one pair of axes.
pub(super) struct Chart {
    pub(super) title: String,
    /// How it is read.
    pub(super) read: &'static str,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
}

impl Series {
    /// A curve of a way, which has the same character and colour in every chart.
    pub(super) fn of(way: &str, points: Vec<(f64, f64)>) -> Series {
        let (marker, color) = match way {
            "pipe" => ('#', AnsiColor::Red),
            "shared" | "shared place" => ('+', AnsiColor::Yellow),
            "shared resident" => ('o', AnsiColor::Cyan),
            "shared build" => ('x', AnsiColor::Magenta),
            "pipe-serde" => ('%', AnsiColor::Blue),
            "socket" => ('=', AnsiColor::Green),
            "vmsplice" => ('@', AnsiColor::BrightMagenta),
            "vm_read" => ('&', AnsiColor::BrightBlue),
            _ => ('*', AnsiColor::White),
        };
        Series { name: way.into(), points, marker, color }
    }
}

impl Chart {
    /// Draws it below what is in `text`; nothing without a point.
    pub(super) fn draw(&self, text: &mut String, columns: usize) {
        let logs: Vec<Vec<(f64, f64)>> = self.series.iter().map(|of| self.logs(of)).collect();
        let all = || logs.iter().flatten();
        let Some((x, x_labels)) = self.x.bounds(all().map(|point| point.0), columns) else {
            return;
        };
        let Some((y, y_labels)) = self.y.bounds(all().map(|point| point.1), columns) else {
            return;
        };
        let _ = writeln!(text, "\n {}", self.title);
        let dataset = |(series, points): (&Series, _)| {
            Dataset::default()
                .data(points)
                .marker(Marker::Custom(series.marker))
                .graph_type(GraphType::Line)
                .style(Color::Indexed(series.color as u8))
        };
        let datasets =
            self.series.iter().zip(logs.iter().map(Vec::as_slice)).map(dataset).collect();
        let area = Rect::new(0, 0, columns as u16 - 2, if columns < 70 { 12 } else { 16 });
        let mut buffer = Buffer::empty(area);
        Widgets::new(datasets)
            .legend_position(None)
            .x_axis(Drawn::default().bounds(x).labels(x_labels))
            .y_axis(Drawn::default().bounds(y).labels(y_labels))
            .render(area, &mut buffer);
        for row in 0..area.height {
            let mut line = String::from(" ");
            for column in 0..area.width {
                let Some(cell) = buffer.cell((column, row)) else { continue };
                match self.series.iter().find(|of| cell.fg == Color::Indexed(of.color as u8)) {
                    Some(of) => line.push_str(&colored(cell.symbol(), of.color)),
                    None => line.push_str(cell.symbol()),
                }
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let names = self.series.iter().map(|series| {
            let marker = colored(&series.marker.to_string(), series.color);
            format!("{marker} {}", series.name.replace(char::is_control, "?"))
        });
        let _ = writeln!(text, " {}", names.collect::<Vec<_>>().join("   "));
        let _ = writeln!(text, " {}", self.read);
    }

    fn logs(&self, series: &Series) -> Vec<(f64, f64)> {
        let point = |(x, y): &(f64, f64)| (self.x.log(*x), self.y.log(*y));
        series.points.iter().map(point).filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
    }
}

impl Axis {
    fn log(self, value: f64) -> f64 {
        match self {
            Axis::Bytes | Axis::Ratio => value.log2(),
            Axis::Time => value.log10(),
            Axis::Percentile => value,
        }
    }

    /// Whole steps about all values, and their names; labels lie at equal distances.
    fn bounds(
        self,
        values: impl Iterator<Item = f64>,
        columns: usize,
    ) -> Option<([f64; 2], Vec<String>)> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        values.for_each(|value| (low, high) = (low.min(value), high.max(value)));
        if !(low.is_finite() && high.is_finite()) {
            return None;
        }
        if self == Axis::Ratio {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        let (low, mut high) = (low.floor(), high.ceil().max(low.floor() + 1.0));
        let most = if columns < 70 { 4.0 } else { 6.0 };
        let step = ((high - low) / most).ceil().max(1.0);
        high = low + step * ((high - low) / step).ceil();
        let count = ((high - low) / step).round() as u32;
        let labels = (0..=count).map(|at| self.label(low + step * f64::from(at)));
        Some(([low, high], labels.collect()))
    }

    fn label(self, at: f64) -> String {
        match self {
            Axis::Bytes => size(at.exp2().round() as usize),
            Axis::Time if at < 3.0 => format!("{:.0} ns", 10f64.powf(at)),
            Axis::Time => time(10f64.powf(at) as u64).replace(".00", "").replace(".0 ", " "),
            Axis::Ratio if at < 0.0 => format!("1/{:.0}×", (-at).exp2()),
            Axis::Ratio => format!("{:.0}×", at.exp2()),
            Axis::Percentile => match at as usize {
                0 => "0 %".into(),
                1 => "90 %".into(),
                2 => "99 %".into(),
                nines => format!("99.{} %", "9".repeat(nines - 2)),
            },
        }
    }
}

fn colored(text: &str, color: AnsiColor) -> String {
    let style = Style::new().fg_color(Some(color.into()));
    format!("{style}{text}{style:#}")
}
