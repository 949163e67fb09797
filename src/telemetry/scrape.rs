//! What a scrape shows: the cells of all workers summed, and gauges asked for at that moment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::cells::{BUCKETS, Cells};

/// All metrics of the daemon.
pub struct Metrics {
    cells: Mutex<Vec<Arc<Cells>>>,
    observed: OnceLock<Arc<dyn Observed>>,
    max_groups: usize,
}

/// Where gauges come from; asked once for each scrape.
pub trait Observed: Send + Sync {
    /// The gates among the groups, those most worth seeing first, at most `max`; and how many there are.
    fn groups(&self, max: usize) -> (Vec<GroupGauge>, usize);
    /// Seconds since the tree in use was read.
    fn tree_age_secs(&self) -> f64;
    /// Further gauges, as (name, help, value); names without prefix.
    fn gauges(&self) -> Vec<(&'static str, &'static str, i64)>;
}

/// Use and limit of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupGauge {
    /// Its path.
    pub group: String,
    pub sip_in_use: i64,
    /// `None`: unlimited.
    pub sip_limit: Option<i64>,
    pub apps_in_use: i64,
    /// `None`: unlimited.
    pub apps_limit: Option<i64>,
}

impl Metrics {
    /// Without workers and gauges yet.
    pub fn new(max_groups: usize) -> Arc<Self> {
        Arc::new(Self { cells: Mutex::default(), observed: OnceLock::new(), max_groups })
    }

    /// Counters for one more worker.
    pub fn worker(&self) -> Arc<Cells> {
        let cells = Arc::new(Cells::default());
        self.cells.lock().push(cells.clone());
        cells
    }

    /// Says where gauges come from; the first time counts.
    pub fn observe(&self, source: Arc<dyn Observed>) {
        self.observed.get_or_init(|| source);
    }

    /// One scrape, in the text format.
    pub fn text(self: &Arc<Self>) -> String {
        let mut registry = Registry::with_prefix("admitd");
        registry.register_collector(Box::new(Scrape(self.clone())));
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut out, &registry);
        out
    }

    fn sums<'n>(&self, counts: impl Fn(&Cells) -> Vec<(&'n str, u64)>) -> BTreeMap<&'n str, u64> {
        let mut sums = BTreeMap::new();
        for cells in self.cells.lock().iter() {
            for (name, count) in counts(cells) {
                *sums.entry(name).or_default() += count;
            }
        }
        sums
    }
}

struct Scrape(Arc<Metrics>);

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let metrics = &self.0;
        let requests = metrics.sums(|cells| cells.requests().collect());
        counters(&mut to, "requests", "Requests that came in", "method", &requests)?;
        let verdicts = metrics.sums(|cells| cells.verdicts().collect());
        counters(&mut to, "verdicts", "Decisions: admit, or the cause", "verdict", &verdicts)?;
        let drops = metrics.sums(|cells| cells.drops.counts().collect());
        counters(&mut to, "drops", "Messages dropped", "reason", &drops)?;
        let events = metrics.sums(|cells| cells.events.counts().collect());
        counters(&mut to, "events", "What else happened", "event", &events)?;
        let late = metrics.sums(|cells| vec![("", cells.late_refusals())]);
        let late = late.values().sum();
        to.encode_descriptor("late_refusals", "2xx that became a 403", None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, u64, u64>(&late, None)?;
        latency(metrics, &mut to)?;
        match metrics.observed.get() {
            Some(source) => gauges(source.as_ref(), metrics.max_groups, &mut to),
            None => Ok(()),
        }
    }
}

fn counters(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    counts: &BTreeMap<&str, u64>,
) -> fmt::Result {
    let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (value, count) in counts {
        family
            .encode_family(&[(label, *value)])?
            .encode_counter::<NoLabelSet, u64, u64>(count, None)?;
    }
    Ok(())
}

fn latency(metrics: &Metrics, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let mut sums = [0; BUCKETS.len() + 1];
    let mut total_ns = 0_u64;
    for cells in metrics.cells.lock().iter() {
        let (counts, sum_ns) = cells.latencies();
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        total_ns = total_ns.wrapping_add(sum_ns);
    }
    let seconds = |ns: u64| ns as f64 / 1e9;
    let ends = BUCKETS.into_iter().map(seconds).chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = ends.zip(sums).collect();
    let count = sums.iter().sum();
    to.encode_descriptor(
        "latency_seconds",
        "Of one message in seven, from its receipt to what is sent",
        None,
        MetricType::Histogram,
    )?
    .encode_histogram::<NoLabelSet>(seconds(total_ns), count, &buckets, None)
}

