//! `sekisho-far-end`: stands in for the platform. See `--help`.

mod cli;

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::Parser;
use sekisho_far_end::{
    answer::{Answerer, ClockOffset, Ports},
    check,
    dns::Zones,
    keys,
    respond::{Behind, Config, Responder},
    tls,
};
use tracing_subscriber::EnvFilter;

use crate::cli::{Answer, Cli, Command, Keygen, Kind, Respond, Sign};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let result = match cli.command {
        Command::Respond(options) => respond(options),
        Command::Answer(options) => answer(&options),
        Command::Sign(options) => sign(&options),
        Command::Keygen(options) => keygen(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sekisho-far-end: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn respond(options: Respond) -> anyhow::Result<()> {
    let behind = if let Some(name) = options.tun {
        Behind::Kernel(name)
    } else {
        let files = options.tls_certificate.zip(options.tls_key);
        let https = files.map(|(certificate, key)| tls::server(&certificate, &key));
        let (zones, https) = (Zones::load(&options.zone)?, https.transpose()?);
        Behind::Machine { zones, mtu: options.mtu, https }
    };
    let responder = Responder::new(Config {
        secret: keys::read_tunnel_key(&options.key)?,
        peer: options.peer,
        listen: options.listen,
        behind,
        on_carrier: options.on_carrier,
        dial_back: options.dial_back,
        address: options.address,
        device_address: options.device_address,
        check: options.check_port.map(|port| check::Config {
            port,
            pool: options.pool,
            reports: options.reports,
        }),
    })?;
    let (listen, dial_back) = (responder.address()?, responder.dial_back_address());
    tracing::info!(%listen, ?dial_back, "waiting for the device");
    responder.run().context("carry traffic")
}

fn answer(options: &Answer) -> anyhow::Result<()> {
    let zones = Zones::load(&options.zone)?;
    let ports = Ports {
        echo: options.echo_port,
        discard: options.discard_port,
        http: options.http_port,
        dns: options.dns_port,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the event loop")?;
    runtime.block_on(async {
        let mut answerer = Answerer::bind(&options.listen, ports, zones).await?;
        if let Some(port) = options.ntp_port {
            let exact = ClockOffset::Ahead(Duration::ZERO);
            answerer.offer_time(port, options.clock_offset.unwrap_or(exact)).await?;
        }
        if let (Some(line), Some(port)) = (&options.banner, options.banner_port) {
            answerer.offer_banner(port, line).await?;
        }
        if let (Some(certificate), Some(key)) = (&options.certificate, &options.key) {
            answerer.offer_https(options.tls_port, tls::server(certificate, key)?).await?;
        }
        tracing::info!(listen = ?options.listen, "answering");
        answerer.run().await;
        Ok(())
    })
}

fn sign(options: &Sign) -> anyhow::Result<()> {
    let profile = std::fs::read_to_string(&options.profile)
        .with_context(|| format!("read the profile {}", options.profile.display()))?;
    let signed = keys::sign(&profile, &options.key)?;
    match &options.output {
        Some(path) => replace(path, &signed).with_context(|| format!("write {}", path.display())),
        None => std::io::stdout().write_all(signed.as_bytes()).context("write to standard output"),
    }
}

/// Writes beside and renames, so that a profile is never half there.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

fn keygen(options: &Keygen) -> anyhow::Result<()> {
    let (default, make): (_, fn(&Path) -> _) = match options.kind {
        Kind::Tunnel => ("tunnel.key", keys::new_tunnel_key),
        Kind::Operator => ("operator.key", keys::new_operator_key),
    };
    let path = options.out.clone().unwrap_or_else(|| PathBuf::from(default));
    let public = make(&path)?;
    println!("{public}");
    Ok(())
}
