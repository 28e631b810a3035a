// Namespace `/`, row by row: what a client asks for, and what it is told unasked; over both transports, and with and
// without an acknowledgement.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, connect, every, json, next, patient, record, said, serve, start, take, until, WAYS } from "./harness.mjs";

const PUSH_MS = 300;
const FAST = `
	push_interval = ${PUSH_MS}ms
	collector "cpu" { interval = 100ms }
	collector "host" { interval = 100ms }
`;
const server = serve({ config: FAST });
const SLOWEST = 3600000;
const CPU_CORES = /^cpu\.usage\/\d+$/;
const number = (value) => assert.equal(typeof value, "number", `not a number: ${value}`);
const recent = (ms, interval = 0) => assert.ok(Math.abs(Date.now() - ms) < patient(10000) + interval, `not now: ${ms}`);

// ---- requests and their answers

const SERIES = { id: "string", unit: "string", kind: "string", help: "string", interval: "number", collector: "string" };
const PROCESS = {
	pid: "number", ppid: "number", user: "string", name: "string", command: "string", state: "string", memory: "number", rss: "number",
	threads: "number", started: "number",
};

function shaped(object, shape) {
	for (const [name, type] of Object.entries(shape))
		assert.equal(typeof object[name], type, `${name} of ${JSON.stringify(object)}`);
}

// A list in the order of `key`, which may hold equal neighbours; null counts as the least.
function ordered(list, key, descending) {
	const value = (item) => item[key] ?? -1;

	for (let i = 1; i < list.length; i++)
		assert.ok(descending ? value(list[i - 1]) >= value(list[i]) : value(list[i - 1]) <= value(list[i]),
			`${key}: ${value(list[i - 1])} before ${value(list[i])}`);
}