fn gauges(source: &dyn Observed, max_groups: usize, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
    to.encode_descriptor("tree_age_seconds", "Since the tree was read", None, MetricType::Gauge)?
        .encode_gauge(&source.tree_age_secs())?;
    for (name, help, value) in source.gauges() {
        to.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
    }
    let (groups, all) = source.groups(max_groups);
    let left_out = i64::try_from(all.saturating_sub(groups.len())).unwrap_or(i64::MAX);
    let help = "Groups without series of their own";
    to.encode_descriptor("groups_left_out", help, None, MetricType::Gauge)?
        .encode_gauge(&left_out)?;
    let mut seats = to.encode_descriptor("group_seats", "Seats in use", None, MetricType::Gauge)?;
    for group in &groups {
        seats.encode_family(&labels(group, "sip"))?.encode_gauge(&group.sip_in_use)?;
        seats.encode_family(&labels(group, "app"))?.encode_gauge(&group.apps_in_use)?;
    }
    let help = "Seats allowed; absent where unlimited";
    let mut limits = to.encode_descriptor("group_limit", help, None, MetricType::Gauge)?;
    for group in &groups {
        for (kind, limit) in [("sip", group.sip_limit), ("app", group.apps_limit)] {
            if let Some(limit) = limit {
                limits.encode_family(&labels(group, kind))?.encode_gauge(&limit)?;
            }
        }
    }
    Ok(())
}

fn labels<'g>(group: &'g GroupGauge, kind: &'g str) -> impl EncodeLabelSet + 'g {
    [("group", group.group.as_str()), ("kind", kind)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::Cause;

    struct Fixed;

    impl Observed for Fixed {
        fn groups(&self, max: usize) -> (Vec<GroupGauge>, usize) {
            let group = GroupGauge {
                group: "A \"B\"".to_owned(),
                sip_in_use: 3,
                sip_limit: Some(5),
                apps_in_use: 1,
                apps_limit: None,
            };
            (vec![group; max.min(1)], 7)
        }

        fn tree_age_secs(&self) -> f64 {
            1.5
        }

        fn gauges(&self) -> Vec<(&'static str, &'static str, i64)> {
            vec![("pending", "Reservations", 4)]
        }
    }

    #[test]
    fn workers_are_summed() {
        let metrics = Metrics::new(10);
        let (one, two) = (metrics.worker(), metrics.worker());

        one.request(b"REGISTER");
        two.request(b"REGISTER");
        two.verdict(Some(Cause::SipLimit));
        one.dropped("foreign_response");
        one.late_refusal();
        one.latency(1_500);

        let text = metrics.text();
        assert!(text.contains("admitd_requests_total{method=\"REGISTER\"} 2\n"), "{text}");
        assert!(text.contains("admitd_verdicts_total{verdict=\"sip_limit\"} 1\n"), "{text}");
        assert!(text.contains("admitd_drops_total{reason=\"foreign_response\"} 1\n"), "{text}");
        assert!(text.contains("admitd_late_refusals_total 1\n"), "{text}");
        assert!(text.contains("admitd_latency_seconds_bucket{le=\"0.000002\"} 1\n"), "{text}");
        assert!(text.contains("admitd_latency_seconds_bucket{le=\"+Inf\"} 1\n"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn groups_are_bounded_and_their_names_escaped() {
        let metrics = Metrics::new(10);
        metrics.observe(Arc::new(Fixed));

        let text = metrics.text();

        let seats = "admitd_group_seats{group=\"A \\\"B\\\"\",kind=\"sip\"} 3\n";
        assert!(text.contains(seats), "{text}");
        assert!(text.contains("admitd_groups_left_out 6\n"), "{text}");
        assert!(text.contains("admitd_tree_age_seconds 1.5\n"), "{text}");
        assert!(text.contains("admitd_pending 4\n"), "{text}");
        assert!(!text.contains("kind=\"app\"} 0"), "an unlimited group has no limit: {text}");
    }
}
