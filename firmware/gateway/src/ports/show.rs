//! What `sekisho-ports` prints.

use std::fmt::Write as _;

use sekisho_design::{Duplex, Language};
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::{ListedPort, PortList};

pub(super) fn json(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value);
    text.unwrap_or_else(|error| format!("\"can't be shown: {error}\"")) + "\n"
}

/// A table of the ports, then the remarks.
pub(super) fn list(list: &PortList, language: Language) -> String {
    let heads = language.pick(
        ["名前", "場所", "MAC", "ドライバ", "状態"],
        ["NAME", "SLOT", "MAC", "DRIVER", "STATE"],
    );
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(list.ports.iter().map(|port| row(port, language)));
    let mut text = String::new();
    if !list.ports.is_empty() {
        let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
        let widths: Vec<_> = (0..heads.len()).map(width).collect();
        for row in &rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "{cell}{}", " ".repeat(width - cell.width() + 2));
            }
            text += line.trim_end();
            text += "\n";
        }
    }
    for remark in &list.remarks {
        let _ = writeln!(text, "{}", language.pick(&remark.ja, &remark.en));
    }
    text
}

fn row(port: &ListedPort, language: Language) -> [String; 5] {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    [
        port.name.to_string(),
        port.slot.to_string(),
        or_dash(port.mac.map(|mac| mac.to_string())),
        or_dash(port.driver.clone()),
        state(port, language),
    ]
}

fn state(port: &ListedPort, language: Language) -> String {
    match port.carrier {
        None => language.pick("閉", "down").to_owned(),
        Some(false) => language.pick("ケーブルなし", "no cable").to_owned(),
        Some(true) => {
            let speed = port.speed.map(|speed| format!(" {speed} Mb/s")).unwrap_or_default();
            let duplex = port.duplex.map(|duplex| match duplex {
                Duplex::Full => language.pick(" 全二重", " full duplex"),
                Duplex::Half => language.pick(" 半二重", " half duplex"),
            });
            let duplex = duplex.unwrap_or_default();
            language.pick(format!("接続{speed}{duplex}"), format!("plugged in{speed}{duplex}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use sekisho_design::Both;
    use sekisho_plan::ports::Mac;

    use super::*;

    #[test]
    fn ports_are_a_table_and_remarks_are_sentences() {
        let port = |number: u8, carrier, speed| ListedPort {
            name: format!("port{number}").parse().unwrap(),
            slot: format!("pci-0000:0{number}:00.0").parse().unwrap(),
            mac: (number == 1).then_some(Mac([2, 0, 0, 0, 0, number])),
            driver: (number == 1).then(|| "igb".to_owned()),
            carrier,
            speed,
            duplex: speed.map(|_| Duplex::Full),
        };
        let ports =
            vec![port(1, Some(true), Some(100)), port(2, Some(false), None), port(3, None, None)];
        let remark = Both { ja: "一つ。".to_owned(), en: "one.".to_owned() };
        let found = PortList { ports, remarks: vec![remark] };
        assert_eq!(
            list(&found, Language::English),
            "NAME   SLOT              MAC                DRIVER  STATE\n\
             port1  pci-0000:01:00.0  02:00:00:00:00:01  igb     plugged in 100 Mb/s full duplex\n\
             port2  pci-0000:02:00.0  -                  -       no cable\n\
             port3  pci-0000:03:00.0  -                  -       down\n\
             one.\n"
        );
        let text = list(&found, Language::Japanese);
        assert!(text.starts_with("名前   場所              MAC"), "{text}");
        assert!(text.contains("接続 100 Mb/s 全二重") && text.ends_with("一つ。\n"), "{text}");
        let value: serde_json::Value = serde_json::from_str(&json(&found)).unwrap();
        assert_eq!(value["ports"][0]["mac"], "02:00:00:00:00:01");
        assert_eq!(value["ports"][0]["duplex"], "full");
        assert_eq!(value["ports"][2]["carrier"], serde_json::Value::Null);
        assert_eq!(value["remarks"][0]["ja"], "一つ。");
    }
}
