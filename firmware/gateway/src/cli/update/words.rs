//! Why an installation came to nothing, and what to do about it, for who looks at the page.

use sekisho_control::InstallationState;
use sekisho_design::Both;

use super::{BundleError, UpdateError};

/// The end of an installation that failed.
pub(super) fn failed(fault: &UpdateError) -> InstallationState {
    let [why, way_out] = words(fault);
    InstallationState::Failed { why, way_out: Some(way_out) }
}

/// Why, and the way out.
fn words(fault: &UpdateError) -> [Both; 2] {
    let again = || {
        both(
            "装置を再起動してから、もう一度行ってください。繰り返すときは、装置のログを確認してください。",
            "Restart the box and try again; if it happens again, look at its log.",
        )
    };
    let told = |ja: &str| both(ja, sentence(&fault.to_string()));
    match fault {
        UpdateError::Bundle(fault) => of_bundle(fault),
        UpdateError::NoSlots => [
            told("この機器には、ファームウェアのスロットがありません。"),
            both(
                "装置のイメージで起動した装置で行ってください。",
                "Do it on a box that starts from Sekisho's image.",
            ),
        ],
        UpdateError::OnTrial(version) => [
            told(&format!("{version} を試行中です。結果がまだ出ていません。")),
            both("結果が出るまで待ってください。", "Wait until its trial is settled."),
        ],
        UpdateError::NotInstalled(said) | UpdateError::NotTaken(said) => [
            both(
                format!("書き込めませんでした：{said}"),
                format!("It could not be written: {said}"),
            ),
            both(
                "動作中の版は元のままです。更新ファイルを取り直して、もう一度行ってください。",
                "The firmware that runs is as it was. Get the file again, and try once more.",
            ),
        ],
        UpdateError::NoRoom { .. } => [
            told("ディスクの空きが足りません。"),
            both(
                "通信記録（flow-log）の日数か大きさを減らすか、USBメモリから更新してください。",
                "Let the design keep fewer days or bytes of flows (`flow-log`), or update from a USB stick.",
            ),
        ],
        UpdateError::Read { .. } | UpdateError::Odd(_) | UpdateError::Wish(_) => [
            both("送られた更新ファイルを読めませんでした。", "What was sent can't be read."),
            both("更新ファイルをもう一度送ってください。", "Send the file once more."),
        ],
        UpdateError::Client(_) => [
            told("装置の中心プログラム（sekishod）が応答しません。"),
            both("1分待って、もう一度行ってください。", "Wait a minute and try again."),
        ],
        UpdateError::Restart(_) => [
            told("書き込みは終わりましたが、再起動できませんでした。"),
            both("装置の電源を入れ直してください。", "Switch the box off and on."),
        ],
        UpdateError::Host(_) | UpdateError::Image { .. } | UpdateError::Rauc(_) => {
            [told(&format!("装置の内部で処理できませんでした：{fault}")), again()]
        }
    }
}

fn of_bundle(fault: &BundleError) -> [Both; 2] {
    let anew = || {
        both(
            "更新ファイルを取り直し、配布元の SHA-256 と比べてください。",
            "Get the file again, and compare its SHA-256 with the maker's.",
        )
    };
    let for_this_box = || {
        both(
            "この機種の更新ファイルを選んでください。",
            "Take the update that was made for this box.",
        )
    };
    match fault {
        BundleError::NoBundle(_) => [
            both("装置の更新ファイルではありません。", "The file is no update of Sekisho."),
            both(
                "配布元から受け取った、.raucb で終わるファイルを選んでください。",
                "Choose the file of the maker that ends in .raucb.",
            ),
        ],
        BundleError::Truncated(_) => [
            both(
                "更新ファイルが途中で切れています。",
                "The file is truncated: its end, with the signature, is missing.",
            ),
            anew(),
        ],
        BundleError::Unreadable { said, .. } => [
            both(
                format!("更新ファイルを読めません：{said}"),
                format!("The file can't be read as an update: {said}"),
            ),
            anew(),
        ],
        BundleError::Giant { bytes, room, .. } => [
            both(
                format!("更新ファイルが大きすぎます（{bytes} バイト。スロットは {room} バイト）。"),
                format!("The file has {bytes} bytes; the slot holds {room}."),
            ),
            for_this_box(),
        ],
        BundleError::Signature { said, .. } => [
            both(
                format!("配布元の署名を確かめられません：{said}"),
                format!("The file isn't signed by the maker of this firmware: {said}"),
            ),
            both(
                "配布元から取り直してください。開発版の装置には開発版、製品版の装置には製品版だけが入ります。",
                "Get the update from its maker again. A development build takes development updates alone, a release only releases.",
            ),
        ],
        BundleError::Foreign { found, expected } => [
            both(
                format!("別の機種（{found}）の更新ファイルです。この装置は {expected} です。"),
                format!("The update is for '{found}', and this box is '{expected}'."),
            ),
            for_this_box(),
        ],
        BundleError::BelowFloor { version, floor } => [
            both(
                format!("版 {version} は、戻せる最も古い版 {floor} より古い版です。"),
                format!(
                    "Version {version} is older than {floor}, the oldest that this firmware goes back to."
                ),
            ),
            both(
                "古い版には、知られた欠陥があります。どうしても必要なときは、機構から許可証を受け取り、更新ファイルと一緒に選んでください。",
                "Older firmware has known holes. If it must be, ask the operator for a token, and choose it beside the file.",
            ),
        ],
        BundleError::Token(said) => [
            both(
                format!("許可証が合いません：{said}"),
                format!("The token doesn't allow this: {said}"),
            ),
            both(
                "この装置の公開鍵と、この版のための許可証を、機構から受け取ってください。",
                "Ask the operator for a token with this device's key and this version.",
            ),
        ],
    }
}

/// A sentence of a message.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

fn both(ja: impl Into<String>, en: impl Into<String>) -> Both {
    Both { ja: ja.into(), en: en.into() }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn no_fault_is_told_without_a_way_out_or_by_a_path_of_the_boxs() {
        let path = PathBuf::from("/var/lib/sekisho-box/sent.raucb");
        let version = |text: &str| text.parse().unwrap();
        let said = "signature verification failed".to_owned();
        let faults: Vec<UpdateError> = vec![
            BundleError::NoBundle(path.clone()).into(),
            BundleError::Truncated(path.clone()).into(),
            BundleError::Giant { path: path.clone(), bytes: 2, room: 1 }.into(),
            BundleError::Signature { path: path.clone(), said: said.clone() }.into(),
            BundleError::Unreadable { path, said: said.clone() }.into(),
            BundleError::Foreign { found: "x".to_owned(), expected: "y".to_owned() }.into(),
            BundleError::BelowFloor { version: version("0.0.9"), floor: version("0.1.0") }.into(),
            BundleError::Token("it is for version 0.0.8".to_owned()).into(),
            UpdateError::NoSlots,
            UpdateError::OnTrial("0.2.0".to_owned()),
            UpdateError::NotInstalled(said),
            UpdateError::NoRoom { needed: 2, free: 1 },
            UpdateError::Wish("no JSON".to_owned()),
            UpdateError::Restart("no bus".to_owned()),
        ];
        for fault in faults {
            for Both { ja, en } in words(&fault) {
                assert!(ja.ends_with('。') || ja.contains('：'), "{fault}: {ja}");
                assert!(!en.is_empty() && !en.contains("/var"), "{fault}: {en}");
            }
        }
    }
}
