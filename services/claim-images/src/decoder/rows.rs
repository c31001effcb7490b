//! Counts the rows that a JPEG's coded data really hold. `TurboJPEG` tells its first warning and fills what is missing with
//! grey; where it warned, this second reader walks every code of the picture (ITU-T T.81 annexes F and G), without making
//! pixels of them, and goes on after a damaged part as decoders do. Runs in the child only.

use super::frame::{COEFFICIENTS, Component, Frame, Scan};
use super::huffman::{Bits, Codes, Stop};
use crate::content::MAX_SCANS;
use crate::content::jpeg::{self, Segment};

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    /// Rows of coded units that the picture has, and those that are there in every scan.
    pub(super) rows: u32,
    pub(super) there: u32,
    /// Bits that are no code were met.
    pub(super) damaged: bool,
    /// Where the coded data begin and end.
    pub(super) start: usize,
    pub(super) end: usize,
    /// The last byte is filled up as coders do; chance bytes seldom are.
    pub(super) filled_up: bool,
}

/// Counts the rows of a file that begins with a start of image. None where it is coded in a way that is not read here,
/// or its tables make no sense.
pub(super) fn count(file: &[u8]) -> Option<Counted> {
    let mut reader = Reader {
        file,
        frame: None,
        tables: Tables::default(),
        interval: 0,
        scans: 0,
        found: None,
    };
    for segment in jpeg::segments(file) {
        let read = reader.read(&segment);
        // What follows a whole picture is no part of it, whatever it looks like.
        if reader.is_complete() {
            break;
        }
        read?;
    }
    let mut found = reader.found?;
    // Scans that were lost take no row with them, but the picture is not as it was taken.
    if !reader.frame?.is_refined() {
        found.there = 0;
    }
    Some(found)
}

#[derive(Default)]
struct Tables {
    direct: [Option<Codes>; 4],
    alternating: [Option<Codes>; 4],
}

struct Reader<'a> {
    file: &'a [u8],
    frame: Option<Frame>,
    tables: Tables,
    /// Units between restart markers; 0 for none.
    interval: u32,
    scans: u32,
    found: Option<Counted>,
}

impl Reader<'_> {
    fn is_complete(&self) -> bool {
        self.frame.as_ref().is_some_and(Frame::is_refined)
    }

    fn read(&mut self, segment: &Segment) -> Option<()> {
        let payload = &self.file[segment.payload.clone()];
        match segment.marker {
            jpeg::HUFFMAN_TABLES => self.tables.read(payload),
            jpeg::RESTART_INTERVAL => {
                self.interval = u16::from_be_bytes(*payload.first_chunk()?).into();
                Some(())
            }
            jpeg::SCAN => self.scan(payload, segment.coded.start),
            marker if jpeg::is_frame_header(marker) => {
                self.frame = Some(Frame::read(marker, payload).filter(|_| self.frame.is_none())?);
                Some(())
            }
            // Arithmetic conditioning, a number of lines, a hierarchy.
            0xCC | 0xDC | 0xDE | 0xDF => None,
            _ => Some(()),
        }
    }

    fn scan(&mut self, header: &[u8], start: usize) -> Option<()> {
        self.scans += 1;
        let frame = self.frame.as_mut().filter(|_| self.scans <= MAX_SCANS)?;
        let scan = Scan::read(header, frame)?;
        let (across, down) = frame.units(&scan);
        let mut walk = Walk::new(Bits::new(self.file, start), frame, &scan, &self.tables)?;
        let mut rows = Rows::default();
        let units = across * down;
        let interval = if self.interval == 0 { units } else { self.interval };
        let (mut at, mut restarts) = (0, 0);
        while at < units {
            let until = units.min(at.saturating_add(interval));
            let stopped = if at > 0 && !walk.resume(restarts) {
                Err((at, Stop::NoneLeft))
            } else {
                (at..until).try_for_each(|unit| walk.unit(unit, across).map_err(|stop| (unit, stop)))
            };
            match stopped {
                Ok(()) => {}
                Err((unit, Stop::NoneLeft)) => rows.miss(unit / across, (until - 1) / across),
                Err((_, Stop::NoCode)) => rows.damaged = true,
            }
            restarts = u8::from(at > 0).wrapping_add(restarts);
            at = until;
        }
        let (end, filled_up) = (walk.bits.place(), walk.bits.is_filled_up());
        frame.note(&scan);
        let found = self.note(down, &rows, start);
        (found.end, found.filled_up) = (end, filled_up);
        Some(())
    }

    fn note(&mut self, down: u32, rows: &Rows, start: usize) -> &mut Counted {
        // Scans count their rows in different units: the share is what is kept.
        let there = down - rows.missing.min(down);
        let found = self.found.get_or_insert(Counted {
            rows: down,
            there: down,
            damaged: false,
            start,
            end: start,
            filled_up: true,
        });
        let share = u64::from(there) * u64::from(found.rows) / u64::from(down.max(1));
        found.there = found.there.min(u32::try_from(share).unwrap_or(0));
        found.damaged |= rows.damaged;
        found
    }
}

