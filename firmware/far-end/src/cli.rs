//! The command line: what `--help` says.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::Ipv4Net;
use sekisho_design::PublicKey;
use sekisho_far_end::answer::ClockOffset;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it failed; standard error says what, where and how to mend it
  2  the command line is wrong

Environment:
  RUST_LOG  what is logged to standard error, like 'debug' or 'sekisho_far_end=trace' [default: info]";

/// Stands in for the platform of a Sekisho device: in the lab, in tests, on a desk. Production does not need
/// it.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, after_long_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Respond(Respond),
    Answer(Answer),
    Sign(Sign),
    Keygen(Keygen),
}

/// Be a centre: the far end of one device's tunnel
///
/// Waits for the device to call; its address is wherever its last authenticated datagram came from.
///
/// With --tun, packets go to a TUN device that exists already, and the kernel behind it does the rest.
/// Without, an answering machine answers for every address of the platform: ICMP echo, TCP echo (7), discard
/// (9), HTTP (80), DNS (53), NTP (123) and, where there is a certificate, HTTPS (443). It needs no privileges.
///
/// HTTP shows: / (the source it saw, text or JSON), /json, /source (the address alone), /bytes/N (N bytes,
/// always the same).
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES, after_long_help = EXIT_CODES)]
pub(crate) struct Respond {
    /// File with the centre's own key, made by 'keygen tunnel'
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The device's public key, as 'sekisho key' prints it
    #[arg(long, value_name = "PUBKEY")]
    pub(crate) peer: PublicKey,
    /// Where to listen for the tunnel (UDP)
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: SocketAddr,
    /// TUN device to carry packets to and from
    #[arg(long, value_name = "NAME")]
    pub(crate) tun: Option<String>,
    /// Shell command to run when this centre starts to carry the site's traffic
    ///
    /// That is: a packet comes out of the tunnel that is no echo request to --address, after 500 ms without one. The
    /// command should be harmless to repeat. Packets wait for it, at most 250 ms and 256 of them; probes
    /// never wait. One runs at a time and is killed after 10 s.
    #[arg(long, value_name = "CMD")]
    pub(crate) on_carrier: Option<String>,
    /// Zone file for DNS (RFC 1035 master file; may be given several times); without one, every name is
    /// refused
    #[arg(long, value_name = "FILE", conflicts_with = "tun")]
    pub(crate) zone: Vec<PathBuf>,
    /// File with the certificate for HTTPS, and those between it and the authority after it (PEM)
    ///
    /// It is shown at every address. Who speaks HTTP at port 443 is answered in HTTP.
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "tun")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// File with the certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Where to take requests for dial-back (HTTP)
    ///
    /// POST /dial-back with {"to":"100.64.10.11:443"} opens a TCP connection to there, from --address, and
    /// answers {"to":…,"outcome":…,"milliseconds":…}. The outcome is connected, refused, timed-out or
    /// unreachable. It takes 5 s at most, or what "limit-ms" (1 to 60000) says. Listen on a local address:
    /// anyone who reaches it may call.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) dial_back: Option<SocketAddr>,
    /// The centre's own address inside the tunnel: where probes go, and dial-back comes from
    #[arg(long, value_name = "ADDR")]
    pub(crate) address: Option<Ipv4Addr>,
    /// The device's own address inside the tunnel; where it is given, only echo requests from it
    /// are probes
    #[arg(long, value_name = "ADDR", requires = "address")]
    pub(crate) device_address: Option<Ipv4Addr>,
    /// TCP port at --address where the device asks for a connection check
    ///
    /// POST /connection-check with {"test-number":"2026-0142","calls":[{"to":"100.64.10.11:443","declared":true}]}
    /// opens a TCP connection to each, 64 at most, from --address, and answers with what came of them. Nobody but
    /// --device-address may ask.
    #[arg(long, value_name = "PORT", requires = "device_address",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) check_port: Option<u16>,
    /// Network behind the tunnel (may be given several times): a connection check calls nobody else; without one,
    /// anybody
    #[arg(long, value_name = "NET", requires = "check_port")]
    pub(crate) pool: Vec<Ipv4Net>,
    /// Folder that keeps what each connection check found, as NUMBER.json
    #[arg(long, value_name = "DIR", requires = "check_port")]
    pub(crate) reports: Option<PathBuf>,
    /// MTU of the tunnel in bytes, for the answering machine
    #[arg(long, value_name = "BYTES", default_value_t = 1420, conflicts_with = "tun",
          value_parser = clap::value_parser!(u16).range(576..=9000))]
    pub(crate) mtu: u16,
}

