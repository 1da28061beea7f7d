use proptest::prelude::*;

use super::*;

/// A box's files, below a folder.
fn boxed(files: &[(&str, &str)]) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let sources = Sources {
        classes: folder.path().join("class"),
        memory: folder.path().join("meminfo"),
        found: folder.path().join("found"),
        state: folder.path().to_owned(),
    };
    (folder, sources)
}

const NVME: &str = r#"{
  "json_format_version": [1, 0],
  "device": {"name": "/dev/nvme0", "type": "nvme", "protocol": "NVMe"},
  "smart_status": {"passed": true, "nvme": {"value": 0}},
  "nvme_smart_health_information_log": {
    "critical_warning": 0, "temperature": 41, "available_spare": 100, "percentage_used": 3,
    "power_on_hours": 8760
  },
  "temperature": {"current": 41},
  "power_on_time": {"hours": 8760}
}"#;

const ATA: &str = r#"{
  "device": {"name": "/dev/sda", "type": "sat", "protocol": "ATA"},
  "smart_status": {"passed": false},
  "ata_smart_attributes": {"revision": 16, "table": [
    {"id": 9, "name": "Power_On_Hours", "value": 95, "worst": 95, "raw": {"value": 20011}},
    {"id": 177, "name": "Wear_Leveling_Count", "value": 88, "worst": 88, "raw": {"value": 311}},
    {"id": 202, "name": "Data_Address_Mark_Errs", "value": 1, "worst": 1, "raw": {"value": 0}},
    {"id": 194, "name": "Temperature_Celsius", "value": 60, "worst": 40, "raw": {"value": 40}},
    {"id": 231, "name": "SSD_Life_Left", "value": 7, "worst": 7, "raw": {"value": 7}},
    {"id": 233, "name": "Media_Wearout_Indicator", "value": 200, "worst": 200, "raw": {"value": 1}}
  ]},
  "power_on_time": {"hours": 20011},
  "temperature": {"current": 40}
}"#;

#[test]
fn a_box_without_sensors_says_nothing_of_them() {
    let (_folder, sources) = boxed(&[]);
    let seen = look(&sources);
    assert!(seen.room.is_some());
    assert_eq!(Sensors { room: None, ..seen }, Sensors::default());
}

#[test]
fn chips_are_read_with_their_labels_and_limits() {
    let (_folder, sources) = boxed(&[
        ("class/hwmon/hwmon0/name", "coretemp\n"),
        ("class/hwmon/hwmon0/temp1_label", "Package id 0\n"),
        ("class/hwmon/hwmon0/temp1_input", "52000\n"),
        ("class/hwmon/hwmon0/temp1_max", "82000\n"),
        ("class/hwmon/hwmon0/temp1_crit", "100000\n"),
        ("class/hwmon/hwmon0/temp2_input", "51000\n"),
        ("class/hwmon/hwmon0/temp2_max", "0\n"),
        ("class/hwmon/hwmon0/temp2_crit", "65261850\n"),
        ("class/hwmon/hwmon1/name", "acpitz\n"),
        ("class/hwmon/hwmon1/temp1_input", "27800\n"),
        ("class/hwmon/hwmon1/temp2_input", "-273150\n"),
        ("class/hwmon/hwmon1/temp3_input", "warm\n"),
        ("class/hwmon/hwmon1/fan1_input", "0\n"),
        // Counts only where there is no chip.
        ("class/thermal/thermal_zone0/temp", "99000\n"),
    ]);
    let sensor = |name: &str, now, limit| Temperature { name: name.to_owned(), now, limit };
    assert_eq!(
        look(&sources).temperatures,
        [
            sensor("coretemp Package id 0", 52_000, Some(82_000)),
            sensor("coretemp temp2", 51_000, None),
            sensor("acpitz temp1", 27_800, None),
        ]
    );
}

#[test]
fn zones_stand_in_for_chips() {
    let (_folder, sources) = boxed(&[
        ("class/thermal/cooling_device0/type", "Processor\n"),
        ("class/thermal/thermal_zone0/type", "x86_pkg_temp\n"),
        ("class/thermal/thermal_zone0/temp", "47000\n"),
    ]);
    let name = "x86_pkg_temp".to_owned();
    assert_eq!(look(&sources).temperatures, [Temperature { name, now: 47_000, limit: None }]);
}

#[test]
fn memory_is_what_programs_could_have() {
    let told =
        "MemTotal:        3980264 kB\nMemFree:          101 kB\nMemAvailable:     398026 kB\n";
    let share = memory(told).unwrap();
    assert_eq!((share.free, share.whole, share.percent()), (398_026 << 10, 3_980_264 << 10, 9));
    for nonsense in ["", "MemTotal: 5 kB\n", "MemTotal: 0 kB\nMemAvailable: 0 kB\n"] {
        assert_eq!(memory(nonsense), None, "{nonsense}");
    }
}

#[test]
fn disks_tell_their_wear_in_their_own_ways() {
    let (_folder, sources) = boxed(&[("found/disk.json", NVME)]);
    let nvme =
        Disk { wear: Some(3), sound: Some(true), hours: Some(8_760), temperature: Some(41_000) };
    assert_eq!(look(&sources).disk, nvme);
    let ata = smart(ATA);
    let wanted =
        Disk { wear: Some(93), sound: Some(false), hours: Some(20_011), temperature: Some(40_000) };
    assert_eq!(ata, wanted);

    let life_time_file = "class/mmc_host/mmc0/mmc0:0001/life_time";
    let (_folder, sources) = boxed(&[(life_time_file, "0x01 0x03\n")]);
    assert_eq!(look(&sources).disk.wear, Some(30));
    for (text, wear) in [("0x00 0x00", None), ("0x0b 0x01", Some(110)), ("0x0c", None), ("", None)]
    {
        assert_eq!(life_time(text), wear, "{text}");
    }
}

#[test]
fn a_disk_that_keeps_nothing_is_noticed() {
    for (line, reason) in [
        ("ok\n", None),
        ("", None),
        ("memory: /dev/sda4 can't be read\n", Some("/dev/sda4 can't be read")),
        ("memory: \x1b[2J\n", Some("[2J")),
    ] {
        assert_eq!(forgetful(line).as_deref(), reason, "{line}");
    }
}

proptest! {
    #[test]
    fn odd_bytes_are_no_reading_and_no_fault(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        memory(&text);
        smart(&text);
        life_time(&text);
        if let Some(reason) = forgetful(&text) {
            prop_assert!(!reason.chars().any(char::is_control));
        }
        let keys = ["name", "temp1_input", "temp1_label", "temp1_max"];
        chip_temperatures(&keys.map(|key| (key.to_owned(), text.clone().into_owned())).into());
    }

    #[test]
    fn a_share_is_within_its_whole(free in any::<u64>(), whole in 1..u64::MAX) {
        let share = Share { free: free.min(whole), whole };
        prop_assert!(share.percent() <= 100);
    }

    #[test]
    fn a_disk_that_is_cut_short_anywhere_is_none(at in 0..ATA.len()) {
        let told = smart(&ATA[..at]);
        prop_assert_eq!(told, Disk::default());
    }
}