// event, arguments, what must be true of the answer; `told`: the event, and its arguments, that come beside the
// answer, or instead of it when the client wants no acknowledgement. Without it, that is an event of the request's name.
const requests = [
	{
		name: "one series", event: "subscribe metric", args: ["cpu.usage"], told: ["subscribed", ["cpu.usage"]],
		holds: (a) => assert.deepEqual(a.matched, ["cpu.usage"]),
	},
	{
		name: "an alias", event: "subscribe metric", args: ["memory"], told: ["subscribed", ["memory"]],
		holds: (a) => assert.deepEqual(a.matched, ["memory.usage"]),
	},
	{
		name: "a pattern", event: "subscribe metric", args: ["cpu.usage/*"], told: ["subscribed", ["cpu.usage/*"]],
		holds: (a) => assert.ok(a.matched.length > 0 && a.matched.every((id) => CPU_CORES.test(id)), String(a.matched)),
	},
	{
		name: "a pattern that crosses /", event: "subscribe metric", args: ["c*/0"], told: ["subscribed", ["c*/0"]],
		holds: (a) => assert.ok(a.matched.includes("cpu.usage/0") && a.matched.includes("cpu.idle/0") === false),
	},
	{
		name: "a list", event: "subscribe metric", args: [["cpu", "load.*"]], told: ["subscribed", ["cpu"], ["load.*"]],
		holds: (a) => assert.deepEqual(a.matched, ["cpu.usage", "load.1", "load.5", "load.15", "load.runnable", "load.threads"]),
	},
	{
		name: "what is not there yet", event: "subscribe metric", args: ["queue.waiting/*"], told: ["subscribed", ["queue.waiting/*"]],
		holds: (a) => assert.deepEqual(a.matched, []),
	},
	{ name: "twice the same", event: "subscribe metric", args: [["cpu", "cpu"]], told: ["subscribed", ["cpu"], ["cpu"]] },
	{ name: "one", event: "unsubscribe metric", args: ["cpu"], told: ["unsubscribed", ["cpu"]] },
	{ name: "a list", event: "unsubscribe metric", args: [["cpu", "load.*"]], told: ["unsubscribed", ["cpu"], ["load.*"]] },
	{
		name: "the fastest", event: "set polling rate", args: [100], told: ["custom metrics"],
		holds: (a) => assert.deepEqual(a, { status: "ok", rate: 100 }),
	},
	{ name: "the slowest", event: "set polling rate", args: [SLOWEST], told: ["custom metrics"], holds: (a) => assert.equal(a.rate, SLOWEST) },
	...["last", "avg", "min", "max"].map((aggregate) => ({
		name: aggregate, event: "set polling rate", args: [1000, { aggregate }], told: ["custom metrics"],
		holds: (a) => assert.equal(a.rate, 1000),
	})),
	{
		name: "all", event: "get metrics", args: [],
		holds(a) {
			assert.ok(a.series.length > 80, String(a.series.length));
			for (const series of a.series) {
				shaped(series, SERIES);
				assert.ok(["gauge", "rate", "counter"].includes(series.kind), series.kind);
				assert.ok(series.last === null || typeof series.last === "number", series.id);
				assert.ok(series.help && !series.help.includes("\n"), series.id);
				recent(series.timestamp, series.interval);
			}
			assert.equal(new Set(a.series.map((series) => series.id)).size, a.series.length);
		},
	},
	{
		name: "a pattern", event: "get metrics", args: ["load.*"],
		holds: (a) => assert.deepEqual(a.series.map((series) => series.id), ["load.1", "load.5", "load.15", "load.runnable", "load.threads"]),
	},
	{
		name: "an alias", event: "get metrics", args: ["cpu"],
		holds(a) {
			assert.equal(a.series.length, 1);
			assert.deepEqual(
				[a.series[0].id, a.series[0].unit, a.series[0].kind, a.series[0].interval, a.series[0].collector],
				["cpu.usage", "percent", "gauge", 100, "cpu"]);
		},
	},
	{ name: "nothing of that name", event: "get metrics", args: ["no.such"], holds: (a) => assert.deepEqual(a.series, []) },
	{ name: "null for all", event: "get metrics", args: [null], holds: (a) => assert.ok(a.series.length > 80) },
	{
		name: "the last minute", event: "get history", args: [{ series: "cpu", from: -60000 }],
		holds(a) {
			assert.equal(a.series.length, 1);
			assert.deepEqual([a.series[0].id, a.series[0].unit], ["cpu.usage", "percent"]);
			assert.ok(a.series[0].points.length <= 300);
			recent(a.to);
		},
	},
	{
		name: "columns", event: "get history", args: [{ series: ["cpu", "load.*"], from: -60000, shape: "columns" }],
		holds(a) {
			assert.deepEqual(a.series.map((series) => series.id), ["cpu.usage", "load.1", "load.5", "load.15", "load.runnable", "load.threads"]);
			for (const series of a.series)
				assert.equal(series.values.length, (a.to - a.from) / a.step);
		},
	},
	{
		name: "cpu, the first twenty", event: "get processes", args: [],
		holds(a) {
			recent(a.timestamp);
			assert.ok(a.total >= a.processes.length && a.matched === a.total && a.processes.length <= 20);
			for (const process of a.processes)
				shaped(process, PROCESS);
			ordered(a.processes, "cpu", true);
		},
	},
	...["cpu", "memory", "rss", "threads", "pid", "started"].flatMap((sort) => ["desc", "asc"].map((order) => ({
		name: `${sort} ${order}`, event: "get processes", args: [{ sort, order, limit: 50 }],
		holds: (a) => ordered(a.processes, sort, order === "desc"),
	}))),
	{
		name: "the first by pid", event: "get processes", args: [{ sort: "pid", order: "asc", limit: 1 }],
		holds: (a) => assert.deepEqual([a.processes.length, a.processes[0].pid], [1, 1]),
	},
	{
		name: "a filter", event: "get processes", args: [{ filter: "vedette", limit: 5000 }],
		holds(a) {
			assert.ok(a.matched > 0 && a.matched < a.total && a.processes.length === a.matched);
			assert.ok(a.processes.some((process) => process.pid === server.pid));
		},
	},
	{ name: "a filter that fits none", event: "get processes", args: [{ filter: "\u2603 no such" }], holds: (a) => assert.deepEqual([a.matched, a.processes], [0, []]) },
	{
		name: "columns", event: "get processes", args: [{ columns: ["pid", "name", "cpu"], limit: 3 }],
		holds(a) {
			assert.deepEqual(a.columns, ["pid", "name", "cpu"]);
			assert.equal(a.processes, undefined);
			assert.ok(a.rows.length > 0 && a.rows.every((row) => row.length === 3 && typeof row[1] === "string"));
		},
	},
	{ name: "beyond the last", event: "get processes", args: [{ offset: 1e6 }], holds: (a) => assert.deepEqual(a.processes, []) },
	{
		name: "", event: "get status", args: [],
		holds(a) {
			shaped(a, { version: "string", started: "number", now: "number", pid: "number", clients: "number", series: "number" });
			shaped(a.host, { hostname: "string", os: "string", kernel: "string", arch: "string", cpus: "number", memory: "number", boot: "number" });
			shaped(a.store, { bytes: "number", limit: "number", raw_s: "number", minute_s: "number" });
			assert.deepEqual([a.pid, a.config, a.push_interval, a.min_rate], [server.pid, server.file, PUSH_MS, 100]);
			assert.ok(a.store.bytes <= a.store.limit && a.started <= a.now && a.host.boot < a.started && a.clients > 0);
			for (const one of a.collectors) {
				shaped(one, { name: "string", help: "string", since: "number", interval: "number", series: "number", last: "number" });
				assert.ok(["ok", "failing", "disabled", "starting"].includes(one.state), one.state);
				assert.equal(typeof one.error, one.state === "ok" || one.state === "starting" ? "object" : "string", one.name);
			}
			assert.deepEqual(a.collectors.filter((one) => one.name === "cpu").map((one) => [one.state, one.error, one.interval]), [["ok", null, 100]]);
		},
	},
	{
		name: "", event: "get events", args: [],
		holds(a) {
			assert.equal(a.events[0].kind, "start");
			for (const [i, { text }] of a.events.entries()) {
				const [, who] = /^(collector \S+) is back$/.exec(text) ?? [];
				assert.ok(!who || a.events.slice(0, i).some((one) => one.text.startsWith(`${who} fails`)), `${text}: what starts was not away`);
			}
			for (const event of a.events)
				shaped(event, { timestamp: "number", kind: "string", text: "string" });
			ordered(a.events, "timestamp", false);
		},
	},
	{
		name: "", event: "watch", args: [{ series: ["cpu", "load.*"], rate: 100 }],
		holds(a) {
			assert.deepEqual(a.series.map((series) => series.id), ["cpu.usage", "load.1", "load.5", "load.15", "load.runnable", "load.threads"]);
			assert.equal(a.rate, 100);
			number(a.gen);
			for (const series of a.series)
				shaped(series, SERIES);
		},
	},
	{ name: "the end of it", event: "watch", args: [{ series: [] }], holds: (a) => assert.deepEqual(a.series, []) },
];

