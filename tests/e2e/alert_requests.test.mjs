// Every request about alerts, good and bad: with an acknowledgement and without, over Socket.IO and HTTP, asked by an
// operator, by a viewer and by nobody at all.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Receiver } from "./receiver.mjs";
import { Vedette, WAYS, ask, connect, next, query, record, refusal, refused, request, said, serve, take, until } from "./harness.mjs";

const LONG = "a".repeat(10000);
const HOUR = 3600000;

// ---- the servers: one whose anonymous ones are operators, and so on

const CALM = 'alert "HIGH_CPU" { enabled = false }\nalert "HIGH_MEMORY" { enabled = false }\n';
const RULES = CALM + Array.from({ length: 8 }, (_, i) => `alert "ALWAYS_${i}" { metric = "load.1"  above = -1 }\n`).join("");
const server = serve({ config: "anonymous = operator" }, begin);
const only_looks = serve({ config: "anonymous = viewer" });
const closed = new Vedette({ config: "anonymous = none" }); // of which nobody can ask whether it is ready
before(() => closed.start());
after(() => closed.stop());
const known = { firing: [], delivery: 0, silence: {} };

async function begin() {
	const hook = await new Receiver({ after() {} }).open();

	hook.server.unref();
	await server.reload(`anonymous = operator\n${RULES}webhook "hook" { url = "${hook.url}/a" }`);
	const socket = await connect({ after() {} }, server, WAYS.websocket);
	await until("the alerts", async () => (known.firing = (await ask(socket, "get alerts", { state: "firing" })).alerts.map(({ id }) => id)).length >= 8, 15000);
	await hook.wait("/a", 8);
	await until("the deliveries", async () => (await ask(socket, "get deliveries", { state: "delivered" })).deliveries.length >= 8, 5000);
	known.delivery = (await ask(socket, "get deliveries", { limit: 1 })).deliveries[0].id;
	known.silence = (await ask(socket, "silence alert", { rule: "NONE_SUCH", until: Date.now() + HOUR })).silence;
	socket.disconnect();
}

// ---- the rows

// event: who may ask, and its HTTP mirror: method, path and body, or none where an argument has no place in it.
const requests = {
	"get alerts": { least: "viewer", http: (options) => ["GET", `/api/v1/alerts?${query(options ?? {})}`] },
	"get alert rules": { least: "viewer", http: () => ["GET", "/api/v1/rules"] },
	"get silences": { least: "viewer", http: () => ["GET", "/api/v1/silences"] },
	"get channels": { least: "viewer", http: () => ["GET", "/api/v1/channels"] },
	"get deliveries": { least: "viewer", http: (options) => ["GET", `/api/v1/deliveries?${query(options ?? {})}`] },
	"acknowledge alert": { least: "operator", http: (id, options) => [ "POST", `/api/v1/alerts/${encodeURIComponent(id)}/acknowledge`, options ] },
	"silence alert": { least: "operator", http: (options) => ["POST", "/api/v1/silences", options] },
	"resend delivery": { least: "operator", http: (id) => ["POST", `/api/v1/deliveries/${id}/resend`] },
	"resend given up": { least: "operator", http: (name) => ["POST", `/api/v1/channels/${name}/resend`] },
	"test channel": { least: "operator", http: (name) => ["POST", `/api/v1/channels/${name}/test`] },
	"get audit": { least: "operator", http: (options) => ["GET", `/api/v1/audit?${query(options ?? {})}`] },
};

const FIRST_OPTIONS = /^the first argument must be an object of options$/;
const ALERT_ID = /^the first argument must be the id of an alert$/;
const DELIVERY = /^the first argument must be the number of a delivery$/;
const CHANNEL = /^the first argument must be the name of a channel$/;
const NO_DELIVERY = /^there is no such delivery$/;
const NO_CHANNEL = /^there is no such channel$/;
const STATES = /^state must be one of: pending, firing, acknowledged, silenced, resolved, all$/;
const MOMENT = (name) => new RegExp(`^${name} must be a number: milliseconds since the epoch, or below 0 for as long ago$`);
const LIMIT = /^limit must be a number from 1 to 1000$/;
const TEXT = (name, bytes) => new RegExp(`^${name} must be a text of at most ${bytes} bytes`);
const WHICH = /^say which alerts: rule, or matcher like /;
const UNTIL = /^until must be a number: milliseconds since the epoch$/;
const later = () => Date.now() + HOUR;

