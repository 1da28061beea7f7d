//! The clock that runs on while the box is off.

use std::path::Path;

use jiff::Timestamp;
use sekisho_host::files;

use crate::probe::Seen;

/// The longest number of seconds, with room to spare.
const LONGEST: u64 = 64;

/// How far the clock of a folder like `/sys/class/rtc/rtc0` is ahead of `now`.
pub fn rtc(folder: &Path, now: Timestamp) -> Seen {
    let path = folder.join("since_epoch");
    if !path.exists() {
        return Seen::Absent;
    }
    let unable = |why: String| Seen::Unable { why };
    let text = match files::read(&path, LONGEST) {
        Ok(text) => text,
        Err(fault) => return unable(fault.to_string()),
    };
    match String::from_utf8_lossy(&text).trim().parse::<i64>() {
        Ok(seconds) => Seen::Rtc { ahead_s: seconds.saturating_sub(now.as_second()) },
        Err(fault) => unable(format!("{} holds no time: {fault}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_compared_and_a_box_may_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        assert_eq!(rtc(folder.path(), now), Seen::Absent);
        for (text, seen) in [
            ("1800000003\n", Some(Seen::Rtc { ahead_s: 3 })),
            ("946684800\n", Some(Seen::Rtc { ahead_s: -853_315_200 })),
            ("-9223372036854775808\n", Some(Seen::Rtc { ahead_s: i64::MIN })),
            ("noon\n", None),
            ("", None),
        ] {
            std::fs::write(folder.path().join("since_epoch"), text).unwrap();
            let found = rtc(folder.path(), now);
            match seen {
                Some(seen) => assert_eq!(found, seen),
                None => assert!(matches!(found, Seen::Unable { .. }), "{text:?}: {found:?}"),
            }
        }
    }
}
