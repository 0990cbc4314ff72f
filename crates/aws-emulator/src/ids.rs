//! Identifiers and draws that look random and are the same in every run with the same seed.

/// A source of identifiers: the i-th one is always the same for the same seed.
#[derive(Debug)]
pub(crate) struct Ids {
    state: u64,
}

impl Ids {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A text in the form of a version 4 UUID, as the services' message and request ids are.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 48 & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }

    /// `length` characters of A–Z and 2–7, as access key ids are made of.
    pub(crate) fn base32(&mut self, length: usize) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        (0..length).map(|_| char::from(ALPHABET[usize::from(self.next().to_be_bytes()[0] & 31)])).collect()
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.state)
    }
}

/// A number in 0.0..1.0 that depends on `seed`, `subject` and `nth` alone, and on nothing that
/// happens at the same time: concurrent calls cannot change each other's luck.
pub(crate) fn draw(seed: u64, subject: &[u8], nth: u64) -> f64 {
    let mixed = scramble(scramble(seed ^ fingerprint(subject)).wrapping_add(nth));
    // 32 bits are exact in an f64, and fine enough for a probability.
    f64::from(u32::from_be_bytes(
        // The first half of eight bytes is four bytes.
        mixed.to_be_bytes()[..4].try_into().unwrap_or_default(),
    )) / (f64::from(u32::MAX) + 1.0)
}

/// FNV-1a, 64 bit: a fingerprint that is the same on every machine, unlike std's hasher.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The output function of `SplitMix64`.
fn scramble(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_form_and_repeats_with_its_seed() {
        let uuid = Ids::seeded(7).uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert_eq!(uuid, Ids::seeded(7).uuid());
        assert_ne!(uuid, Ids::seeded(8).uuid());
    }

    #[test]
    fn draws_are_spread_evenly_and_depend_on_their_subject() {
        let below = |limit: f64| (0..10_000).filter(|n| draw(1, b"a", *n) < limit).count();
        assert!((2_700..3_300).contains(&below(0.3)), "{}", below(0.3));
        assert!((draw(1, b"a", 0) - draw(1, b"b", 0)).abs() > f64::EPSILON);
    }
}
