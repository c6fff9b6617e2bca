//! What jobs are given: the sizes are those of the spans, and of a slow
//! reading of the same text.

use flux_prometheus::job::idset;
use flux_prometheus::job::resources::Allocation;
use serde_json::Value;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(Allocation { size, spans }) = Allocation::parse(text) else {
        return;
    };
    let narrow = |n: u128| u32::try_from(n).unwrap_or(u32::MAX);
    let mut nodes = 0_u128;
    for span in &spans {
        assert!(span.first <= span.last);
        nodes += u128::from(span.last - span.first) + 1;
    }
    assert_eq!(size.nodes, narrow(nodes));
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    let (mut cores, mut gpus) = (0, 0);
    // serde also reads a table from an array, in the order of its keys
    let Some(all) = value["execution"]["R_lite"].as_array() else { return };
    for lite in all {
        if !lite["children"].is_object() {
            return;
        }
        let count = |ids: &Value| {
            let text = ids.as_str().unwrap_or_default();
            u128::from(idset::count(text).unwrap())
        };
        let ranks = count(&lite["rank"]);
        cores += ranks * count(&lite["children"]["core"]);
        gpus += ranks * count(&lite["children"]["gpu"]);
    }
    assert_eq!(size.cores, narrow(cores));
    assert_eq!(size.gpus, narrow(gpus));
}
