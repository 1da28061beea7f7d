//! 単体動作確認: the box alone (R19).

use sekisho_control::{Planned, Sensed, Stage, Verdict};
use sekisho_design::Design;

use super::{
    Role, Wires,
    ports::{Port, Seeking},
};
use crate::{
    check::{Check, Judgement, Traits, both, cause, planned},
    probe::{Known, Probe, Seen},
};

/// The design's own check; what speaks by the design needs it.
pub(super) const DESIGN: &str = "standalone.design";

/// How far the clock may be off before certificates and logs suffer, in milliseconds.
const CLOCK_SLACK_MS: u64 = 5_000;

pub(super) fn checks(design: Option<&Design>) -> Vec<Box<dyn Check>> {
    let mut all: Vec<Box<dyn Check>> = vec![Box::new(InForce)];
    if let Some(design) = design {
        all.push(Box::new(KernelHolds));
        let (wires, modes) = (Wires::of(design), modes(design));
        for (role, wire) in &wires.0 {
            let elsewhere = Seeking::all(&wires, *role, &wire.neighbours);
            let mode = modes.iter().find(|(of, _)| of == role).and_then(|(_, mode)| *mode);
            all.push(Box::new(Port { role: *role, link: wire.port.clone(), mode, elsewhere }));
        }
        all.push(Box::new(TunnelDevice));
    }
    all.push(Box::new(Disk));
    let sensed = [
        Sensed::Data,
        Sensed::Room,
        Sensed::Disk,
        Sensed::Wear,
        Sensed::Memory,
        Sensed::Temperature,
        Sensed::Backup,
    ];
    all.extend(sensed.map(|of| Box::new(Sensor(of)) as Box<dyn Check>));
    all.extend([
        Box::new(Clock) as Box<dyn Check>,
        Box::new(Rtc),
        Box::new(Slot),
        Box::new(Ciphers),
        Box::new(InMemory),
    ]);
    all
}

fn modes(design: &Design) -> Vec<(Role, Option<sekisho_design::PortMode>)> {
    let lans = design.lans.iter().map(|(lan, interface)| (Role::Lan(*lan), interface.mode));
    let maintenance = design.maintenance.iter().map(|port| (Role::Maintenance, port.mode));
    [(Role::Lgwan, design.lgwan.mode)].into_iter().chain(lans).chain(maintenance).collect()
}

/// Whether a design is in force and kept.
struct InForce;

impl Check for InForce {
    fn planned(&self) -> Planned {
        planned(
            Stage::Standalone,
            "design",
            both!("IP設計"; "The design"),
            both!("設計が適用され、保存されているか。"; "Whether a design is in force and kept."),
            &["R19", "R91"],
            Vec::new(),
        )
    }

    fn probe(&self) -> Probe {
        Probe::Known(Known::Design)
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        let Seen::Design { generation, fault, awaiting } = seen else {
            return Judgement::unable(seen);
        };
        if let Some(fault) = fault {
            return Judgement::failed(
                both!("設計か、その保存に問題があります。"; "Something is wrong with the design or with keeping it."),
                cause(
                    "design-faulty",
                    both!("{fault}"; "{fault}"),
                    both!("装置が、設計を適用または保存するときに見つけました。"; "The device found it when it put the design in force or kept it."),
                    both!("状態の画面（sekisho status）の指示に従ってください。"; "Do what `sekisho status` says."),
                ),
            );
        }
        if *generation == 0 && !awaiting {
            return Judgement::failed(
                both!("設計が一度も適用されていません。"; "No design was ever applied."),
                cause(
                    "no-design",
                    both!("設計がないので、何も中継しません。"; "Without a design nothing is forwarded."),
                    both!("保存された設計がありません。"; "No design is kept."),
                    both!("設計を適用してください（sekisho apply）。"; "Apply a design (`sekisho apply`)."),
                ),
            );
        }
        if *awaiting {
            return Judgement::warned(
                both!("変更が、確定を待っています。"; "A change awaits confirmation."),
                cause(
                    "unconfirmed",
                    both!("確定されないと、前の設計に戻ります。"; "Without confirmation the design before comes back."),
                    both!("適用は済み、確定だけがありません。"; "It is applied and not confirmed."),
                    both!("sekisho confirm で確定するか、sekisho rollback で戻してください。"; "Give `sekisho confirm`, or `sekisho rollback`."),
                ),
            );
        }
        Judgement::passed(
            both!("第{generation}世代が有効です。"; "Generation {generation} is in force."),
        )
    }

    fn traits(&self) -> Traits {
        Traits { watched: true, vital: true, ..Traits::default() }
    }
}

/// Whether the kernel holds what the design says.
struct KernelHolds;

