//! The flow inventory: 項番, From, To, 連携方式, 技術仕様, one row a direction (R95).

use jiff::Timestamp;

use super::Sheet;
use crate::{
    Approval, Class, Design, Direction, Environment, Lan, Language, Member, Name, Policy, Service,
    ServiceMember,
    messages::{harmless, origin, range},
    words,
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
                ("種類", "Kind"),
                ("名前", "Name"),
                ("環境", "Environment"),
                ("優先度", "Class"),
                ("FTP", "FTP"),
                ("期限", "Until"),
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
            let row = |services: &[Service]| Ending {
                kind: language.pick("サーバ", "server"),
                name: &server.name,
                environment: Some(server.environment),
                class: Some(server.class),
                ftp: server.ftp && services.iter().any(|service| is_ftp(*service)),
                until: None,
            };
            let inside = server.private.to_string();
            let end = office(language, server.name.as_str(), server.lan, &inside, &server.global);
            if !server.services.is_empty() {
                let what = (&server.services[..], source, server.approval.as_ref());
                sheet.flow(end.clone(), all(server.environment), what, &row(&server.services));
            }
            for allowance in &server.allow_from_platform {
                let from = platform(language, server.environment, &origin(&allowance.from));
                let what = (&allowance.services[..], destination, allowance.approval.as_ref());
                sheet.flow(from, end.clone(), what, &row(&allowance.services));
            }
        }
        let shared = language.pick("送信元をNAPTで変換", "source translated by NAPT");
        for row in &design.terminals {
            let inside = language.list(row.from.iter().map(|from| range(*from)));
            let from = office(language, row.name.as_str(), row.lan, &inside, &row.global);
            let ending = Ending {
                kind: language.pick("端末", "terminals"),
                name: &row.name,
                environment: Some(row.environment),
                class: Some(row.class),
                ftp: false,
                until: None,
            };
            let what = (&row.services[..], shared, row.approval.as_ref());
            sheet.flow(from, all(row.environment), what, &ending);
        }
        for policy in &design.policies {
            sheet.policy(design, policy);
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
        if !design.policies.is_empty() {
            sheet.note(
                "「通信許可」の行で空いている環境と優先度は、庁内側のサーバや端末の行と同じです。期限のある行は、期限の時刻に閉じます。",
                "Where a policy's environment or class is empty, it is that of the office's row. A row with an end closes at that time.",
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
        ending: &Ending<'_>,
    ) {
        let specification = self.language.pick(
            format!("{}。{translation}", self.language.list(services)),
            format!("{}; {translation}", self.language.list(services)),
        );
        self.line([from, to, self.methods(services), specification], approval, ending);
    }

    /// Members stand as the design names them, so that the table can come in again; what they are stands behind them in
    /// brackets.
    fn policy(&mut self, design: &Design, policy: &Policy) {
        let language = self.language;
        let end = |members: &[Member]| {
            language.list(members.iter().map(|member| described(design, language, member)))
        };
        let (office, platform) = (end(&policy.office), end(&policy.platform));
        let (from, to) = match policy.direction {
            Direction::FromOffice => (office, platform),
            Direction::FromPlatform => (platform, office),
        };
        let services = policy.services.iter().map(|member| match member {
            ServiceMember::Service(service) => service.to_string(),
            ServiceMember::Named(name) => {
                let named = design.services.iter().find(|services| services.name == *name);
                let named = named.map(|services| language.list(&services.services));
                remarked(language, name.as_str(), &named.unwrap_or_default())
            }
        });
        let ending = Ending {
            kind: language.pick("通信許可", "policy"),
            name: &policy.name,
            environment: policy.environment,
            class: policy.class,
            ftp: policy.ftp,
            until: policy.until,
        };
        let methods = self.methods(&design.policy_services(policy));
        let cells = [from, to, methods, language.list(services)];
        self.line(cells, policy.approval.as_ref(), &ending);
    }

    /// What people call the services of a flow.
    fn methods(&self, services: &[Service]) -> String {
        let mut methods: Vec<_> = services.iter().map(|service| method(*service)).collect();
        let mut seen = Vec::new();
        methods.retain(|method| {
            !seen.contains(method) && {
                seen.push(*method);
                true
            }
        });
        methods.join(self.language.pick("・", ", "))
    }

    fn line(&mut self, cells: [String; 4], approval: Option<&Approval>, ending: &Ending<'_>) {
        let Ending { kind, name, environment, class, ftp, until } = ending;
        let language = self.language;
        let approval = approval.map(|note| harmless(note.as_str().chars()));
        let ending = [
            approval.unwrap_or_default(),
            (*kind).to_owned(),
            name.to_string(),
            environment.map_or("", |environment| language.environment(environment)).to_owned(),
            class.map_or("", |class| language.class(class)).to_owned(),
            if *ftp { language.pick("許可", "allowed") } else { "" }.to_owned(),
            until.map_or_else(String::new, words::whole),
        ];
        self.row(cells.into_iter().chain(ending));
    }
}

/// The cells at a line's end, after the approval.
struct Ending<'a> {
    kind: &'a str,
    name: &'a Name,
    environment: Option<Environment>,
    class: Option<Class>,
    ftp: bool,
    until: Option<Timestamp>,
}

/// Whether the control connection of FTP is among it.
fn is_ftp(service: Service) -> bool {
    matches!(service, Service::Tcp(ports) if (ports.first()..=ports.last()).contains(&21))
}

/// One end of a policy, or a part of it, with what it is.
pub(super) fn described(design: &Design, language: Language, member: &Member) -> String {
    let Member::Named(name) = member else { return member.to_string() };
    let server = design.servers.iter().find(|server| server.name == *name).map(|server| {
        office(language, name.as_str(), server.lan, &server.private.to_string(), &server.global)
    });
    let terminals = || {
        let row = design.terminals.iter().find(|row| row.name == *name)?;
        let inside = language.list(row.from.iter().map(|from| range(*from)));
        Some(office(language, name.as_str(), row.lan, &inside, &row.global))
    };
    let object = || {
        let object = design.objects.iter().find(|object| object.name == *name)?;
        Some(remarked(language, name.as_str(), &language.list(&object.members)))
    };
    server.or_else(terminals).or_else(object).unwrap_or_else(|| name.to_string())
}

/// A name with a remark in brackets.
fn remarked(language: Language, name: &str, remark: &str) -> String {
    language.pick(format!("{name}（{remark}）"), format!("{name} ({remark})"))
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
