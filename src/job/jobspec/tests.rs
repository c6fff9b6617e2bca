use super::*;

fn request(resources: &str) -> Request {
    Request::parse(resources).unwrap()
}

#[test]
fn node_slot_core_gpu_multiply() {
    let r = request(
        r#"[{"type":"node","count":2,"with":[
            {"type":"slot","count":2,"label":"task","with":[
            {"type":"core","count":2},{"type":"gpu","count":1}]}]}]"#,
    );
    let want = Request {
        nodes: Some(2),
        slots: 4,
        cores: 8,
        gpus: 4,
        exclusive: false,
    };
    assert_eq!(r, want);
}

#[test]
fn slots_alone_leave_nodes_open() {
    let r = request(
        r#"[{"type":"slot","count":4,"label":"task","with":[
            {"type":"core","count":2},{"type":"gpu","count":1}]}]"#,
    );
    assert_eq!((r.nodes, r.slots, r.cores, r.gpus), (None, 4, 8, 4));
}

/// Flux takes such jobs, of node, slot and core alone there must be one.
#[test]
fn no_gpus_may_be_asked_for() {
    let r = request(
        r#"[{"type":"slot","count":4,"label":"task","with":[
            {"type":"core","count":2},{"type":"gpu","count":0}]}]"#,
    );
    assert_eq!((r.slots, r.cores, r.gpus), (4, 8, 0));
}

#[test]
fn exclusive_nodes_are_flagged() {
    let r = request(
        r#"[{"type":"node","count":3,"exclusive":true,"with":[
            {"type":"slot","count":1,"with":[
            {"type":"core","count":1}]}]}]"#,
    );
    assert!(r.exclusive);
    assert_eq!((r.nodes, r.cores), (Some(3), 3));
}

#[test]
fn unknown_types_multiply_and_siblings_add() {
    let r = request(
        r#"[{"type":"rack","count":2,"with":[
            {"type":"node","count":{"min":2,"max":4},"with":[
            {"type":"slot","count":"1-3","with":[
            {"type":"core","count":4}]}]}]},
            {"type":"slot","count":1,"with":[
            {"type":"core","count":5},{"type":"memory","count":8}]}]"#,
    );
    assert_eq!((r.nodes, r.slots, r.cores), (Some(4), 5, 21));
}

#[test]
fn huge_counts_saturate() {
    let r = request(
        r#"[{"type":"node","count":4294967295,"with":[
            {"type":"slot","count":4294967295}]}]"#,
    );
    assert_eq!((r.nodes, r.slots), (Some(u32::MAX), u32::MAX));
}

#[test]
fn bad_trees_are_refused() {
    for text in [
        "{}",
        "[]",
        "[1]",
        r#"[{"type":"slot"}]"#,
        r#"[{"type":"slot","count":0}]"#,
        r#"[{"type":"core","count":1}]"#,
    ] {
        assert!(Request::parse(text).is_err(), "{text}");
    }
    let deep = r#"[{"type":"slot","count":1,"with":"#.repeat(100_000);
    assert!(Request::parse(&deep).is_err());
}

#[test]
fn queue_is_found_even_if_resources_are_bad() {
    let text = r#"{"version":1,"resources":[7],
        "attributes":{"system":{"duration":0,"queue":"b\u0061tch"}}}"#;
    let jobspec = Jobspec::parse(text).unwrap();
    assert_eq!(jobspec.queue().unwrap(), "batch");
    assert!(jobspec.request().is_err());
}

#[test]
fn no_queue_is_the_anonymous_queue() {
    for text in [
        r#"{"resources":[]}"#,
        r#"{"resources":[],"attributes":null}"#,
        r#"{"resources":[],"attributes":{}}"#,
        r#"{"resources":[],"attributes":{"system":{}}}"#,
    ] {
        assert_eq!(Jobspec::parse(text).unwrap().queue().unwrap(), "");
    }
    let text = r#"{"resources":[],"attributes":{"system":{"queue":1}}}"#;
    assert!(Jobspec::parse(text).unwrap().queue().is_err());
}
