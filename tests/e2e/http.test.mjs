// HTTP: what is at which path, in which form, and who may ask for it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http from "node:http";
import os from "node:os";
import { describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";
import { ask, connect, get, json, next, query, refused, serve, start, until, WAYS } from "./harness.mjs";
import { parse } from "./exposition.mjs";

const server = serve({ config: 'url = "https://watch.example:8443/vedette"\nhosts = {"monitor.example"}\nsocketio { cors_origins = {"https://friend.example"} }' });

const JSON_TYPE = "application/json; charset=utf-8";
const JS_TYPE = "text/javascript; charset=utf-8";
const SECURITY = {
	"content-security-policy": /^default-src 'none'; script-src 'self'; style-src 'self'; .*connect-src 'self'; .*frame-ancestors 'none'$/,
	"x-content-type-options": /^nosniff$/,
	"referrer-policy": /^no-referrer$/,
	"cross-origin-opener-policy": /^same-origin$/,
	"cross-origin-resource-policy": /^same-origin$/,
};

function guarded({ headers }, what) {
	for (const [name, value] of Object.entries(SECURITY))
		assert.match(headers[name] ?? "", value, `${name} of ${what}`);
	assert.doesNotMatch(headers["content-security-policy"], /unsafe|\*/);
	assert.equal(headers.server, undefined);
}

// ---- what is where

const BUNDLES = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];
const routes = [
	["/", "text/html; charset=utf-8", "no-cache"],
	["/index.html", "text/html; charset=utf-8", "no-cache"],
	["/healthz", JSON_TYPE, "no-store"],
	["/readyz", JSON_TYPE, "no-store"],
	["/metrics", "text/plain; version=0.0.4; charset=utf-8", undefined],
	["/api/v1/series", JSON_TYPE, "no-store"],
	["/api/v1/history?series=cpu&from=-60000&to=-1000", JSON_TYPE, "no-store"],
	["/api/v1/processes", JSON_TYPE, "no-store"],
	["/api/v1/status", JSON_TYPE, "no-store"],
	["/api/v1/events", JSON_TYPE, "no-store"],
	...["session", "alerts", "alerts?from=-60000", "rules", "rules/HIGH_CPU/explain", "silences", "channels", "deliveries"]
		.map((name) => [`/api/v1/${name}`, JSON_TYPE, "no-store"]),
	...BUNDLES.map((name) => [`/socket.io/${name}`, `application/${JS_TYPE.slice("text/".length)}`, "public, max-age=0"]),
	...BUNDLES.map((name) => [`/socket.io/${name}.map`, JSON_TYPE, "public, max-age=0"]),
];

for (const [path, type, cache] of routes) {
	test(`GET and HEAD ${path}`, async () => {
		const [whole, head] = await Promise.all([get(server, path), get(server, path, {}, { method: "HEAD" })]);

		for (const answer of [whole, head]) {
			assert.deepEqual([answer.status, answer.headers["content-type"]], [200, type]);
			if (cache)
				assert.equal(answer.headers["cache-control"], cache);
			guarded(answer, path);
		}
		assert.equal(Number(whole.headers["content-length"]), whole.body.length);
		assert.ok(Number(head.headers["content-length"]) > 0);
		assert.equal(head.body.length, 0);
		if (type === JSON_TYPE)
			JSON.parse(whole.text);
	});
}

for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
	test(`${method} is not for these`, async () => {
		for (const path of ["/", "/healthz", "/metrics", "/api/v1/series", "/api/v1/events"]) {
			const answer = await get(server, path, {}, { method, body: method === "POST" ? "{}" : undefined });

			assert.deepEqual([answer.status, answer.headers.allow], [405, "GET, HEAD"], path);
			assert.deepEqual(JSON.parse(answer.text), { status: "error", error: "this path does not take that method" });
			guarded(answer, path);
		}
	});
}

const absent = [
	"/nothing", "/api", "/api/v1/", "/api/v1/nothing", "/api/v2/series", "/api/v1/series/", "/HEALTHZ", "/healthz/", "/index.html/", "/assets/",
	"/assets/app.js", "/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/assets/../../../etc/passwd", "//etc/passwd", "/index.html%00.js", "/.git/config",
	`/${"a".repeat(5000)}`,
];

