// The bad twin of each request: a clear answer that says what is wrong and what is allowed, through the
// acknowledgement or as `request error`; and the connection goes on as if nothing had been.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, connect, get, next, patient, query, record, refusal, said, serve, take, until, WAYS } from "./harness.mjs";

const server = serve({ config: "push_interval = 200ms" });

const STARS = "*".repeat(300);
const LONG = "a".repeat(10000);
const many = (n, text = "cpu.*") => Array.from({ length: n }, () => text);

const PATTERN = /^a pattern must be a text of 1 to 256 bytes, or a list of such texts$/;
const FIRST_PATTERN = /^the first argument must be a series id, a pattern with \*, or a list of them$/;
const RATE = /^the rate must be a number of milliseconds from 100 to 3600000$/;
const OPTIONS = /^options must be an object$/;
const FIRST_OPTIONS = /^the first argument must be an object of options$/;
const AGGREGATE = /^aggregate must be one of: last, avg, min, max$/;
const FOLD = /^aggregate must be one of: last, avg, min, max, range$/;
const SORT = /^sort must be one of: cpu, memory, rss, io, threads, pid, name, user, started$/;
const SERIES = /^series must be a text of 1 to 256 bytes, or a list of such texts$/;
const NEEDED = /^series is needed: an id, a pattern with \*, or a list of them$/;
const MOMENT = (name) => new RegExp(`^${name} must be a number: milliseconds since the epoch, or below 0 for as long ago$`);
const POINTS = /^points must be a number from 1 to 4000$/;
const UNKNOWN = /^unknown event; this namespace takes: `subscribe metric`, .*`watch`/;

