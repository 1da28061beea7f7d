//! The headline as a plot, in SVG.

use std::fmt::Write;

use crate::{
    peers::Implementation,
    results::{Medians, headline},
    statistics::Summary,
};

const PANELS: [(&str, [&str; 2]); 4] = [
    ("1 TCP stream, Gbit/s", ["tcp1.up.gbit", "tcp1.down.gbit"]),
    ("UDP of 128 B at overload, kpps", ["udp128.up.kpps", "udp128.down.kpps"]),
    ("gateway's CPU, s/GB", ["tcp1.up.cpu_s_per_gb", "tcp1.down.cpu_s_per_gb"]),
    ("RTT p50 under 1 stream, ms", ["tcp1.up.rtt_p50_ms", "tcp1.down.rtt_p50_ms"]),
];
const WIDTH: f64 = 420.0;
const PANEL: f64 = 260.0;
const BAR: f64 = 22.0;
const LABELS: f64 = 150.0;
/// Room right of the longest bar, for its number.
const NUMBERS: f64 = 60.0;

/// Bars for every implementation, up and down; whiskers from the least to the most.
pub(crate) fn svg(medians: &Medians) -> Result<String, std::fmt::Error> {
    let (width, height) = (2.0 * WIDTH, 2.0 * PANEL);
    let mut text = String::new();
    writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>"
    )?;
    for (index, (title, keys)) in PANELS.iter().enumerate() {
        let (x, y) = ((index % 2) as f64 * WIDTH, (index / 2) as f64 * PANEL);
        writeln!(text, "<g transform=\"translate({x} {y})\">")?;
        writeln!(text, "<text x=\"10\" y=\"20\" font-weight=\"bold\">{title}</text>")?;
        panel(&mut text, medians, keys)?;
        writeln!(text, "</g>")?;
    }
    writeln!(text, "</svg>")?;
    Ok(text)
}

fn panel(text: &mut String, medians: &Medians, keys: &[&str; 2]) -> std::fmt::Result {
    let summary = |implementation: Implementation, key: &str| -> Option<Summary> {
        headline(medians)?.get(implementation.key())?.get(key).copied()
    };
    let all = Implementation::ALL
        .into_iter()
        .flat_map(|implementation| keys.iter().filter_map(move |key| summary(implementation, key)));
    let longest = all.map(|summary| summary.most).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - LABELS - NUMBERS) / longest;
    let mut y = 34.0;
    for implementation in Implementation::ALL {
        for (key, (way, colour)) in keys.iter().zip([("up", "#33658a"), ("down", "#86bbd8")]) {
            let Some(Summary { median, least, most }) = summary(implementation, key) else {
                continue;
            };
            let (title, middle) = (implementation.title(), y + BAR / 2.0);
            let (length, from, to) =
                (median * scale, LABELS + least * scale, LABELS + most * scale);
            writeln!(text, "<text x=\"10\" y=\"{:.1}\">{title} {way}</text>", middle + 4.0)?;
            writeln!(
                text,
                "<rect x=\"{LABELS}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>",
                BAR - 4.0
            )?;
            writeln!(
                text,
                "<path d=\"M{from:.1} {middle:.1}H{to:.1}\" stroke=\"black\" stroke-width=\"1.5\"/>"
            )?;
            writeln!(
                text,
                "<text x=\"{:.1}\" y=\"{:.1}\">{median:.2}</text>",
                to.max(LABELS + length) + 5.0,
                middle + 4.0
            )?;
            y += BAR;
        }
        y += 6.0;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{medians, tests::runs};

    #[test]
    fn a_plot_has_a_bar_for_each_median_and_stays_within_its_frame() {
        let svg = svg(&medians(&runs())).unwrap();
        // Four implementations, and the three of eight values that these runs have.
        let ends: Vec<f64> = svg
            .lines()
            .filter_map(|line| {
                line.strip_prefix("<path d=\"M")?.split(['H', '"']).nth(1)?.parse().ok()
            })
            .collect();
        assert_eq!(ends.len(), 12, "{svg}");
        assert!(ends.iter().all(|end| (LABELS..=WIDTH - NUMBERS).contains(end)), "{ends:?}");
        assert!(svg.contains("sekisho up") && svg.ends_with("</svg>\n"), "{svg}");
        assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
    }
}