// event, arguments, the error
const bad = [
	...["get alerts", "get deliveries", "get audit"].flatMap((event) => [
		...["cpu", 5, true, ["x"]].map((arg) => [event, [arg], FIRST_OPTIONS]),
		...[0, -1, 0.5, 1001, 1e300, "many", true, []].map((limit) => [event, [{ limit }], LIMIT]),
	]),
	...["open", "FIRING", "", 1, ["firing"]].map((state) => ["get alerts", [{ state }], STATES]),
	...["from", "to"].flatMap((name) => ["yesterday", true, [1], {}, 1e300].map((moment) => ["get alerts", [{ [name]: moment }], MOMENT(name)])),
	...[2, -1, "yes", true].map((changes) => ["get alerts", [{ changes }], /^changes must be a number from 0 to 1$/]),
	...[true, {}, ["x"], LONG, "x\0"].map((rule) => ["get alerts", [{ rule }], TEXT("rule", 256)]),
	...["a".repeat(21), true].map((id) => ["get alerts", [{ id }], TEXT("id", 20)]),
	...["lost", "", 5].map((state) => ["get deliveries", [{ state }], /^state must be one of: waiting, delivered, dead$/]),
	...["a".repeat(65), true, {}].map((channel) => ["get deliveries", [{ channel }], TEXT("channel", 64)]),
	...["a".repeat(21), true, {}].map((alert) => ["get deliveries", [{ alert }], TEXT("alert", 20)]),
	...[0, -1, "last", true].map((before_id) => ["get deliveries", [{ before: before_id }], /^before must be a number from 1 to /]),
	...[undefined, null, 5, true, {}, ["x"], LONG, Buffer.from("x")].map((id) => ["acknowledge alert", id === undefined ? [] : [id], ALERT_ID]),
	...["", "x", "nobodyknowsthisalert", '"},{"', "../../etc"].map((id) => ["acknowledge alert", [id], /^there is no such alert$/]),
	...["note", 5, ["x"]].map((options) => ["acknowledge alert", ["x", options], /^options must be an object$/]),
	...["a".repeat(1001), true, {}, "x\0"].map((note) => ["acknowledge alert", ["x", { note }], TEXT("note", 1000)]),
	...["x", 5, ["x"]].map((options) => ["silence alert", [options], FIRST_OPTIONS]),
	["silence alert", [], WHICH],
	["silence alert", [null], WHICH],
	["silence alert", [{}], WHICH],
	["silence alert", [{ until: 9e14, note: "x" }], WHICH],
	["silence alert", [{ rule: "X" }], /^until is needed: milliseconds/],
	["silence alert", [{ rule: "X", until: 1700000000 }], /^until lies in the past; it is in milliseconds/],
	["silence alert", [{ rule: "X", until: 0 }], /^until lies in the past/],
	...["tomorrow", -1, 1e16, true, []].map((until_ms) => ["silence alert", [{ rule: "X", until: until_ms }], UNTIL]),
	...["rule", "=", "rule=", "cpu", "colour", "rule=A,,series"].map((matcher) => ["silence alert", [{ matcher, until: 9e14 }], /./]),
	...[LONG, true].map((matcher) => ["silence alert", [{ matcher, until: 9e14 }], TEXT("matcher", 256)]),
	...["a".repeat(1001), true].map((note) => ["silence alert", [{ rule: "X", until: 9e14, note }], TEXT("note", 1000)]),
	...["nobodyknowsthisone", '"},{"', ""].flatMap((id) => [9e14, 1].map((until_ms) => ["silence alert", [{ id, rule: "X", until: until_ms }], /^there is no such silence$/])),
	...[undefined, null, "1", true, {}, [1], 0, -1, 1.5, 1e300].map((id) => ["resend delivery", id === undefined ? [] : [id], DELIVERY]),
	["resend delivery", [123456789], NO_DELIVERY],
	...["test channel", "resend given up"].flatMap((event) => [
		...[undefined, null, 5, true, {}, ["hook"], LONG].map((name) => [event, name === undefined ? [] : [name], CHANNEL]),
		...["", "nowhere", "HOOK"].map((name) => [event, [name], NO_CHANNEL]),
	]),
];

