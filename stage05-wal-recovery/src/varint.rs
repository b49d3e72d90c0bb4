//! Numbers in as few bytes as they need: seven bits in each byte, the lowest first, and the top bit says that more
//! follow (LEB128, as in Protocol Buffers).
//!
//! Most numbers in a frame are small: a key's length, the milliseconds between two records. They take one byte, and
//! that case is decided by one comparison.

/// The most bytes that a number takes.
pub const VARINT_BYTES_MAX: usize = 10;

/// Appends `number` to `out`.
#[inline]
pub fn put(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The number that starts at `bytes[*at]`, and moves `at` behind it. `None` if it does not end within `bytes`, or is
/// over 64 bits; `at` is then anywhere.
#[inline]
pub fn take(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let &first = bytes.get(*at)?;
    *at += 1;
    if first < 0x80 { Some(first.into()) } else { take_long(first, bytes, at) }
}

/// The rest of a number whose first byte says that more follow.
fn take_long(first: u8, bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = u64::from(first & 0x7f);
    for shift in (7..64).step_by(7) {
        let &byte = bytes.get(*at)?;
        *at += 1;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// A difference as a number that is small if the difference is near 0, on either side: 0, -1, 1, -2, 2 …
#[inline]
pub fn zigzag(difference: i64) -> u64 {
    ((difference << 1) ^ (difference >> 63)) as u64
}

/// The other way round.
#[inline]
pub fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_back_and_takes_no_more_bytes_than_it_needs() {
        for (number, bytes) in [(0, 1), (127, 1), (128, 2), (16383, 2), (16384, 3), (1 << 63, 10), (u64::MAX, 10)] {
            let mut out = vec![0xee];
            put(number, &mut out);
            assert_eq!(out.len(), 1 + bytes, "{number}");
            let mut at = 1;
            assert_eq!(take(&out, &mut at), Some(number));
            assert_eq!(at, out.len(), "{number}");
            assert_eq!(take(&out[..out.len() - 1], &mut 1), None, "{number}, without its last byte");
        }
    }

    #[test]
    fn a_number_over_64_bits_is_none() {
        let max = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(take(&max, &mut 0), Some(u64::MAX));
        let over = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(take(&over, &mut 0), None);
        assert_eq!(take(&[0x80; 11], &mut 0), None);
    }

    #[test]
    fn a_difference_comes_back() {
        for (difference, number) in [(0, 0), (-1, 1), (1, 2), (i64::MIN, u64::MAX), (i64::MAX, u64::MAX - 1)] {
            assert_eq!(zigzag(difference), number);
            assert_eq!(unzigzag(number), difference);
        }
    }
}