for (const [way, options] of Object.entries(WAYS)) {
	describe(`requests over ${way}`, { concurrency: 4 }, () => {
		for (const { name, event, args, holds, told } of requests) {
			test(`${event}${name && `: ${name}`}`, async (t) => {
				const socket = await connect(t, server, options);
				const [event_told, ...arguments_told] = told ?? [];
				const seen = told && record(socket, event_told);
				const answer = await ask(socket, event, ...args);

				holds?.(answer);
				if (seen) {
					await until("the event beside the answer", () => seen.length >= Math.max(arguments_told.length, 1));
					for (const [i, expected] of arguments_told.entries())
						assert.deepEqual(said(seen[i], 1), expected);
				}

				const quiet = await connect(t, server, options);
				const wrong = record(quiet, "request error");
				const [first] = await Promise.all([next(quiet, event_told ?? event), quiet.emit(event, ...args)]);
				if (!told) {
					assert.equal(first[0].status, "ok");
					holds?.(first[0]);
				} else if (arguments_told.length) {
					assert.deepEqual(said(first, 1), arguments_told[0]);
				}
				assert.deepEqual(wrong, []);
			});
		}
	});
}

// ---- pushes, and what they must be

const names = (push) => Object.keys(push[0]);
const times = (pushes) => pushes.map((push) => push.find(({ timestamp }) => timestamp).timestamp);

// What a window of pushes must say, by the raw samples of the same time: those well inside it, and those that may
// have been in it. Charts keep 24 bits of a value.
const EDGE_MS = 200;

function within_window(samples, from, to, slack) {
	return samples.filter(([t, value]) => value !== null && t > from - slack && t <= to + slack).map(([, value]) => value);
}

const near = (a, b) => a <= b + Math.abs(b) * 1e-5 + 1e-6;
const proofs = {
	min: (v, sure, maybe) => near(v, Math.min(...sure)) && near(Math.min(...maybe), v),
	max: (v, sure, maybe) => near(Math.max(...sure), v) && near(v, Math.max(...maybe)),
	avg: (v, sure, maybe) => near(Math.min(...maybe), v) && near(v, Math.max(...maybe)),
	last: (v, sure, maybe) => maybe.some((one) => near(one, v) && near(v, one)),
};

