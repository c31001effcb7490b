//! CSV files as they must not be: written from a seed, with quotation marks too many, lines cut, joined or blank, and bytes of no
//! encoding. Whoever writes one says what stands in its cells.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Stands in a text for a byte that is of no encoding.
pub const BAD_BYTE: char = '\u{FFFD}';

/// A damaged file.
#[derive(Debug)]
pub struct DamagedCsv {
    /// Its text, with [`BAD_BYTE`].
    pub text: String,
    /// What its lines end with.
    pub end: &'static str,
}

/// What may happen to one line.
#[derive(Clone, Copy)]
enum Damage {
    StrayOpening,
    StrayClosing,
    StrayWithin,
    NoEnd,
    Cut,
    CellMore,
    CellLess,
    Blank,
    BadByte,
}

const DAMAGES: [Damage; 9] = [
    Damage::StrayOpening,
    Damage::StrayClosing,
    Damage::StrayWithin,
    Damage::NoEnd,
    Damage::Cut,
    Damage::CellMore,
    Damage::CellLess,
    Damage::Blank,
    Damage::BadByte,
];

/// How often lines are damaged, of a thousand; how often cells are quoted that need not be, of a hundred; what lines end with.
#[derive(Clone, Copy)]
struct Style {
    damaged: u32,
    quoted: u32,
    end: &'static str,
}

impl DamagedCsv {
    /// Writes a file of this header and so many rows, from 1. `cell` says what stands in a row's column, from 0.
    pub fn write(
        seed: u64,
        header: &[String],
        rows: u32,
        mut cell: impl FnMut(&mut ChaCha8Rng, u32, usize, &str) -> String,
    ) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let style = Style {
            damaged: [0, 2, 20, 200][random.random_range(0..4)],
            quoted: [0, 5, 50, 100][random.random_range(0..4)],
            end: ["\n", "\r\n", "\r"][random.random_range(0..3)],
        };
        let mut text = header.join(",") + style.end;
        // Two damaged neighbours can make one good row of wrong content, which no reader can know.
        let mut damaged = false;
        for row in 1..=rows {
            let cells = (0..header.len()).map(|column| {
                let value = cell(&mut random, row, column, style.end);
                quoted(&mut random, value, style)
            });
            let cells = cells.collect();
            let damage = damage(&mut random, style).filter(|_| !damaged);
            damaged = damage.is_some();
            text += &line(&mut random, cells, style, damage);
        }
        if random.random_range(0..4) == 0 {
            text.push('"');
        }
        Self { text, end: style.end }
    }
}

fn quoted(random: &mut ChaCha8Rng, value: String, style: Style) -> String {
    if value.contains(['"', ',', '\n', '\r']) || random.random_range(0..100) < style.quoted {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value
    }
}

fn damage(random: &mut ChaCha8Rng, style: Style) -> Option<Damage> {
    let damaged = random.random_range(0..1_000) < style.damaged;
    damaged.then(|| DAMAGES[random.random_range(0..DAMAGES.len())])
}

fn line(random: &mut ChaCha8Rng, mut cells: Vec<String>, style: Style, damage: Option<Damage>) -> String {
    let place = random.random_range(0..cells.len());
    match damage {
        Some(Damage::StrayOpening) => cells[place].insert(0, '"'),
        Some(Damage::StrayClosing) => cells[place].push('"'),
        Some(Damage::StrayWithin) => {
            let second = cells[place].char_indices().nth(1);
            cells[place].insert(second.map_or(0, |(at, _)| at), '"');
        }
        Some(Damage::CellMore) => {
            let again = cells[place].clone();
            cells.push(again);
        }
        Some(Damage::CellLess) => {
            cells.pop();
        }
        Some(Damage::BadByte) => cells[place].push(BAD_BYTE),
        Some(Damage::NoEnd | Damage::Cut | Damage::Blank) | None => {}
    }
    let mut line = cells.join(",");
    if matches!(damage, Some(Damage::Cut)) {
        let keep = line.char_indices().nth(12).map_or(0, |(at, _)| at);
        line.truncate(keep);
    }
    match damage {
        Some(Damage::NoEnd) => line,
        Some(Damage::Blank) => format!("{line}{0}{0}", style.end),
        _ => line + style.end,
    }
}
