//! How many connections a box may track.

/// What an entry of conntrack's table takes, in bytes: the entry itself with room for translation, times and a helper
/// (about 320 to 400 by the kernel's slabs, by release), and its part of the table.
const ENTRY: u64 = 416;

/// The part of a box's memory that tracked connections may take, when there are as many as may be.
const PART: u64 = 16;

/// What the kernel has for a box of 1 GB, so that no box gets less than it would without us.
const LEAST: u32 = 65_536;

/// More than some fifteen NAPT addresses with all their ports in use: only an attack comes to that, and it should meet an end.
const MOST: u32 = 1 << 20;

/// How many connections a box with so many bytes of memory may track.
pub fn table_size(memory: u64) -> u32 {
    u32::try_from(memory / PART / ENTRY).unwrap_or(MOST).clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_grows_with_the_memory_within_bounds() {
        let sizes =
            [0, 512 << 20, 1 << 30, 2 << 30, 4 << 30, 8_u64 << 30, u64::MAX].map(table_size);
        assert_eq!(sizes, [65_536, 80_659, 161_319, 322_638, 645_277, 1_048_576, 1_048_576]);
        assert!(u64::from(table_size(4 << 30)) * ENTRY <= (4 << 30) / PART);
    }
}
