// `--test-rules`: rules on the past. A server that answers as Vedette does has the history: it keeps samples for an hour and minutes
// for a day, of a day that nobody can wait for.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { BIN } from "./harness.mjs";

const MINUTE = 60000, HOUR = 60 * MINUTE;
const STEPS = [100, 1000, 2000, 5000, 10000, 15000, 30000, MINUTE, 2 * MINUTE, 5 * MINUTE];
const CALM = 'alert "HIGH_CPU" { enabled = false }\nalert "HIGH_MEMORY" { enabled = false }\n';

// What is known of [at, at + step): lowest, average, highest of the samples of f, or where samples are gone of whole minutes.
function known({ value, interval }, at, step, now, from) {
	const gone = at < now - interval * 3600, begin = gone ? at - at % MINUTE : at, end = begin + (gone ? Math.max(step, MINUTE) : step);
	const values = [];

	for (let t = Math.ceil(begin / interval) * interval; t < end && t <= now; t += interval)
		if (t >= from && value(t) !== null)
			values.push(value(t));
	return values.length ? [Math.min(...values), values.reduce((sum, v) => sum + v, 0) / values.length, Math.max(...values)] : [null, null, null];
}

// series: {id: {value: t => number or null, interval, kind, unit}}
class Past {
	constructor(series, { started = 0, silences = [], now = Date.now() } = {}) {
		Object.assign(this, { series, started, silences, now, questions: [] });
		this.server = createServer((request, response) => {
			const url = new URL(request.url, "http://x"), answer = this.answer(url);

			this.questions.push(url);
			response.setHeader("Content-Type", "application/json");
			response.end(JSON.stringify({ status: "ok", ...answer }));
		});
	}

	async listen(t) {
		this.dir = mkdtempSync(path.join(tmpdir(), "vedette-e2e-replay-"));
		await new Promise((done) => this.server.listen(0, "127.0.0.1", done));
		t.after(() => {
			this.server.closeAllConnections();
			this.server.close();
			rmSync(this.dir, { recursive: true });
		});
		return this;
	}

	answer({ pathname, searchParams }) {
		if (pathname === "/api/v1/status")
			return { started: this.started, now: this.now, host: { hostname: "lighthouse" }, store: { raw_s: 3600, minute_s: 86400 } };
		if (pathname === "/api/v1/silences")
			return { silences: this.silences };
		if (pathname === "/api/v1/series")
			return { series: Object.entries(this.series).map(([id, { interval = 1000, kind = "gauge", unit = "" }]) => ({ id, unit, kind, interval })) };
		return this.history(searchParams);
	}

	history(q) {
		const ids = q.getAll("series"), [from, to, points] = ["from", "to", "points"].map((name) => Number(q.get(name)));
		const finest = Math.min(...ids.map((id) => this.series[id].interval ?? 1000));
		const step = STEPS.find((s) => s >= finest && Math.ceil((to - from) / s) <= points);
		const first = Math.floor(from / step) * step, n = Math.ceil(to / step) - first / step;

		assert.ok(ids.length <= 50 && n * ids.length <= 200000 && q.get("aggregate") === "range", "a question that Vedette would refuse");
		return {
			from: first, to: first + n * step, step,
			series: ids.map((id) => {
				const all = Array.from({ length: n }, (_, i) => known({ interval: 1000, ...this.series[id] }, first + i * step, step, this.now, this.started));

				return { id, min: all.map((v) => v[0]), values: all.map((v) => v[1]), max: all.map((v) => v[2]) };
			}),
		};
	}

	// Its exit code, lines and errors.
	async run(config, from, to, { env = {}, port = this.server.address().port } = {}) {
		const file = path.join(this.dir, "vedette.conf");

		writeFileSync(file, CALM + config);
		const child = spawn(BIN, ["--listen", `127.0.0.1:${port}`, "--data-dir", this.dir, "--config", file, "--test-rules", from, to],
			{ stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, TZ: "UTC", ...env } });
		const texts = ["", ""];

