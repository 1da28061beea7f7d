//! What firewalls between the device and LGWAN must let through.

use std::time::Duration;

use super::Sheet;
use crate::{
    Collector, CollectorTransport, Design, Direction, Duplex, Language, Lgwan, Method,
    messages::harmless, words,
};

/// What the tunnel does on the wire. The crate that runs it knows; a sheet must not say anything else.
#[derive(Clone, Copy, Debug)]
pub struct TunnelHabits {
    /// The UDP port that the device sends from and listens on.
    pub port: u16,
    /// Time between two probes inside the tunnel, to each centre.
    pub probe_interval: Duration,
    /// The longest that the device is silent towards a centre that doesn't answer.
    pub longest_silence: Duration,
}

/// What passes between two ends.
struct Opening<'a> {
    from: (&'a str, String),
    from_port: String,
    to: (&'a str, String),
    to_port: u16,
    protocol: &'a str,
    purpose: &'a str,
}

impl Sheet {
    /// The request to whoever runs the office's own firewall and LGWAN's: the tunnel both ways, names and time.
    pub fn firewall(design: &Design, habits: &TunnelHabits, language: Language) -> Self {
        let mut sheet = Self::new(
            language,
            ("ファイアウォール設定依頼書（LGWAN側）", "Firewall request (LGWAN side)"),
            &[
                ("項番", "No."),
                ("送信元", "From"),
                ("送信元アドレス", "Source address"),
                ("送信元ポート", "Source port"),
                ("宛先", "To"),
                ("宛先アドレス", "Destination address"),
                ("宛先ポート", "Destination port"),
                ("プロトコル", "Protocol"),
                ("用途", "Purpose"),
            ],
        );
        sheet.about_site(design);
        sheet.about_line(&design.lgwan);
        let address = || design.lgwan.address.address().to_string();
        let device = language.pick("この装置", "this device");
        let port = habits.port;
        for centre in &design.profile.centres {
            let name = centre.name.as_str();
            let name = language.pick(format!("拠点 {name}"), format!("centre {name}"));
            let (host, centre_port) = (centre.endpoint.host.to_string(), centre.endpoint.port);
            sheet.opening(&Opening {
                from: (device, address()),
                from_port: port.to_string(),
                to: (&name, host.clone()),
                to_port: centre_port,
                protocol: "UDP",
                purpose: language.pick("トンネル（WireGuard）、行き", "tunnel (WireGuard), out"),
            });
            sheet.opening(&Opening {
                from: (&name, host),
                from_port: centre_port.to_string(),
                to: (device, address()),
                to_port: port,
                protocol: "UDP",
                purpose: language.pick("トンネル（WireGuard）、帰り", "tunnel (WireGuard), in"),
            });
        }
        let asked = |to: (&'static str, String), to_port, protocol, purpose| Opening {
            from: (device, address()),
            from_port: language.pick("任意", "any").to_owned(),
            to,
            to_port,
            protocol,
            purpose,
        };
        for resolver in &design.lgwan.dns {
            for protocol in ["UDP", "TCP"] {
                let to =
                    (language.pick("LGWANのDNSサーバ", "LGWAN resolver"), resolver.to_string());
                let purpose = language.pick("名前の問い合わせ", "name queries");
                sheet.opening(&asked(to, 53, protocol, purpose));
            }
        }
        for server in &design.profile.ntp {
            let to = (language.pick("LGWANの時刻サーバ", "LGWAN time server"), server.to_string());
            sheet.opening(&asked(to, 123, "UDP", language.pick("時刻合わせ", "time")));
        }
        sheet.firewall_notes(design, habits);
        sheet
    }

    /// What the other end of the line must fit, where the design says it.
    fn about_line(&mut self, lgwan: &Lgwan) {
        if let Some(rate) = lgwan.line_rate {
            self.about(
                ("LGWAN回線の契約速度", "Contracted rate of the LGWAN line"),
                rate.to_string(),
            );
        }
        if let Some(mode) = lgwan.mode {
            let duplex = match mode.duplex() {
                Duplex::Full => self.language.pick("全二重", "full duplex"),
                Duplex::Half => self.language.pick("半二重", "half duplex"),
            };
            let mode = self.language.list([mode.speed().as_str(), duplex]);
            self.about(("LGWAN側のポート", "Port on the LGWAN side"), mode);
        }
    }

    fn opening(&mut self, opening: &Opening<'_>) {
        let Opening { from, from_port, to, to_port, protocol, purpose } = opening;
        self.row([
            from.0.to_owned(),
            from.1.clone(),
            from_port.clone(),
            to.0.to_owned(),
            to.1.clone(),
            to_port.to_string(),
            (*protocol).to_owned(),
            (*purpose).to_owned(),
        ]);
    }

    fn firewall_notes(&mut self, design: &Design, habits: &TunnelHabits) {
        let (milliseconds, silence) =
            (habits.probe_interval.as_millis(), habits.longest_silence.as_secs());
        self.note(
            "「行き」と「帰り」は、それぞれの側から始められるようにしてください。「帰り」は「行き」への応答とは限りません。「任意」の行は、応答も通してください。",
            "Either side may start: what comes in need not be an answer to what went out. Where the port is 'any', let the answers in too.",
        );
        self.note(
            "装置は使っていない拠点も含め、すべての拠点とつねに通信します。どの拠点の行も省けません。",
            "The device talks to every centre all the time, to the one that carries no traffic too. No centre can be left out.",
        );
        self.note(
            format!("トンネルの中で、拠点ごとに{milliseconds}ミリ秒に1回、応答を確かめます。外からは両方向のUDPが途切れず続いて見えます。WireGuardの定期キープアライブ（PersistentKeepalive）は使いません。UDPの通信を時間で打ち切らないでください。拠点が応答しない間は、装置からの送信が最大{silence}秒空きます。"),
            format!("Inside the tunnel each centre is probed every {milliseconds} ms and answers, so UDP is seen to flow both ways without a pause; WireGuard's PersistentKeepalive is not used. Don't end the UDP flow by the clock. While a centre doesn't answer, the device may send nothing for up to {silence} s."),
        );
        let mtu = design.lgwan.mtu;
        self.note(
            format!("装置は最大{mtu}バイトのIPパケットを、分割禁止（DF）で送ります。途中の回線がこれより小さいときは、装置が通る大きさを探して合わせます（1280バイトまで）。"),
            format!("The device sends IP packets of up to {mtu} bytes with 'don't fragment'. If a line on the way carries less, the device finds out what gets through and follows, down to 1280 bytes."),
        );
        self.note(
            "中身は暗号化されていて、検査や書換えはできません。装置は、LGWAN側でほかの通信を始めず、受け付けません（pingにも答えません）。",
            "The contents are encrypted and can't be inspected or changed. On the LGWAN side the device starts nothing else and takes nothing else; it doesn't answer ping.",
        );
        if !design.lgwan_names().is_empty() {
            self.note(
                "名前で書かれた宛先のアドレスは、予告なく変わることがあります。装置はLGWANのDNSサーバに問い合わせて追随します。名前で許可できないときは、その名前が取りうるアドレスを機構に確かめて、すべて許可してください。",
                "The addresses of what is called by a name may change without notice; the device asks LGWAN's resolvers and follows. Where a firewall can't let names pass, ask the operator for all addresses that they may have, and let those pass.",
            );
        }
        self.note(
            "庁内のLANと装置の間にファイアウォールがあるときは、通信フロー一覧の行を、庁内側のアドレス（変換前）とプラットフォームのアドレスの間で通してください。",
            "A firewall between an office LAN and the device must let the rows of the flow inventory pass, between the inside addresses and the platform's.",
        );
        self.name_notes(design);
        self.policy_notes(design);
        if let Some(Collector { address, port, transport, .. }) = &design.collector {
            let protocol = match transport {
                CollectorTransport::Udp => "UDP",
                CollectorTransport::Tcp | CollectorTransport::Tls { .. } => "TCP",
            };
            self.note(
                format!("装置とログ収集サーバの間のファイアウォールは、装置から {address} への{protocol}の{port}番も通してください。"),
                format!("A firewall between the device and the collector of log messages must let {protocol} port {port} pass from the device to {address}."),
            );
        }
    }

    /// What a firewall in the office sees of each policy.
    fn policy_notes(&mut self, design: &Design) {
        for policy in &design.policies {
            let language = self.language;
            let (office, platform) =
                (language.list(&policy.office), language.list(&policy.platform));
            let (from, to) = match policy.direction {
                Direction::FromOffice => (office, platform),
                Direction::FromPlatform => (platform, office),
            };
            let flow = format!("{from} → {to}");
            let services = policy.services.iter().map(ToString::to_string);
            let more = [
                policy.environment.map(|environment| {
                    ("環境", "environment", language.environment(environment).to_owned())
                }),
                policy.class.map(|class| ("優先度", "class", language.class(class).to_owned())),
                policy.until.map(|until| ("期限", "until", words::whole(until))),
                policy
                    .approval
                    .as_ref()
                    .map(|note| ("承認", "approval", harmless(note.as_str().chars()))),
            ];
            let more = more.into_iter().flatten().map(|(japanese, english, text)| {
                format!("{} {text}", language.pick(japanese, english))
            });
            let about = language.list(std::iter::once(flow).chain(services).chain(more));
            let name = &policy.name;
            self.note(
                format!("通信許可「{name}」も、トンネルの中と庁内のLANを通ります：{about}"),
                format!("Policy '{name}' passes the tunnel and the office's LAN too: {about}"),
            );
        }
    }

    /// Who asks whom for names between an office LAN and the device.
    fn name_notes(&mut self, design: &Design) {
        let Some(names) = &design.names else { return };
        match names.method {
            Method::Device => self.note(
                "そのファイアウォールは、LANの端末とサーバから装置への名前の問い合わせと、装置から庁内DNSサーバ（office-dns）への問い合わせも通してください（UDPとTCPの53番）。",
                "It must also let name queries pass, UDP and TCP port 53: from clients of the LAN to the device, and from the device to the office's DNS servers (office-dns).",
            ),
            Method::Forward => self.note(
                "そのファイアウォールは、庁内DNSサーバ（office-dns）から装置への名前の問い合わせも通してください（UDPとTCPの53番）。",
                "It must also let name queries pass, UDP and TCP port 53, from the office's DNS servers (office-dns) to the device.",
            ),
            Method::Hosts => {}
        }
    }
}
