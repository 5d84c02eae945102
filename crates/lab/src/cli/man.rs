//! `coordinator man`: its manual pages, made from the command line itself.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use harness::UsageError;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Subcommand whose page to print [default: the page of coordinator itself]
    #[arg(value_name = "SUBCOMMAND", conflicts_with = "out")]
    subcommand: Option<String>,

    /// Write all pages to this folder, as coordinator.1, coordinator-quick.1, …
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let mut whole = super::Args::command().disable_help_subcommand(true);
    whole.build();
    if let Some(folder) = &args.out {
        let named = |cause| {
            let folder = folder.display();
            UsageError::new(format!(
                "{folder} cannot be written: {cause}; name a folder with --out"
            ))
        };
        for path in keep_all(&whole, folder).map_err(named)? {
            super::show(&path.display().to_string());
        }
        return Ok(0);
    }
    let mut page = Vec::new();
    manual(chosen(whole, args.subcommand.as_deref())?).render(&mut page)?;
    // A reader that has had enough (`| head`) is no error.
    let _ = std::io::stdout().write_all(&page);
    Ok(0)
}

fn manual(command: Command) -> Man {
    Man::new(command).source(concat!("coordinator ", env!("CARGO_PKG_VERSION")))
}

/// Writes every page, and says where.
fn keep_all(whole: &Command, folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let pages = std::iter::once(whole).chain(shown(whole));
    pages.map(|command| manual(command.clone()).generate_to(folder)).collect()
}

fn chosen(whole: Command, name: Option<&str>) -> Result<Command, UsageError> {
    let Some(name) = name else { return Ok(whole) };
    shown(&whole).find(|command| command.get_name() == name).cloned().ok_or_else(|| {
        let names: Vec<&str> = shown(&whole).map(Command::get_name).collect();
        let names = names.join(", ");
        UsageError::new(format!("there is no subcommand `{name}`; there are {names}"))
    })
}

/// Subcommands that people call.
fn shown(whole: &Command) -> impl Iterator<Item = &Command> {
    whole.get_subcommands().filter(|command| !command.is_hide_set())
}
