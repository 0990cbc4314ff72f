//! Eight bytes at a time: where a byte is next, and whether there is one of a kind.
//!
//! Most texts have a quote or a backslash every few bytes, and a hostile one has them wherever they cost most. A search with vectors
//! takes longer to begin than such a run takes byte by byte; a word of eight bytes is quick for both.

use memchr::memchr;

/// The bytes of a word.
pub(crate) const WORD: usize = size_of::<u64>();

/// From so many bytes on, a search with vectors is worth its beginning.
const SHORT_RUN: usize = 4 * WORD;

/// Where `byte` is next from `at` on; the length where it is no more.
pub(crate) fn position_of(byte: u8, bytes: &[u8], mut at: usize) -> usize {
    let short_run_end = at + SHORT_RUN;
    while at < short_run_end {
        let Some(word) = word_at(bytes, at) else {
            while at < bytes.len() && bytes[at] != byte {
                at += 1;
            }
            return at.min(bytes.len());
        };
        let position = position_in(word, byte);
        if position < WORD {
            return at + position;
        }
        at += WORD;
    }
    memchr(byte, &bytes[at..]).map_or(bytes.len(), |distance| at + distance)
}

/// The eight bytes from `at` on, the first the lowest; `None` where there are fewer.
pub(crate) fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*word))
}

/// Where `byte` is first among the bytes of a word; eight where it is not.
///
/// What differs is not zero. Subtracting one from each byte borrows from the highest bit of the first that is zero, and the bits of
/// later ones do not count. <https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>
pub(crate) fn position_in(word: u64, byte: u8) -> usize {
    below(word ^ (ONES * u64::from(byte)), 1).trailing_zeros() as usize / WORD
}

/// The highest bit of each byte of a word that is `byte`.
///
/// What differs is not zero: either its highest bit is set, or adding 127 to the others sets it.
pub(crate) fn each(word: u64, byte: u8) -> u64 {
    let different = word ^ (ONES * u64::from(byte));
    !(((different & LOW_BITS) + LOW_BITS) | different | LOW_BITS)
}

/// The highest bits of the bytes of a word, that of the first the lowest; the other bits must be 0.
///
/// Each one of the factor moves the bit of one byte to its place in the highest byte, and no two meet.
pub(crate) fn bits(highest: u64) -> u8 {
    highest.wrapping_mul(0x0002_0408_1020_4081).to_be_bytes()[0]
}

/// Whether among the bytes of a word is a control character, or this byte.
pub(crate) fn holds_control_or(word: u64, byte: u8) -> bool {
    below(word, b' ') | below(word ^ (ONES * u64::from(byte)), 1) != 0
}

const ONES: u64 = u64::MAX / 255;

const LOW_BITS: u64 = ONES * 0x7f;

/// The highest bit of the first byte that is less than `limit`, which is at most 128; what stands in the bytes above it does not count.
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(limit)) & !word & (ONES << 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_in_a_word_is_that_of_the_first_such_byte() {
        // A byte that differs in its lowest bit, or is zero, or has its highest bit set, is where such sums go wrong.
        for other in [b'x', b'#', 0, 0x80, 0xa2, 0xff] {
            for at in 0..=WORD {
                let mut bytes = [other; WORD];
                bytes[at.min(WORD - 1)..].fill(b'"');
                let expected = if at < WORD { at } else { WORD - 1 };
                assert_eq!(position_in(u64::from_le_bytes(bytes), b'"'), expected, "{other:#x} {at}");
            }
            assert_eq!(position_in(u64::from_le_bytes([other; WORD]), b'"'), WORD);
        }
    }

    #[test]
    fn each_such_byte_of_a_word_is_told() {
        for other in [b'x', b'#', b'!', 0, 0x80, 0xa2, 0xff] {
            for which in 0..=u8::MAX {
                let is_such = |at: usize| which >> at & 1 == 1;
                let bytes = std::array::from_fn(|at| if is_such(at) { b'"' } else { other });
                let highest = std::array::from_fn(|at| if is_such(at) { 0x80 } else { 0 });
                let found = each(u64::from_le_bytes(bytes), b'"');
                assert_eq!(found, u64::from_le_bytes(highest), "{other:#x} {which:#b}");
                assert_eq!(bits(found), which);
            }
        }
    }

    #[test]
    fn a_word_is_searched_for_control_characters() {
        for byte in 0..=u8::MAX {
            for at in 0..WORD {
                let mut bytes = *b"~ z\x7f\x80\xff{ ";
                bytes[at] = byte;
                let is_held = byte < b' ' || byte == 0xef;
                assert_eq!(holds_control_or(u64::from_le_bytes(bytes), 0xef), is_held, "{byte:#x} {at}");
            }
        }
    }

    #[test]
    fn a_byte_is_found_wherever_it_is() {
        for length in 0..100 {
            let mut bytes = vec![b'#'; length];
            assert_eq!(position_of(b'"', &bytes, 0), length);
            for at in (0..length).rev() {
                bytes[at] = b'"';
                for from in 0..=length {
                    let expected = from.max(at).min(length);
                    assert_eq!(position_of(b'"', &bytes, from), expected, "{at} from {from} of {length}");
                }
            }
        }
    }
}
