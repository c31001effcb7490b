//! Damage of every kind, one to three to a file. What becomes of the picture nobody knows.

use claim_images::domain::ContentType;
use rand::{Rng as _, RngExt as _};
use rand_chacha::ChaCha8Rng;

use super::{Source, Sources, parts};

/// Longest run of bytes that is put in, taken out or overwritten.
const RUN: usize = 4096;

#[derive(Debug, Clone, Copy)]
enum Damage {
    Flip,
    Zero,
    Fill,
    Noise,
    Insert,
    Remove,
    Cut,
    Append,
    Swap,
    Double,
    Drop,
    Length,
    Number,
    Graft,
}

const DAMAGES: [Damage; 14] = [
    Damage::Flip,
    Damage::Zero,
    Damage::Fill,
    Damage::Noise,
    Damage::Insert,
    Damage::Remove,
    Damage::Cut,
    Damage::Append,
    Damage::Swap,
    Damage::Double,
    Damage::Drop,
    Damage::Length,
    Damage::Number,
    Damage::Graft,
];

/// What was done, and the file, which has a byte at least.
pub(super) fn some(random: &mut ChaCha8Rng, source: &Source, sources: &Sources) -> (String, Vec<u8>) {
    let (mut file, mut done) = (source.bytes.clone(), Vec::new());
    for _ in 0..random.random_range(1..=3) {
        let damage = DAMAGES[random.random_range(0..DAMAGES.len())];
        if let Some(damaged) = damaged(random, damage, source.kind, &file, sources) {
            done.push(format!("{damage:?}"));
            file = damaged;
        }
        if file.is_empty() {
            file.push(0xFF);
        }
    }
    (done.join(" "), file)
}

/// The file after one damage; nothing where it has no part to be damaged.
fn damaged(
    random: &mut ChaCha8Rng,
    damage: Damage,
    kind: ContentType,
    file: &[u8],
    sources: &Sources,
) -> Option<Vec<u8>> {
    let mut changed = file.to_vec();
    let at = random.random_range(0..file.len());
    let run = at..(at + run(random)).min(file.len());
    let mut parts = parts::of(kind, file);
    let part = (!parts.is_empty()).then(|| parts.swap_remove(random.random_range(0..parts.len())));
    match damage {
        Damage::Flip => {
            for _ in 0..random.random_range(1..=16) {
                let at = random.random_range(0..changed.len());
                changed[at] ^= 1 << random.random_range(0..8);
            }
        }
        Damage::Zero => changed[run].fill(0),
        Damage::Fill => changed[run].fill(0xFF),
        Damage::Noise => random.fill_bytes(&mut changed[run]),
        Damage::Insert => {
            let mut bytes = vec![0; run.len()];
            random.fill_bytes(&mut bytes);
            changed.splice(at..at, bytes);
        }
        Damage::Remove => drop(changed.drain(run)),
        Damage::Cut => changed.truncate(at),
        Damage::Append => changed.extend_from_slice(&file[run]),
        Damage::Double => {
            let part = part?.whole;
            changed.splice(part.start..part.start, file[part].to_vec());
        }
        Damage::Drop => drop(changed.drain(part?.whole)),
        Damage::Swap => {
            let (one, other) = (part?.whole, parts.get(at % parts.len().max(1))?.whole.clone());
            let (first, second) = if one.start < other.start {
                (one, other)
            } else {
                (other, one)
            };
            if first.end > second.start {
                return None;
            }
            let between = &file[first.end..second.start];
            let swapped = [&file[second.clone()], between, &file[first.clone()]].concat();
            changed.splice(first.start..second.end, swapped);
        }
        Damage::Length => {
            let length = part?.length;
            overwrite(random, &mut changed, length.start, length.len());
        }
        Damage::Number => {
            let content = part?.content;
            let at = random.random_range(content.start..=content.end.min(content.start + 64));
            let bytes = [1, 2, 4][random.random_range(0..3)];
            overwrite(random, &mut changed, at, bytes);
        }
        Damage::Graft => {
            let other = &sources.pick_of(random, kind).bytes;
            let from = random.random_range(0..other.len());
            let until = (from + run.len()).min(other.len());
            changed.splice(run, other[from..until].to_vec());
        }
    }
    Some(changed)
}

/// Mostly short, seldom long.
fn run(random: &mut ChaCha8Rng) -> usize {
    let longest = [4, 64, RUN][random.random_range(0..3)];
    random.random_range(1..=longest)
}

/// A number that readers stumble over, as wide as it is given.
fn overwrite(random: &mut ChaCha8Rng, file: &mut [u8], at: usize, width: usize) {
    let Some(place) = file.get_mut(at..at + width) else {
        return;
    };
    match random.random_range(0..6) {
        0 => place.fill(0),
        1 => place.fill(0xFF),
        2 => place.iter_mut().skip(1).for_each(|byte| *byte = 0),
        3 => random.fill_bytes(place),
        // One more or less in a byte, mostly the last.
        4 => {
            if let Some(last) = place.last_mut() {
                *last = last.wrapping_add(1);
            }
        }
        _ => {
            if let Some(first) = place.first_mut() {
                *first = first.wrapping_sub(1);
            }
        }
    }
}