/// Rows of units in a scan.
#[derive(Default)]
struct Rows {
    missing: u32,
    /// The first row that was not looked at yet.
    next: u32,
    damaged: bool,
}

impl Rows {
    fn miss(&mut self, from: u32, last: u32) {
        self.missing += (last + 1).saturating_sub(from.max(self.next));
        self.next = self.next.max(last + 1);
    }
}

impl Tables {
    fn read(&mut self, mut payload: &[u8]) -> Option<()> {
        while let Some((place, rest)) = payload.split_first() {
            let (codes, rest) = Codes::read(rest)?;
            let tables = if place & 0xF0 == 0 {
                &mut self.direct
            } else {
                &mut self.alternating
            };
            *tables.get_mut(usize::from(place & 0x0F))? = Some(codes);
            payload = rest;
        }
        Some(())
    }
}

/// A walk over the units of one scan.
struct Walk<'a> {
    bits: Bits<'a>,
    scan: &'a Scan,
    parts: Vec<Blocks<'a>>,
    /// Blocks still to come in which no further coefficient is set.
    run: u32,
}

/// The blocks of one component and how they are coded in this scan.
struct Blocks<'a> {
    /// The component's place in the frame.
    index: usize,
    component: &'a mut Component,
    direct: Option<&'a Codes>,
    alternating: Option<&'a Codes>,
}

impl<'a> Walk<'a> {
    fn new(bits: Bits<'a>, frame: &'a mut Frame, scan: &'a Scan, tables: &'a Tables) -> Option<Self> {
        let begins = *scan.spectrum.start() == 0;
        let direct = begins && !scan.refines;
        let alternating = !frame.progressive || !begins;
        let mut parts = Vec::new();
        for (index, component) in frame.components.iter_mut().enumerate() {
            let Some(part) = scan.parts.iter().find(|part| part.component == index) else {
                continue;
            };
            let table = |tables: &'a [Option<Codes>; 4], at: usize| tables.get(at)?.as_ref();
            let blocks = Blocks {
                index,
                component,
                direct: table(&tables.direct, part.direct_table).filter(|_| direct),
                alternating: table(&tables.alternating, part.alternating_table).filter(|_| alternating),
            };
            if blocks.direct.is_some() != direct || blocks.alternating.is_some() != alternating {
                return None;
            }
            parts.push(blocks);
        }
        // Interleaved in the scan's order, which need not be the frame's.
        parts.sort_by_key(|blocks| scan.place(blocks.index));
        Some(Self {
            bits,
            scan,
            parts,
            run: 0,
        })
    }

    /// Goes on behind the restart marker that is due; whether there are data before the next one. An earlier one, or
    /// bytes that mean nothing, are passed; a later one shows that this part is missing (as libjpeg resynchronises).
    fn resume(&mut self, restarts: u8) -> bool {
        self.run = 0;
        while let Some((marker, behind)) = self.bits.marker() {
            let ahead = match marker {
                0xD0..=0xD7 => marker.wrapping_sub(0xD0).wrapping_sub(restarts) % 8,
                0x01..=0xBF => 7,
                _ => return false,
            };
            match ahead {
                1 | 2 => return false,
                6 | 7 => self.bits.restart(behind),
                _ => {
                    self.bits.restart(behind);
                    return true;
                }
            }
        }
        false
    }

