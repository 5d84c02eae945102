//! How assertions are written.

use std::str::FromStr;

use measure::units::{parse_duration, parse_size};
use record::{ArmParams, Params, Residency, Segment};

use super::{Arms, Assertion, Filter, Order, Statistic, What};

const EXAMPLE: &str = "write for example 'share.p99<1ms@1MiB' or 'copy/share>2@400KB,same'";

impl FromStr for Assertion {
    type Err = String;

    /// `ARMS.STATISTIC ORDER DURATION @ SIZE`, or `ARMS/ARMS ORDER NUMBER @ SIZE`; what the
    /// parameters must be may follow the size: `same`, `hybrid`, `workers=4`.
    fn from_str(text: &str) -> Result<Assertion, String> {
        let parsed = parse(text).map_err(|why| format!("{why}: {EXAMPLE}"))?;
        Ok(Assertion { text: text.split_whitespace().collect::<Vec<_>>().join(" "), ..parsed })
    }
}

fn parse(text: &str) -> Result<Assertion, String> {
    let (claim, place) = text.split_once('@').ok_or("there is no @ with a size")?;
    let mut place = place.split(',').map(str::trim);
    let bytes = parse_size(place.next().unwrap_or("")).map_err(|why| first(&why))?;
    let filters = place.map(filter).collect::<Result<_, _>>()?;
    let at = claim.find(['<', '>']).ok_or("there is no <, <=, > or >=")?;
    let (left, rest) = claim.split_at(at);
    let (order, limit) = match (rest.strip_prefix("<="), rest.strip_prefix(">=")) {
        (Some(limit), _) => (Order::LessOrSame, limit),
        (_, Some(limit)) => (Order::MoreOrSame, limit),
        _ if rest.starts_with('<') => (Order::Less, &rest[1..]),
        _ => (Order::More, &rest[1..]),
    };
    let limit = limit.trim();
    let what = match left.split_once(['/', '÷']) {
        Some((base, other)) => {
            let (base, other) = (arms(base)?, arms(other)?);
            What::Ratio { base, other, limit: ratio(limit)? }
        }
        None => {
            let (name, statistic) = left.rsplit_once('.').ok_or("there is no statistic")?;
            let (arms, statistic) = (arms(name)?, statistic_of(statistic)?);
            What::Time { arms, statistic, limit_ns: duration(limit)? }
        }
    };
    Ok(Assertion { text: String::new(), what, order, bytes, filters })
}

/// What stands before a colon: an example follows in other words.
fn first(why: &str) -> String {
    why.split(':').next().unwrap_or(why).to_owned()
}

/// `same` or `workers=4`: a value that the parameter can have.
fn filter(text: &str) -> Result<Filter, String> {
    let text = text.to_lowercase();
    let (names, value) = match text.split_once('=') {
        Some((name, value)) => (vec![name.trim()], value.trim()),
        None => (super::WORDED.to_vec(), text.trim()),
    };
    let fits = |name: &&str| Params::default().with(name, value).is_some();
    match names.iter().any(fits) {
        true => {
            let name = (names.len() == 1).then(|| names[0].to_owned());
            Ok(Filter { name, value: value.to_owned() })
        }
        false => Err(format!(
            "`{text}` is neither a placement nor a wait strategy, nor a parameter with its value; parameters are {}",
            Params::names().join(", ")
        )),
    }
}

fn arms(text: &str) -> Result<Arms, String> {
    let arms = Arms(text.replace('-', " ").split_whitespace().collect::<Vec<_>>().join(" "));
    let known = |transport: &&dyn transport::Transport| {
        transport.residencies().iter().any(|residency| {
            arms.has(&ArmParams {
                segment: transport.has_segment().then_some(Segment::Memfd),
                transport: transport.name().into(),
                residency: residency.name().parse().unwrap_or(Residency::Place),
                ..ArmParams::default()
            })
        })
    };
    if transport::ALL.iter().any(known) {
        return Ok(arms);
    }
    let names: Vec<&str> = transport::ALL.iter().map(|transport| transport.name()).collect();
    Err(format!("there is no arm `{}`; there are copy, share, {}", text.trim(), names.join(", ")))
}

fn statistic_of(text: &str) -> Result<Statistic, String> {
    let found = Statistic::ALL.into_iter().find(|statistic| statistic.name() == text.trim());
    found.ok_or_else(|| {
        let names = Statistic::ALL.map(Statistic::name);
        format!("there is no statistic `{}`; there are {}", text.trim(), names.join(", "))
    })
}

fn duration(text: &str) -> Result<u64, String> {
    let duration = parse_duration(text).ok_or_else(|| format!("`{text}` is not a duration"))?;
    Ok(duration.as_nanos() as u64)
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.trim_end_matches(['x', '×']).parse::<f64>().ok();
    ratio
        .filter(|ratio| ratio.is_finite() && *ratio > 0.0)
        .ok_or(format!("`{text}` is not a ratio"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_refused_with_an_example() {
        for wrong in [
            "",
            "@",
            "share.p99<1ms",
            "share.p99<1ms@",
            "share.p99<1ms@many",
            "share.p99<1ms@1MiB,sideways",
            "share.p99<1ms@1MiB,workers=many",
            "share.p99<1ms@1MiB,pigeons=4",
            "share.p99=1ms@1MiB",
            "pigeon.p99<1ms@1MiB",
            "share.p98<1ms@1MiB",
            "share<1ms@1MiB",
            "share.p99<soon@1MiB",
            "share.p99<-1ms@1MiB",
            "share.p99<@1MiB",
            "copy/pigeon>2@1MiB",
            "copy/share>much@1MiB",
            "copy/share>-2@1MiB",
            "copy/share>NaN@1MiB",
        ] {
            let refused = wrong.parse::<Assertion>().unwrap_err();
            assert!(refused.contains("share.p99<1ms@1MiB"), "{wrong}: {refused}");
        }
    }

    #[test]
    fn sizes_and_durations_are_read_as_people_write_them() {
        let assertion: Assertion = " pipe-serde.p50 <= 0.5ms @ 400KB , spread".parse().unwrap();
        assert_eq!((assertion.bytes, assertion.order), (400_000, Order::LessOrSame));
        let What::Time { arms, limit_ns, .. } = assertion.what else { panic!("{assertion:?}") };
        assert_eq!((arms, limit_ns), (Arms("pipe serde".into()), 500_000));
        assert_eq!([duration("2m 30s"), duration("1.5us")], [Ok(150_000_000_000), Ok(1500)]);
    }
}
