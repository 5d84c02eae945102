//! Ctrl-C and SIGTERM: the first asks the run to end and keep what it has, the second ends it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether somebody asked this process to end.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system refused.
    pub fn listen() -> io::Result<Interrupt> {
        let interrupt = Interrupt::default();
        for signal in [SIGINT, SIGTERM] {
            let asked_before = Arc::new(AtomicBool::new(false));
            // In this order: the second of a kind finds the flag that the first has set.
            flag::register_conditional_shutdown(signal, 128 + signal, asked_before.clone())?;
            flag::register(signal, asked_before)?;
            flag::register_usize(signal, interrupt.0.clone(), signal as usize)?;
        }
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