		[child.stdout, child.stderr].forEach((stream, i) => stream.setEncoding("utf8").on("data", (text) => { texts[i] += text; }));
		const code = await new Promise((done) => child.once("close", done));
		return { code, out: texts[0], lines: texts[0].trimEnd().split("\n"), err: texts[1] };
	}
}

const stamp = (t) => new Date(t).toISOString().slice(0, 19).replace("T", " ");
const about = (lines, rule) => lines.filter((line) => line.includes(` ${rule} `));
const states = (lines, rule) => about(lines, rule).map((line) => line.slice(21, 31).trim());

// At the times of `there` (from, seconds) a value, else the usual one.
const at = (there, value, usual) => (t) => there.some(([from, s]) => t >= from && t < from + s * 1000) ? value : usual;

const RULES = `
alert "LOW" { metric = "device.level"  below = 2 }
alert "HIGH" { metric = "device.level"  above = 9 }
alert "BAND" { metric = "device.level"  outside = {2, 9} }
alert "LONG" { metric = "device.level"  above = 9  for = 25s }
alert "ZERO" { metric = "device.level"  equals = 0 }
alert "FIVE" { metric = "device.level"  equals = 5 }
alert "SMALL" { metric = "device.level"  window = 5min  aggregate = min  below = 2 }
alert "SLOPE" { metric = "device.level"  window = 5min  aggregate = delta  above = 100 }
alert "GROWS" { metric = "device.count"  window = 5min  aggregate = delta  above = 1000 }
alert "QUIET" { metric = "device.level"  absent = 5min }
alert "GONE" { metric = "device.none"  absent = 1min }
`;

test("what happened hours ago is judged as what happened just now is, or said to be unknown", async (t) => {
	const now = Date.now(), minute = now - now % MINUTE;
	// Twice the same: a dip of 10 s, spikes of 3 s in three minutes running, half an hour later two whole minutes that are high.
	const once = (begin) => ({ dip: [begin + 20000, 10], spikes: [10, 70, 130].map((s) => [begin + 10 * MINUTE + s * 1000, 3]), long: [begin + 30 * MINUTE + 10000, 140] });
	const old = once(minute - 5 * HOUR), late = once(minute - 45 * MINUTE);
	const dips = at([old.dip, late.dip], 0, null), highs = at([...old.spikes, ...late.spikes, old.long, late.long], 10, null);
	const past = await new Past({
		"device.level": { value: (t) => dips(t) ?? highs(t) ?? 5.5 },
		"device.count": { value: (t) => Math.floor(t / 1000) - Math.floor((minute - 24 * HOUR) / 1000), kind: "counter" },
		slow: { value: () => 1, interval: 10000 },
	}, { now }).listen(t);
	const { code, lines, out, err } = await past.run(RULES, stamp(minute - 6 * HOUR), "now");
	const when = (rule, state) => about(lines, rule)
		.filter((line) => line.slice(21, 31).trim() === state && !line.endsWith("(comes and goes: stays until it is calm)")).map((line) => Date.parse(`${line.slice(0, 19)}Z`));
	const near = (found, wanted, rule) => {
		assert.equal(found.length, wanted.length, `${rule}\n${out}`);
		found.forEach((time, i) => assert.ok(Math.abs(time - wanted[i]) <= (time < now - HOUR ? MINUTE : 1000), `${rule} ${stamp(time)}\n${out}`));
	};

	assert.equal(code, 0, err);
	near(when("LOW", "firing"), [old.dip[0], late.dip[0]], "LOW");
	near(when("ZERO", "firing"), [old.dip[0], late.dip[0]], "ZERO");
	near(when("SMALL", "firing"), [old.dip[0], late.dip[0]], "SMALL");
	// To the minute, three spikes in three minutes are one alert.
	near(when("HIGH", "firing"), [old.spikes[0][0], old.long[0], ...late.spikes.map(([from]) => from), late.long[0]], "HIGH");
	near(when("BAND", "firing"), [old.dip[0], old.spikes[0][0], old.long[0], late.dip[0], ...late.spikes.map(([from]) => from), late.long[0]], "BAND");
	// 25 s were passed for certain in the whole minutes alone; in the spikes, minutes do not tell.
	near(when("LONG", "firing"), [old.long[0] + 75000, late.long[0] + 25000], "LONG");
	assert.deepEqual(states(lines, "LONG"), ["maybe", "maybe over", "maybe", "firing", "resolved", "firing", "resolved"], out);
	// Never: but a minute that goes from 0 to 5.5 may have met 5.
	assert.ok(states(lines, "FIVE").length > 0 && states(lines, "FIVE").every((state) => state.startsWith("maybe")), out);
	assert.ok(when("FIVE", "maybe").every((time) => time < now - HOUR), out);
	// Of a gauge's change over five minutes, minutes say nothing; of a counter's, all.
	assert.deepEqual(states(lines, "SLOPE"), []);
	assert.deepEqual(states(lines, "GROWS"), []);
	assert.deepEqual(states(lines, "QUIET"), []);
	assert.match(out, /only minutes are left, of 2 of 2 series/);
	assert.match(out, /"maybe" is[^]*: LONG, ZERO, FIVE\n/);
	assert.match(out, /only whole minutes are seen: QUIET\n/);
	assert.match(out, /not judged, for that takes samples: SLOPE\n/);
	assert.match(out, /do not exist at present: GONE\n/);
	assert.match(lines.at(-1), /^\d+ would have fired, [^]*\d+ more may have, judged every 1 s on 2 series\.$/);
	assert.ok(past.questions.length < 30, `${past.questions.length} questions`);

	// The last hour has samples: nothing is in doubt, and LONG saw through the spikes.
	const young = await past.run(RULES, "-50min", "now");
	assert.doesNotMatch(young.out, /maybe|minutes are left/);
	assert.deepEqual(states(young.lines, "LONG"), ["firing", "resolved"], young.out);
	assert.equal(about(young.lines, "LONG")[0].slice(0, 19), stamp(late.long[0] + 25000));
	assert.deepEqual(states(young.lines, "SLOPE"), []);
});