impl Check for KernelHolds {
    fn planned(&self) -> Planned {
        planned(
            Stage::Standalone,
            "kernel",
            both!("カーネルの状態"; "The kernel's state"),
            both!(
                "アドレス、経路、フィルタ表、待ち行列を読み、設計と比べます。";
                "Read addresses, routes, the packet filter's table and queues, and compare them with the design."
            ),
            &["R19", "R91"],
            vec![DESIGN.to_owned()],
        )
    }

    fn probe(&self) -> Probe {
        Probe::Known(Known::Kernel)
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        match seen {
            Seen::Fine => {
                Judgement::passed(both!("設計のとおりです。"; "It is what the design says."))
            }
            Seen::Wrong { what } => {
                let (count, first) = (what.len(), what.first().cloned().unwrap_or_default());
                Judgement::failed(
                    both!("設計と違うところが {count} か所あります。"; "It differs in {count} places from the design."),
                    cause(
                        "kernel-differs",
                        both!("だれかが装置の設定を、設計によらずに変えています。"; "Somebody changes the device past its design."),
                        both!("最初の違い: {first}"; "The first difference: {first}"),
                        both!(
                            "変えている人かプログラムを止め、設計をもう一度適用してください。";
                            "Stop whoever changes it, and apply the design again."
                        ),
                    ),
                )
            }
            other => Judgement::unable(other),
        }
    }

    fn traits(&self) -> Traits {
        Traits { watched: true, vital: true, ..Traits::default() }
    }
}

/// The tunnel device and the threads that serve it.
struct TunnelDevice;

impl Check for TunnelDevice {
    fn planned(&self) -> Planned {
        planned(
            Stage::Standalone,
            "tunnel-device",
            both!("トンネルの仮想ポート"; "The tunnel device"),
            both!("仮想ポート（TUN）があり、動いているか。"; "Whether the TUN device is there and served."),
            &["R19"],
            vec![DESIGN.to_owned()],
        )
    }

    fn probe(&self) -> Probe {
        Probe::Known(Known::TunnelDevice)
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        match seen {
            Seen::Fine => Judgement::passed(both!("動いています。"; "It is served.")),
            Seen::Wrong { what } => {
                let what = what.join("; ");
                Judgement::failed(
                    both!("動いていません（{what}）。"; "It isn't served: {what}."),
                    cause(
                        "tunnel-device",
                        both!("トンネルの処理が止まっています。"; "The tunnel's work has stopped."),
                        both!("装置の中の問題で、回線は関係しません。"; "It is inside the device; the line has no part in it."),
                        both!("装置を再起動してください。"; "Restart the device."),
                    ),
                )
            }
            other => Judgement::unable(other),
        }
    }

    fn traits(&self) -> Traits {
        Traits { watched: true, vital: true, ..Traits::default() }
    }
}

/// Whether the disk keeps what is written. A trial every minute would wear it, so nobody watches this; the watch sees the
/// room that is left, and what the daemon itself couldn't write.
struct Disk;

impl Check for Disk {
    fn planned(&self) -> Planned {
        planned(
            Stage::Standalone,
            "disk",
            both!("記憶域への書き込み"; "Writing to the disk"),
            both!("小さなファイルを書き、読み返し、消します。"; "Write a small file, read it back, take it away."),
            &["R19", "R60"],
            Vec::new(),
        )
    }

    fn probe(&self) -> Probe {
        Probe::DiskWrite
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        match seen {
            Seen::Fine => Judgement::passed(both!("書けました。"; "It was written.")),
            Seen::Wrong { what } => {
                let what = what.join("; ");
                Judgement::failed(
                    both!("書けません（{what}）。"; "It can't be written: {what}."),
                    cause(
                        "disk-full",
                        both!(
                            "記憶域がいっぱいか、壊れています。設計も記録も保存できません。";
                            "The disk is full or broken: neither designs nor logs can be kept."
                        ),
                        both!("書き込みの試しが失敗しました: {what}"; "A trial write failed: {what}"),
                        both!(
                            "通信記録の量（flow-log）を減らしてください。空きがあるのに書けないなら、装置の交換を手配してください。";
                            "Let the design keep fewer flows (`flow-log`); if there is room and it still fails, have the box replaced."
                        ),
                    ),
                )
            }
            other => Judgement::unable(other),
        }
    }
}

/// A kind of sensor.
struct Sensor(Sensed);

impl Sensor {
    fn words(&self) -> (&'static str, &'static str, &'static str) {
        match self.0 {
            Sensed::Data => ("data", "データの保存先", "Where data is kept"),
            Sensed::Temperature => ("temperature", "温度", "Temperature"),
            Sensed::Memory => ("memory", "メモリの空き", "Free memory"),
            Sensed::Room => ("room", "記憶域の空き", "Free room on the disk"),
            Sensed::Wear => ("wear", "ディスクの寿命", "Wear of the disk"),
            Sensed::Disk => ("disk-health", "ディスクの自己診断", "The disk's own judgement"),
            Sensed::Backup => ("nightly-backup", "毎晩の控え", "The nightly backup"),
        }
    }