const ours = (list) => list.every(({ rule, state }) => /^ALWAYS_/.test(rule) && state);

// event, the arguments, what must hold for the answer, and the event that tells the outcome to who wants no acknowledgement.
const good = [
	["get alerts", () => [], (a) => a.alerts.length >= 8 && ours(a.alerts)],
	["get alerts", () => [null], (a) => a.alerts.length >= 8],
	["get alerts", () => [{ state: "firing", limit: 2 }], (a) => a.alerts.length === 2 && ours(a.alerts)],
	["get alerts", () => [{ state: "all", from: -HOUR, to: later(), rule: "ALWAYS_1", changes: 1 }], (a) => a.alerts.length >= 1 && ours(a.alerts)],
	["get alerts", () => [{ rule: "NONE_SUCH" }], (a) => a.alerts.length === 0],
	["get alerts", () => [{ rule: null, state: null, from: null, to: null, limit: null, unknown: "member" }], (a) => a.alerts.length >= 8],
	["get alert rules", () => ["extra", {}], (a) => a.rules.filter(({ state }) => state === "firing").length === 8],
	["get silences", () => [], (a) => a.silences.some(({ id }) => id === known.silence.id)],
	["get channels", () => [], (a) => a.channels.length === 1 && /hook webhook info ok/.test(Object.values(a.channels[0]).join(" ")) && a.channels[0].last_success > 0],
	["get deliveries", () => [], (a) => a.deliveries.length >= 8],
	["get deliveries", () => [{ channel: "hook", state: "delivered", limit: 1 }], (a) => a.deliveries.length === 1],
	["get deliveries", () => [{ channel: "nowhere" }], (a) => a.deliveries.length === 0],
	["get deliveries", () => [{ alert: "xyz" }], (a) => a.deliveries.length === 0],
	["get deliveries", () => [{ before: known.delivery, limit: 1 }], (a) => a.deliveries[0].id < known.delivery],
	["resend given up", () => ["hook"], (a) => a.sent === 0 && a.left === 0],
	["acknowledge alert", () => [known.firing.pop()], () => true, "alert update"],
	["acknowledge alert", () => [known.firing.pop(), { note: 'I "look"\n\u{1f440}' }], () => true, "alert update"],
	["silence alert", () => [{ rule: "NONE_*", until: later(), note: "x" }], (a) => a.silence.matcher === "rule=NONE_*" && a.silence.id.length === 20],
	["silence alert", () => [{ matcher: "series=none*,severity=critical", until: later() }], (a) => a.silence.by === "anonymous"],
	["silence alert", () => [{ id: known.silence.id, rule: "NONE_SUCH", until: later() }], (a) => a.silence.id === known.silence.id],
	["resend delivery", () => [known.delivery], (a) => a.status === "ok"],
	["test channel", () => ["hook"], (a) => a.delivered === true && a.code === 204],
	["get audit", () => [], (a) => a.audit.length >= 1 && a.audit.every(({ who, role }) => who === "anonymous" && role === "operator")],
	["get audit", () => [{ limit: 1 }], (a) => a.audit.length === 1],
];

const brief = (args) => JSON.stringify(args ?? null).slice(0, 60);

// ---- over Socket.IO

for (const [way, options] of Object.entries(WAYS)) {
	describe(`over ${way}`, () => {
		test("what is bad is refused in words, and the connection stays", async (t) => {
			const socket = await connect(t, server, options);
			const strange = record(socket, "request error");

			for (const [event, args, error] of bad)
				assert.match(await refusal(socket, event, ...args), error, `${event} ${brief(args)}`);
			assert.deepEqual(strange, [], "an acknowledged failure is not told twice");
			assert.ok(socket.connected);
		});

		test("without an acknowledgement the error is an event", async (t) => {
			const socket = await connect(t, server, options);

			for (const [event, args, error] of bad) {
				const told = next(socket, "request error");
				socket.emit(event, ...args);
				const [about] = said(await told, 1);
				assert.deepEqual([Object.keys(about), about.event], [["event", "error"], event]);
				assert.match(about.error, error, `${event} ${brief(args)}`);
			}
		});
	});
}

