//! Families of figures, put together for the encoder.

use prometheus::{
    TextEncoder,
    proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType},
};

/// A label of a sample and its value.
pub(super) type Label<'a> = (&'static str, &'a str);

/// Families in the order in which they are told.
#[derive(Debug, Default)]
pub(super) struct Families(Vec<MetricFamily>);

impl Families {
    /// A value that goes up and down. Without a sample the family is left out.
    pub(super) fn gauge(&mut self, name: &str, help: &str, samples: Vec<Metric>) {
        self.add(name, help, MetricType::GAUGE, samples);
    }

    /// A count that goes up, until it begins anew. Its name ends with `_total`.
    pub(super) fn counter(&mut self, name: &str, help: &str, samples: Vec<Metric>) {
        self.add(name, help, MetricType::COUNTER, samples);
    }

    fn add(&mut self, name: &str, help: &str, kind: MetricType, samples: Vec<Metric>) {
        if samples.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(samples);
        self.0.push(family);
    }

    /// All of it in the text form 0.0.4.
    pub(super) fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.0)
    }
}

/// A sample, for a family of either kind.
pub(super) fn sample(labels: &[Label<'_>], value: f64) -> Metric {
    let pair = |(name, value): &Label<'_>| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    let (mut metric, mut gauge, mut counter) = (
        Metric::from_label(labels.iter().map(pair).collect()),
        Gauge::default(),
        Counter::default(),
    );
    gauge.set_value(value);
    counter.set_value(value);
    metric.set_gauge(gauge);
    metric.set_counter(counter);
    metric
}

/// A count as Prometheus has numbers.
#[expect(clippy::cast_precision_loss, reason = "exact up to nine million gigabytes")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

/// Whether: 1 or 0.
pub(super) fn whether(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}
