use super::super::testing::series;
use super::*;

const REPLY: &str = r#"{"mods":[
    {"name":"kvs","path":"/usr/lib/flux/modules/kvs.so","idle":0,
     "status":1,"services":["kvs"],"sendqueue":0,"recvqueue":3},
    {"name":"groups","path":"builtin","idle":9,"status":9,
     "services":["groups"],"sendqueue":2,"recvqueue":0}]}"#;

#[test]
fn shows_a_real_answer() {
    let mut modules = read(REPLY).unwrap();
    assert_eq!(backlog(&modules), Some(5.0));
    assert_eq!(keep(&mut modules), 0);
    modules[1].cpu = Some(1.5);
    let shown = series(show(&modules));
    let expected = [
        ("flux_module_cpu_seconds_total{module=kvs}", 1.5),
        ("flux_module_info{module=groups,status=other}", 1.0),
        ("flux_module_info{module=kvs,status=running}", 1.0),
        ("flux_module_recvq_messages{module=groups}", 0.0),
        ("flux_module_recvq_messages{module=kvs}", 3.0),
        ("flux_module_sendq_messages{module=groups}", 2.0),
        ("flux_module_sendq_messages{module=kvs}", 0.0),
    ];
    let expected = expected.map(|(series, value)| (series.into(), value));
    assert_eq!(shown, expected.into());
}

#[test]
fn an_answer_before_0_65_has_no_queues() {
    let reply = r#"{"mods":[{"name":"kvs","size":1,"digest":"00",
        "idle":0,"status":1,"services":["kvs"]}]}"#;
    let modules = read(reply).unwrap();
    assert_eq!(series(show(&modules)).len(), 1);
    assert_eq!(backlog(&modules), None);
}

#[test]
fn too_many_are_left_out_and_counted() {
    let one = |i| format!(r#"{{"name":"m{i:03}","status":1,"services":[]}}"#);
    let mods: Vec<_> = (0..MAX + 7).rev().map(one).collect();
    let reply = format!(r#"{{"mods":[{}]}}"#, mods.join(","));
    let mut modules = read(&reply).unwrap();
    assert_eq!(keep(&mut modules), 7 * SPECS.len() as u64);
    assert_eq!(modules.len(), MAX);
    assert_eq!(modules[0].name, "m000");
}

#[test]
fn reads_real_usage() {
    let reply = r#"{"utime":0.5,"stime":0.25,"maxrss":22396}"#;
    assert_eq!(cpu_seconds(reply), Ok(0.75));
}
