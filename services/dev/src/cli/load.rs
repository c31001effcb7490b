//! `madoguchi load`: makes a long history of what a stack has written, and measures a rebuild of the views over it.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use crate::load::{Figures, Following, Load as Beside, follow, load, measure};
use crate::say;
use crate::stack::Stack;

#[derive(Args)]
pub(super) struct Load {
    /// How many events to write; 0 measures what is there
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    events: u64,
    /// Events that the views then follow as they are sent; 0 measures no following
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    follow: u64,
    /// Rebuild with nothing beside it
    #[arg(long)]
    alone: bool,
    /// Where the figures are written
    #[arg(long, value_name = "FILE", default_value = "target/rebuild.json")]
    report: PathBuf,
}

impl Load {
    /// The stack of `data` must have been run before and be stopped.
    pub(super) async fn execute(self, data: &Path) -> Result<(), Failure> {
        let programs = std::env::current_exe()?
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default();
        let mut stack = Stack::start(data, &programs).await?;
        if self.events > 0 {
            let written = load(&mut stack, self.events).await?;
            say!("{written} events written");
        }
        let beside = if self.alone {
            Beside::Nothing
        } else {
            Beside::QueriesAndCommands
        };
        let figures = measure(&mut stack, beside).await;
        if self.follow > 0 && figures.is_ok() {
            show_following(&follow(&mut stack, self.follow).await?);
        }
        stack.stop().await;
        let figures = figures?;
        if let Some(parent) = self.report.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&self.report, serde_json::to_vec_pretty(&figures)?)?;
        show(&figures);
        Ok(())
    }
}

fn show_following(following: &Following) {
    say!("{:<34}{:>12.0}", "followed, events/s", following.per_second);
    say!(
        "{:<34}{:>12.0}",
        "serial fenced messages/s",
        following.serial_per_second
    );
}

fn show(figures: &Figures) {
    say!("{:<34}{:>12}", "events", figures.events);
    say!("{:<34}{:>12.1}", "rebuilt in, s", figures.rebuild_seconds);
    say!("{:<34}{:>12}", "rows", figures.rows);
    say!("{:<34}{:>12.1}", "copied in, s", figures.copy_seconds);
    say!("{:<34}{:>12.2}", "events/s ÷ copied rows/s", figures.ratio);
    say!(
        "{:<34}{:>12.0}",
        "most memory of the views, MiB",
        figures.peak_mib
    );
    say!("{:<34}{:>12}", "queries meanwhile", figures.queries);
    say!("{:<34}{:>12}", "of these failed", figures.queries_failed);
    say!(
        "{:<34}{:>12}",
        "the slowest pair of them, ms",
        figures.slowest_query_ms
    );
    say!("{:<34}{:>12}", "rows imported meanwhile", figures.commands);
    say!("{:<34}{:>12}", "rows that differ", figures.differing_rows);
}
