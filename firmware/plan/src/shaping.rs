//! Traffic classes as the kernel's queues know them.

use sekisho_design::Class;

/// The handle of a class, as tc and nft write it.
pub fn class_handle(class: Class) -> &'static str {
    match class {
        Class::Online => "1:10",
        Class::Normal => "1:20",
        Class::Bulk => "1:30",
    }
}

/// The number that the kernel has for a handle: both parts are hexadecimal.
pub fn handle_number(handle: &str) -> Option<u32> {
    let (major, minor) = handle.split_once(':')?;
    let part = |text: &str| u16::from_str_radix(text, 16).ok().map(u32::from);
    Some(part(major)? << 16 | part(minor)?)
}

/// The class of a handle's number.
pub fn class_of_number(number: u32) -> Option<Class> {
    Class::ALL.into_iter().find(|class| handle_number(class_handle(*class)) == Some(number))
}
