//! What was measured: printed as it comes, written as JSON at the end.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use crate::failure::Failure;

/// One figure, with the baseline it was measured in turns with, where there is one.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// The baseline's value in the same unit.
    pub(crate) baseline: Option<f64>,
    /// The median of the rounds' ratios, not the ratio of the medians.
    pub(crate) ratio: Option<f64>,
}

pub(crate) struct Report {
    path: PathBuf,
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn new(path: PathBuf) -> Self {
        println!(
            "{:<64} {:>12} {:<8} {:>12} {:>7}",
            "", "value", "", "baseline", "ratio"
        );
        Self {
            path,
            figures: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, figure: Figure) {
        let number = |value: Option<f64>, digits: usize| {
            value.map_or_else(String::new, |value| format!("{value:.digits$}"))
        };
        let baseline = number(figure.baseline, 1);
        println!(
            "{:<64} {:>12.1} {:<8} {:>12} {:>7}",
            figure.name,
            figure.value,
            figure.unit,
            baseline,
            number(figure.ratio, 2)
        );
        self.figures.push(figure);
    }

    pub(crate) fn alone(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        let (baseline, ratio) = (None, None);
        self.add(Figure {
            name: name.into(),
            value,
            unit,
            baseline,
            ratio,
        });
    }

    /// Two sides that took turns: one value each per round.
    pub(crate) fn turns(
        &mut self,
        name: impl Into<String>,
        unit: &'static str,
        ours: &[f64],
        baseline: &[f64],
    ) {
        let ratios: Vec<f64> = ours
            .iter()
            .zip(baseline)
            .map(|(ours, theirs)| ours / theirs)
            .collect();
        self.add(Figure {
            name: name.into(),
            value: median(ours),
            unit,
            baseline: Some(median(baseline)),
            ratio: Some(median(&ratios)),
        });
    }

    pub(crate) fn close(self) -> Result<(), Failure> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&self.path, serde_json::to_vec_pretty(&self.figures)?)?;
        println!("\nwritten to {}", self.path.display());
        Ok(())
    }
}

/// The value in the middle; the higher one of an even number.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// The value that so many per cent of all are not above.
pub(crate) fn percentile(values: &[f64], per_cent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() * per_cent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().unwrap_or(f64::NAN)
}