test("what is good is acknowledged", async (t) => {
	const socket = await connect(t, server, WAYS.websocket);

	for (const [event, args, holds] of good)
		assert.ok(holds(await ask(socket, event, ...args())), event);
});

test("without an acknowledgement the outcome is an event", async (t) => {
	const socket = await connect(t, server, WAYS.polling);
	const errors = record(socket, "request error");

	for (const [event, args, holds, outcome = event] of good) {
		const list = args();
		const told = take(socket, outcome, 1);
		socket.emit(event, ...list);
		const [[answer]] = await told;
		assert.ok(holds(answer), `${event}: ${brief(answer)}`);
		if (outcome === "alert update")
			assert.deepEqual([answer.id, answer.state, answer.by], [list[0], "acknowledged", "anonymous"]);
	}
	assert.deepEqual(errors, []);
});

test("an alert that was seen to is not seen to again", async (t) => {
	const socket = await connect(t, server, WAYS.websocket);
	const { alerts: [{ id }] } = await ask(socket, "get alerts", { state: "acknowledged" });

	assert.match(await refusal(socket, "acknowledge alert", id), /acknowledged/);
});

test("what is kept of all that has a size", async (t) => {
	const socket = await connect(t, server, WAYS.websocket);

	await until("the size", async () => (await ask(socket, "get metrics", "self.db_bytes")).series[0]?.last > 4096, 8000);
});

test("a viewer looks at all of it, and touches nothing", async (t) => {
	const socket = await connect(t, only_looks, WAYS.websocket);

	for (const [event, args] of bad) {
		const error = await refusal(socket, event, ...args);
		assert.equal(/operator role/.test(error), requests[event].least === "operator", `${event} ${brief(args)}: ${error}`);
	}
	for (const [event, args] of good) {
		const list = args();
		if (requests[event].least === "viewer") {
			await ask(socket, event, ...list);
			continue;
		}
		assert.match(await refusal(socket, event, ...(list[0] === undefined ? ["x"] : list)), /^this takes the operator role: sign in/);
		const told = next(socket, "request error");
		socket.emit(event, ...list);
		assert.match((await told)[0].error, /^this takes the operator role/);
	}
	assert.deepEqual((await ask(socket, "get silences")).silences, []);
});

test("nobody is not let in", async (t) => {
	for (const options of Object.values(WAYS))
		assert.equal((await refused(t, closed.url, options)).message, "unauthorized");
});

// ---- the same over HTTP

const is_text = (value) => typeof value === "string" && !value.includes("\0");
const fits_a_query = (options) => Object.values(options).every((value) => is_text(value) || typeof value === "number");

async function over_http(which, event, args, headers = {}) {
	const [method, target, body] = requests[event].http(...args);
	const answer = await request(which.port, target, { method, body: body && JSON.stringify(body), headers });

	assert.equal(answer.headers["content-type"], "application/json; charset=utf-8", `${target}: ${answer.text}`);
	assert.equal(answer.headers["cache-control"], answer.status === 200 ? "no-store" : answer.headers["cache-control"]);
	return { ...JSON.parse(answer.text), code: answer.status, challenge: answer.headers["www-authenticate"] };
}

const of_channel = (event) => ["test channel", "resend given up"].includes(event);

// Arguments that have a place in a path, a query or a body.
function has_mirror([event, [first, second]]) {
	const [method] = requests[event].http(first ?? "x");

	if (event === "acknowledge alert")
		return typeof first === "string" && /^\w+$/.test(first) && first.length < 30;
	if (event === "resend delivery" && first === "1")
		return false; // in a path it is a number
	if (event === "resend delivery" || of_channel(event))
		return (typeof first === "number" || typeof first === "string") && /^[\w.-]{1,30}$/.test(String(first)) && second === undefined;
	if (first === null || first === undefined)
		return method === "GET" || event === "silence alert";
	return typeof first === "object" && first.constructor === Object && (method === "POST" || fits_a_query(first));
}

