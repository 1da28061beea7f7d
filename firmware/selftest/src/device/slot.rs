//! Which of the two system slots runs.

use crate::probe::Seen;

/// The argument of the kernel that names it.
const ARGUMENT: &str = "sekisho.slot=";

/// [`Known::Slot`](crate::probe::Known::Slot), from the kernel's command line and the image's version.
pub fn slot(command_line: &str, version: &str) -> Seen {
    match slot_name(command_line) {
        Some(name) => Seen::Slot { slot: format!("{name}, {version}") },
        None => Seen::Absent,
    }
}

/// The slot's name on the kernel's command line (`/proc/cmdline`). The last one counts, as with the kernel's own arguments.
pub fn slot_name(command_line: &str) -> Option<&str> {
    let mut words = command_line.split_ascii_whitespace();
    words
        .rfind(|word| word.starts_with(ARGUMENT))?
        .strip_prefix(ARGUMENT)
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_slot_is_read_from_the_command_line() {
        let cases = [
            ("root=PARTLABEL=slot-a ro sekisho.slot=A console=tty0\n", Some("A")),
            ("sekisho.slot=B", Some("B")),
            ("sekisho.slot=A sekisho.slot=B", Some("B")),
            ("root=/dev/sda1 ro quiet", None),
            ("sekisho.slot= quiet", None),
            ("nosekisho.slot=A", None),
            ("", None),
        ];
        for (line, expected) in cases {
            assert_eq!(slot_name(line), expected, "{line}");
        }
        assert_eq!(slot("sekisho.slot=A", "1.2.0"), Seen::Slot { slot: "A, 1.2.0".to_owned() });
        assert_eq!(slot("quiet", "1.2.0"), Seen::Absent);
    }

    proptest! {
        #[test]
        fn any_command_line_is_read_without_panic(line in any::<String>()) {
            let _ = slot_name(&line);
        }
    }
}