/// Be hosts of the platform: the answering services on this host's own addresses
///
/// TCP echo (7), discard (9), HTTP (80; see 'respond --help' for its pages), DNS over UDP and TCP (53); and, where
/// they are asked for, HTTPS, NTP and a banner.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES, after_long_help = EXIT_CODES)]
pub(crate) struct Answer {
    /// Address to answer at; may be given several times
    #[arg(long, value_name = "ADDR", required = true)]
    pub(crate) listen: Vec<Ipv4Addr>,
    /// Zone file for DNS (RFC 1035 master file; may be given several times); without one, every name is
    /// refused
    #[arg(long, value_name = "FILE")]
    pub(crate) zone: Vec<PathBuf>,
    /// Port of TCP echo
    #[arg(long, value_name = "PORT", default_value_t = 7)]
    pub(crate) echo_port: u16,
    /// Port of TCP discard
    #[arg(long, value_name = "PORT", default_value_t = 9)]
    pub(crate) discard_port: u16,
    /// Port of HTTP
    #[arg(long, value_name = "PORT", default_value_t = 80)]
    pub(crate) http_port: u16,
    /// Port of DNS
    #[arg(long, value_name = "PORT", default_value_t = 53)]
    pub(crate) dns_port: u16,
    /// Port of HTTPS, with the pages of HTTP; who speaks HTTP there is answered in HTTP
    #[arg(long, value_name = "PORT", default_value_t = 443)]
    pub(crate) tls_port: u16,
    /// File with the certificate for HTTPS, and those between it and the authority after it (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) certificate: Option<PathBuf>,
    /// File with the certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,
    /// Port of NTP (UDP), usually 123; without it, nobody is told the time
    #[arg(long, value_name = "PORT")]
    pub(crate) ntp_port: Option<u16>,
    /// How many seconds NTP's time is later than this host's; earlier where there is a '-' before them
    #[arg(long, value_name = "SECONDS", requires = "ntp_port", allow_hyphen_values = true,
          value_parser = clock_offset)]
    pub(crate) clock_offset: Option<ClockOffset>,
    /// Line that is said to whoever connects to --banner-port
    #[arg(long, value_name = "TEXT", requires = "banner_port")]
    pub(crate) banner: Option<String>,
    /// Port of the banner
    #[arg(long, value_name = "PORT", requires = "banner")]
    pub(crate) banner_port: Option<u16>,
}

/// Sign a platform profile as the operator
///
/// Puts a [signature] table at the end; one that is there already is replaced. Whether the profile makes
/// sense is not looked at: 'sekisho check' does that.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES, after_long_help = EXIT_CODES)]
pub(crate) struct Sign {
    /// File with the operator's key, made by 'keygen operator'
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The profile
    #[arg(value_name = "PROFILE.toml")]
    pub(crate) profile: PathBuf,
    /// Where to write the signed profile; standard output without it, the profile itself is a good choice
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
}

/// Make a key
///
/// Writes the private key to a new file that only its owner can read, and prints the public key in base64. A
/// file that exists is never overwritten.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES, after_long_help = EXIT_CODES)]
pub(crate) struct Keygen {
    /// Whose key
    #[arg(value_enum)]
    pub(crate) kind: Kind,
    /// File for the private key [default: tunnel.key or operator.key, here]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kind {
    /// A centre's end of the tunnel: Curve25519
    Tunnel,
    /// The operator, who signs profiles: Ed25519
    Operator,
}

fn clock_offset(text: &str) -> Result<ClockOffset, String> {
    let seconds = text.parse().ok().and_then(ClockOffset::of_seconds);
    seconds.ok_or_else(|| "write seconds, like 31536000 or -0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_command_lines_are_refused() {
        let key = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
        let respond =
            format!("sekisho-far-end respond --key k --peer {key} --listen 127.0.0.1:51820");
        for (more, valid) in [
            ("", true),
            (" --tun t --on-carrier true --dial-back 127.0.0.1:1 --address 192.0.2.1", true),
            (" --tun t --zone z", false),
            (" --device-address 192.0.2.1", false),
            (" --mtu 100", false),
            (" --tls-certificate c --tls-key k", true),
            (" --tls-certificate c", false),
            (" --tls-key k", false),
            (" --tun t --tls-certificate c --tls-key k", false),
            (
                " --address 192.0.2.1 --device-address 192.0.2.2 --check-port 8443 --pool 192.0.2.0/28 --pool 192.0.2.32/28 --reports r",
                true,
            ),
            (" --check-port 8443", false),
            (" --address 192.0.2.1 --check-port 8443", false),
            (" --address 192.0.2.1 --device-address 192.0.2.2 --check-port 0", false),
            (" --pool 192.0.2.0/24", false),
            (" --reports r", false),
        ] {
            let line = respond.clone() + more;
            assert_eq!(Cli::try_parse_from(line.split(' ')).is_ok(), valid, "{line}");
        }
        for (more, valid) in [
            ("", true),
            (" --certificate c --key k --tls-port 8443", true),
            (" --certificate c", false),
            (" --key k", false),
            (" --ntp-port 123 --clock-offset -0.5", true),
            (" --ntp-port 123 --clock-offset 31536000", true),
            (" --ntp-port 123 --clock-offset soon", false),
            (" --ntp-port 123 --clock-offset nan", false),
            (" --ntp-port 123 --clock-offset 1e30", false),
            (" --clock-offset 1", false),
            (" --banner juki --banner-port 2222", true),
            (" --banner juki", false),
            (" --banner-port 2222", false),
        ] {
            let line = format!("sekisho-far-end answer --listen 127.0.0.1{more}");
            assert_eq!(Cli::try_parse_from(line.split(' ')).is_ok(), valid, "{line}");
        }
        for line in ["answer", "sign --key k", "keygen", "keygen other", "respond --peer x"] {
            let line = format!("sekisho-far-end {line}");
            assert_eq!(Cli::try_parse_from(line.split(' ')).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
