//! A whole machine under QEMU's software emulation, for the disk image: disks, serial lines, monitor. Every wait has its
//! limit, and a machine ends with its value.

mod bundle;
mod console;
mod disk;
mod machine;
mod monitor;
mod stick;

pub use bundle::{Authority, Bundle, root, root_with};
pub use console::{Console, Shell};
pub use disk::{
    bare_image, boot_memory, check_data, copy_at, empty, image, installer, overlay, patch_boot,
    raw_copy,
};
pub use machine::{Cache, Firmware, Machine, NICS, Settings};
pub use monitor::{Monitor, Plugged};
pub use stick::{cut_off, ext4_stick, fat_stick, file_on, names_on, put_on, spoil, stick};