test("windows over minutes, of counters, averages and percentiles", async (t) => {
	const now = Date.now(), minute = now - now % MINUTE, begin = minute - 4 * HOUR;
	const past = await new Past({
		// Ten a second for ten minutes, one a second before and after.
		"device.count": { kind: "counter", value: (t) => { const s = (t - begin) / 1000; return s + 9 * Math.min(Math.max(s, 0), 600) + 1e5; } },
		"device.busy": { value: at([[begin, 600]], 80, 10), interval: 2000 },
	}, { now }).listen(t);
	const { lines, out } = await past.run(`
alert "RATE" { metric = "device.count"  window = 5min  aggregate = rate  above = 5 }
alert "AVG" { metric = "device.busy"  window = 5min  aggregate = avg  above = 50 }
alert "P90" { metric = "device.busy"  window = 5min  aggregate = p90  above = 50 }
alert "BRIEF" { metric = "device.busy"  window = 10s  aggregate = avg  above = 50 }
alert "ODD" { metric = "device.busy"  window = 10s  aggregate = avg  outside = {0, 50} }
`, "-5h", "-3h");

	for (const rule of ["RATE", "AVG", "P90", "BRIEF"])
		assert.deepEqual(states(lines, rule).filter((state) => !state.startsWith("maybe")), ["firing", "resolved"], `${rule}\n${out}`);
	assert.deepEqual(states(lines, "ODD"), []);
	assert.match(out, /not judged, for that takes samples: ODD\n/);
	const [start] = about(lines, "AVG");
	assert.ok(Math.abs(Date.parse(`${start.slice(0, 19)}Z`) - (begin + 150000)) <= 90000, start);
});