describe("over HTTP", () => {
	test("what is bad is 400 or 404, in the same words", async () => {
		let n = 0;
		for (const row of bad.filter(has_mirror)) {
			const [event, args, error] = row;
			const answer = await over_http(server, event, args.map((arg) => arg ?? undefined));
			assert.deepEqual([answer.status, answer.code], ["error", /^there is no such/.test(answer.error) ? 404 : 400], `${event} ${brief(args)}`);
			assert.match(answer.error, event === "resend delivery" ? NO_DELIVERY : of_channel(event) ? NO_CHANNEL : error, `${event} ${brief(args)}`);
			n++;
		}
		assert.ok(n > 50, `${n}`);
	});

	test("what is good is 200, and HEAD says the same of what is only looked at", async () => {
		for (const [event, args, holds] of good.filter(([name]) => name !== "acknowledge alert")) {
			const list = args().map((arg) => (arg === null || arg?.unknown ? undefined : arg));
			const answer = await over_http(server, event, event === "get alert rules" ? [] : list);
			assert.deepEqual([answer.status, answer.code === 200 || event === "test channel"], ["ok", true], `${event}: ${brief(answer)}`);
			assert.ok(event === "test channel" || holds(answer), event);
			const [method, target] = requests[event].http(...list);
			if (method === "GET")
				assert.deepEqual((({ status, body }) => [status, body.length])(await request(server.port, target, { method: "HEAD" })), [200, 0]);
		}
		const { alerts: [{ id }] } = await over_http(server, "get alerts", [{ state: "firing", limit: 1 }]);
		assert.equal((await over_http(server, "acknowledge alert", [id, { note: "by hand" }])).code, 200);
		assert.match((await over_http(server, "acknowledge alert", [id])).error, /acknowledged/);
		const explained = await request(server.port, "/api/v1/rules/ALWAYS_1/explain");
		assert.match(JSON.parse(explained.text).text, /ALWAYS_1/);
		assert.equal((await request(server.port, "/api/v1/rules/NONE_SUCH/explain")).status, 404);
	});

	test("a viewer gets 403 for what is an operator's, nobody 401 for all", async () => {
		for (const [event, args] of good) {
			const list = event === "acknowledge alert" ? ["x"] : args().map((arg) => (arg?.unknown ? undefined : arg ?? undefined));
			const looked = await over_http(only_looks, event, list);
			assert.deepEqual([looked.code, looked.error], requests[event].least === "viewer" ? [200, undefined] : [403, "this takes the operator role"], event);
			const { code, error, challenge } = await over_http(closed, event, list);
			assert.deepEqual([code, error, challenge], [401, "unauthorized", "Bearer"], event);
		}
		for (const which of [only_looks, closed])
			assert.notEqual((await over_http(which, "silence alert", [{ rule: "X", until: 9e14 }])).code, 200);
	});

	test("bodies that are none, paths that are none, methods that do not fit", async () => {
		const post = (target, body) => request(server.port, target, { method: "POST", body });
		for (const body of ["{", "[]", "5", '"x"', "null x", "{'rule':'X'}", '{"rule":"X"', "\xff", "rule=X", `{"a":${"[".repeat(50)}${"]".repeat(50)}}`])
			assert.equal((await post("/api/v1/silences", body)).status, 400, body);
		for (const target of ["/api/v1/alerts/", "/api/v1/alerts/x", "/api/v1/alerts/x/", "/api/v1/alerts/x/silence", "/api/v1/alerts//acknowledge",
			"/api/v1/alerts/acknowledge", `/api/v1/alerts/${"a".repeat(100)}/acknowledge`, "/api/v1/deliveries/1/send", "/api/v1/deliveries/1x/resend",
			"/api/v1/deliveries/-1/resend", "/api/v1/channels/hook/explode"])
			assert.equal((await post(target, "{}")).status, 404, target);
		for (const [method, target] of [["POST", "/api/v1/alerts"], ["DELETE", "/api/v1/silences"], ["GET", "/api/v1/alerts/x/acknowledge"], ["PUT", "/api/v1/audit"]])
			assert.ok([404, 405].includes((await request(server.port, target, { method })).status), `${method} ${target}`);
	});
});