// event, arguments, the error. null stands for the default: its rows are among the good ones.
const rows = [
	...["subscribe metric", "unsubscribe metric"].flatMap((event) => [
		[event, [], FIRST_PATTERN],
		[event, [null], FIRST_PATTERN],
		[event, [5], FIRST_PATTERN],
		[event, [true], FIRST_PATTERN],
		[event, [{ pattern: "cpu" }], FIRST_PATTERN],
		[event, [[]], FIRST_PATTERN],
		[event, [Buffer.from("cpu")], FIRST_PATTERN],
		[event, [[5]], PATTERN],
		[event, [["cpu", null]], PATTERN],
		[event, [["cpu", ["memory"]]], PATTERN],
		[event, [["cpu", Buffer.from("memory")]], PATTERN],
		[event, [""], PATTERN],
		[event, [["cpu", ""]], PATTERN],
		[event, ["a".repeat(257)], PATTERN],
		[event, [LONG], PATTERN],
		[event, [STARS], PATTERN],
		[event, ["cpu\0usage"], PATTERN],
		[event, ["\u{1f4c8}".repeat(65)], PATTERN],
		[event, [many(201)], /^a pattern may hold at most 200$/],
	]),
	...[[], ["fast"], [null], [0], [-1000], [99], [99.999], [3600001], [1e308], ["1000"], [true], [[1000]], [{ rate: 1000 }], [Buffer.alloc(4)]]
		.map((args) => ["set polling rate", args, RATE]),
	["set polling rate", [1000, "avg"], OPTIONS],
	["set polling rate", [1000, ["avg"]], OPTIONS],
	["set polling rate", [1000, 5], OPTIONS],
	["set polling rate", [1000, { aggregate: "median" }], AGGREGATE],
	["set polling rate", [1000, { aggregate: "AVG" }], AGGREGATE],
	["set polling rate", [1000, { aggregate: 1 }], AGGREGATE],
	["set polling rate", [1000, { aggregate: ["avg"] }], AGGREGATE],
	...[5, true, {}, ["cpu"], Buffer.from("cpu")].map((arg) => ["get metrics", [arg], /^the first argument must be a series id or a pattern with \*$/]),
	...[LONG, STARS, "cpu\0"].map((arg) => ["get metrics", [arg], /^pattern must be a text of at most 256 bytes/]),
	...["cpu", 5, true, ["cpu"]].map((arg) => ["get history", [arg], FIRST_OPTIONS]),
	["get history", [], NEEDED],
	["get history", [null], NEEDED],
	["get history", [{}], NEEDED],
	["get history", [{ series: null }], NEEDED],
	["get history", [{ series: [] }], NEEDED],
	...[5, true, {}, "", [""], [5], ["cpu", null], LONG, STARS, "cpu\0", Buffer.from("cpu")].map((series) => ["get history", [{ series }], SERIES]),
	["get history", [{ series: "no.such" }], /^no series matches no\.such; `get metrics` lists those there are$/],
	["get history", [{ series: ["no.such", "nor/this"] }], /^no series matches no\.such; /],
	["get history", [{ series: many(501) }], /^series may hold at most 500$/],
	...["yesterday", true, [1], {}, 1e300, -1e16].flatMap((moment) => ["from", "to"].map((name) => ["get history", [{ series: "cpu", [name]: moment }], MOMENT(name)])),
	["get history", [{ series: "cpu", from: -1000, to: -2000 }], /^from must lie before to$/],
	["get history", [{ series: "cpu", from: -1000, to: -1000 }], /^from must lie before to$/],
	["get history", [{ series: "cpu", from: 4e12 }], /^from must lie before to$/],
	...[0, -1, 0.5, 4001, 1e300, "many", true, []].map((points) => ["get history", [{ series: "cpu", points }], POINTS]),
	...["sum", "", 1, [], {}].map((aggregate) => ["get history", [{ series: "cpu", aggregate }], FOLD]),
	...["rows", 2, {}].map((shape) => ["get history", [{ series: "cpu", shape }], /^shape must be one of: points, columns$/]),
	...["cpu", 5, true, ["cpu"]].map((arg) => ["get processes", [arg], FIRST_OPTIONS]),
	...["size", "CPU", "", 1, ["cpu"]].map((sort) => ["get processes", [{ sort }], SORT]),
	...["up", 1, {}].map((order) => ["get processes", [{ order }], /^order must be one of: desc, asc$/]),
	...[0, -1, 5001, 1e300, "all", true, [5]].map((limit) => ["get processes", [{ limit }], /^limit must be a number from 1 to 5000$/]),
	...[-1, 1e300, "last", true].map((offset) => ["get processes", [{ offset }], /^offset must be a number from 0 to 1000000000$/]),
	...[true, {}, ["a"], "a".repeat(201), LONG, "a\0"].map((filter) => ["get processes", [{ filter }], /^filter must be a text of at most 200 bytes/]),
	...["size", ["pid", "size"], "PID"].map((columns) => ["get processes", [{ columns }], /^columns are: pid, ppid, user, .*, started$/]),
	...[5, "", [5], LONG].map((columns) => ["get processes", [{ columns }], /^columns must be a text of 1 to 16 bytes, or a list of such texts$/]),
	["get processes", [{ columns: many(14, "pid") }], /^columns may hold at most 13$/],
	...["cpu", 5, true, ["cpu"]].map((arg) => ["watch", [arg], FIRST_OPTIONS]),
	...[5, true, {}, "", [""], [5], ["cpu", null], LONG, STARS, "cpu\0"].map((series) => ["watch", [{ series }], SERIES]),
	["watch", [{ series: many(201) }], /^series may hold at most 200$/],
	...[99, 0, -1, 3600001, "fast", true, [100]].map((rate) => ["watch", [{ series: "cpu", rate }], /^rate must be a number from 100 to 3600000$/]),
	...["no such event", "metrics update", "custom metrics", "subscribed", "", "__proto__", "get\0status", "get status ", "GET STATUS", LONG]
		.map((event) => [event, [], UNKNOWN]),
	["no such event", [Buffer.alloc(10), { deep: [Buffer.alloc(10)] }], UNKNOWN],
];

const brief = (args) => JSON.stringify(args).slice(0, 60);

