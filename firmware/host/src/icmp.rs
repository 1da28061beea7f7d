//! ICMP errors about what a socket sent, with who sent them (ip(7), `IP_RECVERR`).

use std::{
    io::{self, IoSliceMut},
    net::Ipv4Addr,
    os::fd::{AsFd, AsRawFd},
};

use nix::{
    cmsg_space, libc,
    sys::socket::{
        ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt::Ipv4RecvErr,
    },
};

/// An ICMP error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IcmpError {
    /// Who sent it.
    pub by: Ipv4Addr,
    /// Its type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
}

/// Lets the kernel keep ICMP errors for a socket of IPv4.
///
/// # Errors
/// What the kernel answered.
pub fn want_icmp_errors(socket: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(socket, Ipv4RecvErr, &true)?)
}

/// The next ICMP error that the kernel keeps for a socket; `None` where there is none.
pub fn icmp_error(socket: &impl AsFd) -> Option<IcmpError> {
    let mut room = cmsg_space!(libc::sock_extended_err, libc::sockaddr_in);
    let mut returned = [0; 64];
    // An error of the kernel's own, such as a route that isn't there, stands in the same queue; few can.
    for _ in 0..16 {
        let mut parts = [IoSliceMut::new(&mut returned)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let descriptor = socket.as_fd().as_raw_fd();
        let message = recvmsg::<SockaddrIn>(descriptor, &mut parts, Some(&mut room), flags).ok()?;
        let found = message.cmsgs().ok()?.find_map(|part| {
            let ControlMessageOwned::Ipv4RecvErr(error, Some(by)) = part else { return None };
            let by = Ipv4Addr::from_bits(u32::from_be(by.sin_addr.s_addr));
            (error.ee_origin == libc::SO_EE_ORIGIN_ICMP).then_some(IcmpError {
                by,
                kind: error.ee_type,
                code: error.ee_code,
            })
        });
        if found.is_some() {
            return found;
        }
    }
    None
}