for (const path of absent) {
	test(`nothing is at ${path.slice(0, 40)}`, async () => {
		const answer = await get(server, path);

		assert.equal(answer.status, 404);
		assert.deepEqual(JSON.parse(answer.text), { status: "error", error: "there is nothing at this path" });
		guarded(answer, path);
	});
}

test("health is for whoever asks", async () => {
	assert.deepEqual(await json(server, "/healthz"), { status: "ok" });
	assert.deepEqual(await json(server, "/readyz"), { status: "ok" });
});

test("ready is who has read something, or has nothing to read", async (t) => {
	const { collectors } = await json(server, "/api/v1/status");
	const blind = await start(t, { config: collectors.map(({ name }) => `collector "${name}" { enabled = false }\n`).join("") });
	await until("readiness", async () => (await get(blind, "/readyz")).status === 200);

	const fresh = await start(t);
	const first = await get(fresh, "/readyz");
	if (first.status !== 200)
		assert.deepEqual([first.status, JSON.parse(first.text)], [503, { status: "error", error: "no collector has read anything yet" }]);
	await until("readiness", async () => (await get(fresh, "/readyz")).status === 200);
	assert.ok((await json(fresh, "/api/v1/status")).collectors.some(({ state }) => state === "ok"));
});

// ---- the dashboard's files

const DECODE = { br: brotliDecompressSync, gzip: gunzipSync, deflate: inflateSync };
const decoded = (answer) => (answer.headers["content-encoding"] ? DECODE[answer.headers["content-encoding"]](answer.body) : answer.body);

async function linked() {
	const { text } = await get(server, "/");

	return [...text.matchAll(/(?:src|href)="\/?(assets\/[^"]+)"/g)].map(([, path]) => `/${path}`);
}

