//! What was wrong, of what was seen.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::certificates::Swaps;
use super::clients::Met;
use super::watch::Held;

/// Of Flux's own. What is missed is a beat, not a tenth of a second.
const BEAT: f64 = 2.0;

/// How much more memory the module may have, as a process of its own, than
/// when it had run for a quarter of its time. The broker's says nothing: by
/// itself it comes to hold some 10 MiB whenever job-manager is reloaded, and
/// three times that where a thread of it reads the journal: malloc keeps an
/// arena for each thread. With MALLOC_ARENA_MAX=1 it does not grow at all.
const MORE_KIB: u64 = 8 * 1024;

/// The connections that are served, by both loads, and that Flux itself opens
/// now and then.
const MORE_DESCRIPTORS: u64 = 128 + 8 + 32;

/// Two loads of the module, and a module of Flux that is coming or going.
const MORE_THREADS: u64 = 8;

pub fn clients(met: &Met, swaps: &Swaps) -> Vec<String> {
    let of = |n: &std::sync::atomic::AtomicU64| n.load(Ordering::Relaxed);
    let scrapes = of(&met.scrapes);
    println!(
        "  scrapers: {scrapes} right, {} refused, {} met nobody; {} hostile \
         connections",
        of(&met.refused),
        of(&met.away),
        of(&met.hostile)
    );
    let (good, bad) = (of(&swaps.good), of(&swaps.bad));
    let verified = of(&swaps.scrapes);
    println!(
        "  TLS: {verified} verified scrapes over {good} new certificates and \
         {bad} that could not be used"
    );
    match scrapes.min(verified).min(good).min(bad) {
        0 => vec!["nothing was ever scraped, or replaced".into()],
        _ => Vec::new(),
    }
}

pub fn heart(control: &[f64], beats: &[f64]) -> Vec<String> {
    let worst = |all: &[f64]| all.iter().copied().fold(0.0, f64::max);
    println!(
        "  heartbeat: {} beats, the longest time between two {:.3} s; \
         without chaos {} beats, {:.3} s",
        beats.len(),
        worst(beats),
        control.len(),
        worst(control)
    );
    let missed = beats.iter().filter(|&&time| time > 1.75 * BEAT).count();
    match (missed, beats.len()) {
        (0, 1..) => Vec::new(),
        (n, _) => vec![format!("{n} heartbeats were missed")],
    }
}

/// What Flux's modules `left` in it, before and after, is Flux's.
pub fn broker(
    before: Held,
    most: Held,
    after: Held,
    left: [&BTreeMap<String, u64>; 2],
) -> Vec<String> {
    println!("  broker before {before:?}");
    println!("  at most       {most:?}");
    println!("  after         {after:?}");
    println!("  reactors of Flux's modules that have ended: {:?}", left[1]);
    let (threads, descriptors) = (before.threads, before.descriptors);
    let [flux_before, flux] = left.map(|of| of.values().sum::<u64>());
    let own = |held: Held, of: u64| held.descriptors - of;
    over(&[
        ("threads after", after.threads, threads),
        ("descriptors after", own(after, flux), own(before, flux_before)),
        ("threads", most.threads, threads + MORE_THREADS),
        ("descriptors", most.descriptors, descriptors + MORE_DESCRIPTORS),
    ])
}

/// What is over its bound.
fn over(all: &[(&str, u64, u64)]) -> Vec<String> {
    let over = all.iter().filter(|(_, is, bound)| is > bound);
    over.map(|(what, is, bound)| format!("{what}: {is}, the bound is {bound}"))
        .collect()
}

pub fn module(held: &[Held]) -> Vec<String> {
    let Some(&begin) = held.get(held.len() / 4) else {
        return vec!["the module never was a process of its own".into()];
    };
    let most = held.iter().copied().fold(begin, Held::most);
    println!("  module at first {begin:?}");
    println!("  at most         {most:?}");
    let bound = begin.kib + MORE_KIB;
    match most.kib > bound {
        true => {
            vec![format!("memory, KiB: {}, the bound is {bound}", most.kib)]
        }
        false => Vec::new(),
    }
}
