"use strict";
(() => {
// How often to ask, how long to wait for the answer, how many points to keep.
const POLL = 3000, TIMEOUT = 10000, POINTS = 720;
// Rates and quantiles over time are those of this much of it.
const WINDOW = 60000;
const QUEUES = 40;

const $ = id => document.getElementById(id);
// Text only: nothing that was served becomes markup.
function make(tag, text, attributes) {
  const space = /^(svg|path|line|text|rect|circle|g)$/.test(tag) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
  const element = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  if (text !== undefined && text !== null) element.textContent = text;
  return element;
}
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// ---- the text format

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
class Scrape {
  constructor(text) {
    this.all = new Map();
    for (const line of text.split("\n")) {
      const [, name, inside, value] = SAMPLE.exec(line) || [];
      if (!name) continue;
      const labels = {};
      for (const [, label, raw] of (inside || "").matchAll(LABEL)) {
        labels[label] = raw.replace(/\\(.)/g, (_, c) => c === "n" ? "\n" : c);
      }
      if (!this.all.has(name)) this.all.set(name, []);
      this.all.get(name).push({ labels, value: value === "+Inf" ? Infinity : Number(value) });
    }
  }
  has(name) { return this.all.has(name); }
  series(name, where) {
    const wanted = Object.entries(where || {});
    return (this.all.get(name) || []).filter(s => wanted.every(([k, v]) => s.labels[k] === v));
  }
  // Of no series it is undefined, which is not 0.
  sum(name, where) {
    const found = this.series(name, where);
    return found.length ? found.reduce((sum, s) => sum + s.value, 0) : undefined;
  }
  by(name, label, where) {
    const sums = {};
    for (const s of this.series(name, where)) sums[s.labels[label]] = (sums[s.labels[label]] || 0) + s.value;
    return sums;
  }
  // Cumulative counts by bound, over all series.
  histogram(name, where) {
    const counts = new Map();
    for (const s of this.series(name + "_bucket", where)) {
      const bound = s.labels.le === "+Inf" ? Infinity : Number(s.labels.le);
      counts.set(bound, (counts.get(bound) || 0) + s.value);
    }
    return [...counts].sort((a, b) => a[0] - b[0]);
  }
}

// A counter that went down began anew.
const grown = (now, then) => now >= then ? now - then : now;
function since(now, then) {
  if (!then || now.length !== then.length || now.some(([, count], i) => count < then[i][1])) return now;
  return now.map(([bound, count], i) => [bound, count - then[i][1]]);
}
const total = histogram => histogram.length ? histogram[histogram.length - 1][1] : 0;
// As Prometheus's histogram_quantile: linear within a bucket.
function quantile(histogram, q) {
  const rank = q * total(histogram);
  if (!rank) return undefined;
  const at = histogram.findIndex(([, count]) => count >= rank);
  const [low, before] = at ? histogram[at - 1] : [0, 0];
  const [high, count] = histogram[at];
  return high === Infinity ? low : low + (high - low) * (rank - before) / (count - before);
}

// ---- words

const number = n => n === undefined ? "–" : Number.isInteger(n) ? n.toLocaleString("en") : n.toLocaleString("en", { maximumSignificantDigits: 3 });
const UNITS = [["d", 86400], ["h", 3600], ["min", 60]];
function duration(s) {
  if (s === undefined) return "–";
  for (const [i, [unit, size]] of UNITS.entries()) {
    if (s < size) continue;
    const [small, less] = UNITS[i + 1] || ["s", 1];
    const rest = Math.floor(s % size / less);
    return Math.floor(s / size) + " " + unit + (rest ? " " + rest + " " + small : "");
  }
  return s === 0 ? "0 s" : s < 0.001 ? "< 1 ms" : s < 1 ? number(Math.round(s * 1000)) + " ms" : number(s < 10 ? Math.round(s * 10) / 10 : Math.round(s)) + " s";
}
const bytes = n => n === undefined ? "–" : number(Math.round(n / 104857.6) / 10) + " MiB";
const clock = t => new Date(t).toLocaleTimeString("en-GB");
const list = counts => Object.entries(counts).filter(([, n]) => n).map(([what, n]) => number(n) + " " + what.replace("_", " ")).join(", ");

// ---- what is kept of each answer

const JOBS = [["run", "blue"], ["cleanup", "sky"], ["sched", "orange"], ["priority", "violet"], ["depend", "grey"]];
const NODES = [["allocated", "blue"], ["free", "pale"], ["draining", "orange"], ["drained", "violet"], ["down", "red"], ["excluded", "grey"]];
const RESULTS = [["completed", "blue"], ["failed", "red"], ["timeout", "orange"], ["canceled", "grey"]];
const HUES = ["blue", "orange", "violet", "green", "sky"];
const CHARTS = [
  { id: "jobs", title: "Active jobs by state", of: "flux_jobs", keys: JOBS, stacked: true },
  { id: "queues", title: "Pending jobs by queue", of: "flux_queue_pending_jobs", keys: [], stacked: true },
  { id: "demand", title: "Nodes: wanted, and up", of: "flux_autoscale_nodes_wanted", keys: [["wanted", "orange"], ["up", "blue"]] },
  { id: "nodes", title: "Nodes by state", of: "flux_nodes", keys: NODES, stacked: true },
  { id: "finished", title: "Jobs finished per minute", of: "flux_jobs_finished_total", keys: RESULTS },
  { id: "wait", title: "Wait for resources", of: "flux_job_wait_seconds_bucket", keys: [["median", "blue"], ["90 %", "orange"]], time: true },
];
const PENDING = CHARTS[1];
const TIMES = [
  ["flux_job_wait_seconds", "submitted, allocated"],
  ["flux_job_eligible_wait_seconds", "eligible, allocated"],
  ["flux_job_launch_seconds", "allocated, started"],
  ["flux_job_run_seconds", "started, finished"],
  ["flux_job_cleanup_seconds", "finished, inactive"],
];

let first = null; // the first scrape, of which all times since are told
let points = [], every = 1, polls = 0;
function remember(scrape, t) {
  first = first || scrape;
  const finished = scrape.by("flux_jobs_finished_total", "result");
  const waits = scrape.histogram("flux_job_wait_seconds");
  const nodes = scrape.by("flux_nodes", "state");
  const of = {
    jobs: scrape.by("flux_jobs", "state"), nodes, queues: pending(scrape), finished: {}, wait: {},
    demand: { wanted: scrape.sum("flux_autoscale_nodes_wanted"), up: up(nodes) },
  };
  const then = points.find(p => t - p.t <= WINDOW);
  if (then && t - then.t > WINDOW / 6) {
    for (const [key] of RESULTS) {
      if (key in finished) of.finished[key] = Math.round(grown(finished[key], then.finished[key] || 0) * 600000 / (t - then.t)) / 10;
    }
    const recent = since(waits, then.waits);
    of.wait = { median: quantile(recent, 0.5), "90 %": quantile(recent, 0.9) };
  }
  // The last point is always the present; the others are thinned out.
  if (points.length > 1 && (polls - 1) % every) points.pop();
  points.push({ t, finished, waits, of });
  polls += 1;
  if (points.length > POINTS) {
    points = points.filter((_, i) => i % 2 === 0 || i === points.length - 1);
    every *= 2;
  }
}
const up = nodes => "free" in nodes ? nodes.free + nodes.allocated : undefined;
const nameOf = queue => queue || "anonymous queue";
// By queue: those that were the longest when first seen, and the others.
function pending(scrape) {
  const values = {};
  for (const [queue, jobs] of Object.entries(scrape.by("flux_queue_pending_jobs", "queue")).sort((a, b) => b[1] - a[1])) {
    const name = nameOf(queue), keys = PENDING.keys;
    if (keys.length < HUES.length && !keys.some(([key]) => key === name)) keys.push([name, HUES[keys.length]]);
    else if (keys.length === HUES.length && !keys.some(([key]) => key === name)) keys.push(["others", "grey"]);
    const key = keys.some(([key]) => key === name) ? name : "others";
    values[key] = (values[key] || 0) + jobs;
  }
  return values;
}

// ---- plots

const STEPS = [10, 30, 60, 300, 900, 1800, 3600, 7200, 21600, 43200, 86400];
const DECADES = [0.1, 1, 10, 60, 600, 3600, 21600, 86400, 604800];
function nice(most) {
  const rough = Math.max(most, 1) / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= rough);
  return Math.max(step, 1);
}
function prepare(chart) {
  const figure = make("figure", null, { id: "chart-" + chart.id });
  const caption = make("figcaption");
  chart.when = make("time");
  caption.append(make("h2", chart.title), chart.when);
  chart.key = make("ul", null, { class: "key" });
  chart.values = [];
  chart.svg = make("svg", null, { role: "img" });
  figure.append(caption, chart.key, chart.svg);
  chart.svg.addEventListener("pointermove", event => {
    chart.hover = event.clientX - chart.svg.getBoundingClientRect().left;
    draw(chart);
  });
  chart.svg.addEventListener("pointerleave", () => { chart.hover = null; draw(chart); });
  chart.figure = figure;
  figure.hidden = true;
  $("charts").append(figure);
}
function draw(chart) {
  const { svg, keys, stacked, time, figure } = chart;
  if (figure.hidden) return;
  const valuesOf = point => point.of[chart.id];
  for (const [name, colour] of keys.slice(chart.values.length)) {
    const item = make("li");
    const value = make("b", "–", { "data-key": name });
    item.append(make("i", null, { class: colour }), name + " ", value);
    chart.key.append(item);
    chart.values.push(value);
  }
  const W = Math.max(svg.clientWidth, 200), H = 150, L = time ? 48 : 40, R = 6, T = 8, B = 20;
  const last = points[points.length - 1].t, span = Math.max(last - points[0].t, WINDOW);
  const x = t => L + (W - L - R) * (1 - (last - t) / span);
  const tops = points.map(p => {
    const values = keys.map(([key]) => valuesOf(p)[key] || 0);
    return stacked ? values.reduce((a, b) => a + b, 0) : Math.max(...values);
  });
  const parts = [make("line", null, { class: "rule", x1: L, x2: W - R, y1: H - B, y2: H - B })];
  let y, ticks;
  if (time) {
    const all = points.flatMap(p => Object.values(valuesOf(p)).filter(v => v > 0));
    const low = Math.max(DECADES.filter(d => d <= Math.min(...all, 1)).pop() || 0.1, 0.1);
    const high = DECADES.find(d => d >= Math.max(...all, 10)) || 604800;
    const log = v => Math.log(Math.min(Math.max(v, low), high) / low) / Math.log(high / low);
    y = v => H - B - (H - B - T) * log(v);
    ticks = DECADES.filter(d => d >= low && d <= high).map(d => [d, duration(d)]);
  } else {
    const step = nice(Math.max(...tops));
    const most = Math.max(step * Math.ceil(Math.max(...tops) / step), step);
    y = v => H - B - (H - B - T) * v / most;
    ticks = [];
    for (let v = 0; v <= most; v += step) ticks.push([v, v < 10000 ? number(v) : v.toLocaleString("en", { notation: "compact" })]);
  }
  for (const [v, label] of ticks) {
    parts.push(make("line", null, { class: "rule", x1: L, x2: W - R, y1: y(v), y2: y(v) }));
    parts.push(make("text", label, { x: L - 5, y: y(v) + 4, "text-anchor": "end" }));
  }
  const step = STEPS.find(s => span / 1000 / s <= 4) || 86400 * Math.ceil(span / 345600000);
  for (let s = 0; s * 1000 <= span; s += step) {
    parts.push(make("text", s ? "−" + duration(s) : "now", { x: x(last - s * 1000), y: H - 5, "text-anchor": s ? "middle" : "end" }));
  }
  // Where nothing was known there is a gap.
  const gap = Math.max(4 * POLL * every, 15000);
  const runs = key => {
    const all = [];
    points.forEach((p, i) => {
      if (valuesOf(p)[key] === undefined) return;
      const run = all[all.length - 1];
      if (run && run[run.length - 1] === i - 1 && p.t - points[i - 1].t <= gap) run.push(i);
      else all.push([i]);
    });
    return all;
  };
  const at = (i, v) => x(points[i].t).toFixed(1) + " " + y(v).toFixed(1);
  const base = points.map(() => 0);
  for (const [key, colour] of keys) {
    for (const run of runs(key)) {
      const value = i => valuesOf(points[i])[key];
      if (stacked) {
        const upper = run.map(i => at(i, base[i] + value(i)));
        const lower = run.map(i => at(i, base[i])).reverse();
        parts.push(make("path", null, { class: "area " + colour, d: "M" + upper.concat(lower).join("L") + "Z" }));
        run.forEach(i => { base[i] += value(i); });
      } else {
        const line = run.map(i => at(i, value(i)));
        // a single point is a dot
        parts.push(make("path", null, { class: "line " + colour, "stroke-linecap": "round", d: "M" + line.join("L") + (line.length > 1 ? "" : "h.01") }));
      }
    }
  }
  let shown = points[points.length - 1];
  if (chart.hover != null) {
    shown = points.reduce((a, b) => Math.abs(x(b.t) - chart.hover) < Math.abs(x(a.t) - chart.hover) ? b : a);
    parts.push(make("line", null, { class: "cursor", x1: x(shown.t), x2: x(shown.t), y1: T, y2: H - B }));
  }
  say(chart.when, chart.hover != null ? clock(shown.t) : time ? "of the last minute" : "");
  chart.values.forEach((element, i) => {
    const value = valuesOf(shown)[keys[i][0]];
    say(element, time ? duration(value) : number(value));
    element.parentNode.className = value ? "" : "none";
  });
  svg.setAttribute("viewBox", "0 0 " + W + " " + H);
  svg.setAttribute("aria-label", chart.title + ": " + chart.values.map((e, i) => keys[i][0] + " " + e.textContent).join(", "));
  svg.replaceChildren(...parts);
}

// ---- the present

function tile(id, title, value, rest, of) {
  let box = $("tile-" + id);
  if (!box) {
    box = make("div", null, { class: "tile", id: "tile-" + id });
    box.append(make("h2", title), make("b"), make("span"));
    $("tiles").append(box);
  }
  box.hidden = value === undefined;
  const [, big, small] = box.children;
  big.replaceChildren(number(value));
  if (of !== undefined) big.append(" ", make("small", "of " + number(of)));
  say(small, rest);
}
function tiles(s) {
  const jobs = s.by("flux_jobs", "state"), nodes = s.by("flux_nodes", "state");
  const active = s.sum("flux_jobs"), all = s.sum("flux_nodes");
  tile("running", "Running jobs", s.has("flux_jobs") ? jobs.run : undefined, number(active) + " active in all");
  const pending = s.sum("flux_autoscale_pending_jobs");
  tile("pending", "Pending jobs", pending, pending ? "oldest for " + duration(s.sum("flux_autoscale_oldest_pending_seconds")) : "nothing waits for resources");
  const impossible = s.sum("flux_autoscale_impossible_jobs");
  const blocked = { ...s.by("flux_jobs_blocked", "reason"), impossible };
  tile("blocked", "Blocked jobs", s.sum("flux_jobs_blocked"), list(blocked) || "none held, stopped or waiting for another");
  tile("nodes", "Nodes in use", all === undefined ? undefined : nodes.allocated + nodes.draining, list({ free: nodes.free, drained: nodes.drained, draining: nodes.draining, down: nodes.down, excluded: nodes.excluded }) || "none left", all);
  const wanted = s.sum("flux_autoscale_nodes_wanted"), there = up(nodes);
  tile("wanted", "Nodes wanted", wanted, wanted > there ? number(wanted - there) + " more than are up" : "by running and pending jobs");
}

function bar(value, most, colour) {
  const svg = make("svg", null, { viewBox: "0 0 100 14", preserveAspectRatio: "none", "aria-hidden": "true" });
  svg.append(make("rect", null, { class: "fill pale", x: 0, y: 3, width: 100, height: 8 }));
  svg.append(make("rect", null, { class: "fill " + colour, x: 0, y: 3, width: most ? Math.min(100, 100 * value / most) : 0, height: 8 }));
  return svg;
}
function rows(section, all) {
  const heads = [...section.querySelectorAll("th")];
  section.querySelector("tbody").replaceChildren(...all.map(cells => {
    const row = make("tr");
    cells.forEach((cell, i) => {
      const data = make("td", null, { class: heads[i].className, ...(i && { "data-of": heads[i].textContent }) });
      data.append(...[].concat(cell));
      row.append(data);
    });
    return row;
  }));
}
function queues(s) {
  const section = $("queues");
  const of = name => s.by(name, "queue");
  const active = of("flux_jobs"), names = Object.keys({ ...active, ...of("flux_queue_started") });
  section.hidden = !names.length;
  if (section.hidden) return;
  const run = s.by("flux_jobs", "queue", { state: "run" }), blocked = of("flux_jobs_blocked");
  const started = of("flux_queue_started"), enabled = of("flux_queue_enabled");
  const pending = of("flux_queue_pending_jobs"), oldest = of("flux_queue_oldest_pending_seconds");
  const wanted = of("flux_queue_nodes_wanted"), nodes = of("flux_queue_nodes");
  names.sort((a, b) => (active[b] || 0) - (active[a] || 0) || a.localeCompare(b));
  rows(section, names.slice(0, QUEUES).map(name => {
    const marks = [];
    if (started[name] === 0) marks.push("stopped");
    if (enabled[name] === 0) marks.push("disabled");
    const label = [make("span", nameOf(name))];
    if (marks.length) label.push(" ", make("small", marks.join(", ")));
    const asks = make("span");
    asks.append(number(wanted[name]), make("small", name in nodes ? " of " + number(nodes[name]) : ""));
    if (name in nodes) asks.append(bar(wanted[name], nodes[name], wanted[name] > nodes[name] ? "orange" : "blue"));
    return [label, number(run[name]), number(pending[name]), number(blocked[name]), pending[name] ? duration(oldest[name]) : "–", asks];
  }));
  const more = names.length - QUEUES;
  say(section.querySelector(".note"), more > 0 ? "And " + number(more) + " queues with fewer active jobs." : "");
}
function times(s) {
  const section = $("times");
  section.hidden = !s.has("flux_job_wait_seconds_count");
  if (section.hidden) return;
  const opened = TIMES.map(([name]) => since(s.histogram(name), first.histogram(name)));
  const enough = opened.some(total);
  const all = enough ? opened : TIMES.map(([name]) => s.histogram(name));
  // from 0.1 s to a week
  const x = v => Math.max(0, Math.min(100, 100 * Math.log(Math.max(v, 0.1) / 0.1) / Math.log(6048000)));
  rows(section, all.map((histogram, i) => {
    const [median, most, tail] = [0.5, 0.9, 0.99].map(q => quantile(histogram, q));
    const svg = make("svg", null, { viewBox: "0 0 104 18", preserveAspectRatio: "none", "aria-hidden": "true" });
    svg.append(make("line", null, { class: "rule", x1: 2, x2: 102, y1: 9, y2: 9 }));
    if (median !== undefined) {
      const range = (from, to, height, colour) => make("rect", null, { class: "fill " + colour, x: 2 + x(from), y: 9 - height / 2, width: Math.max(x(to) - x(from), 0.6), height });
      svg.append(range(most, tail, 2, "grey"), range(median, most, 6, "sky"), range(median, median, 14, "blue"));
    }
    return [TIMES[i][1].replace(", ", " to "), number(total(histogram)), duration(median), duration(most), duration(tail), svg];
  }));
  say(section.querySelector(".note"), (enough ? "Since " + clock(points[0].t) : "Since the module was loaded") + ".");
}

function health(s) {
  const all = [];
  const add = (what, text, good) => { if (text !== undefined) all.push([what, text, good]); };
  const only = (name, label) => (s.series(name).find(x => x.value) || { labels: {} }).labels[label];
  const state = only("flux_broker_state", "state");
  const start = s.sum("flux_broker_start_time_seconds");
  add("broker", state && state + (start ? ", for " + duration(Date.now() / 1000 - start) : ""), state === "run");
  const brokers = s.by("flux_brokers", "status");
  if (s.has("flux_brokers")) add("brokers", list(brokers), !brokers.torpid && !brokers.offline);
  const overlay = only("flux_overlay_health", "status"), lost = s.sum("flux_overlay_children", { status: "lost" });
  add("overlay", overlay && overlay + (lost ? ", " + number(lost) + " lost" : ""), overlay === "full");
  const queue = {};
  for (const name of ["flux_module_sendq_messages", "flux_module_recvq_messages"]) {
    for (const [module, n] of Object.entries(s.by(name, "module"))) queue[module] = (queue[module] || 0) + n;
  }
  const [busy] = Object.entries(queue).sort((a, b) => b[1] - a[1]);
  add("modules", busy && Object.keys(queue).length + " loaded, " + (busy[1] ? "longest queue " + number(busy[1]) + " (" + busy[0] + ")" : "queues empty"), !busy || busy[1] < 1000);
  const scheduler = only("flux_sched_info", "module");
  add("scheduler", scheduler && scheduler + ", " + number(s.sum("flux_sched_alloc_pending")) + " to allocate", true);
  const off = s.series("flux_exporter_collector_up").filter(x => !x.value).map(x => x.labels.collector);
  const count = s.series("flux_exporter_collector_up").length;
  add("collectors", off.length ? "down: " + off.join(", ") : count + " up", !off.length);
  const drift = s.series("flux_exporter_drift_jobs").reduce((sum, x) => sum + Math.abs(x.value), 0);
  if (s.has("flux_exporter_drift_jobs")) add("counts", drift ? number(drift) + " jobs off job-list's" : "agree with job-list's", !drift);
  add("journal lag", s.has("flux_exporter_journal_lag_seconds") ? duration(Math.max(0, s.sum("flux_exporter_journal_lag_seconds"))) : undefined, s.sum("flux_exporter_journal_lag_seconds") < 10);
  add("process", bytes(s.sum("process_resident_memory_bytes")) + ", " + number(s.sum("process_open_fds")) + " files open", true);
  const section = $("health");
  section.hidden = false;
  section.querySelector("ul").replaceChildren(...all.map(([what, text, good]) => {
    const item = make("li", null, good ? {} : { class: "bad" });
    item.append(make("span", what), make("div", text, { "data-health": what }));
    return item;
  }));
}

function show(s) {
  const hidden = !s.has("flux_jobs") && s.series("flux_exporter_collector_up", { collector: "jobs" }).length;
  $("notice").hidden = !hidden;
  say($("notice"), "No numbers of jobs at present: the job journal is being caught up on, or they are not shown to you.");
  tiles(s);
  for (const chart of CHARTS) {
    if (s.has(chart.of)) chart.figure.hidden = false;
    draw(chart);
  }
  queues(s);
  times(s);
  health(s);
}

// ---- asking

function status(text, kind) {
  say($("status"), text);
  $("status").className = kind;
  document.body.classList.toggle("stale", kind === "bad");
}
const WHY = {
  401: "needs a login: reload this page to log in",
  403: "refuses this reader",
  429: "gets too many requests",
};
let answered = null, timer = null, asking = false;
async function poll() {
  clearTimeout(timer);
  if (asking || document.hidden) return;
  asking = true;
  const abort = new AbortController();
  const limit = setTimeout(() => abort.abort(), TIMEOUT);
  try {
    const response = await fetch("metrics", { cache: "no-store", headers: { Accept: "text/plain;version=0.0.4" }, signal: abort.signal });
    const text = await response.text();
    if (!response.ok) throw new Error("/metrics " + (WHY[response.status] || "answers " + response.status + ": " + text.slice(0, 200).trim()));
    const scrape = new Scrape(text), t = Date.now();
    if (!scrape.all.size) throw new Error("/metrics does not answer with metrics");
    answered = t;
    $("live").hidden = false;
    remember(scrape, t);
    show(scrape);
    status("live, every " + POLL / 1000 + " s, last at " + clock(t), "live");
  } catch (error) {
    const why = error.name === "AbortError" ? "/metrics takes longer than " + TIMEOUT / 1000 + " s" : error instanceof TypeError ? "/metrics does not answer" : error.message;
    status(why + (answered ? "; the numbers are those of " + clock(answered) : ""), "bad");
  } finally {
    clearTimeout(limit);
    asking = false;
    timer = setTimeout(poll, POLL);
  }
}
CHARTS.forEach(prepare);
document.addEventListener("visibilitychange", () => document.hidden ? status("paused", "") : poll());
addEventListener("resize", () => CHARTS.forEach(chart => draw(chart)));
poll();
})();