// These wait more than they work. All at once they would wait for each other.
describe("pushes and history", { concurrency: 2 }, () => {
	for (const [way, options] of Object.entries(WAYS)) {
		describe(`custom metrics over ${way}`, { concurrency: 3 }, () => {
			test("the first comes at once, in its shape", async (t) => {
				const socket = await connect(t, server, options);
				await ask(socket, "subscribe metric", ["cpu", "memory.usage", "load.*", "no.such", "requests"]);
				const [[[values, about]]] = await Promise.all([take(socket, "custom metrics", 1), ask(socket, "set polling rate", SLOWEST)]);

				assert.deepEqual(Object.keys(values), ["cpu", "memory.usage", "load.1", "load.5", "load.15", "load.runnable", "load.threads", "requests"]);
				assert.deepEqual(Object.keys(about), ["timestamp", "host", "dropped"]);
				recent(about.timestamp);
				assert.equal(about.dropped, 0);
				assert.equal(about.host, (await ask(socket, "get status")).host.hostname);
				number(values["memory.usage"]);
				assert.ok(values["memory.usage"] > 0 && values["memory.usage"] <= 100);
			});

			test("none before a rate is set", async (t) => {
				const socket = await connect(t, server, options);
				const seen = record(socket, "custom metrics");
				await ask(socket, "subscribe metric", "*");
				await take(socket, "metrics update", 2);
				assert.deepEqual(seen, []);
			});

			test("no subscription: pushes without values", async (t) => {
				const socket = await connect(t, server, options);
				const [pushes] = await Promise.all([take(socket, "custom metrics", 2), ask(socket, "set polling rate", 100)]);
				assert.deepEqual(pushes.map(names), [[], []]);
			});

			test("each client has its own subscriptions and rate", async (t) => {
				const [one, other] = await Promise.all([connect(t, server, options), connect(t, server, options)]);
				await Promise.all([ask(one, "subscribe metric", "cpu"), ask(other, "subscribe metric", ["memory", "load.1"])]);
				const [fast, slow] = await Promise.all([
					take(one, "custom metrics", 12), take(other, "custom metrics", 4),
					ask(one, "set polling rate", 100), ask(other, "set polling rate", 400)]);

				assert.ok(fast.every((push) => String(names(push)) === "cpu"));
				assert.ok(slow.every((push) => String(names(push)) === "memory,load.1"));
				every(100, times(fast));
				every(400, times(slow));
			});

			for (const rate of [100, 250, 500]) {
				test(`a rate of ${rate} ms is kept`, async (t) => {
					const socket = await connect(t, server, options);
					const [pushes] = await Promise.all([take(socket, "custom metrics", 8), ask(socket, "set polling rate", rate)]);
					every(rate, times(pushes));
				});
			}

			test("the last rate counts", async (t) => {
				const socket = await connect(t, server, options);
				await ask(socket, "set polling rate", 100);
				await Promise.all([take(socket, "custom metrics", 1), ask(socket, "set polling rate", SLOWEST)]);
				const seen = record(socket, "custom metrics");
				await take(socket, "metrics update", 2);
				assert.deepEqual(seen, []);
			});

			test("what is no longer subscribed is no longer sent", async (t) => {
				const socket = await connect(t, server, options);
				await ask(socket, "subscribe metric", ["cpu", "cpu.usage", "load.*", "load.1"]);
				await ask(socket, "set polling rate", 100);
				assert.deepEqual(names(await next(socket, "custom metrics")), ["cpu", "cpu.usage", "load.1", "load.5", "load.15", "load.runnable", "load.threads"]);
				await ask(socket, "unsubscribe metric", "load.*");
				assert.deepEqual(names(await next(socket, "custom metrics")), ["cpu", "cpu.usage", "load.1"]);
				await ask(socket, "unsubscribe metric", ["cpu", "load.1", "never.was"]);
				assert.deepEqual(names(await next(socket, "custom metrics")), ["cpu.usage"]);
			});
		});
	}

	describe("aggregates", { concurrency: 4 }, () => {
		for (const [aggregate, proof] of Object.entries(proofs)) {
			test(`${aggregate} against the samples themselves`, async (t) => {
				const socket = await connect(t, server, WAYS.websocket);
				await ask(socket, "subscribe metric", ["cpu.usage", "cpu.user"]);
				const [pushes] = await Promise.all([take(socket, "custom metrics", 6, 10000), ask(socket, "set polling rate", 1000, { aggregate })]);
				const { series, step } = await ask(socket, "get history", { series: ["cpu.usage", "cpu.user"], from: -25000, aggregate: "last" });
				assert.equal(step, 100);

				// A busy machine reads seldom, and what it reads at the edge of a window may count in the next.
				for (const { id, points } of series) {
					const told = pushes.slice(1).map((push, i) => {
						const [from, to] = [pushes[i][1].timestamp, push[1].timestamp];
						const [sure, maybe] = [within_window(points, from, to - 100, -EDGE_MS), within_window(points, from - 100, to, EDGE_MS)];
						return { holds: sure.length >= 3 && proof(push[0][id], sure, maybe), pushed: push[0][id], maybe };
					});
					assert.ok(told.filter(({ holds }) => holds).length >= 2, `${aggregate} of ${id}: ${JSON.stringify(told)}`);
				}
			});
		}

		// A clock's least value is its first, its greatest the last, its average in the middle: no aggregate passes for another.
		for (const [aggregate, share] of Object.entries({ last: 0, max: 0, avg: 0.5, min: 0.9 })) {
			test(`${aggregate} of a clock`, async (t) => {
				const socket = await connect(t, server, WAYS.websocket);
				const { host } = await ask(socket, "get status");
				await ask(socket, "subscribe metric", "host.uptime");
				const [pushes] = await Promise.all([take(socket, "custom metrics", 5, 10000), ask(socket, "set polling rate", 1000, { aggregate })]);
				const off = pushes.slice(1).map(([{ "host.uptime": uptime }, { timestamp }], i) =>
					(timestamp - host.boot - share * (timestamp - pushes[i][1].timestamp)) / 1000 - uptime);
				assert.ok(off.some((s) => Math.abs(s) < 0.3), `${off} s off`);
			});
		}
	});

	test("metrics update comes to all, every push_interval, in its shape", async (t) => {
		const sockets = await Promise.all(Object.values(WAYS).map((options) => connect(t, server, options)));
		const all = await Promise.all(sockets.map((socket) => take(socket, "metrics update", 6)));

		for (const updates of all) {
			const [[first]] = updates;
			assert.deepEqual(Object.keys(first), ["cpu", "memory", "requests", "errors", "timestamp", "uptime", "host"]);
			assert.ok(first.cpu >= 0 && first.cpu <= 100 && first.memory > 0 && first.memory <= 100);
			assert.ok(Number.isInteger(first.requests) && first.requests > 0 && Number.isInteger(first.errors));
			assert.ok(Number.isInteger(first.uptime) && first.uptime < 600);
			recent(first.timestamp);
			every(PUSH_MS, times(updates));
		}
	});

	test("what is no longer measured is unknown, not what it was last", async (t) => {
		const config = (enabled) => `push_interval = 100ms\ncollector "cpu" { enabled = ${enabled}\ninterval = 100ms }`;
		const changing = await start(t, { config: config(true) });
		const socket = await connect(t, changing);
		const told = async (of) => of((await take(socket, "metrics update", 1))[0][0].cpu);

		await until("a value", () => told(Number.isFinite));
		await changing.reload(config(false));
		await until("none", () => told((cpu) => cpu === null));
		await changing.reload(config(true));
		await until("a value again", () => told(Number.isFinite));
	});

	test("every two seconds where nothing is configured", async (t) => {
		const plain = await start(t);
		const socket = await connect(t, plain);
		every(2000, times(await take(socket, "metrics update", 3, 15000)));
		assert.equal((await ask(socket, "get status")).push_interval, 2000);
	});

	test("requests and errors are counted, Socket.IO and HTTP together", async (t) => {
		const socket = await connect(t, server, WAYS.websocket);
		const counted = async () => {
			const [[{ requests: served, errors }]] = await take(socket, "metrics update", 1);
			return { served, errors };
		};
		const before = await counted();
		await ask(socket, "get events");
		await socket.emitWithAck("get history", {});
		await json(server, "/api/v1/events");
		await json(server, "/api/v1/history");
		const after = await counted();
		assert.ok(after.served >= before.served + 4, `${before.served}, then ${after.served}`);
		assert.ok(after.errors >= before.errors + 2, `${before.errors}, then ${after.errors}`);
		const [[[{ requests: pushed }]]] = await Promise.all([
			take(socket, "custom metrics", 1), ask(socket, "subscribe metric", "requests").then(() => ask(socket, "set polling rate", SLOWEST))]);
		assert.ok(pushed <= after.served + 5 && pushed >= 0, `${pushed} of ${after.served}`);
	});

	describe("history", { concurrency: 4 }, () => {
		// The end of a range with samples in it, so long ago that its last step, of a second at most, gets no more of them.
		async function settled() {
			await until("some history", async () => {
				const { now, started } = await json(server, "/api/v1/status");
				return now > started + 3500;
			}, 5000);
			return Date.now() - 1500;
		}

		const history = async (t, options) => ask(await connect(t, server, WAYS.websocket), "get history", options);

		test("a column's values are the points' values", async (t) => {
			const socket = await connect(t, server, WAYS.websocket);
			const to = await settled(), from = to - 20000;
			const range = { series: ["cpu", "memory"], from, to, points: 40 };
			const points = await ask(socket, "get history", range);
			const columns = await ask(socket, "get history", { ...range, shape: "columns" });

			assert.deepEqual([columns.from, columns.to, columns.step], [points.from, points.to, points.step]);
			for (const [i, { values }] of columns.series.entries())
				assert.deepEqual(points.series[i].points, values.map((value, k) => [points.from + k * points.step, value]));
		});

		test("range: average between least and greatest, in both shapes", async (t) => {
			const to = await settled();
			const range = { series: "cpu", from: to - 4000, to, points: 4, aggregate: "range" };
			const { series: [{ points }] } = await history(t, range);
			const { series: [{ values, min, max }] } = await history(t, { ...range, shape: "columns" });
			const known = points.filter(([, avg]) => avg !== null);

			assert.ok(known.length > 0);
			for (const [, avg, least, most] of known)
				assert.ok(near(least, avg) && near(avg, most), `${least} ${avg} ${most}`);
			assert.deepEqual(points.map((point) => point.slice(1)), values.map((value, i) => [value, min[i], max[i]]));
		});

		for (const aggregate of ["last", "avg", "min", "max"]) {
			test(`${aggregate} lies within range`, async (t) => {
				const to = await settled();
				const range = { series: "cpu", from: to - 4000, to, points: 4 };
				const { series: [{ points: bounds }] } = await history(t, { ...range, aggregate: "range" });
				const { series: [{ points }] } = await history(t, { ...range, aggregate });
				for (const [i, [, value]] of points.entries()) {
					assert.equal(value === null, bounds[i][1] === null);
					assert.ok(value === null || (near(bounds[i][2], value) && near(value, bounds[i][3])), `${value} of ${bounds[i]}`);
					if (value !== null && aggregate !== "last")
						assert.ok(near(value, bounds[i][{ avg: 1, min: 2, max: 3 }[aggregate]]));
				}
			});
		}

		test("steps are aligned: asking again a moment later gives the same", async (t) => {
			const now = Date.now();
			const answers = await Promise.all([0, 37, 74, 411].map((shift) =>
				history(t, { series: "cpu", from: now - 60000 + shift, to: now - 1000 + shift, points: 60, shape: "columns" })));
			const [{ step }] = answers;

			assert.equal(step, 1000);
			for (const answer of answers) {
				assert.equal(answer.step, step);
				assert.equal(answer.from % step, 0);
				assert.equal((answer.to - answer.from) / step, answer.series[0].values.length);
			}
			const at = (answer, ms) => answer.series[0].values[(ms - answer.from) / step];
			const whole = Math.floor((now - 1000) / step) * step - step;
			for (const answer of answers)
				assert.equal(at(answer, whole), at(answers[0], whole));
		});

		test("before the start there are gaps, never values", async (t) => {
			const { started } = await json(server, "/api/v1/status");
			const { from, step, series: [{ values }] } = await history(t, { series: "memory", from: started - 60000, points: 4000, shape: "columns" });
			const early = values.filter((value, i) => from + (i + 1) * step < started);

			assert.ok(early.length > 30);
			assert.ok(early.every((value) => value === null));
			assert.ok(values.some((value) => value !== null));
		});

		test("relative times are before now, absolute ones since the epoch", async (t) => {
			const now = Date.now();
			for (const range of [{ from: -30000, to: -10000 }, { from: now - 30000, to: now - 10000 }]) {
				const { from, to } = await history(t, { series: "cpu", ...range });
				assert.ok(Math.abs(from - now + 30000) < 3000 && Math.abs(to - now + 10000) < 3000, `${from - now} ${to - now}`);
			}
			const { from, to } = await history(t, { series: "cpu" });
			assert.ok(Math.abs(to - from - 300000) <= 5000, "the default is five minutes");
		});

		for (const [points, most] of [[1, 1], [10, 10], [undefined, 300], [4000, 4000]]) {
			test(`at most ${most} points`, async (t) => {
				const { step, series: [{ values }] } = await history(t, { series: "cpu", from: -3600000, points, shape: "columns" });
				assert.ok(values.length <= most && values.length > 0, String(values.length));
				assert.ok(3600000 / step <= most);
			});
		}

		test("a series that several patterns match comes once", async (t) => {
			const { series } = await history(t, { series: ["cpu", "cpu.usage", "cpu.us*"], from: -1000, points: 1 });
			assert.equal(new Set(series.map(({ id }) => id)).size, series.length);
			assert.equal(series[0].id, "cpu.usage");
		});
	});

	for (const [way, options] of Object.entries(WAYS)) {
		describe(`frames over ${way}`, { concurrency: 3 }, () => {
			test("values stand in the order of the list, at the rate asked for", async (t) => {
				const socket = await connect(t, server, options);
				const { gen, series } = await ask(socket, "watch", { series: ["host.uptime", "cpu.*"], rate: 200 });
				const frames = await take(socket, "frame", 6);

				for (const [generation, at, values] of frames) {
					assert.equal(generation, gen);
					assert.equal(values.length, series.length);
					assert.ok(values.every((value) => value === null || typeof value === "number"));
					recent(at);
				}
				ordered(frames, 1, false);
				every(200, frames.map(([, at]) => at));
				const { host } = await ask(socket, "get status");
				assert.ok(Math.abs((frames[5][1] - host.boot) / 1000 - frames[5][2][0]) < 10 ** Math.max(0, String(Math.trunc(frames[5][2][0])).length - 5) + 1);
			});

			test("fractions carry five digits, whole numbers all of theirs", async (t) => {
				const socket = await connect(t, server, options);
				await ask(socket, "watch", { series: ["memory.*"], rate: 100 });
				const [[, , values]] = await take(socket, "frame", 1);
				for (const value of values)
					assert.ok(Number.isInteger(value) || value === Number(value.toPrecision(5)), String(value));
			});

			test("a new list replaces the former, an empty one ends it", async (t) => {
				const socket = await connect(t, server, options);
				const first = await ask(socket, "watch", { series: ["cpu"], rate: 100 });
				await take(socket, "frame", 1);
				const second = await ask(socket, "watch", { series: ["load.*"], rate: 100 });
				assert.notEqual(second.gen, first.gen);
				const [[gen, , values]] = await take(socket, "frame", 1);
				assert.deepEqual([gen, values.length], [second.gen, 5]);
				await ask(socket, "watch", { series: [] });
				const seen = record(socket, "frame");
				await take(socket, "metrics update", 2);
				assert.deepEqual(seen, []);
			});

			test("one client's list is not another's", async (t) => {
				const [one, other] = await Promise.all([connect(t, server, options), connect(t, server, options)]);
				await ask(one, "watch", { series: ["cpu"], rate: 100 });
				await ask(other, "watch", { series: ["cpu", "host.uptime"], rate: 100 });
				const [ones, others] = await Promise.all([take(one, "frame", 3), take(other, "frame", 3)]);
				assert.ok(ones.every(([, , values]) => values.length === 1));
				assert.ok(others.every(([, , values]) => values.length === 2));
			});

			test("only when there is something new", async (t) => {
				const socket = await connect(t, server, options);
				await ask(socket, "watch", { series: ["memory.usage"], rate: 100 });
				const sent = (await take(socket, "frame", 4)).map(([, at]) => at);
				assert.equal(new Set(sent).size, 4);
				every(1000, sent.slice(1)); // memory is read each second
			});
		});
	}

	test("a series that comes or goes costs the others no samples", async (t) => {
		const config = (enabled) => `collector "host" { interval = 100ms }\ncollector "load" { enabled = ${enabled} }`;
		const changing = await start(t, { config: config(false) });
		const socket = await connect(t, changing, WAYS.websocket);
		const { host } = await ask(socket, "get status");
		await ask(socket, "subscribe metric", ["host.uptime", "load.*", "cpu"]);
		await ask(socket, "set polling rate", 1500, { aggregate: "min" });
		const [[, { timestamp: before }]] = await take(socket, "custom metrics", 1);
		const pushed = next(socket, "custom metrics");
		const clock = await connect(t, changing, WAYS.websocket);
		await Promise.all([take(clock, "custom metrics", 9), ask(clock, "set polling rate", 100)]);
		await changing.reload(config(true));
		await until("the series that comes", async () => (await ask(socket, "get metrics", "load.1")).series.length === 1);
		await ask(socket, "unsubscribe metric", "cpu");
		const [{ "host.uptime": uptime }, { timestamp }] = await pushed;
		const age = timestamp - host.boot - uptime * 1000;
		assert.ok(age > (timestamp - before) * 0.6, `${age} ms old, of ${timestamp - before}`);
	});

	test("a series that is measured more seldom is not taken for one that fell silent", async (t) => {
		const config = (interval) => `collector "load" { interval = ${interval} }`;
		const changing = await start(t, { config: config("100ms") });
		const socket = await connect(t, changing);

		await until("load", async () => (await ask(socket, "get metrics", "load.1")).series.length === 1);
		await ask(socket, "subscribe metric", "load.1");
		await ask(socket, "watch", { series: ["load.1", "cpu"], rate: 200 });
		await ask(socket, "set polling rate", 200);
		await changing.reload(config("3s"));
		await until("the new interval", async () => (await ask(socket, "get metrics", "load.1")).series[0].interval === 3000);
		const [pushes, frames] = await Promise.all([take(socket, "custom metrics", 20, 10000), take(socket, "frame", 3, 10000)]);
		assert.deepEqual(pushes.filter(([values]) => values["load.1"] === null), []);
		assert.deepEqual(frames.filter(([, , [load]]) => load === null), []);
	});

	test("series that come later are included, and those that go are left out", async (t) => {
		const config = (enabled) => `push_interval = 100ms\ncollector "load" { enabled = ${enabled}\ninterval = 100ms }`;
		const changing = await start(t, { config: config(false) });
		const sockets = await Promise.all(Object.values(WAYS).map((options) => connect(t, changing, options)));
		const LOAD = ["load.1", "load.5", "load.15", "load.runnable", "load.threads"];

		for (const socket of sockets) {
			assert.deepEqual((await ask(socket, "subscribe metric", ["load.*", "load.1"])).matched, []);
			assert.deepEqual((await ask(socket, "watch", { series: ["load.*"], rate: 100 })).series, []);
			await ask(socket, "set polling rate", 100);
			assert.deepEqual(names(await next(socket, "custom metrics")), []);
		}

		const happened = sockets.map((socket) => record(socket, "event"));
		const told = sockets.map((socket) => Promise.all([next(socket, "watched"), next(socket, "frame")]));
		await changing.reload(config(true));
		for (const [i, [[watched], frame]] of (await Promise.all(told)).entries()) {
			const [[event]] = happened[i];
			assert.deepEqual([event.kind, typeof event.text], ["reload", "string"]);
			assert.deepEqual(watched.series.map(({ id }) => id), LOAD);
			assert.deepEqual([frame[0], frame[2].length], [watched.gen, 5]);
			assert.deepEqual(names(await next(sockets[i], "custom metrics")), LOAD);
			const { events } = await ask(sockets[i], "get events");
			assert.deepEqual(events.filter(({ kind }) => kind === "reload"), [event]);
		}

		const gone = sockets.map((socket) => next(socket, "watched"));
		await changing.reload(config(false));
		for (const [i, [{ series }]] of (await Promise.all(gone)).entries()) {
			assert.deepEqual(series, []);
			assert.deepEqual(names(await next(sockets[i], "custom metrics")), []);
		}
	});
});

// A parser keeps the last of two members of one name: only the text tells.
test("a series that several patterns match is pushed once, and once more under its alias", async (t) => {
	const socket = await connect(t, server, WAYS.websocket);
	const texts = record(socket.io.engine, "data");
	await ask(socket, "subscribe metric", ["cpu", "cpu.*", "*.usage", "*"]);
	await ask(socket, "set polling rate", 100);
	await take(socket, "custom metrics", 1);
	const pushed = texts.map(([data]) => data).find((data) => data.startsWith('2["custom metrics"'));
	for (const name of ["cpu", "cpu.usage", "memory.usage"])
		assert.equal(pushed.split(`"${name}":`).length, 2, name);
});