for (const [way, options] of Object.entries(WAYS)) {
	describe(`over ${way}`, () => {
		test("each is refused in words, and the connection stays", async (t) => {
			const socket = await connect(t, server, options);
			const { id } = socket;
			const strange = record(socket, "request error");

			for (const [event, args, error] of rows)
				assert.match(await refusal(socket, event, ...args), error, `${event.slice(0, 40)} ${brief(args)}`);
			assert.deepEqual(strange, [], "an acknowledged failure is not told twice");
			await ask(socket, "get events");
			assert.deepEqual([socket.connected, socket.id], [true, id]);
		});

		test("without an acknowledgement the error is an event", async (t) => {
			const socket = await connect(t, server, options);
			const all = take(socket, "request error", rows.length, 20000);

			for (const [event, args] of rows)
				socket.emit(event, ...args);
			for (const [i, arrived] of (await all).entries()) {
				const [event, args, error] = rows[i];
				const [told] = said(arrived, 1);
				assert.deepEqual(Object.keys(told), ["event", "error"]);
				assert.equal(told.event, event.split("\0")[0], "a name ends at its NUL");
				assert.match(told.error, error, `${event.slice(0, 40)} ${brief(args)}`);
			}
			await ask(socket, "get events");
		});

		test("a refused request changes nothing", async (t) => {
			const socket = await connect(t, server, options);
			await ask(socket, "subscribe metric", "memory");
			const { gen } = await ask(socket, "watch", { series: ["memory"], rate: 100 });
			await ask(socket, "set polling rate", 100);
			for (const [event, args] of rows)
				await refusal(socket, event, ...args);
			const [[[values]], [[generation, , column]]] = await Promise.all([take(socket, "custom metrics", 1), take(socket, "frame", 1)]);
			assert.deepEqual([Object.keys(values), generation, column.length], [["memory"], gen, 1]);
		});
	});
}

// What is absurd, and still right: it is answered, and quickly.
const absurd = [
	["subscribe metric", ["*".repeat(256)], (a) => assert.ok(a.matched.length > 80)],
	["subscribe metric", ["*a".repeat(128)], (a) => assert.deepEqual(a.matched, [])],
	["subscribe metric", [`${"*?".repeat(100)}`], (a) => assert.deepEqual(a.matched, [])],
	["subscribe metric", ["\ud800"], (a) => assert.deepEqual(a.matched, [])],
	["subscribe metric", ["../../etc/passwd%00"], (a) => assert.deepEqual(a.matched, [])],
	["subscribe metric", [many(200)], (a) => assert.ok(a.matched.length > 0)],
	["unsubscribe metric", ["never.was"], (a) => assert.deepEqual(a, { status: "ok" })],
	["get metrics", ["*".repeat(256)], (a) => assert.ok(a.series.length > 80)],
	["get metrics", [null, "more", {}, 5], (a) => assert.ok(a.series.length > 80)],
	["get history", [{ series: "cpu", from: -1e15 }], (a) => assert.equal(a.series.length, 1)],
	["get history", [{ series: "cpu", from: 0, to: 1e15, points: 4000 }], (a) => assert.equal(a.series.length, 1)],
	["get history", [{ series: "cpu", from: null, to: null, points: null, aggregate: null, shape: null }], (a) => assert.equal(a.series.length, 1)],
	["get history", [{ series: "cpu", points: 1.9 }], (a) => assert.ok(a.series[0].points.length <= 1)],
	["get history", [{ series: "cpu", unknown: "member", __proto__: null }], (a) => assert.equal(a.series.length, 1)],
	["get processes", [{ filter: "", columns: [], offset: 0.5, limit: 1.5 }], (a) => assert.equal(a.processes.length, 1)],
	["get processes", [{ columns: many(13, "pid"), limit: 1 }], (a) => assert.equal(a.rows[0].length, 13)],
	["get status", ["extra", { arguments: [1, 2, 3] }, Buffer.alloc(3)], (a) => assert.equal(a.pid, server.pid)],
	["set polling rate", [100.7], (a) => assert.equal(a.rate, 100)],
	["set polling rate", [3600000, null], (a) => assert.equal(a.rate, 3600000)],
	["watch", [], (a) => assert.deepEqual(a.series, [])],
	["watch", [{ series: "*".repeat(256), rate: 3600000 }], (a) => assert.ok(a.series.length > 80)],
	["watch", [{ series: ["no.such"] }], (a) => assert.deepEqual(a.series, [])],
];

