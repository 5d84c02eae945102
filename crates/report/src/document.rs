//! What a run says, made once from the record's lines. Every output is a rendering of it, so that
//! they agree to the digit.

use record::Comparison;
use serde::{Serialize, Serializer};

/// Everything that is said of a run, or of two.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// The machine, and below it what makes its figures doubtful; or what else stands above all.
    pub head: Vec<String>,
    /// Tables, in the order in which they are read.
    pub sections: Vec<Section>,
    /// What the tables come to.
    pub verdicts: Vec<Verdicts>,
    /// How the run ended: that nothing was lost, or why it is not whole.
    pub ending: Vec<String>,
    /// Where it was read from.
    pub record: String,
    /// The page that was made of it, where one was.
    #[serde(skip)]
    pub page: Option<String>,
}

/// One table, and what belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Section {
    /// What is the same in all of it; empty where it goes on with the section above.
    pub title: String,
    /// Said as it is, line by line, before the table.
    pub lines: Vec<String>,
    /// The table; without columns where there is none.
    pub table: Table,
    /// What failed in it, how it is read, what it shows of the lecture's claims.
    pub notes: Vec<String>,
}

/// Rows of cells below the names of their columns.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Table {
    /// Columns, left to right.
    pub columns: Vec<Column>,
    /// Rows; each has a cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Whether its cells end below each other, as numbers do.
    #[serde(skip)]
    pub right: bool,
}

/// A cell: what is read, and the numbers behind it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cell {
    /// As people read it.
    pub text: String,
    /// The numbers behind it, by name; a name ends with its unit.
    #[serde(serialize_with = "as_map")]
    pub numbers: Vec<(&'static str, Number)>,
    /// Spaces after it on a terminal, so that words of a column begin below each other.
    #[serde(skip)]
    pub padding: usize,
}

/// One of the values behind a cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Number {
    /// A time in nanoseconds, a size in bytes, a count.
    Whole(u64),
    /// A ratio or a probability.
    Real(f64),
    /// Yes or no.
    Truth(bool),
    /// A word out of a fixed few.
    Word(String),
}

/// Sentences of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Verdicts {
    /// What they are about.
    pub title: String,
    /// One for each thing that was compared.
    pub sentences: Vec<String>,
}

impl Column {
    /// A column of words.
    pub fn left(name: impl Into<String>) -> Column {
        Column { name: name.into(), right: false }
    }

    /// A column of numbers.
    pub fn right(name: impl Into<String>) -> Column {
        Column { name: name.into(), right: true }
    }
}

impl Cell {
    /// A cell without numbers.
    pub fn new(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), ..Cell::default() }
    }

    /// The same cell with one more number behind it.
    #[must_use]
    pub fn with(mut self, name: &'static str, number: impl Into<Number>) -> Cell {
        self.numbers.push((name, number.into()));
        self
    }

    /// The same cell with so many spaces after it.
    #[must_use]
    pub fn padded(mut self, padding: usize) -> Cell {
        self.padding = padding;
        self
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Number {
        Number::Whole(value)
    }
}

impl From<usize> for Number {
    fn from(value: usize) -> Number {
        Number::Whole(value as u64)
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Number {
        Number::Real(value)
    }
}

impl From<bool> for Number {
    fn from(value: bool) -> Number {
        Number::Truth(value)
    }
}

impl From<&str> for Number {
    fn from(value: &str) -> Number {
        Number::Word(value.into())
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Number::Whole(value) => value.fmt(f),
            Number::Real(value) => value.fmt(f),
            Number::Truth(value) => value.fmt(f),
            Number::Word(value) => value.fmt(f),
        }
    }
}

/// A cell that says `text` of a comparison's ratio.
pub(crate) fn ratio_of(comparison: &Comparison, text: String) -> Cell {
    let Comparison { ratio, low, high, confidence, generations, .. } = *comparison;
    let cell = Cell::new(text).with("ratio", ratio).with("low", low).with("high", high);
    cell.with("confidence", confidence).with("generations", generations)
}

fn as_map<S: Serializer>(
    numbers: &[(&'static str, Number)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(numbers.iter().map(|(name, number)| (name, number)))
}
