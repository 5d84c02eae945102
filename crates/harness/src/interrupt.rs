//! Ctrl-C and SIGTERM: the first asks the run to end and keep what it has, the second ends it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use nix::libc::SIGXFSZ;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// A second signal this soon is the first one again: some senders tell the process and its group.
const MAX_ECHO: Duration = Duration::from_millis(500);

/// Whether a signal asked this process to end.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Listens from now on, on a thread of its own.
    ///
    /// # Errors
    /// The system refused.
    pub fn listen() -> io::Result<Interrupt> {
        // A file past its limit (a memfd is one too) is an error where it grows, and no signal.
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        let interrupt = Interrupt::default();
        let asked = interrupt.0.clone();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            let mut first: Option<Instant> = None;
            for signal in &mut signals {
                match first {
                    None => {
                        first = Some(Instant::now());
                        asked.store(signal as usize, Relaxed);
                    }
                    Some(first) if first.elapsed() < MAX_ECHO => {}
                    Some(_) => std::process::exit(128 + signal),
                }
            }
        })?;
        Ok(interrupt)
    }

    /// The signal that asked, if one did.
    pub fn signal(&self) -> Option<u8> {
        match self.0.load(Relaxed) {
            0 => None,
            signal => Some(signal as u8),
        }
    }
}
