//! What a run says on stderr while it works: a bar with the time left on a terminal, plain lines
//! elsewhere, nothing where it is told to be quiet.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// How far a run is.
pub struct Progress {
    bar: ProgressBar,
    plain: bool,
    total: usize,
    done: usize,
}

impl Progress {
    /// For `total` cells.
    pub fn new(total: usize, quiet: bool) -> Progress {
        let terminal = std::io::stderr().is_terminal();
        let bar = match quiet || !terminal {
            true => ProgressBar::hidden(),
            false => ProgressBar::new(total as u64),
        };
        let style = "measure  [{bar:26}] {pos}/{len} cells  {msg}  ETA {eta}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.progress_chars("██░"));
        }
        Progress { bar, plain: !quiet && !terminal, total, done: 0 }
    }

    /// So many more cells will come.
    pub fn expect(&mut self, more: usize) {
        self.total += more;
        self.bar.inc_length(more as u64);
    }

    /// A cell begins.
    pub fn begin(&self, cell: &str) {
        self.bar.set_message(cell.to_owned());
        self.bar.tick();
    }

    /// A cell is measured.
    pub fn finish(&mut self, cell: &str) {
        self.done += 1;
        self.bar.inc(1);
        if self.plain {
            anstream::eprintln!("measure  {}/{} cells  {cell}", self.done, self.total);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