    fn unit(&mut self, unit: u32, across: u32) -> Result<(), Stop> {
        let (x, y) = (unit % across, unit / across);
        let alone = self.parts.len() == 1;
        for part in &mut self.parts {
            let (wide, high) = if alone {
                (1, 1)
            } else {
                (part.component.across, part.component.down)
            };
            for row in 0..high {
                for column in 0..wide {
                    let block = (y * high + row) * part.component.stride + x * wide + column;
                    part.block(&mut self.bits, self.scan, &mut self.run, block as usize)?;
                }
            }
        }
        Ok(())
    }
}

impl Blocks<'_> {
    fn block(&mut self, bits: &mut Bits, scan: &Scan, run: &mut u32, block: usize) -> Result<(), Stop> {
        if let Some(codes) = self.direct {
            let size = bits.symbol(codes)?;
            if size > 16 {
                return Err(Stop::NoCode);
            }
            bits.bits(size.into())?;
        } else if *scan.spectrum.start() == 0 {
            bits.bits(1)?;
        }
        let Some(codes) = self.alternating else {
            return Ok(());
        };
        let Some(set) = self.component.set.get_mut(block) else {
            return whole(bits, codes);
        };
        if scan.refines {
            refine(bits, codes, scan, run, set)
        } else {
            begin(bits, codes, scan, run, set)
        }
    }
}

/// The alternating coefficients of a sequential block (annex F.2.2.2).
fn whole(bits: &mut Bits, codes: &Codes) -> Result<(), Stop> {
    let mut at = 1;
    while at < COEFFICIENTS {
        let (zeros, size) = run_and_size(bits.symbol(codes)?);
        match (zeros, size) {
            (15, 0) => at += 16,
            (_, 0) => return Ok(()),
            _ => {
                bits.bits(size)?;
                at += zeros as usize + 1;
            }
        }
    }
    Ok(())
}

/// The first bits of a progressive block's coefficients (annex G.1.2.2).
fn begin(bits: &mut Bits, codes: &Codes, scan: &Scan, run: &mut u32, set: &mut u64) -> Result<(), Stop> {
    if *run > 0 {
        *run -= 1;
        return Ok(());
    }
    let mut at = *scan.spectrum.start();
    while at <= *scan.spectrum.end() {
        let (zeros, size) = run_and_size(bits.symbol(codes)?);
        match (zeros, size) {
            (15, 0) => at += 16,
            (_, 0) => {
                *run = (1 << zeros) + bits.bits(zeros)? - 1;
                return Ok(());
            }
            _ => {
                at += zeros as usize;
                bits.bits(size)?;
                *set |= bit(at);
                at += 1;
            }
        }
    }
    Ok(())
}

/// A further bit of a progressive block's coefficients (annex G.1.2.3).
fn refine(bits: &mut Bits, codes: &Codes, scan: &Scan, run: &mut u32, set: &mut u64) -> Result<(), Stop> {
    let last = *scan.spectrum.end();
    let mut at = *scan.spectrum.start();
    while *run == 0 && at <= last {
        let (mut zeros, size) = run_and_size(bits.symbol(codes)?);
        match (zeros, size) {
            (15, 0) => {}
            (_, 0) => {
                *run = (1 << zeros) + bits.bits(zeros)?;
                break;
            }
            _ => drop(bits.bits(1)?),
        }
        while at <= last {
            if *set & bit(at) != 0 {
                bits.bits(1)?;
            } else if zeros == 0 {
                break;
            } else {
                zeros -= 1;
            }
            at += 1;
        }
        if size > 0 && at <= last {
            *set |= bit(at);
        }
        at += 1;
    }
    if *run > 0 {
        for at in at..=last {
            if *set & bit(at) != 0 {
                bits.bits(1)?;
            }
        }
        *run -= 1;
    }
    Ok(())
}

/// The place of a coefficient among those of a block; of one beyond the last, none.
const fn bit(coefficient: usize) -> u64 {
    if coefficient < COEFFICIENTS {
        1 << coefficient
    } else {
        0
    }
}

fn run_and_size(symbol: u8) -> (u32, u32) {
    (u32::from(symbol >> 4), u32::from(symbol & 0x0F))
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
