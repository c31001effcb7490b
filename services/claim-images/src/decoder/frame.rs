//! What a JPEG's frame and scan headers say (ITU-T T.81 annex B.2), as far as counting its rows needs it.

use std::ops::RangeInclusive;

use crate::content::jpeg;

pub(super) const COEFFICIENTS: usize = 64;
const PROGRESSIVE: u8 = 0xC2;
/// The lowest bit of a coefficient of which a scan in between is missing.
const LOST: u8 = u8::MAX;

/// The frame, and what its scans have brought so far.
pub(super) struct Frame {
    pub(super) progressive: bool,
    pub(super) components: Vec<Component>,
    /// Interleaved units across and down.
    units: (u32, u32),
}

pub(super) struct Component {
    id: u8,
    pub(super) across: u32,
    pub(super) down: u32,
    /// Blocks that hold pixels, across and down: the units of a scan of this component alone.
    blocks: (u32, u32),
    /// Blocks from one row to the next, those that fill up the last unit included.
    pub(super) stride: u32,
    /// By coefficient: the lowest bit that was sent; none where nothing was.
    lowest: [Option<u8>; COEFFICIENTS],
    /// Of a progressive frame, by block: which coefficients are not zero so far.
    pub(super) set: Vec<u64>,
}

impl Frame {
    /// Reads a frame of 8 bits a sample, sequential or progressive; none of another kind.
    pub(super) fn read(marker: u8, payload: &[u8]) -> Option<Self> {
        let progressive = marker == PROGRESSIVE;
        let [
            8,
            height_high,
            height_low,
            width_high,
            width_low,
            count,
            components @ ..,
        ] = payload
        else {
            return None;
        };
        if !progressive && !jpeg::is_sequential(marker) || !(1..=4).contains(count) {
            return None;
        }
        let height = u32::from(u16::from_be_bytes([*height_high, *height_low]));
        let width = u32::from(u16::from_be_bytes([*width_high, *width_low]));
        let described: Vec<_> = components.chunks_exact(3).take((*count).into()).collect();
        let factors = |described: &&[u8]| (u32::from(described[1] >> 4), u32::from(described[1] & 0x0F));
        let possible = |(across, down)| (1..=4).contains(&across) && (1..=4).contains(&down);
        if described.len() != usize::from(*count)
            || width == 0
            || height == 0
            || !described.iter().map(factors).all(possible)
        {
            return None;
        }
        let most_across = described.iter().map(|one| factors(one).0).max()?;
        let most_down = described.iter().map(|one| factors(one).1).max()?;
        let units = (width.div_ceil(8 * most_across), height.div_ceil(8 * most_down));
        let component = |described: &&[u8]| {
            let (across, down) = factors(described);
            let blocks = (
                (width * across).div_ceil(most_across).div_ceil(8),
                (height * down).div_ceil(most_down).div_ceil(8),
            );
            let stride = units.0 * across;
            let kept = if progressive { stride * units.1 * down } else { 0 };
            Component {
                id: described[0],
                across,
                down,
                blocks,
                stride,
                lowest: [None; COEFFICIENTS],
                set: vec![0; kept as usize],
            }
        };
        Some(Self {
            progressive,
            components: described.iter().map(component).collect(),
            units,
        })
    }

    /// Units across and down of a scan of these components.
    pub(super) fn units(&self, scan: &Scan) -> (u32, u32) {
        match scan.parts[..] {
            [part] => self.components[part.component].blocks,
            _ => self.units,
        }
    }

    /// Notes what a scan has brought.
    pub(super) fn note(&mut self, scan: &Scan) {
        for part in &scan.parts {
            for lowest in &mut self.components[part.component].lowest[scan.spectrum.clone()] {
                *lowest = Some(if *lowest == scan.continues { scan.low } else { LOST });
            }
        }
    }

    /// Whether all bits of all coefficients were sent.
    pub(super) fn is_refined(&self) -> bool {
        let is_refined = |component: &Component| component.lowest.iter().all(|lowest| *lowest == Some(0));
        self.components.iter().all(is_refined)
    }
}

/// A scan's header.
pub(super) struct Scan {
    pub(super) parts: Vec<Part>,
    /// In zigzag order.
    pub(super) spectrum: RangeInclusive<usize>,
    /// The bits of this spectrum were begun by an earlier scan.
    pub(super) refines: bool,
    /// The lowest bit that was sent before this scan; none for the first.
    continues: Option<u8>,
    low: u8,
}

/// One component of a scan.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// Its place in the frame.
    pub(super) component: usize,
    pub(super) direct_table: usize,
    pub(super) alternating_table: usize,
}

impl Scan {
    /// Reads a header; none of one that does not fit the frame.
    pub(super) fn read(header: &[u8], frame: &Frame) -> Option<Self> {
        let (count, rest) = header.split_first()?;
        let (described, parameters) = rest.split_at_checked(2 * usize::from(*count))?;
        let part = |described: &[u8]| {
            let id = described[0];
            Some(Part {
                component: frame.components.iter().position(|component| component.id == id)?,
                direct_table: usize::from(described[1] >> 4),
                alternating_table: usize::from(described[1] & 0x0F),
            })
        };
        let parts: Vec<_> = described.chunks_exact(2).map(part).collect::<Option<_>>()?;
        if parts.is_empty() {
            return None;
        }
        if !frame.progressive {
            // Whatever the parameters say: some phones write zeros.
            return Some(Self {
                parts,
                spectrum: 0..=COEFFICIENTS - 1,
                refines: false,
                continues: None,
                low: 0,
            });
        }
        let [first, last, bits] = *parameters.first_chunk()?;
        let fits = if first == 0 {
            last == 0
        } else {
            first <= last && parts.len() == 1
        };
        let (high, low) = (bits >> 4, bits & 0x0F);
        (fits && usize::from(last) < COEFFICIENTS && low <= 13).then_some(Self {
            parts,
            spectrum: first.into()..=last.into(),
            refines: high > 0,
            continues: Some(high).filter(|high| *high > 0),
            low,
        })
    }

    /// Where in the scan a component of the frame stands.
    pub(super) fn place(&self, component: usize) -> Option<usize> {
        self.parts.iter().position(|part| part.component == component)
    }
}