test("who would not have been told, and why", async (t) => {
	const now = Date.now(), minute = now - now % MINUTE, hour = (n) => new Date(minute - n * MINUTE).toISOString().slice(11, 16);
	const past = await new Past({
		"disk.busy/sda": { value: (t) => at([[minute - 20 * MINUTE, 2]], 70, null)(t) ?? at([[minute - 20 * MINUTE, 300]], 99, 1)(t) },
		"disk.busy/sdb": { value: at([[minute - 20 * MINUTE, 300]], 50, 1) },
	}, {
		now, silences: [{ id: "aaaaaaaaaaaaaaaaaaaa", matcher: "rule=HUSHED", from: minute - HOUR, until: now + HOUR, by: "ann", note: "new disk" }],
	}).listen(t);
	const { lines, out } = await past.run(`
alert "BUSY" { metric = "disk.busy/sda"  above = 60  summary = "{instance} of {host} is busy" }
alert "SLOW" { metric = "disk.busy/sda"  above = 80  inhibited_by = {"BUSY"} }
alert "ASLEEP" { metric = "disk.busy/sda"  above = 80  hours = {"${hour(10)}-${hour(5)}"} }
alert "LATER" { metric = "disk.busy/sda"  above = 80  hours = {"${hour(18)}-${hour(5)}"} }
alert "HUSHED" { metric = "disk.busy/*"  above = 80 }
webhook "ops" { url = "http://127.0.0.1:1/" }
`, "-30min", "now");

	assert.match(about(lines, "BUSY")[0], /firing .* sda of lighthouse is busy$/);
	assert.match(about(lines, "BUSY")[1], /resolved .* sda of lighthouse is busy$/);
	assert.match(about(lines, "SLOW")[0], /firing .* \(nobody told: inhibited by BUSY\)$/);
	assert.match(about(lines, "ASLEEP")[0], /firing .* \(nobody told: outside its hours\)$/);
	assert.match(about(lines, "ASLEEP").at(-1), /resolved .* \(nobody told\)$/);
	assert.match(about(lines, "LATER")[0], /\(nobody told: outside its hours\)$/);
	assert.match(about(lines, "LATER")[1], /firing .* \(told only now\)$/);
	assert.match(about(lines, "HUSHED")[0], /silenced .* \(nobody told: silenced by ann: new disk\)$/);
	assert.match(lines.at(-1), /^5 would have fired, 3 of them without anyone told, judged every 1 s on 2 series\.$/, out);
	assert.doesNotMatch(out, /No channel/);
	assert.match((await past.run("", "-30min", "now")).out, /No channel is configured/);
});

