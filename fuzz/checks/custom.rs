//! Requests of those who publish metrics: how many series there may be, and a
//! line for each request, `WHO SECONDS JSON` (who is a user id, or `-` for the
//! owner). One that is refused changes nothing, what is shown is a valid page
//! within the ceilings, on which guests have names of their own, and in the
//! end all of it is gone.

use flux_prometheus::custom::limits::{Amount, MAX_TTL};
use flux_prometheus::custom::{Publisher, Settings, Store, request};

use super::strict;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((series, requests)) = text.split_once('\n') else { return };
    let series = series.parse().unwrap_or(100_u16).into();
    let settings = Settings { guests: true, series, ..Settings::default() };
    let mut store = Store::new(settings.clone());
    let mut now = 0.0;
    for line in requests.lines() {
        let mut parts = line.splitn(3, ' ');
        let mut part = || parts.next().unwrap_or_default();
        let (who, seconds, payload) = (part(), part(), part());
        now += f64::from(seconds.parse().unwrap_or(0_u16));
        let updates = match request::parse(payload) {
            Ok(updates) => updates,
            Err(refusal) => {
                assert!(!refusal.text.is_empty());
                continue;
            }
        };
        store.expire(now);
        let before = shown(&store, &settings);
        let guest: Publisher = who.parse().ok();
        if let Err(refusal) = store.apply(guest, updates, now) {
            assert!(!refusal.text.is_empty());
            assert_eq!(shown(&store, &settings), before, "{refusal}");
        }
        let used = store.used();
        assert!(used.series <= series, "{used:?}");
        assert!(used.families <= series / 4, "{used:?}");
        assert!(used.bytes <= series * 256, "{used:?}");
        shown(&store, &settings);
    }
    store.expire(now + MAX_TTL + 1.0);
    assert_eq!(store.used(), Amount::default());
    assert!(store.show().iter().all(|family| family.is_empty()));
}

/// Each series and its value, as text: values can be NaN.
fn shown(store: &Store, settings: &Settings) -> Vec<String> {
    let families = store.show().into_iter().filter(|f| !f.is_empty());
    let families: Vec<_> = families.map(|family| family.done()).collect();
    let page = strict::both(&families);
    for (name, labels) in page.keys() {
        let own = name.strip_prefix(&settings.prefix).expect(name);
        let has_user = labels.iter().any(|(label, _)| label == "userid");
        assert_eq!(own.starts_with("user_"), has_user, "{name} {labels:?}");
    }
    page.into_iter().map(|series| format!("{series:?}")).collect()
}
