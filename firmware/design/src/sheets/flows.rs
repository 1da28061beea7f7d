//! The flow inventory: 項番, From, To, 連携方式, 技術仕様, one row a direction (R95).

use super::Sheet;
use crate::{
    Approval, Design, Environment, Lan, Language, Service,
    messages::{harmless, origin, range},
};

impl Sheet {
    /// Every flow between office and platform that the design lets through. A row is what one side may start towards
    /// the other; answers belong to it.
    pub fn flows(design: &Design, language: Language) -> Self {
        let mut sheet = Self::new(
            language,
            ("通信フロー一覧", "Flow inventory"),
            &[
                ("項番", "No."),
                ("From", "From"),
                ("To", "To"),
                ("連携方式", "Method"),
                ("技術仕様", "Technical specification"),
                ("承認", "Approval"),
            ],
        );
        sheet.about_site(design);
        let all = |environment| {
            let networks = design.profile.networks.iter();
            let of = networks.filter(|network| network.environment == environment);
            platform(language, environment, &language.list(of.map(|network| network.prefix)))
        };
        let (source, destination) = language.pick(
            ("送信元を1対1で変換", "宛先を1対1で変換"),
            ("source translated one to one", "destination translated one to one"),
        );
        for server in &design.servers {
            let inside = server.private.to_string();
            let end = office(language, server.name.as_str(), server.lan, &inside, &server.global);
            if !server.services.is_empty() {
                let what = (&server.services[..], source, server.approval.as_ref());
                sheet.flow(end.clone(), all(server.environment), what);
            }
            for allowance in &server.allow_from_platform {
                let from = platform(language, server.environment, &origin(&allowance.from));
                let what = (&allowance.services[..], destination, allowance.approval.as_ref());
                sheet.flow(from, end.clone(), what);
            }
        }
        let shared = language.pick("送信元をNAPTで変換", "source translated by NAPT");
        for row in &design.terminals {
            let inside = language.list(row.from.iter().map(|from| range(*from)));
            let from = office(language, row.name.as_str(), row.lan, &inside, &row.global);
            sheet.flow(from, all(row.environment), (&row.services, shared, row.approval.as_ref()));
        }
        sheet.note(
            "行は通信を始める向きです。応答はその行に含みます。庁内とプラットフォームの間の、ここにない通信は装置が拒否します。",
            "A row is the direction that a flow is started in; answers belong to it. Between office and platform the device refuses whatever stands nowhere here.",
        );
        if !design.platform_names().is_empty() {
            sheet.note(
                "名前で書かれた接続元は、その名前のアドレスを装置がプラットフォームのDNSサーバに問い合わせて許可します。アドレスは変わることがあります。",
                "A source that is called by a name is let in by the addresses that the platform's resolvers give the device for it; they may change.",
            );
        }
        sheet.note(
            "どの通信も、拠点までは暗号化したトンネル（WireGuard）の中を通ります。",
            "Up to the centre every flow goes inside the encrypted tunnel (WireGuard).",
        );
        sheet
    }

    /// What passes is services, how they are translated, and the note that they are approved.
    fn flow(
        &mut self,
        from: String,
        to: String,
        (services, translation, approval): (&[Service], &str, Option<&Approval>),
    ) {
        let mut methods: Vec<_> = services.iter().map(|service| method(*service)).collect();
        let mut seen = Vec::new();
        methods.retain(|method| {
            !seen.contains(method) && {
                seen.push(*method);
                true
            }
        });
        let method = methods.join(self.language.pick("・", ", "));
        let specification = self.language.pick(
            format!("{}。{translation}", self.language.list(services)),
            format!("{}; {translation}", self.language.list(services)),
        );
        let approval = approval.map_or_else(String::new, |note| harmless(note.as_str().chars()));
        self.row([from, to, method, specification, approval]);
    }
}

fn office(
    language: Language,
    name: &str,
    lan: Lan,
    inside: &str,
    global: &impl ToString,
) -> String {
    let (lan, global) = (language.lan(lan), global.to_string());
    language.pick(
        format!("{name}（{lan}、庁内 {inside}、グローバル {global}）"),
        format!("{name} ({lan}, inside {inside}, global {global})"),
    )
}

fn platform(language: Language, environment: Environment, networks: &str) -> String {
    let environment = language.environment(environment);
    language.pick(
        format!("プラットフォーム（{environment}、{networks}）"),
        format!("platform ({environment}, {networks})"),
    )
}

/// What people call a service; by number where the number has no common name.
fn method(service: Service) -> &'static str {
    const NAMES: [(&str, &str); 8] = [
        ("tcp/80", "HTTP"),
        ("tcp/443", "HTTPS"),
        ("tcp/53", "DNS"),
        ("udp/53", "DNS"),
        ("udp/123", "NTP"),
        ("tcp/21", "FTP"),
        ("tcp/7", "echo"),
        ("udp/7", "echo"),
    ];
    let text = service.to_string();
    let named = NAMES.into_iter().find_map(|(known, name)| (known == text).then_some(name));
    named.unwrap_or(match service {
        Service::Tcp(_) => "TCP",
        Service::Udp(_) => "UDP",
        Service::IcmpEcho => "ping",
    })
}