    /// A value with its unit.
    fn value(&self, value: i64) -> String {
        match self.0 {
            Sensed::Temperature => format!("{} °C", value.div_euclid(1000)),
            Sensed::Data
            | Sensed::Memory
            | Sensed::Room
            | Sensed::Wear
            | Sensed::Disk
            | Sensed::Backup => {
                format!("{value} %")
            }
        }
    }
}

impl Check for Sensor {
    fn planned(&self) -> Planned {
        let (name, ja, en) = self.words();
        planned(
            Stage::Standalone,
            name,
            both!("{ja}"; "{en}"),
            both!("装置のセンサーを読みます。"; "Read the box's sensors."),
            &["R19", "R60"],
            Vec::new(),
        )
    }

    fn probe(&self) -> Probe {
        Probe::Known(Known::Sensor(self.0))
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        let Seen::Readings(readings) = seen else { return Judgement::unable(seen) };
        // Alarms come first.
        let Some(reading) = readings.iter().max_by_key(|reading| reading.alarm) else {
            return if self.0 == Sensed::Data {
                Judgement::passed(both!("保存できます。"; "Data is kept."))
            } else {
                Judgement::not_run(
                    both!("この装置にはセンサーがありません。"; "The box has no sensor for it."),
                )
            };
        };
        let judgement = if reading.alarm {
            let next = reading
                .way_out
                .clone()
                .unwrap_or_else(|| both!("保守の窓口に知らせてください。"; "Tell the maintainer."));
            let (ja, en) = (&reading.sentence.ja, &reading.sentence.en);
            let (name, title_ja, title_en) = self.words();
            Judgement {
                verdict: Verdict::Failed,
                ..Judgement::failed(
                    reading.sentence.clone(),
                    cause(
                        name,
                        both!("{title_ja}が限度を超えました。"; "{title_en}: past its limit."),
                        both!("{ja}"; "{en}"),
                        next,
                    ),
                )
            }
        } else {
            Judgement::passed(reading.sentence.clone())
        };
        match (reading.value, reading.limit) {
            (Some(value), Some(limit)) => judgement.measured(self.value(value), self.value(limit)),
            _ => judgement,
        }
    }

    fn traits(&self) -> Traits {
        Traits { watched: true, ..Traits::default() }
    }
}

/// Whether the clock can be right at all. How far it is off the time servers is LGWAN's matter.
struct Clock;

impl Check for Clock {
    fn planned(&self) -> Planned {
        planned(
            Stage::Standalone,
            "clock",
            both!("装置の時計"; "The device's clock"),
            both!(
                "時計が、ファームウェアの作成日時より前でないか、時刻サーバに合っているか。";
                "Whether it is later than the firmware's making, and led by a time server."
            ),
            &["R19", "R62"],
            Vec::new(),
        )
    }

    fn probe(&self) -> Probe {
        Probe::Known(Known::Clock)
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        let Seen::Clock { status, now, floor } = seen else { return Judgement::unable(seen) };
        let said = format!("{now:.0}");
        if let Some(floor) = floor.filter(|floor| floor > now) {
            let floor = format!("{floor:.0}");
            return Judgement::failed(
                both!("時計が {said} で、ファームウェアの作成（{floor}）より前です。"; "It says {said}, before the firmware was made ({floor})."),
                cause(
                    "clock-off",
                    both!("時計が大きく狂っています。電池切れのことがあります。"; "The clock is far off; its battery may be dead."),
                    both!("ファームウェアが作られた日時より前を示しています。"; "It shows a time before the firmware was made."),
                    both!(
                        "時刻サーバに届けば自動で合います。電源を切るたびに狂うなら、電池の交換を手配してください。";
                        "A time server sets it once it is reached; if it goes wrong at each power cut, have the battery replaced."
                    ),
                ),
            )
            .measured(said, floor);
        }
        let error = status.error_us.map(|error| error / 1000).filter(|_| status.synchronised);
        let judgement = Judgement::passed(status.sentence.clone());
        match error {
            Some(error) if error > CLOCK_SLACK_MS => {
                Judgement { verdict: Verdict::Warned, ..judgement }
                    .measured(format!("{error} ms"), format!("{CLOCK_SLACK_MS} ms"))
            }
            Some(error) => {
                judgement.measured(format!("{error} ms"), format!("{CLOCK_SLACK_MS} ms"))
            }
            None => judgement,
        }
    }
}

/// The clock that runs on while the box is off.
struct Rtc;

