//! `sekisho-snmp`: tells snmpd the device's figures (`pass_persist`). snmpd starts it; it isn't for people.

use std::{io, net::SocketAddr, process::ExitCode};

use sekisho_snmp::{Reader, serve};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let address = words.next().map(|word| word.parse::<SocketAddr>());
    let (Some(Ok(address)), None) = (address, words.next()) else {
        eprintln!("sekisho-snmp ADDRESS:PORT: where figures are told, like 127.0.0.1:9464");
        return ExitCode::from(2);
    };
    let mut reader = Reader::new(address);
    match serve(io::stdin().lock(), io::stdout().lock(), || reader.tree()) {
        Ok(()) => ExitCode::SUCCESS,
        // snmpd is gone.
        Err(_) => ExitCode::FAILURE,
    }
}