test("what the page links to is there, for ever, and its own", async () => {
	const paths = await linked();
	const { text } = await get(server, "/");

	assert.ok(paths.length >= 2, String(paths));
	assert.doesNotMatch(text, /(?:src|href)="(?:https?:)?\/\//, "nothing from a third party");
	assert.doesNotMatch(text, /<script(?![^>]*src=)[^>]*>[^<]|<style|\son\w+=|style="/, "nothing that the policy forbids");
	for (const path of paths) {
		const answer = await get(server, path);
		assert.deepEqual([answer.status, answer.headers["cache-control"]], [200, "public, max-age=31536000, immutable"], path);
		guarded(answer, path);
	}
});

// Accept-Encoding, the coding that must be chosen for a file.
const codings = [
	[undefined, undefined], ["", undefined], ["identity", undefined], ["zstd", undefined], ["gzip", "gzip"], ["GZIP", "gzip"], ["br", "br"],
	["gzip, deflate, br", "br"], ["gzip;q=1.0, br;q=0", "gzip"], ["gzip;q=0, br;q=0", undefined], ["*", "br"], ["br;q=0, *", "gzip"],
	["*;q=0", undefined], ["gzipped, brotli", undefined],
];

for (const [accepted, coding] of codings) {
	test(`a file for Accept-Encoding ${accepted ?? "absent"} comes as ${coding ?? "it is"}`, async () => {
		for (const path of ["/", "/socket.io/socket.io.min.js", ...await linked()]) {
			const [plain, answer] = await Promise.all([get(server, path), get(server, path, accepted === undefined ? {} : { "accept-encoding": accepted })]);
			const small = coding && !answer.headers["content-encoding"];

			if (!small)
				assert.equal(answer.headers["content-encoding"], coding, path);
			assert.ok(!small || plain.body.length < 256, `${path} is not packed`);
			assert.match(answer.headers.vary, /accept-encoding/i);
			assert.ok(decoded(answer).equals(plain.body), path);
			assert.ok(!coding || small || answer.body.length < plain.body.length);
		}
	});
}

test("a version that the client holds is not sent again", async () => {
	for (const path of ["/", "/socket.io/socket.io.js", ...await linked()]) {
		const { headers: { etag } } = await get(server, path);
		assert.match(etag, /^(W\/)?"[^"]+"$/);
		const held = [etag, etag.replace(/^W\//, ""), `W/${etag.replace(/^W\//, "")}`, `"other", ${etag}`, "*"];

		for (const value of held) {
			for (const coding of ["identity", "gzip", "br"]) {
				const answer = await get(server, path, { "if-none-match": value, "accept-encoding": coding });
				assert.deepEqual([answer.status, answer.body.length, answer.headers.etag], [304, 0, etag], `${path} ${value}`);
				assert.ok(answer.headers["cache-control"]);
				guarded(answer, path);
			}
		}
		for (const value of ['"other"', 'W/"other"', etag.slice(0, -3)])
			assert.equal((await get(server, path, { "if-none-match": value })).status, 200, `${path} ${value}`);
	}
});

test("answers in JSON and /metrics are packed where that is worth while", async () => {
	for (const path of ["/api/v1/series", "/metrics"]) {
		for (const coding of ["gzip", "deflate"]) {
			const answer = await get(server, path, { "accept-encoding": coding });
			assert.equal(answer.headers["content-encoding"], coding, path);
			assert.match(answer.headers.vary, /accept-encoding/i);
			assert.ok(decoded(answer).length > answer.body.length * 2);
		}
		assert.equal((await get(server, path, { "accept-encoding": "gzip;q=0" })).headers["content-encoding"], undefined);
	}
	assert.equal((await get(server, "/healthz", { "accept-encoding": "gzip" })).headers["content-encoding"], undefined);
});

// ---- Socket.IO's bundles

describe("client bundles", () => {
	test("each names its map, and the map is one", async () => {
		for (const name of BUNDLES) {
			const { text } = await get(server, `/socket.io/${name}`);
			assert.match(text, new RegExp(`sourceMappingURL=${name}\\.map\\s*$`));
			const map = await json(server, `/socket.io/${name}.map`);
			assert.deepEqual([map.version, map.file ?? name], [3, name]);
		}
	});

	test("none where serve_client is off", async (t) => {
		const plain = await start(t, { config: "socketio { serve_client = false }" });
		for (const name of BUNDLES)
			assert.equal((await get(plain, `/socket.io/${name}`)).status, 400, name);
		await connect(t, plain);
	});
});

// ---- JSON mirrors

const without = (...names) => (list) => list.map((item) => Object.fromEntries(Object.entries(item).filter(([name]) => !names.includes(name))));

// event, options, path; what is left of an answer when that is taken away that changes from moment to moment.
const mirrors = [
	["get metrics", "cpu.*", "series", { match: "cpu.*" }, ({ series }) => without("last", "timestamp")(series)],
	["get metrics", undefined, "series", {}, ({ series }) => without("last", "timestamp")(series)],
	...[{}, { shape: "columns" }, { aggregate: "range" }, { aggregate: "max", points: 7 }].map((more) =>
		["get history", { series: ["cpu", "load.*"], from: Date.now() - 600000, to: Date.now() - 5000, ...more }, "history", null, (answer) => answer]),
	["get history", { series: "memory", from: Date.now() - 600000, to: Date.now() - 5000 }, "history", null, (answer) => answer],
	["get processes", { sort: "pid", order: "asc", limit: 3, columns: ["pid", "ppid", "name", "started"] }, "processes", null, ({ columns, rows }) => [columns, rows]],
	["get processes", { filter: "vedette", sort: "started" }, "processes", null, ({ processes }) => processes.map(({ pid }) => pid).filter((pid) => pid === server.pid)],
	["get status", undefined, "status", {}, ({ version, started, pid, config, host, push_interval, min_rate, collectors }) =>
		({ version, started, pid, config, host, push_interval, min_rate, collectors: without("duration", "lag", "last", "series")(collectors) })],
	["get events", undefined, "events", {}, (answer) => answer],
];

for (const [event, options, path, parameters, stable] of mirrors) {
	test(`/api/v1/${path} ${JSON.stringify(options ?? {}).slice(0, 60)} is what ${event} says`, async (t) => {
		const socket = await connect(t, server, WAYS.websocket);
		let told, mirrored;

		// A process or a series may come or go in between; hardly each time.
		for (let tries = 0; tries < 5; tries++) {
			told = await (options === undefined ? ask(socket, event) : ask(socket, event, options));
			mirrored = await json(server, `/api/v1/${path}?${query(parameters ?? options)}`);
			if (isDeepStrictEqual(stable(mirrored), stable(told)))
				break;
		}
		assert.equal(mirrored.status, "ok");
		assert.deepEqual(Object.keys(mirrored), Object.keys(told));
		assert.deepEqual(stable(mirrored), stable(told));
	});
}

// ---- /metrics

const OPEN = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

test("/metrics is sound Prometheus text, and sound OpenMetrics for who asks", async () => {
	const twin_name = (name, type) => (type === "counter" && name.endsWith("_total") ? name.slice(0, -6) : name);
	let text, open, plain, opened;

	// A series may come or go in between; hardly each time.
	for (let tries = 0; tries < 5; tries++) {
		[text, open] = await Promise.all([get(server, "/metrics"), get(server, "/metrics", { accept: OPEN })]);
		[plain, opened] = [parse(text.text, "text"), parse(open.text, "open")];
		if ([...plain].every(([name, { TYPE: type, samples }]) => samples.size === opened.get(twin_name(name, type))?.samples.size))
			break;
	}
	assert.equal(open.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");

	for (const [name, { TYPE: type, samples }] of plain) {
		const twin = opened.get(twin_name(name, type));
		assert.ok(twin, `${name} is missing in OpenMetrics`);
		assert.equal(twin.TYPE, twin_name(name, type) !== name ? "counter" : type === "gauge" ? "gauge" : "unknown", name);
		assert.ok(samples.size === twin.samples.size || name.includes("state"), name);
	}
	assert.equal(plain.size, opened.size);
});

test("/metrics holds what dashboards for node_exporter ask for, and our own", async () => {
	const families = parse((await get(server, "/metrics")).text, "text");

	for (const name of ["node_cpu_seconds_total", "node_memory_MemTotal_bytes", "node_load1", "node_filesystem_size_bytes", "node_network_receive_bytes_total",
		...(readFileSync("/proc/diskstats", "utf8") ? ["node_disk_read_bytes_total"] : []), "node_boot_time_seconds", "node_uname_info", "vedette_build_info", "vedette_clients", "vedette_requests_total",
		"process_resident_memory_bytes"])
		assert.ok(families.has(name), name);
	assert.equal([...families.get("vedette_build_info").samples.values()][0], 1);
	await until("the count of requests", async () =>
		parse((await get(server, "/metrics")).text, "text").get("vedette_requests_total").samples.get(undefined) > 20);
});

test("scrapes at the same time are all answered", async () => {
	const answers = await Promise.all(Array.from({ length: 20 }, () => get(server, "/metrics")));
	for (const { status, text } of answers) {
		assert.equal(status, 200);
		parse(text, "text");
	}
});

// ---- by which name

const hosts = (port) => [
	[`127.0.0.1:${port}`, 200], ["127.0.0.1", 200], [`localhost:${port}`, 200], ["LOCALHOST", 200], ["localhost.", 200], ["vedette.localhost", 200], ["[::1]:80", 200],
	["192.0.2.7", 200], ["[2001:db8::1]", 200], [os.hostname(), 200], ["monitor.example", 200], ["Monitor.Example:8338", 200], ["monitor.example.", 200],
	["watch.example:8443", 200], ["watch.example", 200], ["sub.watch.example", 421], ["watch.example.attacker.example", 421],
	["attacker.example", 421], [`attacker.example:${port}`, 421], ["localhost.attacker.example", 421], ["127.0.0.1.nip.io", 421], ["notlocalhost", 421],
	["sub.monitor.example", 421], ["monitor.example.attacker.example", 421], ["127.0.0.1@attacker.example", 421], ["0x7f000001", 421], [":80", 421],
	["[]", 421], ["a".repeat(300), 421],
];

test("a foreign name is refused, because it may be a foreign page's", async () => {
	for (const [host, status] of hosts(server.port)) {
		for (const path of ["/", "/api/v1/status", "/metrics", "/healthz", "/socket.io/?EIO=4&transport=polling", "/socket.io/socket.io.js"]) {
			const answer = await get(server, path, { host });
			assert.equal(answer.status, status, `${path} of "${host}"`);
			if (status === 421)
				assert.match(JSON.parse(answer.text).error, /is not one of ours: add it to `hosts` in the configuration$/);
		}
	}
});

test("names can be added and taken away while it runs", async (t) => {
	const other = await start(t);
	const status = async () => (await get(other, "/", { host: "new.example" })).status;
	assert.equal(await status(), 421);
	await other.reload('hosts = {"new.example"}');
	assert.equal(await status(), 200);
	await other.reload("");
	assert.equal(await status(), 421);
});

// ---- whose page

function upgrade(port, headers) {
	return new Promise((done, fail) => {
		const request = http.request({
			host: "127.0.0.1", port, path: "/socket.io/?EIO=4&transport=websocket",
			headers: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", ...headers },
		});
		request.on("upgrade", (answer, socket) => {
			socket.destroy();
			done(answer.statusCode);
		});
		request.on("response", (answer) => {
			answer.resume();
			done(answer.statusCode);
		});
		request.on("error", fail);
		request.end();
	});
}

const origins = (port) => [
	[`http://127.0.0.1:${port}`, true], [`https://127.0.0.1:${port}`, true], ["https://friend.example", true], ["https://FRIEND.example", true],
	["http://friend.example", false], ["https://friend.example:444", false], ["https://attacker.example", false], ["null", false], ["", false],
	["http://127.0.0.1", false], [`http://127.0.0.1:${port + 1}`, false], [`http://localhost:${port}`, false], ["https://friend.example.attacker.example", false],
	[`https://attacker.example://127.0.0.1:${port}`, false], ["file://", false],
];

test("another site's page is refused on every way in", async () => {
	for (const [origin, allowed] of origins(server.port)) {
		const expected = allowed ? 200 : 403;
		for (const path of ["/api/v1/status", "/metrics", "/", "/socket.io/?EIO=4&transport=polling"]) {
			const answer = await get(server, path, { origin });
			assert.equal(answer.status, expected, `${path} for "${origin}"`);
			if (!allowed)
				assert.match(JSON.parse(answer.text).error, /may not talk to this server: add it to `cors_origins` in the configuration$/);
		}
		assert.equal(await upgrade(server.port, { origin }), allowed ? 101 : 403, `a websocket for "${origin}"`);
	}
	assert.equal(await upgrade(server.port, {}), 101, "no browser");
});

test("a friend's page may read the answers to polling", async () => {
	const target = "/socket.io/?EIO=4&transport=polling";
	const answer = await get(server, target, { origin: "https://friend.example" });
	assert.equal(answer.headers["access-control-allow-origin"], "https://friend.example");
	assert.equal((await get(server, target)).headers["access-control-allow-origin"], undefined);
	const preflight = await get(server, target, { origin: "https://friend.example", "access-control-request-method": "POST" }, { method: "OPTIONS" });
	assert.deepEqual([preflight.status, preflight.headers["access-control-allow-origin"]], [204, "https://friend.example"]);
	assert.equal((await get(server, target, { origin: "https://attacker.example" }, { method: "OPTIONS" })).status, 403);
});

// ---- who

test("where strangers may do nothing they are told so, and nothing else", async (t) => {
	const closed = await start(t, { config: "anonymous = none" });

	for (const path of ["/metrics", "/api/v1/series", "/api/v1/history?series=cpu", "/api/v1/processes", "/api/v1/status", "/api/v1/events",
		"/api/v1/alerts", "/api/v1/rules", "/api/v1/rules/HIGH_CPU/explain", "/api/v1/silences", "/api/v1/channels", "/api/v1/deliveries", "/api/v1/audit"]) {
		const answer = await get(closed, path);
		assert.equal(answer.status, 401, path);
		assert.deepEqual(JSON.parse(answer.text), { status: "error", error: "unauthorized" });
		assert.match(answer.headers["www-authenticate"], /^Bearer\b/, "RFC 9110 11.6.1");
		guarded(answer, path);
	}
	for (const path of ["/", "/healthz", "/readyz", "/socket.io/socket.io.js"])
		assert.notEqual((await get(closed, path)).status, 401, path);
	for (const options of Object.values(WAYS)) {
		const error = await refused(t, closed.url, options);
		assert.equal(error.message, "unauthorized");
	}
});

test("a reload takes rights away, and gives them back", async (t) => {
	const other = await start(t, { config: "anonymous = viewer" });
	const socket = await connect(t, other, WAYS.websocket);
	await ask(socket, "get events");

	const gone = next(socket, "disconnect");
	await other.reload("anonymous = none");
	assert.deepEqual((await gone)[0], "io server disconnect");
	assert.equal((await get(other, "/api/v1/events")).status, 401);
	assert.equal((await refused(t, other.url)).message, "unauthorized");

	await other.reload("anonymous = viewer");
	await ask(await connect(t, other, WAYS.websocket), "get events");
	assert.equal((await get(other, "/api/v1/events")).status, 200);
});
