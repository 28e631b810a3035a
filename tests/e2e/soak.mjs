// A thousand clients for ten minutes: they come, listen, ask, stall, change transport, send rubbish and vanish. At the end
// the server must be as it was: no descriptor left, memory flat, sanitizers silent, a clean exit, and all the while a
// client that does nothing wrong gets its pushes.
//
//   node soak.mjs           on VEDETTE_BIN (build/vedette); `make soak [SOAK_TIME=600] [SAN=address,undefined]`
//   SOAK_TIME, SOAK_CLIENTS seconds (600), clients at once (1000)
//   SOAK_SEED               of what they do; it is printed at the start
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import net from "node:net";
import { frame, OP, SEP } from "../conformance/raw.mjs";
import { Vedette, client, isSanitized, json, ready, sleep, until } from "./harness.mjs";

const SECONDS = Number(process.env.SOAK_TIME || 600);
const CLIENTS = Number(process.env.SOAK_CLIENTS || 1000);
const SEED = Number(process.env.SOAK_SEED || randomBytes(4).readUInt32LE());

// Memory may change by that much from the second quarter to the last. What a sanitizer keeps of what was freed is not ours.
const FLAT = isSanitized ? 0.25 : 0.1;

// ---- chance, the same for the same seed (mulberry32)

let state = SEED;
function chance() {
	state = (state + 0x6d2b79f5) | 0;
	let t = Math.imul(state ^ (state >>> 15), 1 | state);
	t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
	return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const below = (n) => Math.floor(chance() * n);
const one_of = (list) => list[below(list.length)];
const bytes = (n) => Buffer.from(Array.from({ length: n }, () => below(256)));

// ---- what clients say

const event = (...args) => `42${JSON.stringify(args)}`;
const asked = (...args) => `42${below(100)}${JSON.stringify(args)}`;
const PATTERNS = ["cpu", "memory", "cpu.*", "net.*", "self.*", "*", "no.such", "load.1"];
const polite = [
	() => event("subscribe metric", one_of(PATTERNS)),
	() => event("unsubscribe metric", one_of(PATTERNS)),
	() => asked("set polling rate", 500 + below(5000)),
	() => asked("watch", { series: [one_of(PATTERNS)], rate: 500 + below(3000) }),
	() => asked("get metrics", one_of(PATTERNS)),
	() => asked("get history", { series: one_of(PATTERNS), from: -60000, points: 20 }),
	() => asked("get processes", { limit: 5 }),
	() => asked("get status"),
	() => asked("get alerts", { state: "all", from: -60000, limit: 20 }),
	() => asked("get audit", { limit: 5 }),
	() => asked("silence alert", { rule: `NONE_${below(9)}`, until: Date.now() + 1500, note: "soak" }),
	() => asked("acknowledge alert", "x"),
	() => asked("no such event", { deep: [[[]]] }),
	() => "40/nowhere,",
	() => "40",
];
const rubbish = [
	() => bytes(1 + below(200)),
	() => "42",
	() => "4",
	() => `42["x",${"[".repeat(below(2000))}`,
	() => "459-[\"x\"]",
	() => "9",
	() => "\ud800",
	() => "x".repeat(below(100000)),
	() => "41",
];

// ---- who they are

let port;
const count = {};
const note = (what) => { count[what] = (count[what] ?? 0) + 1; };

// A connection, and a promise of its end. `on_data(chunk)` may be changed.
function dial(first) {
	const socket = net.connect(port, "127.0.0.1");
	const ended = new Promise((done) => socket.on("error", () => {}).on("close", done));

	if (first)
		socket.write(first);
	socket.on("data", (chunk) => socket.on_data?.(chunk));
	return Object.assign(socket, { ended });
}

const while_open = (socket, ms) => Promise.race([socket.ended, sleep(ms)]);
const upgrade = (target) => `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const said = (packet) => frame(typeof packet === "string" ? { payload: packet } : { op: OP.binary, payload: packet });

// A websocket that answers pings: what the server sends is not parsed, only searched for a ping's frame.
function websocket(target) {
	const socket = dial(upgrade(target));

	socket.on_data = (chunk) => {
		if (chunk.includes("\x81\x012"))
			socket.write(said("3"));
		if (!socket.open && chunk.includes(" 101 "))
			socket.open = true;
	};
	return socket;
}

function leave(socket) {
	const how = below(4);

	if (how === 0)
		socket.write(said("41"), () => socket.end());
	else if (how === 1)
		socket.end(frame({ op: OP.close, payload: Buffer.from([3, 232]) }));
	else if (how === 2)
		socket.end();
	else
		socket.resetAndDestroy();
	return Promise.race([socket.ended, sleep(3000).then(() => socket.destroy())]);
}

async function listener(life_ms, words) {
	const socket = websocket("/socket.io/?EIO=4&transport=websocket");
	const end = Date.now() + life_ms;

	socket.write(said("40"));
	while (Date.now() < end && !socket.destroyed) {
		for (let n = 1 + below(3); n-- && !socket.destroyed;)
			socket.write(said(one_of(words)()));
		await while_open(socket, 500 + below(4000));
	}
	await leave(socket);
}

// Stops reading for good or for a while, and lets the server fill its queue.
async function staller(life_ms) {
	const socket = websocket("/socket.io/?EIO=4&transport=websocket");

	socket.write(Buffer.concat([said("40"), said(event("subscribe metric", "*")), said(event("set polling rate", 100))]));
	await while_open(socket, below(2000));
	socket.pause();
	for (let i = 0; i < 10; i++)
		socket.write(said(asked("get metrics", "*")));
	await while_open(socket, Math.min(life_ms, 8000));
	if (below(2))
		socket.resume();
	await while_open(socket, below(2000));
	await leave(socket);
}

// One HTTP request on a connection of its own; the body of the answer, or null.
async function http(method, target, body, hang_up_ms = 0) {
	let got = "";
	const socket = dial(`${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n` +
		(body === undefined ? "\r\n" : `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`));

	if (body !== undefined)
		socket.write(body);
	socket.on_data = (chunk) => { got += got.length < 4000 ? chunk.toString("latin1") : ""; };
	await (hang_up_ms ? while_open(socket, hang_up_ms) : Promise.race([socket.ended, sleep(30000)]));
	socket.destroy();
	const at = got.indexOf("\r\n\r\n");
	return / 200 /.test(got.split("\r\n")[0]) && at > 0 ? got.slice(at + 4) : null;
}

const POLL = "/socket.io/?EIO=4&transport=polling";

async function poller(life_ms, changes) {
	const end = Date.now() + life_ms;
	const sid = /"sid":"([\w-]{20})"/.exec(await http("GET", POLL) ?? "")?.[1];
	const target = `${POLL}&sid=${sid}`;

	if (!sid)
		return;
	await http("POST", target, `40${SEP}${polite[0]()}${SEP}${asked("set polling rate", 1000)}`);
	if (changes && await change(sid, end))
		return;
	while (Date.now() < end) {
		const hang_up = below(6) ? 0 : 1 + below(1000);
		const got = await http("GET", target, undefined, hang_up);
		if (got === null && !hang_up)
			return;
		if (got?.split(SEP).includes("2"))
			await http("POST", target, "3");
		if (!below(4))
			await http("POST", target, below(20) ? one_of(polite)() : String(one_of(rubbish)()));
	}
	if (below(2))
		await http("POST", target, "1");
}

// Changes to a websocket; or begins to, and stops half-way, as a client behind a bad proxy does. True: it is over.
async function change(sid, end) {
	const socket = websocket(`/socket.io/?EIO=4&transport=websocket&sid=${sid}`);

	socket.write(said("2probe"));
	const poll = http("GET", `${POLL}&sid=${sid}`);
	await while_open(socket, 300);
	if (below(3) === 0) {
		await leave(socket);
		await poll;
		return false;
	}
	socket.write(said("5"));
	await poll;
	while (Date.now() < end && !socket.destroyed) {
		socket.write(said(one_of(polite)()));
		await while_open(socket, 500 + below(3000));
	}
	await leave(socket);
	return true;
}

async function vandal() {
	const socket = dial(one_of([
		() => bytes(1 + below(500)),
		() => `GET /${"a".repeat(below(40000))} HTTP/1.1\r\n\r\n`,
		() => "POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n4",
		() => `GET ${POLL} HTTP/1.1\r\nHost: 127.0.0.1\r\n`,
		() => Buffer.concat([Buffer.from(upgrade("/socket.io/?EIO=4&transport=websocket")), bytes(below(100))]),
		() => Buffer.concat([Buffer.from(upgrade("/socket.io/?EIO=4&transport=websocket")), said("40"), frame({ payload: "4", length: 2 ** 40, wide: 64 })]),
		() => Buffer.concat([Buffer.from(upgrade("/socket.io/?EIO=4&transport=websocket")), said("40"), frame({ payload: "42", fin: false })]),
		() => "GET /api/v1/history?series=* HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(20),
		() => "",
	])());

	socket.resume();
	await while_open(socket, below(3000));
	if (below(2))
		socket.resetAndDestroy();
	else
		socket.end();
	await Promise.race([socket.ended, sleep(2000).then(() => socket.destroy())]);
}

const PLACES = ["/metrics", "/api/v1/series", "/api/v1/history?series=cpu.*&from=-60000&points=10", "/api/v1/processes?limit=10", "/api/v1/status",
	"/api/v1/alerts?state=all", "/api/v1/audit", "/", "/nothing", "/socket.io/socket.io.min.js"];
const reader = () => http("GET", one_of(PLACES), undefined, one_of([0, 0, 0, 5]));

// So many of a hundred: what they are.
const kinds = [
	[38, "listener", () => listener(5000 + below(40000), polite)],
	[18, "poller", () => poller(5000 + below(30000), false)],
	[12, "changer", () => poller(5000 + below(30000), true)],
	[8, "staller", () => staller(1000 + below(10000))],
	[8, "babbler", () => listener(500 + below(3000), [...polite, ...rubbish])],
	[8, "vandal", vandal],
	[8, "reader", reader],
];

async function live(end) {
	await sleep(below(5000));
	while (Date.now() < end) {
		let at = below(100);
		const [, name, be] = kinds.find(([share]) => (at -= share) < 0);

		note(name);
		await be();
		await sleep(below(300));
	}
}

// ---- who watches

const descriptors = (server) => readdirSync(`/proc/${server.pid}/fd`).length;
const median = (list) => list.slice().sort((a, b) => a - b)[list.length >> 1];
const mb = (n) => `${(n / 1e6).toFixed(1)} MB`;

// A client that does nothing wrong: the longest it waited for a push, by the server's clock.
async function bystander(server) {
	const socket = client({ after() {} }, server.url, { transports: ["websocket"] });
	const seen = { worst: 0, pushes: 0, ended: null, close: () => socket.disconnect() };
	let last = 0;

	socket.on("disconnect", (why) => { seen.ended = why; });
	socket.on("metrics update", ({ timestamp }) => {
		seen.pushes++;
		seen.worst = Math.max(seen.worst, last ? timestamp - last : 0);
		last = timestamp;
	});
	await new Promise((done) => socket.once("connect", done));
	return seen;
}

async function soak(server) {
	for (const place of PLACES)
		await http("GET", place); // the first scrape opens what it reads, for good
	const idle = descriptors(server), begin = Date.now(), end = begin + SECONDS * 1000;
	const watcher = await bystander(server);
	const samples = [];
	const clients = Promise.all(Array.from({ length: CLIENTS }, () => live(end)));
	const look = setInterval(() => {
		const one = { at: (Date.now() - begin) / (SECONDS * 1000), rss: server.memory().now, fd: descriptors(server) };
		samples.push(one);
		if (samples.length % 30 === 0)
			console.log(`${Math.round(one.at * SECONDS)} s: ${mb(one.rss)}, ${one.fd} descriptors`);
	}, Math.min(1000, SECONDS * 10));

	await Promise.race([sleep(SECONDS * 1000), server.ended.then(() => { throw new Error(`the server ended\n${server.stderr.slice(-4000)}`); })]);
	clearInterval(look);
	const within_quarter = (n) => samples.filter(({ at }) => at >= n / 4 && at < (n + 1) / 4).map(({ rss }) => rss);
	const [second, last] = [median(within_quarter(1)), median(within_quarter(3))];
	const busiest = Math.max(...samples.map(({ fd }) => fd));

	await clients;
	const put_out = watcher.ended;
	watcher.close();
	let left = Infinity, sockets = Infinity;
	await until("everything to be closed", async () => {
		left = descriptors(server);
		({ clients: sockets } = await json(server, "/api/v1/status"));
		return left <= idle && sockets === 0; // who left without a word is noticed by its pings
	}, 60000).catch(() => {}); // judged below
	await server.end();

	const total = Object.values(count).reduce((a, b) => a + b, 0);
	console.log(`${total} clients: ${Object.entries(count).map(([name, n]) => `${n} ${name}s`).join(", ")}`);
	console.log(`memory: ${mb(second)} in the second quarter, ${mb(last)} in the last (${((last / second - 1) * 100).toFixed(1)} %); at most ${mb(Math.max(...samples.map(({ rss }) => rss)))}`);
	console.log(`descriptors: ${idle} before, ${busiest} at most, ${left} after; sockets left: ${sockets}`);
	console.log(`the bystander got ${watcher.pushes} pushes and waited ${watcher.worst} ms at most`);
	assert.equal(put_out, null, "the bystander was disconnected");
	assert.ok(busiest > CLIENTS / 4, "it was a crowd");
	assert.ok(left <= idle, `${left - idle} descriptors are left`);
	assert.equal(sockets, 0);
	assert.ok(Math.abs(last / second - 1) <= FLAT, `memory went from ${mb(second)} to ${mb(last)}`);
	assert.ok(watcher.worst < (isSanitized ? 6000 : 4000), `a push came after ${watcher.worst} ms`);
}

const server = new Vedette({
	config: "anonymous = operator\npush_interval = 1s\nsocketio { ping_interval = 5s  ping_timeout = 20s  recovery = 20s }\n",
	env: isSanitized ? { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:quarantine_size_mb=16` } : {},
});
console.log(`${CLIENTS} clients for ${SECONDS} s, seed ${SEED}`);
await server.start();
port = server.port;
try {
	await ready(server);
	await soak(server);
	console.log("well");
} finally {
	await server.stop().catch(() => {});
}
process.exit(0);
