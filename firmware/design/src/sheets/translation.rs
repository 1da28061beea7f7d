//! The address-translation design (アドレス変換設計書).

use super::Sheet;
use crate::{
    Design, Environment, GlobalFor, Lan, Language, Name,
    messages::{origin, range},
};

impl Sheet {
    /// Each translation: servers, then terminals by network, then the device, which isn't translated.
    pub fn translation(design: &Design, language: Language) -> Self {
        let mut sheet = Self::new(
            language,
            ("アドレス変換設計書", "Address translation"),
            &[
                ("項番", "No."),
                ("方式", "Method"),
                ("名前", "Name"),
                ("LAN", "LAN"),
                ("変換前（庁内）", "Inside"),
                ("変換後（グローバル）", "Global"),
                ("環境", "Environment"),
                ("通信を始める側", "Started by"),
            ],
        );
        sheet.about_site(design);
        let both = language.pick("庁内・プラットフォーム", "office, platform");
        let office = language.pick("庁内", "office");
        let platform = language.pick("プラットフォーム", "platform");
        for server in &design.servers {
            let started = match (server.services.is_empty(), server.allow_from_platform.is_empty())
            {
                (false, false) => both,
                (false, true) => office,
                (true, false) => platform,
                (true, true) => language.pick("なし", "nobody"),
            };
            sheet.row([
                language.pick("静的（1対1）", "static, one to one").to_owned(),
                server.name.to_string(),
                language.lan(server.lan).to_owned(),
                server.private.to_string(),
                server.global.to_string(),
                language.environment(server.environment).to_owned(),
                started.to_owned(),
            ]);
            let row = (&server.name, server.lan, server.private.to_string(), server.environment);
            sheet.by_destination(row, &server.global_for);
        }
        for row in &design.terminals {
            for from in &row.from {
                sheet.row([
                    language.pick("NAPT（共用）", "NAPT, shared").to_owned(),
                    row.name.to_string(),
                    language.lan(row.lan).to_owned(),
                    range(*from),
                    row.global.to_string(),
                    language.environment(row.environment).to_owned(),
                    office.to_owned(),
                ]);
            }
            let from = language.list(row.from.iter().map(|from| range(*from)));
            sheet.by_destination((&row.name, row.lan, from, row.environment), &row.global_for);
        }
        sheet.row([
            language.pick("変換しない", "not translated").to_owned(),
            language.pick("この装置", "this device").to_owned(),
            String::new(),
            String::new(),
            design.profile.device_address.to_string(),
            String::new(),
            language.pick("装置・プラットフォーム", "device, platform").to_owned(),
        ]);
        sheet.note(
            "端末の範囲にサーバが入っているときは、サーバの行が優先します。",
            "Where a server stands among terminals, the server's row counts.",
        );
        sheet.note(
            "二つのLANで変換前のアドレスが同じでも、変換後のアドレスで区別します。",
            "Where both LANs use the same inside address, the global addresses tell them apart.",
        );
        sheet
    }
    /// What some destinations see in place of a row's own address (R86).
    fn by_destination(
        &mut self,
        (name, lan, inside, environment): (&Name, Lan, String, Environment),
        entries: &[GlobalFor],
    ) {
        let language = self.language;
        for GlobalFor { to, global } in entries {
            let to = language.list(to.iter().map(origin));
            self.row([
                language.pick("宛先別", "by destination").to_owned(),
                name.to_string(),
                language.lan(lan).to_owned(),
                inside.clone(),
                global.to_string(),
                language.environment(environment).to_owned(),
                language.pick(format!("庁内（宛先 {to}）"), format!("office (to {to})")),
            ]);
        }
    }
}