/// How far it may be off, in seconds: the kernel sets it every eleven minutes while a time server leads.
const RTC_SLACK_S: u64 = 120;

impl Check for Rtc {
    fn planned(&self) -> Planned {
        planned(
            Stage::Standalone,
            "rtc",
            both!("電源を切っても動く時計"; "The clock that runs on while the box is off"),
            both!("時計の部品（RTC）の時刻を、装置の時計と比べます。"; "Compare the real-time clock with the device's."),
            &["R19", "R62"],
            Vec::new(),
        )
    }

    fn probe(&self) -> Probe {
        Probe::Known(Known::Rtc)
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        match seen {
            Seen::Rtc { ahead_s } => {
                let (off, limit) = (format!("{ahead_s:+} s"), format!("±{RTC_SLACK_S} s"));
                let judgement = if ahead_s.unsigned_abs() <= RTC_SLACK_S {
                    Judgement::passed(
                        both!("装置の時計と合っています。"; "It agrees with the device's clock."),
                    )
                } else {
                    Judgement::warned(
                        both!("装置の時計と {off} 違います。"; "It differs from the device's clock by {off}."),
                        cause(
                            "rtc-off",
                            both!("時計の電池が切れているか、まだ時刻サーバに合ったことがありません。"; "Its battery is dead, or no time server has led the clock yet."),
                            both!("時計の部品の時刻を読み、装置の時計と比べました。"; "The real-time clock was read and compared with the device's."),
                            both!(
                                "時刻サーバに合ってから15分たっても同じなら、電池の交換を手配してください。業務は続けられます。";
                                "If it stays so a quarter of an hour after a time server was reached, have the battery replaced. Business goes on."
                            ),
                        ),
                    )
                };
                judgement.measured(off, limit)
            }
            Seen::Absent => {
                Judgement::not_run(both!("この装置にはありません。"; "This box has none."))
            }
            other => Judgement::unable(other),
        }
    }
}

/// The slot that runs, on a box with slots.
struct Slot;

impl Check for Slot {
    fn planned(&self) -> Planned {
        planned(
            Stage::Standalone,
            "slot",
            both!("ファームウェアの面"; "The firmware's slot"),
            both!("どの面のファームウェアで動いているか。"; "Which slot's firmware runs."),
            &["R19", "R3"],
            Vec::new(),
        )
    }

    fn probe(&self) -> Probe {
        Probe::Known(Known::Slot)
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        match seen {
            Seen::Slot { slot } => Judgement::passed(both!("{slot}"; "{slot}")),
            Seen::Absent => Judgement::not_run(both!(
                "イメージから起動した装置ではありません。";
                "This device wasn't started from an image."
            )),
            other => Judgement::unable(other),
        }
    }
}

/// Known answers of the ciphers.
struct Ciphers;

impl Check for Ciphers {
    fn planned(&self) -> Planned {
        planned(
            Stage::Standalone,
            "crypto",
            both!("暗号の自己診断"; "The ciphers"),
            both!(
                "X25519、ChaCha20-Poly1305、BLAKE2s に、答えの分かっている問題を解かせます。";
                "Known answers of X25519, ChaCha20-Poly1305 and BLAKE2s."
            ),
            &["R19"],
            Vec::new(),
        )
    }

    fn probe(&self) -> Probe {
        Probe::Crypto
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        inside(seen, "crypto-wrong")
    }
}

/// A packet through the tunnel's own code, in memory.
struct InMemory;

impl Check for InMemory {
    fn planned(&self) -> Planned {
        planned(
            Stage::Standalone,
            "loop",
            both!("トンネルの折り返し"; "The tunnel, looped in memory"),
            both!(
                "装置の中だけでトンネルを張り、パケットを往復させます。";
                "Build up a tunnel inside the device, and send a packet through and back."
            ),
            &["R19"],
            vec!["standalone.crypto".to_owned()],
        )
    }

    fn probe(&self) -> Probe {
        Probe::Loop
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        inside(seen, "loop-broken")
    }
}

fn inside(seen: &Seen, code: &str) -> Judgement {
    match seen {
        Seen::Fine => Judgement::passed(both!("正しい結果でした。"; "The results are right.")),
        Seen::Wrong { what } => {
            let what = what.join("; ");
            Judgement::failed(
                both!("結果が違います（{what}）。"; "The results are wrong: {what}."),
                cause(
                    code,
                    both!("装置のメモリかCPUが壊れています。"; "The device's memory or processor is broken."),
                    both!("同じ計算の答えが、決まった値と違いました。"; "A calculation with a known answer came out otherwise."),
                    both!("装置を交換してください。"; "Have the box replaced."),
                ),
            )
        }
        other => Judgement::unable(other),
    }
}
