//! The ledger of global addresses (自治体中間サーバーグローバルアドレス管理台帳).

use super::Sheet;
use crate::{
    Language,
    ledger::{Holder, Holding, Ledger, Totals},
};

impl Ledger {
    /// The ledger as a sheet: what to apply for first, then the pool.
    pub fn sheet(&self, language: Language) -> Sheet {
        let mut sheet = Sheet::new(
            language,
            ("自治体中間サーバーグローバルアドレス管理台帳", "Ledger of global addresses"),
            &[
                ("項番", "No."),
                ("状態", "State"),
                ("最初のアドレス", "First address"),
                ("最後のアドレス", "Last address"),
                ("個数", "Number"),
                ("使用者", "Used by"),
                ("LAN", "LAN"),
                ("変換前のアドレス", "Address inside"),
                ("環境", "Environment"),
            ],
        );
        sheet.about_profile(self.organisation, self.profile);
        let Totals { pool, device, server, terminals, free, to_apply } = self.totals;
        sheet.about(
            ("集計", "Totals"),
            language.pick(
                format!(
                    "割当て {pool}（静的 {server}、NAPT {terminals}、装置 {device}、空き {free}）、申請が必要 {to_apply}"
                ),
                format!(
                    "pool {pool} (static {server}, NAPT {terminals}, device {device}, free {free}), to apply for {to_apply}"
                ),
            ),
        );
        for holding in &self.to_apply {
            sheet.holding(holding, Some(language.pick("申請が必要", "to apply for")));
        }
        for holding in &self.pool {
            sheet.holding(holding, None);
        }
        if to_apply > 0 {
            sheet.note(
                "「申請が必要」のアドレスは、IP設計が使っていますが、接続情報の割当てにありません。機構に申請し、新しい接続情報を受け取るまで、この設計は反映できません。",
                "The site uses the addresses 'to apply for', and the profile doesn't assign them. Apply to the operator; until a new profile comes, the design can't be put in force.",
            );
        }
        sheet
    }
}

impl Sheet {
    fn holding(&mut self, holding: &Holding, state: Option<&str>) {
        let language = self.language;
        let (usual, user, lan, inside, environment) = match &holding.holder {
            Holder::Device => (
                language.pick("装置", "device"),
                language.pick("この装置", "this device").to_owned(),
                "",
                String::new(),
                "",
            ),
            Holder::Server { name, lan, private, environment } => (
                language.pick("静的", "static"),
                name.to_string(),
                language.lan(*lan),
                private.to_string(),
                language.environment(*environment),
            ),
            Holder::Terminals { lan, rows } => {
                ("NAPT", language.list(rows), language.lan(*lan), String::new(), "")
            }
            Holder::Free => (language.pick("空き", "free"), String::new(), "", String::new(), ""),
        };
        let state = match state {
            Some(state) => {
                format!("{state}{}", language.pick(format!("（{usual}）"), format!(" ({usual})")))
            }
            None => usual.to_owned(),
        };
        self.row([
            state,
            holding.first.to_string(),
            holding.last.to_string(),
            holding.count().to_string(),
            user,
            lan.to_owned(),
            inside,
            environment.to_owned(),
        ]);
    }
}
