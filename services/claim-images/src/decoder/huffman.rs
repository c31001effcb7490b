//! Huffman codes of JPEG (ITU-T T.81 annexes C and F): reads codes and the bits behind them, and knows when none are left.

/// Codes of at most this many bits are found by one look.
const QUICK_BITS: u32 = 9;
const LONGEST_CODE: u32 = 16;

/// Why reading stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bits end here, at a marker or with the file.
    NoneLeft,
    /// Bits that are no code of the table.
    NoCode,
}

/// A table of codes.
#[derive(Clone)]
pub(super) struct Codes {
    /// By the next [`QUICK_BITS`] bits: length and symbol; length 0 for longer codes.
    quick: Vec<(u8, u8)>,
    /// By length: the first code that is longer, aligned to 16 bits; then the index of the first symbol less its code.
    longer: [(u32, i32); LONGEST_CODE as usize + 1],
    symbols: Vec<u8>,
}

impl Codes {
    /// Reads how many codes each length has, then their symbols; gives what follows. None for codes that do not fit.
    pub(super) fn read(table: &[u8]) -> Option<(Self, &[u8])> {
        let (counts, rest) = table.split_at_checked(LONGEST_CODE as usize)?;
        let total = counts.iter().map(|count| usize::from(*count)).sum();
        let (symbols, rest) = rest.split_at_checked(total)?;
        let mut codes = Self {
            quick: vec![(0, 0); 1 << QUICK_BITS],
            longer: [(0, 0); LONGEST_CODE as usize + 1],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut index) = (0_u32, 0_u32);
        for (length, count) in (1..=LONGEST_CODE).zip(counts) {
            codes.longer[length as usize].1 = i32::try_from(index).ok()? - i32::try_from(code).ok()?;
            for _ in 0..*count {
                if code >= 1 << length {
                    return None;
                }
                codes.note_quick(code, length, symbols[index as usize]);
                (code, index) = (code + 1, index + 1);
            }
            codes.longer[length as usize].0 = code << (LONGEST_CODE - length);
            code <<= 1;
        }
        Some((codes, rest))
    }

    fn note_quick(&mut self, code: u32, length: u32, symbol: u8) {
        if length <= QUICK_BITS {
            let spare = QUICK_BITS - length;
            let first = (code << spare) as usize;
            let entry = (u8::try_from(length).unwrap_or_default(), symbol);
            self.quick[first..first + (1 << spare)].fill(entry);
        }
    }

    fn find(&self, next: u32) -> Option<(u32, u8)> {
        let (length, symbol) = self.quick[(next >> (LONGEST_CODE - QUICK_BITS)) as usize];
        if length > 0 {
            return Some((length.into(), symbol));
        }
        let length = (QUICK_BITS + 1..=LONGEST_CODE).find(|length| next < self.longer[*length as usize].0)?;
        let code = i32::try_from(next >> (LONGEST_CODE - length)).ok()?;
        let index = usize::try_from(code + self.longer[length as usize].1).ok()?;
        Some((length, *self.symbols.get(index)?))
    }
}

/// Reads a scan's bits up to the next marker.
pub(super) struct Bits<'a> {
    file: &'a [u8],
    /// Where the bits since the last restart begin.
    start: usize,
    /// The next byte to load.
    at: usize,
    buffer: u64,
    loaded: u32,
    taken: usize,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(file: &'a [u8], start: usize) -> Self {
        Self {
            file,
            start,
            at: start,
            buffer: 0,
            loaded: 0,
            taken: 0,
        }
    }

    /// Goes on at another place, with the bits there.
    pub(super) const fn restart(&mut self, at: usize) {
        *self = Self::new(self.file, at);
    }

    /// The next marker from here on and the place behind it; stray bytes before it are stepped over.
    pub(super) fn marker(&self) -> Option<(u8, usize)> {
        let mut at = self.at;
        loop {
            at += self.file.get(at..)?.iter().position(|byte| *byte == 0xFF)?;
            match *self.file.get(at + 1)? {
                0xFF => at += 1,
                0x00 => at += 2,
                marker => return Some((marker, at + 2)),
            }
        }
    }

    /// Where the byte begins that follows all bits taken so far.
    pub(super) fn place(&self) -> usize {
        let mut at = self.start;
        for _ in 0..self.taken.div_ceil(8) {
            at = self.following(at).map_or(at, |(_, next)| next);
        }
        at
    }

    /// Whether what is left of the last byte are ones, as coders fill it up (annex F.1.2.3).
    pub(super) fn is_filled_up(&self) -> bool {
        let left = u32::try_from(self.taken.next_multiple_of(8) - self.taken).unwrap_or(0);
        left == 0 || self.buffer >> (u64::BITS - left) == (1 << left) - 1
    }

    /// The symbol of the next code.
    pub(super) fn symbol(&mut self, codes: &Codes) -> Result<u8, Stop> {
        self.load();
        let next = u32::try_from(self.buffer >> (u64::BITS - LONGEST_CODE)).unwrap_or_default();
        let (length, symbol) = codes.find(next).ok_or({
            if self.loaded >= LONGEST_CODE {
                Stop::NoCode
            } else {
                Stop::NoneLeft
            }
        })?;
        self.take(length)?;
        Ok(symbol)
    }

    /// The next bits, at most 16.
    pub(super) fn bits(&mut self, count: u32) -> Result<u32, Stop> {
        if count == 0 {
            return Ok(0);
        }
        self.load();
        let value = u32::try_from(self.buffer >> (u64::BITS - count)).unwrap_or_default();
        self.take(count)?;
        Ok(value)
    }

    fn take(&mut self, count: u32) -> Result<(), Stop> {
        self.loaded = self.loaded.checked_sub(count).ok_or(Stop::NoneLeft)?;
        self.buffer <<= count;
        self.taken += count as usize;
        Ok(())
    }

    fn load(&mut self) {
        while self.loaded <= 56 {
            let Some((byte, next)) = self.following(self.at) else {
                return;
            };
            self.at = next;
            self.loaded += 8;
            self.buffer |= u64::from(byte) << (u64::BITS - self.loaded);
        }
    }

    /// The coded byte at a place and the place of the next one; none at a marker.
    fn following(&self, at: usize) -> Option<(u8, usize)> {
        match *self.file.get(at)? {
            0xFF => {
                let fill = self.file[at..].iter().position(|byte| *byte != 0xFF)?;
                (self.file[at + fill] == 0).then_some((0xFF, at + fill + 1))
            }
            byte => Some((byte, at + 1)),
        }
    }
}