for (const [event, args, holds] of absurd) {
	test(`${event} ${brief(args)} is absurd, and answered`, async (t) => {
		const socket = await connect(t, server, WAYS.websocket);
		const begin = performance.now();
		holds(await ask(socket, event, ...args));
		assert.ok(performance.now() - begin < patient(3000), "at once");
	});
}

test("a thousand subscriptions: two hundred are kept, the others refused", async (t) => {
	const socket = await connect(t, server, WAYS.websocket);
	const answers = await Promise.all(Array.from({ length: 1000 }, (_, i) => socket.emitWithAck("subscribe metric", `some.series/${i}`)));

	assert.deepEqual(answers.map(({ status }) => status), [...many(200, "ok"), ...many(800, "error")]);
	assert.match(answers[999].error, /^too many subscriptions: a client may have at most 200; /);
	assert.equal((await ask(socket, "subscribe metric", "some.series/7")).status, "ok", "one of them again is no new one");
	await ask(socket, "unsubscribe metric", "some.series/7");
	await ask(socket, "subscribe metric", "cpu");
	await refusal(socket, "subscribe metric", "memory");
	const [[[values]]] = await Promise.all([take(socket, "custom metrics", 1), ask(socket, "set polling rate", 100)]);
	assert.deepEqual(Object.keys(values), ["cpu"]);
});

test("a thousand subscriptions are one client's own", async (t) => {
	const [greedy, other] = await Promise.all([connect(t, server, WAYS.websocket), connect(t, server, WAYS.websocket)]);
	await ask(greedy, "subscribe metric", Array.from({ length: 200 }, (_, i) => `*${i}`));
	await refusal(greedy, "subscribe metric", "one.more");
	await ask(other, "subscribe metric", "one.more");
});

// ---- the same over HTTP

const is_text = (value) => typeof value === "string" && !value.includes("\0");
const is_list = (value) => Array.isArray(value) && value.length > 1 && value.length <= 60 && value.every((one) => is_text(one) && one);

// In a query all is text: a number is what reads as one, a list is a name that comes several times.
const fits_a_query = (options) => Object.values(options).every((value) => is_text(value) || is_list(value) || typeof value === "number") &&
	typeof options.series !== "number";

const MIRRORS = { "get history": "history", "get processes": "processes" };

describe("over HTTP", () => {
	const mirrored = rows.filter(([event, [options]]) => MIRRORS[event] && options?.constructor === Object && fits_a_query(options));

	for (const [event, [options], error] of mirrored) {
		test(`${event} ${brief(options)} is 400`, async () => {
			const answer = await get(server, `/api/v1/${MIRRORS[event]}?${query(options)}`);
			const { status, error: said } = JSON.parse(answer.text);

			assert.deepEqual([answer.status, status], [400, "error"]);
			assert.match(said, error);
		});
	}

	for (const match of [LONG, STARS])
		test(`series of ${match.length} bytes is 400`, async () => {
			const answer = await get(server, `/api/v1/series?${query({ match })}`);
			assert.equal(answer.status, 400);
			assert.match(JSON.parse(answer.text).error, /^match must be a text of at most 256 bytes/);
		});

	test("bytes that are no text match nothing", async () => {
		for (const match of ["%ff%fe", "%00", "%", "%zz", "cpu%2"]) {
			const answer = await get(server, `/api/v1/series?match=${match}`);
			assert.deepEqual([answer.status, JSON.parse(answer.text).series], [200, []], match);
		}
	});
});

test("after all that the server is as it was", async (t) => {
	const socket = await connect(t, server);
	const { pid } = await ask(socket, "get status");
	assert.equal(pid, server.pid);
	const [update] = await next(socket, "metrics update");
	assert.ok(update.errors > rows.length);
	await until("readiness", async () => (await get(server, "/readyz")).status === 200);
});