test("odd times are told apart, and what is not known is not judged", async (t) => {
	const now = Date.now(), started = now - 10 * MINUTE;
	const past = await new Past({ "device.level": { value: () => 5 } }, { started, now }).listen(t);
	const rule = 'alert "GONE" { metric = "device.none"  absent = 1min }\nalert "SOME" { metric = "device.level"  above = 1 }\n';
	const rows = [
		["-1h", "-2h", 64, /FROM must lie before TO: they are \d{4}-.* and \d{4}-/],
		["now", "now", 64, /FROM lies in the future/],
		["2999-01-01T00:00", "2999-01-02T00:00", 64, /FROM lies in the future/],
		["yesterday", "now", 64, /FROM: "yesterday" is no time; it is like -6h, now, 2026-/],
		["-6", "now", 64, /FROM: "-6" is no time: .*unit/],
		["-6h", "-x", 64, /TO: "-x" is no time/],
		["-6h", "2026-02-30T00:00", 64, /TO: "2026-02-30T00:00" is no time/],
		["2026-01-02", "now", 64, /FROM: "2026-01-02" is no time/],
		["-999999999999d", "now", 64, /FROM: "-999999999999d" is no time/],
		["-2h", "-1h", 69, new RegExp(`before ${stamp(started)} nothing is known: the running Vedette was started then`)],
	];

	for (const [from, to, want, text] of rows) {
		const { code, out, err } = await past.run(rule, from, to);

		assert.deepEqual([code, out], [want, ""], `${from} ${to}: ${err}`);
		assert.match(err, text);
	}
	// Nobody was absent before there was anyone to see it.
	const young = await past.run(rule, "-5h", "2999-01-01T00:00");
	assert.match(young.lines[0], /^TO lies in the future: judged until now/);
	assert.match(young.lines[1], new RegExp(`^Before ${stamp(started)} nothing is known, and nothing is judged`));
	assert.ok(Date.parse(`${about(young.lines, "GONE")[0].slice(0, 19)}Z`) >= started + MINUTE - 1000, young.out);
	assert.match(young.lines.at(-1), /^2 would have fired/);

	past.started = 0;
	assert.match((await past.run(rule, "-72h", "now")).lines[0], /^Before .* nothing is known, .*minutes are kept no longer/);
	const away = await past.run(rule, "-1h", "now", { port: 1 });
	assert.deepEqual([away.code, away.out], [69, ""]);
	assert.match(away.err, /cannot ask the running Vedette at http:\/\/127\.0\.0\.1:1\//);
	past.answer = () => ({});
	const strange = await past.run(rule, "-1h", "now");
	assert.deepEqual([strange.code, strange.out], [69, ""]);
	assert.match(strange.err, /no Vedette, or one of another version/);
});

test("what fires when it begins fires since before, and windows are whole from the first moment", async (t) => {
	const now = Date.now(), minute = now - now % MINUTE, begin = minute - 20 * MINUTE;
	const past = await new Past({
		"device.level": { value: at([[begin - 4 * MINUTE, 600]], 9, 1) },
		"device.spike": { value: at([[begin - 5 * MINUTE, 10]], 9, 1) },
		// As many as 2000 in the hour, of which the last hundreds come after FROM.
		"device.faults": { kind: "counter", value: (t) => Math.floor(Math.max(0, t - begin + 55 * MINUTE) / 1800) },
	}, { now }).listen(t);
	const { lines, out } = await past.run(`
alert "LONG" { metric = "device.level"  above = 5  for = 2min }
alert "AVG" { metric = "device.level"  above = 5  window = 5min  aggregate = avg  inhibited_by = {"LONG"} }
alert "OVER" { metric = "device.spike"  above = 5 }
alert "ERRORS" { metric = "device.faults"  window = 1h  aggregate = delta  above = 1900 }
alert "SLOPE" { metric = "device.level"  window = 1h  aggregate = delta  above = 100 }
`, stamp(begin), "now");

	assert.match(about(lines, "LONG")[0], new RegExp(`^${stamp(begin)}  firing .* \\(since before\\)$`), out);
	assert.match(about(lines, "AVG")[0], new RegExp(`^${stamp(begin)}  firing .* \\(since before; nobody told: inhibited by LONG\\)$`), out);
	assert.deepEqual(states(lines, "LONG"), ["firing", "resolved"], out);
	assert.deepEqual(states(lines, "OVER"), [], out);
	assert.equal(states(lines, "ERRORS")[0], "firing", out);
	const [first] = about(lines, "ERRORS"), time = Date.parse(`${first.slice(0, 19)}Z`);
	assert.ok(Math.abs(time - (begin + 2 * MINUTE)) <= 2 * MINUTE, out);
	assert.match(out, /into which windows look back, only minutes are left, of 3 of 3 series\.\n- not judged while they do: SLOPE\n/);
	assert.match(lines.at(-1), /^3 would have fired, judged/);
});

test("as many series as there are, of any interval, in few questions", async (t) => {
	const now = Date.now();
	const series = Object.fromEntries(Array.from({ length: 160 }, (_, i) => [`device.many/${i}`, { value: () => i, interval: [1000, 2000, 5000, MINUTE][i % 4] }]));
	const past = await new Past(series, { now }).listen(t);
	const { code, lines, out, err } = await past.run('alert "MANY" { metric = "device.many/*"  above = 79.5 }\n', "-12h", "now");

	assert.equal(code, 0, err);
	assert.equal(about(lines, "MANY").filter((line) => / firing /.test(line)).length, 80, out);
	assert.match(lines.at(-1), /^80 would have fired, judged every 1 s on 160 series\.$/);
	assert.ok(past.questions.length < 200, `${past.questions.length} questions`);
});
