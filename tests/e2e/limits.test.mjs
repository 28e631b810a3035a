// Pushes against each ceiling of src/base/limits.h. Whoever does that is refused as the header says; the server's
// memory stays bounded, and a client that does nothing wrong gets its pushes in time all the while. The last test
// looks whether every limit of the header that is in force has been pushed against here.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync, spawnSync } from "node:child_process";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { CALM as CALM_FIXTURE, start as startFixture } from "../conformance/harness.mjs";
import { OwnRedis } from "../conformance/redis_peer.mjs";
import { decode, exchange, frame, link, OP, SEP } from "../conformance/raw.mjs";
import { BIN, ROOT, Vedette, WAYS, ask, connect, get, isSanitized, json, next, patient, query, ready, record, refusal, refused, request, serve, start, take, until, within } from "./harness.mjs";

// ---- the header

const header = readFileSync(path.join(ROOT, "src/base/limits.h"), "utf8");
const LIMITS = Object.fromEntries([...header.matchAll(/^#define (LIMIT_\w+)[ \t]+([\d\s*()]+?)[ \t]*(?:\/\*|$)/gm)]
	.map(([, name, value]) => [name, Function(`return ${value}`)()]));
const pushed = new Set();

// A test of one or more limits; it is given their values.
function limit(names, what, fn, options = {}) {
	const list = [names].flat();

	list.forEach((name) => pushed.add(name));
	test(`${list.join(", ")}: ${what}`, options, (t) => fn(t, ...list.map((name) => LIMITS[name])));
}

// ---- a server, and who must not notice

// ASan keeps what was freed in quarantine, and shadows the rest: only runaway growth shows there.
const MEMORY = isSanitized ? 300e6 : 64e6;
const LATE_MS = isSanitized ? 8000 : patient(700);
const ROOMY = "push_interval = 200ms\nlimits { clients = 20000 }\n";
const ENV = isSanitized ? { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:quarantine_size_mb=16` } : {};
const server = serve({ config: ROOMY, env: ENV }, begin_slowly);

function bounded(t, which = server, most = MEMORY) {
	const { now, peak } = which.memory();

	t.diagnostic(`memory: ${(now / 1e6).toFixed(1)} MB, at most ${(peak / 1e6).toFixed(1)} MB`);
	assert.ok(peak < most, `${peak} bytes`);
}

// A client that does nothing wrong. `unharmed` says whether its pushes came in time since the last look, by the
// server's own clock: that this process was busy itself does not count.
async function bystander(t, which = server) {
	const socket = await connect(t, which, WAYS.websocket);
	const pushes = record(socket, "custom metrics");
	let from = 0;

	await ask(socket, "subscribe metric", ["cpu", "self.queue_bytes"]);
	await ask(socket, "set polling rate", 100);
	return {
		socket,
		async unharmed() {
			await take(socket, "custom metrics", 3);
			const times = pushes.slice(from).map(([, { timestamp }]) => timestamp);
			const worst = Math.max(...times.slice(1).map((time, i) => time - times[i]));

			t.diagnostic(`the bystander's worst wait: ${worst} ms`);
			assert.ok(worst < LATE_MS, `a push came after ${worst} ms`);
			assert.equal(pushes.at(-1)[1].dropped, 0);
			from = pushes.length - 1;
		},
	};
}

const text = (packet) => frame({ op: OP.text, payload: packet });
const event = (...args) => `42${JSON.stringify(args)}`;
const join = async (session) => {
	await session.send("40");
	assert.equal(decode(await session.next()).type, 0);
	return session;
};
const joined = async (t, kind, which = server) => join(await link(t, kind, which.port));

// The next packet on a raw link that nobody sent unasked.
async function reply(session) {
	for (;;) {
		const packet = await session.next();
		assert.ok(packet, "the connection ended");
		if (!/^42\["(metrics update|custom metrics|frame|event|alert|alert update)"/.test(packet))
			return decode(packet);
	}
}

// The end of a raw link; a push may come before it.
async function over(session) {
	while (await session.next() !== null)
		;
}

const answer = async (session) => (await reply(session)).data;

// ---- what only time can show: begun first, looked at last

const slow = { begun: 0, ends: [] }; // of begin_slowly

function half_sent(what, bytes) {
	const socket = net.connect(server.port, "127.0.0.1");
	const end = new Promise((done) => {
		socket.on("error", () => {});
		socket.on("close", () => done(Date.now() - slow.begun));
	});

	socket.resume();
	if (bytes)
		socket.write(bytes);
	slow.ends.push({ what, end, socket });
}

async function begin_slowly() {
	const session = await link({ after() {} }, "polling", server.port);

	slow.begun = Date.now();
	half_sent("nothing", "");
	half_sent("half a request line", "GET /heal");
	half_sent("half a head", `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: `);
	half_sent("half a body", `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n${"x".repeat(50)}`);
	half_sent("half a POST", `POST ${session.target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n4`);
	half_sent("a request, and nothing more", "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");

	slow.closing = await join(await link({ after() {} }, "polling", server.port));
	await slow.closing.post(event("get status").slice(0, -3)); // no JSON: the session is closed, and nobody polls
}
after(() => slow.ends.forEach(({ socket }) => socket.destroy()));

// ---- connections

limit("LIMIT_CONNECTIONS", "who is beyond waits for room, who is in does not notice", async (t, most) => {
	const files = Number(/^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))[1]);
	if (files < most + 200) {
		t.skip(`${files} descriptors do not suffice`);
		return;
	}
	const crowded = await start(t, { config: ROOMY, env: ENV });
	const probe = await bystander(t, crowded);
	const sockets = new Set();
	t.after(() => sockets.forEach((socket) => socket.resetAndDestroy()));

	const open = (n) => within(10000, `${n} connections`, Promise.all(Array.from({ length: n }, () => new Promise((done, fail) => {
		const socket = net.connect(crowded.port, "127.0.0.1", done);
		sockets.add(socket);
		socket.on("error", fail).on("close", () => sockets.delete(socket)).resume();
	}))));

	for (let n = 0; n < most; n += 500)
		await open(500);
	await probe.unharmed();
	bounded(t, crowded, isSanitized ? 400e6 : 90e6);

	const late = get(crowded, "/healthz"); // beyond: nobody takes it out of the kernel's queue
	const first = await Promise.race([late.then(() => "answered"), take(probe.socket, "custom metrics", 5)]);
	assert.notEqual(first, "answered");
	sockets.forEach((socket) => socket.resetAndDestroy());
	assert.equal((await late).status, 200);
	await probe.unharmed();
});

test("as many clients of one address as are configured, then 503", async (t) => {
	const few = await start(t, { config: "limits { clients_per_address = 3 }" });
	const sockets = await Promise.all([1, 2, 3].map(() => connect(t, few)));
	const answer = await get(few, "/socket.io/?EIO=4&transport=polling");
	assert.deepEqual([answer.status, Number(answer.headers["retry-after"]) > 0], [503, true]);
	await refused(t, few.url, WAYS.websocket);
	sockets[0].disconnect();
	await until("room again", async () => (await get(few, "/socket.io/?EIO=4&transport=polling")).status === 200);
});

limit("LIMIT_SESSIONS", "as many as are configured; then 503 with Retry-After", async (t, most) => {
	assert.ok(most >= 2000);
	const few = await start(t, { config: "limits { clients = 5 }" });
	const sockets = await Promise.all([1, 2, 3, 4, 5].map(() => connect(t, few, WAYS.websocket)));
	const answer = await get(few, "/socket.io/?EIO=4&transport=polling");
	assert.deepEqual([answer.status, answer.headers["retry-after"], JSON.parse(answer.text).message], [503, "5", "Too many sessions"]);
	await refused(t, few.url, WAYS.websocket);
	for (const socket of sockets)
		await ask(socket, "get events");
	sockets[0].disconnect();
	await until("room again", async () => (await get(few, "/socket.io/?EIO=4&transport=polling")).status === 200);
});

test("a thousand connections that say nothing cost little, and nobody notices", async (t) => {
	const probe = await bystander(t);
	const before_all = server.memory().now;
	const silent = await Promise.all(Array.from({ length: 1000 }, () => new Promise((done, fail) => {
		const socket = net.connect(server.port, "127.0.0.1", () => done(socket));
		socket.on("error", fail);
	})));
	t.after(() => silent.forEach((socket) => socket.resetAndDestroy()));
	await probe.unharmed();
	const each = (server.memory().now - before_all) / 1000;
	t.diagnostic(`${Math.round(each)} bytes each`);
	assert.ok(each < (isSanitized ? 60e3 : 8e3), `${each} bytes each`);
	assert.ok(silent.every((socket) => !socket.destroyed));
});

test("five hundred sessions that never join a namespace, and nobody notices", async (t) => {
	const probe = await bystander(t);
	const before_all = server.memory().now;
	await Promise.all(Array.from({ length: 500 }, () => link(t, "websocket", server.port)));
	await probe.unharmed();
	const each = (server.memory().now - before_all) / 500;
	t.diagnostic(`${Math.round(each)} bytes each`);
	assert.ok(each < (isSanitized ? 100e3 : 32e3), `${each} bytes each`);
});

// ---- HTTP

const first_line = (bytes) => bytes.toString("latin1").split("\r\n")[0];
const head = (...lines) => `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;

limit("LIMIT_HTTP_HEAD_BYTES", "a head beyond it is answered in words", async (t, most) => {
	const rows = [
		["one long header", head(`X-Long: ${"a".repeat(most)}`), 431],
		["a megabyte of one header", head(`X-Long: ${"a".repeat(1e6)}`), 431],
		["300 headers", head(...Array.from({ length: 300 }, (_, i) => `X-${i}: a`)), 431],
		["4000 headers", head(...Array.from({ length: 4000 }, (_, i) => `X-${i}: a`)), 431],
		["a long path", `GET /${"a".repeat(most)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, 414],
		["a long method", `${"A".repeat(most + 10)} / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, 414],
		["half of it", head(`X-Long: ${"a".repeat(most / 2)}`), 200],
	];
	for (const [what, bytes, status] of rows)
		assert.match(first_line(await exchange(server.port, bytes)), new RegExp(`^HTTP/1\\.1 ${status} `), what);
	bounded(t);
});

limit("LIMIT_HTTP_BODY_BYTES", "413, and what follows is read only to a point", async (t, most) => {
	const body = (n) => request(server.port, "/healthz", { method: "GET", body: "x".repeat(n), headers: { "content-length": n } });

	assert.equal((await body(most - 1)).status, 200);
	assert.equal((await body(most + 1)).status, 413);
	assert.match(first_line(await exchange(server.port, head("Content-Length: 999999999999"))), /^HTTP\/1\.1 413 /);
	const bytes = (n) => `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n${`10000\r\n${"x".repeat(65536)}\r\n`.repeat(n)}`;
	const endless = await exchange(server.port, bytes(1100), undefined, 10000);
	assert.doesNotMatch(first_line(endless), / 200 /);
	bounded(t);
});

limit("LIMIT_HTTP_QUERY_ARGS", "one more is 400", async (t, most) => {
	const args = (n) => get(server, `/api/v1/processes?limit=1${"&a=b".repeat(n - 1)}`);

	assert.equal((await args(most)).status, 200);
	for (const n of [most + 1, most + 100, 5000])
		assert.equal((await args(n)).status, 400, `${n}`);
});

// ---- Engine.IO

limit("LIMIT_MAX_PAYLOAD", "413 on a POST, 1009 on a websocket, and not a byte earlier", async (t, most) => {
	const packet = (n) => event("get metrics", "a".repeat(n - event("get metrics", "").length));
	const session = await joined(t, "polling");
	assert.equal((await session.post(packet(most + 1))).status, 413);
	assert.equal((await session.post(packet(most))).status, 200);
	assert.match((await answer(session))[1].error, /^pattern must be/, "the session goes on");

	const ws = await joined(t, "websocket");
	ws.ws.bytes(text(packet(most)));
	assert.match((await answer(ws))[1].error, /^pattern must be/);
	ws.ws.bytes(text(packet(most + 1)));
	await over(ws);
	assert.equal(ws.closeCode, 1009);

	const announced = await joined(t, "websocket");
	announced.ws.bytes(frame({ op: OP.text, payload: "", length: 2 ** 40, wide: 64 }));
	await over(announced);
	assert.equal(announced.closeCode, 1009);
	bounded(t);
});

test("as many packets as fit a body are taken, in no time", async (t) => {
	const probe = await bystander(t);
	const session = await joined(t, "polling");
	for (const packet of ["6", "3", "4"]) {
		const n = packet === "4" ? 1 : LIMITS.LIMIT_MAX_PAYLOAD / 2; // a message that is none ends the session with the first
		assert.equal((await session.post(Array(n).fill(packet).join(SEP))).status, 200);
	}
	await probe.unharmed();
	bounded(t);
});

limit("LIMIT_WS_FRAGMENTS", "one more ends the connection with 1009", async (t, most) => {
	for (const [n, payload] of [[most + 1, ""], [most + 1, "a"], [most, "a"]]) {
		const session = await joined(t, "websocket");
		const parts = [frame({ op: OP.text, fin: false, payload: '42["x","' })];
		for (let i = 1; i < n - 1; i++)
			parts.push(frame({ op: OP.cont, fin: false, payload }));
		parts.push(frame({ op: OP.cont, payload: '"]' }));
		session.ws.bytes(Buffer.concat(parts));
		if (n > most) {
			await over(session);
			assert.equal(session.closeCode, 1009);
		} else {
			assert.match((await answer(session))[1].error, /^unknown event/);
		}
	}
	bounded(t);
});

const HISTORY = { series: "*", from: -3600000, points: 1000, shape: "columns" };

limit("LIMIT_QUEUE_LOW_BYTES", "a slow websocket misses pushes, and is told how many", async (t, low) => {
	const probe = await bystander(t);
	const slow_one = await connect(t, server, WAYS.websocket);
	await ask(slow_one, "subscribe metric", "*");
	await ask(slow_one, "set polling rate", 100);
	assert.equal((await next(slow_one, "custom metrics"))[1].dropped, 0);

	const tcp = slow_one.io.engine.transport.ws._socket;
	tcp.pause();
	for (let i = 0; i < 12; i++)
		slow_one.emit("get history", HISTORY, () => {});
	await until("a queue", async () => (await next(probe.socket, "custom metrics"))[0]["self.queue_bytes"] > low, 6000);
	await take(probe.socket, "custom metrics", 10);
	await probe.unharmed();
	bounded(t);
	tcp.resume();

	let dropped = 0;
	await until("to be told", async () => (dropped = (await next(slow_one, "custom metrics"))[1].dropped) > 0, 5000);
	t.diagnostic(`${dropped} pushes dropped`);
	await until("an empty queue", async () => (await next(probe.socket, "custom metrics"))[0]["self.queue_bytes"] < low, 6000);
	assert.equal((await next(slow_one, "custom metrics"))[1].dropped, dropped, "and no more than that");
});

limit("LIMIT_QUEUE_LOW_BYTES", "a client that does not poll misses them too", async (t, low) => {
	const probe = await bystander(t);
	const lazy = await joined(t, "polling");
	await lazy.send(event("subscribe metric", "cpu"));
	for (let i = 0; i < 2; i++)
		await lazy.send(event("get history", HISTORY));
	await lazy.send(event("set polling rate", 100));
	await until("a queue", async () => (await next(probe.socket, "custom metrics"))[0]["self.queue_bytes"] > low, 6000);
	await take(probe.socket, "custom metrics", 5);
	let about;
	do
		about = decode(await lazy.next()).data;
	while (about[0] !== "custom metrics");
	assert.ok(about[2].dropped >= 5, JSON.stringify(about[2]));
	await probe.unharmed();
});

limit("LIMIT_QUEUE_BYTES", "who lets more wait than that is closed, on either transport", async (t, most) => {
	const probe = await bystander(t);
	const lazy = await joined(t, "polling");
	let asked = 0;
	while ((await lazy.send(event("get history", HISTORY))) === 200)
		assert.ok(++asked < 60, "it is never closed");
	assert.equal((await lazy.get()).status, 400);
	t.diagnostic(`closed after ${asked} answers`);
	bounded(t);

	const stuck = await connect(t, server, WAYS.websocket);
	const gone = new Promise((done) => stuck.on("disconnect", done));
	const tcp = stuck.io.engine.transport.ws._socket;
	tcp.pause();
	for (let i = 0; i < 60; i++)
		stuck.emit("get history", HISTORY, () => {});
	const stats = async () => (await ask(probe.socket, "get status")).clients;
	const clients = await stats();
	await until("its end", async () => (await stats()) < clients, 10000);
	tcp.resume();
	assert.ok(["transport close", "transport error"].includes(await within(5000, "the client's view", gone)));
	await probe.unharmed();
	bounded(t);
	assert.ok(most < MEMORY);
});

limit("LIMIT_QUEUES_BYTES", "those who let much wait are closed, though none of them has too much by itself", async (t, most) => {
	const crowded = await start(t, { config: ROOMY, env: ENV });
	await ready(crowded); // an answer is as long as it will be
	const probe = await bystander(t, crowded);
	const each = LIMITS.LIMIT_QUEUE_BYTES / 2, posts = 8;
	const bytes = JSON.stringify(await ask(probe.socket, "get metrics", "*")).length;
	const body = Array(Math.ceil(each / posts / bytes)).fill(event("get metrics", "*"));
	const lazies = [];
	while (lazies.length * each < most * 2) {
		const lazy = await joined(t, "polling", crowded);
		for (let i = 0; i < posts; i++)
			await lazy.send(...body);
		lazies.push(lazy);
	}
	// Answers come in their turn.
	let alive;
	await until("some to be closed", async () => {
		alive = (await Promise.all(lazies.map((lazy) => lazy.post("6")))).filter(({ status }) => status === 200).length;
		return alive <= most / each + 1;
	}, 15000);
	const waits = (await take(probe.socket, "custom metrics", 15)).at(-1)[0]["self.queue_bytes"];
	t.diagnostic(`${alive} of ${lazies.length} are left, ${(waits / 1e6).toFixed(0)} MB wait`);
	assert.ok(waits <= most && waits > most / 4, `${waits} bytes`);
	assert.ok(alive >= most / each / 4, `${alive}`);
	await probe.unharmed();
	bounded(t, crowded, MEMORY + most * 2.5);
});

// ---- Socket.IO

// packet, or packets; does the connection survive?
const packets = {
	LIMIT_ATTACHMENTS: (most) => [
		[[`45${most}-["x"${Array.from({ length: most }, (_, i) => `,{"_placeholder":true,"num":${i}}`).join("")}]`, ...Array(most).fill(Buffer.from("b"))], true],
		[[`45${most + 1}-["x"]`], false],
		[['4599999999999999-["x"]'], false],
	],
	LIMIT_ATTACHMENT_BYTES: (most) => {
		const each = LIMITS.LIMIT_MAX_PAYLOAD, whole = most / each;
		const head = (n) => `45${n}-["x"${Array.from({ length: n }, (_, i) => `,{"_placeholder":true,"num":${i}}`).join("")}]`;
		const blobs = Array(whole).fill(Buffer.alloc(each));

		return [
			[[head(whole), ...blobs], true],
			[[head(whole + 1), ...blobs, Buffer.from("b")], false],
		];
	},
	LIMIT_JSON_DEPTH: (most) => [
		[[`42["x",${"[".repeat(most - 1)}${"]".repeat(most - 1)}]`], true],
		[[`42["x",${"[".repeat(most)}${"]".repeat(most)}]`], false],
		[[`42["x",${'{"a":'.repeat(100000)}1${"}".repeat(100000)}]`], false],
		[[`42["x",${"[".repeat(900000)}`], false],
	],
};

for (const [name, rows] of Object.entries(packets)) {
	limit(name, "one more closes the connection", async (t, most) => {
		const probe = await bystander(t);
		for (const [row, lives] of rows(most)) {
			const session = await joined(t, "websocket");
			session.send(...row);
			if (lives)
				assert.match((await answer(session))[1].error, /^unknown event/, row[0].slice(0, 40));
			else
				await over(session);
		}
		await probe.unharmed();
		bounded(t);
	});
}

// Vedette has no namespaces that a client can name into being: the library's own ceilings are pushed at the fixture
// server of the conformance suite, which has.
limit(["LIMIT_NAMESPACE_BYTES", "LIMIT_NAMESPACES_PER_CLIENT", "LIMIT_DYNAMIC_NAMESPACES"], "CONNECT is refused, the connection stays", async (t, bytes, each, all) => {
	const probe = await bystander(t);
	const session = await joined(t, "websocket");
	for (const name of ["/other", `/${"a".repeat(bytes)}`, `/${"a".repeat(900000)}`, ...Array.from({ length: each + 10 }, (_, i) => `/n${i}`)]) {
		session.send(`40${name},`);
		const { type, nsp, data } = await reply(session);
		assert.deepEqual([type, nsp.length, data], [4, name.length, { message: "Invalid namespace" }]);
	}
	session.send(event("get events"));
	assert.equal((await answer(session))[1].status, "ok");
	await probe.unharmed();
	bounded(t);

	const fixture = await startFixture({ args: CALM_FIXTURE });
	t.after(() => fixture.stop());
	const connect_to = async (raw, name) => {
		raw.send(`40${name},`);
		let got;
		do
			got = decode(await raw.next());
		while (got.nsp !== name || got.type === 2);
		return got.type === 0;
	};
	const long = await link(t, "websocket", fixture.port("ext"));
	assert.equal(await connect_to(long, `/dyn-${"1".repeat(bytes - 5)}`), true);
	assert.equal(await connect_to(long, `/dyn-${"1".repeat(bytes - 4)}`), false);
	let made = 1, raw;
	for (let n = 0; made < all; n++) {
		if (n % each === 0)
			raw = await link(t, "websocket", fixture.port("ext"));
		assert.equal(await connect_to(raw, `/dyn-${n}`), true, `the ${made + 1}th`);
		made++;
		if ((n + 1) % each === 0 && n < each * 2)
			assert.equal(await connect_to(raw, "/dyn-0000"), false, "one more of this client");
	}
	const last = await link(t, "websocket", fixture.port("ext"));
	assert.equal(await connect_to(last, "/dyn-999999"), false, "one more of all");
	assert.equal(await connect_to(last, "/dyn-1"), true, "one that is there");
});

limit("LIMIT_AUTH_BYTES", "CONNECT is refused, the connection stays", async (t, most) => {
	const session = await link(t, "websocket", server.port);
	const auth = (bytes) => JSON.stringify({ x: "y".repeat(bytes - 8) });
	session.send(`40${auth(most + 1)}`);
	assert.deepEqual(decode(await session.next()).data, { message: `auth is too large: at most ${most} bytes` });
	session.send(`40${auth(most)}`);
	assert.equal(decode(await session.next()).type, 0);
});

limit("LIMIT_ROOMS_PER_SOCKET", "it joins no more, and the log says so once", async (t, most) => {
	const fixture = await startFixture({ args: CALM_FIXTURE });
	t.after(() => fixture.stop());
	const session = await join(await link(t, "websocket", fixture.port("ext")));
	await session.next();
	const rooms = async (command, names) => {
		session.send(`427["cmd",${JSON.stringify(command)},${JSON.stringify(names)}]`);
		return decode(await session.next()).data[0].length;
	};
	assert.equal(await rooms("join", Array.from({ length: most - 1 }, (_, i) => `r${i}`)), most);
	assert.equal(await rooms("join", ["one more", "and another"]), most);
	assert.equal(await rooms("join", "r0"), most, "one that it is in");
	assert.equal(await rooms("leave", "r0"), most - 1);
	assert.equal(await rooms("join", ["one more", "and another"]), most);
	assert.equal(fixture.stderr.match(/joins no more/g).length, 1);
});

limit("LIMIT_PENDING_ACKS", "the oldest is given up", async (t, most) => {
	const fixture = await startFixture({ args: CALM_FIXTURE });
	t.after(() => fixture.stop());
	const raw = await join(await link(t, "websocket", fixture.port("ext")));
	const others = [];
	for (let sent = 0, batch; sent <= most; sent += batch) {
		batch = Math.min(500, most + 1 - sent);
		raw.send(...Array.from({ length: batch }, (_, i) => `42${sent + i}["cmd","emit",{"base":"socket","ev":"q","ack":true,"args":[]}]`));
		for (let asked = 0; asked < batch;) {
			const packet = await raw.next();
			if (/^42\d+\["q"/.test(packet))
				asked++;
			else if (packet.startsWith("43"))
				others.push(packet);
		}
	}
	while (!others.length) // it comes in a moment, not in the middle of the next question
		others.push(await raw.next());
	assert.deepEqual(others, ['430[{"err":"operation has timed out"}]'], "the first of all, and no other");
});

limit("LIMIT_THINKING_EVENTS", "the client is disconnected", async (t, most) => {
	const fixture = await startFixture();
	t.after(() => fixture.stop());
	const raw = await join(await link(t, "websocket", fixture.port("ext")));
	assert.match(await raw.next(), /^42\["hello"/);
	raw.send('421["cmd","think"]');
	assert.match(await raw.next(), /^431\[true\]/);
	for (let sent = 0; sent < most - 1; sent += 27)
		raw.send(...Array.from({ length: 27 }, () => '42["hold",600000]')); // 999 in all
	raw.send('422["message-with-ack","still there"]');
	assert.equal(await raw.next(), '432["still there"]', "what takes no time is answered meanwhile");
	raw.send('42["hold",600000]', '42["hold",600000]');
	assert.equal(await raw.next(), "41");
	assert.equal(await raw.next(), null);
});

// A client that loses its connection, and may come back to it.
async function lose(t, which) {
	const session = await link(t, "websocket", which.port);
	await session.send("40");
	const { data: { pid, sid } } = decode(await session.next());
	session.send(event("subscribe metric", "cpu"));
	const [, , offset] = await answer(session);
	assert.match(offset, /^\d+$/);
	session.drop();
	return { pid, sid, offset };
}

async function comes_back(t, which, { pid, sid, offset }) {
	const session = await link(t, "websocket", which.port);
	session.send(`40${JSON.stringify({ pid, offset })}`);
	let got;
	do
		got = decode(await session.next());
	while (got.type !== 0);
	return got.data.sid === sid;
}

limit("LIMIT_RECOVERY_BYTES", "the oldest go first; who needs them begins anew", async (t, most) => {
	const probe = await bystander(t);
	const gone = await lose(t, server);
	assert.equal(await comes_back(t, server, gone), true);
	const late = await lose(t, server);
	const loud = await connect(t, server, WAYS.websocket);
	const list = Array.from({ length: 200 }, (_, i) => `${"x".repeat(240)}${i}`);
	for (let bytes = 0; bytes < most * 1.5; bytes += 200 * 240)
		await ask(loud, "unsubscribe metric", list);
	assert.equal(await comes_back(t, server, late), false);
	await probe.unharmed();
	bounded(t);
});

limit("LIMIT_RECOVERY_SESSIONS", "the oldest go first", async (t, most) => {
	const crowded = await start(t, { config: ROOMY, env: ENV });
	const oldest = await lose(t, crowded);
	const hello = Buffer.concat([
		Buffer.from(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
		text("40"),
	]);
	const come_and_go = () => new Promise((done, fail) => {
		const socket = net.connect(crowded.port, "127.0.0.1", () => socket.write(hello));
		let got = "";
		socket.on("data", (chunk) => {
			got += chunk.toString("latin1");
			if (got.includes('"pid"'))
				socket.resetAndDestroy();
		}).on("error", fail).on("close", () => done());
	});
	for (let n = 0; n < most; n += 200)
		await within(10000, "200 that come and go", Promise.all(Array.from({ length: 200 }, come_and_go)));
	const youngest = await lose(t, crowded);
	assert.equal(await comes_back(t, crowded, oldest), false);
	assert.equal(await comes_back(t, crowded, youngest), true);
	bounded(t, crowded);
});

limit("LIMIT_RECOVERY_KEPT_BYTES", "the oldest go first", async (t, most) => {
	const crowded = await start(t, { config: ROOMY, env: ENV });
	const list = Array.from({ length: 200 }, (_, i) => `${"x".repeat(250)}${i}`);
	const oldest = await lose(t, crowded);
	let heavy, kept = 0;
	for (; kept < most * 1.5; kept += 2 * 200 * 250) {
		const session = await joined(t, "websocket", crowded);
		session.send(event("watch", { series: list }), event("subscribe metric", list), event("get events"));
		while ((heavy = await reply(session)).data[0] !== "get events");
		session.drop();
	}
	const youngest = await lose(t, crowded);
	await until("all to have left", async () => (await json(crowded, "/api/v1/status")).clients === 0, 20000);
	assert.equal(await comes_back(t, crowded, oldest), false);
	assert.equal(await comes_back(t, crowded, youngest), true);
	bounded(t, crowded, MEMORY + most * 2);
});

test("a flood of events is answered, one by one, and nobody notices", async (t) => {
	const probe = await bystander(t);
	const loud = await connect(t, server, WAYS.websocket);
	const floods = [
		[20000, "no such event"], [5000, "set polling rate", 3600000], [2000, "get status"], [200, "get metrics", "*"],
		[200, "get history", { series: ["cpu", ...Array(499).fill("*zz")], points: 1 }], [200, "watch", { series: Array(200).fill("*"), rate: 3600000 }],
		[200, "get processes", { limit: 5000 }],
	];
	for (const [n, ...args] of floods) {
		await within(60000, `${n} of ${args[0]}`, Promise.all(Array.from({ length: n }, () => loud.emitWithAck(...args))));
		await probe.unharmed();
	}
	bounded(t);
});

test("many heavy requests in one read hold nobody up", async (t) => {
	const loud = await joined(t, "websocket");
	const probe = await connect(t, server, WAYS.websocket);
	const pushes = record(probe, "custom metrics");
	const n = 14; // as many as may wait to be read
	await ask(probe, "subscribe metric", "cpu");
	await ask(probe, "set polling rate", 100);
	await take(probe, "custom metrics", 2);

	async function burst() {
		const ids = [], from = pushes.length - 1, begun = Date.now();

		loud.ws.bytes(Buffer.concat(Array.from({ length: n }, (_, i) => text(`42${i}${JSON.stringify(["get history", HISTORY])}`))));
		ids.push((await reply(loud)).id);
		const asked = ask(probe, "get history", { series: "cpu", points: 1 }).then(() => ids.length);
		while (ids.length < n)
			ids.push((await reply(loud)).id);
		const all = Date.now() - begun;
		assert.deepEqual(ids, Array.from({ length: n }, (_, i) => String(i)), "in order");
		const before = await asked;
		await take(probe, "custom metrics", 2);
		const times = pushes.slice(from).map(([, { timestamp }]) => timestamp);
		const worst = Math.max(...times.slice(1).map((time, i) => time - times[i]));
		t.diagnostic(`${n} took ${all} ms; a push waited ${worst} ms at most, another client's request for ${before} of them`);
		return before < n && worst < 150 + all / 4;
	}

	// A pause of this process, or of the server, looks the same as being held up; but not each time.
	for (let tries = 5; !await burst(); tries--)
		assert.ok(tries > 1, "another client has its turn between theirs, and its pushes");
});

limit(["LIMIT_HEAVY_REQUESTS", "LIMIT_HEAVY_BYTES"], "a request error", async (t, most, bytes) => {
	const probe = await bystander(t);
	const refusals = async (socket, requests) => {
		const answers = await within(60000, "the answers", Promise.all(requests.map((words) => socket.emitWithAck(...words))));
		const errors = answers.filter(({ error }) => error === "too many requests wait for their turn: send fewer at once");

		assert.equal(answers.filter(({ status }) => status === "ok").length + errors.length, requests.length, "each is answered");
		t.diagnostic(`${errors.length} of ${requests.length} refused`);
		return errors.length;
	};
	const loud = await connect(t, server, WAYS.websocket);
	const n = await refusals(loud, Array(most * 4).fill(["get metrics", "*"]));
	assert.ok(n > 0 && n <= most * 3, "as many wait as may");
	await ask(loud, "get history", { series: "cpu", points: 1 });

	// Long ones behind some that take a while.
	const series = ["cpu", ...Array.from({ length: 499 }, (_, i) => `${"*e".repeat(124)}${i}`)];
	const long = ["get history", { series, points: 1 }];
	const each = [...Array(4).fill(["get history", HISTORY]), ...Array(Math.ceil(bytes / 3 / JSON.stringify(long).length)).fill(long)];
	const crowd = await Promise.all(Array.from({ length: 12 }, () => connect(t, server, WAYS.websocket)));
	assert.ok(each.length < most);
	const all = await Promise.all(crowd.map((socket) => refusals(socket, each)));
	assert.ok(all.some((one) => one > 0), "not all of them may wait");
	await ask(loud, "get history", { series: "cpu", points: 1 });
	await probe.unharmed();
	bounded(t);
});

// ---- the monitor's own

limit("LIMIT_PATTERN_BYTES", "a request error", async (t, most) => {
	const socket = await connect(t, server, WAYS.websocket);
	await ask(socket, "subscribe metric", "a".repeat(most));
	assert.match(await refusal(socket, "subscribe metric", "a".repeat(most + 1)), new RegExp(`1 to ${most} bytes`));
	assert.match(await refusal(socket, "get metrics", "a".repeat(most + 1)), new RegExp(`1 to ${most} bytes`));
});

limit("LIMIT_SUBSCRIPTIONS", "a request error", async (t, most) => {
	const socket = await connect(t, server, WAYS.websocket);
	await ask(socket, "subscribe metric", Array.from({ length: most }, (_, i) => `s/${i}`));
	assert.match(await refusal(socket, "subscribe metric", "one.more"), new RegExp(`at most ${most};`));
});

limit("LIMIT_WATCH_PATTERNS", "a request error", async (t, most) => {
	const socket = await connect(t, server, WAYS.websocket);
	const names = (n) => Array.from({ length: n }, (_, i) => `s/${i}`);
	await ask(socket, "watch", { series: names(most) });
	assert.match(await refusal(socket, "watch", { series: names(most + 1) }), new RegExp(`at most ${most}$`));
});

limit("LIMIT_RATE_MS", "a request error", async (t, most) => {
	const socket = await connect(t, server, WAYS.websocket);
	await ask(socket, "set polling rate", most);
	assert.match(await refusal(socket, "set polling rate", most + 1), new RegExp(` to ${most}$`));
});

limit("LIMIT_PROCESS_ROWS", "a request error", async (t, most) => {
	const socket = await connect(t, server, WAYS.websocket);
	await ask(socket, "get processes", { limit: most });
	assert.match(await refusal(socket, "get processes", { limit: most + 1 }), new RegExp(` to ${most}$`));
});

limit("LIMIT_HISTORY_VALUES", "a request error", async (t, most) => {
	const socket = await connect(t, server, WAYS.websocket);
	const { series } = await ask(socket, "get history", { series: "*", from: -3600000, points: 1000, shape: "columns" });
	assert.ok(series.length * 3600 > most, "enough series on this host");
	assert.match(await refusal(socket, "get history", { series: "*", from: -3600000, points: 4000 }), new RegExp(`more than ${most} values: ask for fewer`));
	assert.match(JSON.parse((await get(server, `/api/v1/history?${query({ series: "*", from: -3600000, points: 4000 })}`)).text).error, new RegExp(`${most} values`));
});

// More series than a host has: /proc/diskstats of a hundred disks and more, seen by this server alone.
const DISKS = 160;
const diskstats = (n) => Array.from({ length: n }, (_, i) => `   8 ${i * 16} sd${String.fromCharCode(97 + i % 26)}${String.fromCharCode(97 + Math.floor(i / 26))} 1 0 8 1 1 0 8 1 0 1 2\n`).join("");
const no_disks = spawnSync("unshare", ["-rm", "true"]).status !== 0 && "this host lets nobody have a mount namespace";

limit(["LIMIT_WATCHED_SERIES", "LIMIT_HISTORY_SERIES"], "a request error; pushes hold no more", async (t, watched, history) => {
	const many = serve_disks(t);
	await many.start();
	const socket = await connect(t, many, WAYS.websocket);
	await until("the disks' rates", async () => (await ask(socket, "get status")).series > watched, 8000);

	assert.match(await refusal(socket, "watch", { series: ["*"] }), new RegExp(`at most ${watched}$`));
	assert.match(await refusal(socket, "get history", { series: "*", points: 1 }), new RegExp(`more than ${history} series match`));
	await ask(socket, "subscribe metric", "*");
	await ask(socket, "set polling rate", 100);
	const [[values]] = await take(socket, "custom metrics", 1);
	assert.equal(Object.keys(values).length, watched);
	await ask(socket, "watch", { series: ["disk.busy/*", "disk.reads/*"] });
	await ask(socket, "get history", { series: "disk.busy/*", points: 10 });
	await socket.disconnect();
	bounded(t, many);
}, { skip: no_disks });

test("two hundred patterns that match everything hold nobody up, nor when they are dropped", { skip: no_disks }, async (t) => {
	const many = serve_disks(t);
	await many.start();
	const probe = await bystander(t, many);
	const loud = await connect(t, many, WAYS.websocket);
	await until("the disks' rates", async () => (await ask(loud, "get status")).series > LIMITS.LIMIT_WATCHED_SERIES, 8000);
	const patterns = Array.from({ length: LIMITS.LIMIT_SUBSCRIPTIONS }, (_, i) => `${"*".repeat(i + 1)}`);
	for (let i = 0; i < 3; i++) {
		const { matched } = await ask(loud, "subscribe metric", patterns);
		assert.ok(matched.length > LIMITS.LIMIT_WATCHED_SERIES);
		assert.equal(new Set(matched).size, matched.length, "each once");
		await ask(loud, "unsubscribe metric", patterns);
		await probe.unharmed();
	}
	await ask(loud, "subscribe metric", patterns.slice(1));
	assert.match(await refusal(loud, "subscribe metric", ["cpu", "memory"]), /^too many subscriptions/);
	await ask(loud, "set polling rate", 100);
	const [[values]] = await take(loud, "custom metrics", 1);
	assert.ok(!("cpu" in values) && "cpu.usage" in values, "what is refused changes nothing");
	await loud.disconnect();
	bounded(t, many);
});

test("a disk appears, forty clients have as many patterns as may be: nobody is held up, all are told", { skip: no_disks }, async (t) => {
	const many = serve_disks(t);
	await many.start();
	const probe = await bystander(t, many);
	await until("the disks' rates", async () => (await ask(probe.socket, "get status")).series > LIMITS.LIMIT_WATCHED_SERIES, 8000);
	const list = [...Array.from({ length: LIMITS.LIMIT_WATCH_PATTERNS - 1 }, (_, i) => `*no.such${i}*`), "disk.busy/*"];
	const crowd = await Promise.all(Array.from({ length: 40 }, () => connect(t, many, WAYS.websocket)));
	await Promise.all(crowd.map((socket) => ask(socket, "watch", { series: list, rate: 3600000 })));
	const told = crowd.map((socket) => next(socket, "watched", 20000));
	await probe.unharmed();
	writeFileSync(many.fake, diskstats(DISKS + 1));
	for (const [{ series }] of await Promise.all(told))
		assert.equal(series.length, DISKS + 1);
	await probe.unharmed();
	bounded(t, many);
});

function serve_disks(t) {
	const fake = path.join(mkdtempSync(path.join(tmpdir(), "vedette-e2e-")), "diskstats");
	writeFileSync(fake, diskstats(DISKS));
	t.after(() => rmSync(path.dirname(fake), { recursive: true }));
	const many = new Vedette({
		config: ROOMY, env: ENV,
		under: ["unshare", "-rm", "sh", "-c", 'mount --bind "$0" /proc/diskstats && exec "$@"', fake],
	});
	t.after(() => many.stop());
	return Object.assign(many, { fake });
}

// ---- alerts, and who sees to them

const CALM = 'alert "HIGH_CPU" { enabled = false }\nalert "HIGH_MEMORY" { enabled = false }\n';
const OPERATOR = `anonymous = operator\n${ROOMY}${CALM}`;
const hour = () => Date.now() + 3600000;

limit("LIMIT_BROWSER_SESSIONS", "the oldest is signed out, and put out where only known ones may look", async (t, most) => {
	const guarded = await start(t, { config: `anonymous = none\n${ROOMY}`, env: ENV });
	const token = execFileSync(BIN, ["--data-dir", `${guarded.dir}/data`, "token", "add", "desk", "viewer"], { encoding: "utf8", stdio: "pipe" }).trim();
	const role = async (headers) => (await json(guarded, "/api/v1/session", headers)).role;
	await until("the token", async () => (await role({ authorization: `Bearer ${token}` })) === "viewer", 8000);
	const sign_in = async () => {
		const { status, headers } = await get(guarded, "/api/v1/session", {}, { method: "POST", body: JSON.stringify({ token }) });
		assert.equal(status, 200);
		return { cookie: headers["set-cookie"][0].split(";")[0] };
	};
	const [first, second] = [await sign_in(), await sign_in()];
	const [page, other] = await Promise.all([first, second].map((extraHeaders) => connect(t, guarded, { ...WAYS.websocket, extraHeaders })));
	const gone = next(page, "disconnect", 60000);
	for (let n = 2; n < most; n += 50)
		await Promise.all(Array.from({ length: Math.min(50, most - n) }, sign_in));
	assert.equal(await role(first), "viewer");
	const last = await sign_in();
	assert.deepEqual([await role(first), await role(second), await role(last)], ["none", "viewer", "viewer"]);
	assert.equal((await gone)[0], "io server disconnect");
	assert.ok(other.connected);
	bounded(t, guarded);
});

limit("LIMIT_NOTE_BYTES", "a request error", async (t, most) => {
	const served = await start(t, { config: OPERATOR, env: ENV });
	const socket = await connect(t, served, WAYS.websocket);
	const silence = (note) => ({ rule: "NONE", until: hour(), note });
	assert.equal((await ask(socket, "silence alert", silence("n".repeat(most)))).silence.note.length, most);
	assert.match(await refusal(socket, "silence alert", silence("n".repeat(most + 1))), new RegExp(`at most ${most} bytes`));
	assert.match(await refusal(socket, "acknowledge alert", "x", { note: "n".repeat(most + 1) }), new RegExp(`at most ${most} bytes`));
	assert.match(await refusal(socket, "acknowledge alert", "x", { note: "\u{1f4c8}".repeat(most / 4 + 1) }), new RegExp(`at most ${most} bytes`));
});

limit(["LIMIT_SILENCES", "LIMIT_DB_ROWS", "LIMIT_DB_QUEUE"], "request errors; fewer rows; request errors again", async (t, most, rows, queue) => {
	const served = await start(t, { config: OPERATOR, env: ENV });
	const probe = await bystander(t, served);
	const socket = await connect(t, served, WAYS.websocket);
	const silence = (i, more) => ask(socket, "silence alert", { rule: `NONE_${i}`, until: hour(), note: "n".repeat(500), ...more });
	const made = [];
	for (let n = 0; n < most; n += 50)
		made.push(...await Promise.all(Array.from({ length: 50 }, (_, i) => silence(n + i))));
	assert.match(await refusal(socket, "silence alert", { rule: "ONE_MORE", until: hour() }), new RegExp(`at most ${most} at once`));
	await silence("changed", { id: made[0].silence.id });
	await silence("ended", { id: made[1].silence.id, until: 1 });
	await silence("one more");
	assert.equal((await ask(socket, "get silences")).silences.length, most);
	await probe.unharmed();

	await until("more rows than one answer holds", async () => (await ask(socket, "get audit", { limit: rows })).audit.length === rows, 5000);
	assert.match(await refusal(socket, "get audit", { limit: rows + 1 }), new RegExp(` to ${rows}$`));

	// Asked faster than a database can answer: nobody waits for long, and what was written is there.
	const each = queue * 4;
	const loud = await joined(t, "websocket", served);
	const got = { refused: 0, rows: 0 };
	let asked = 0;
	for (let tries = 0; tries < 5 && !got.refused; tries++) { // unless the database has the processor for itself
		loud.ws.bytes(Buffer.concat(Array(each).fill(text(event("get audit", { limit: 20 })))));
		for (asked += each; got.refused + got.rows < asked;) {
			const [, { status, error, audit }] = await answer(loud);
			assert.ok(status === "ok" ? audit.length === 20 : /the database does not answer: ask again/.test(error), error);
			got[status === "ok" ? "rows" : "refused"]++;
		}
	}
	t.diagnostic(`${got.rows} of ${asked} questions were answered with rows`);
	assert.ok(got.refused > 0 && got.rows >= queue, JSON.stringify(got));
	assert.equal((await ask(socket, "get audit", { limit: 20 })).audit.length, 20);
	await probe.unharmed();
	bounded(t, served);
});

// More alerts than one answer holds rows, each with as long a sentence as there may be.
limit(["LIMIT_SUMMARY_BYTES", "LIMIT_DB_ANSWER_BYTES"], "a summary is cut between two characters; rows past the end are left out", async (t, summary_bytes, answer_bytes) => {
	const rows = LIMITS.LIMIT_DB_ROWS;
	const { series: { length } } = await json(server, "/api/v1/series");
	const rules = Array.from({ length: Math.ceil(rows * 1.5 / length) }, (_, i) =>
		`alert "WORDY_${i}" { metric = "*"  above = -1e300  summary = "{series} ${'\u20ac\\"\\"\\"'.repeat(500)}" }\n`);
	const served = await start(t, { config: `${OPERATOR}${rules.join("")}`, env: ENV });
	const socket = await connect(t, served, WAYS.websocket);
	const present = async (state) => (await ask(socket, "get alerts", { state, limit: rows })).alerts;
	await until("a thousand alerts", async () => (await present("firing")).length === rows, 15000);
	for (const { summary } of await present("firing")) {
		const bytes = Buffer.byteLength(summary);
		assert.ok(bytes <= summary_bytes && bytes > summary_bytes - 4, `${bytes} bytes`);
		assert.doesNotMatch(summary, /\ufffd/);
	}
	await ask(socket, "silence alert", { matcher: "rule=WORDY_*", until: hour(), note: "\u0001".repeat(1000) });
	assert.equal((await present("silenced")).length, rows);
	const past = async () => (await ask(socket, "get alerts", { state: "silenced", from: -3600000, changes: 1, limit: rows })).alerts;
	let got;
	await until("the database to have enough", async () => Buffer.byteLength(JSON.stringify(got = await past())) > answer_bytes * 0.95, 15000);
	t.diagnostic(`${got.length} rows`);
	assert.ok(got.length < rows && Buffer.byteLength(JSON.stringify(got)) < answer_bytes * 1.05, `${got.length} rows`);
	bounded(t, served, MEMORY * 2.5);
});

limit("LIMIT_ALERT_INSTANCES", "further series are not judged, and the log says so", async (t, most) => {
	const { series } = await json(server, "/api/v1/series");
	const many = Math.ceil(most / series.length) + 20;
	const rules = Array.from({ length: many }, (_, i) => `alert "R${i}" { metric = "*"  above = 1e300 }\n`).join("");
	const served = await start(t, { config: `${OPERATOR}${rules}`, env: ENV });
	await served.logged(new RegExp(`more than ${most} series to judge`));
	const probe = await bystander(t, served);
	await probe.unharmed();
	const { rules: listed } = await ask(probe.socket, "get alert rules");
	assert.equal(listed.length, many);
	bounded(t, served, isSanitized ? 600e6 : 120e6);
});

// ---- Redis, and the other servers behind it; the fixture program has a namespace where a client says what a server does

async function in_cluster(t, options = []) {
	const redis = await OwnRedis.create(["--client-output-buffer-limit", "pubsub 0 0 0", ...options]);
	t.after(() => redis.remove());
	const fixture = await startFixture({ args: ["--redis", redis.url, ...CALM_FIXTURE], env: ENV });
	t.after(() => fixture.stop());
	await until("it is connected", () => fixture.stderr.split(": connected").length > 7, 20000);
	const socket = await connect(t, { url: fixture.url("ext") }, WAYS.websocket);
	const memory = () => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${fixture.child.pid}/status`, "utf8"))[1]) * 1024;
	return { redis, fixture, socket, memory, control: redis.client(t), cmd: (name, arg = null) => socket.timeout(patient(20000)).emitWithAck("cmd", name, arg) };
}

const lines = (fixture, pattern) => (fixture.stderr.match(pattern) ?? []).length;

limit("LIMIT_REDIS_WAITING_BYTES", "what a Redis that hangs is sent beyond it is dropped, and the log says so once", async (t, most) => {
	const { redis, fixture, memory, control, cmd } = await in_cluster(t);
	const big = "x".repeat(900000);
	redis.child.kill("SIGSTOP");
	t.after(() => redis.child.kill("SIGCONT"));
	for (let sent = 0; sent < most * 3; sent += big.length)
		assert.equal(await cmd("emit", { base: "nsp", to: "nobody", ev: "big", args: [big] }), true);
	await until("the log says so", () => lines(fixture, /further commands are dropped/g) > 0, 10000);
	t.diagnostic(`${memory()} bytes at most`);
	assert.ok(isSanitized || memory() < most * 3.5, `${memory()} bytes`);
	redis.child.kill("SIGCONT");
	let got = 0;
	const listener = redis.client(t);
	await listener.subscribe("socket.io#/#last#");
	listener.on("message", () => { got++; });
	await until("it takes again", async () => {
		await cmd("emit", { base: "nsp", to: "last", ev: "small" });
		return got > 0;
	}, 20000);
	assert.equal(lines(fixture, /further commands are dropped/g), 1);
	assert.equal(await control.ping(), "PONG");
});

limit("LIMIT_REDIS_WAITING_COMMANDS", "further ones are dropped", async (t, most) => {
	const { redis, fixture, cmd } = await in_cluster(t);
	const raw = await join(await link(t, "websocket", fixture.port("ext")));
	await raw.next();
	let got = 0;
	const listener = redis.client(t);
	await listener.subscribe("socket.io#/#r#");
	listener.on("message", () => { got++; });
	redis.child.kill("SIGSTOP");
	t.after(() => redis.child.kill("SIGCONT"));
	const one = text(event("cmd", "emit", { base: "nsp", to: "r", ev: "e" }));
	for (let sent = 0; sent < most + 1000; sent += 1000) {
		raw.ws.bytes(Buffer.concat(Array(1000).fill(one)));
		await cmd("ping");
	}
	await until("the first is dropped", () => lines(fixture, /further commands are dropped/g) === 1, 20000);
	redis.child.kill("SIGCONT");
	await until("all others are there", () => got === most, 20000);
}, { skip: isSanitized && "a sanitizer's time" });

limit("LIMIT_REDIS_REPLY_BYTES", "the connection is lost, and made again", async (t, most) => {
	const { fixture, control, cmd } = await in_cluster(t);
	await control.publish("socket.io-request#/#", Buffer.alloc(most - 1000, " "));
	await until("it is read", () => lines(fixture, /makes no sense/g) === 1, 60000);
	assert.equal(lines(fixture, /trying again/g), 0);
	await control.publish("socket.io-request#/#", Buffer.alloc(most + 100000, " "));
	await until("the loss", () => lines(fixture, /a reply that is too large; trying again/g) === 1, 60000);
	await until("it is back", () => lines(fixture, /: connected/g) === 8, 20000);
	assert.equal((await cmd("fetch", { base: "nsp" })).length, 1);
});

limit(["LIMIT_CLUSTER_TEXT_BYTES", "LIMIT_CLUSTER_NAMES"], "the message is counted, and means nothing", async (t, bytes, names) => {
	const { fixture, control, cmd, memory } = await in_cluster(t);
	const join_all = (n) => control.publish("socket.io-request#/#", JSON.stringify({ uid: "other1", type: 2, opts: { rooms: Array(n).fill(5), except: [], flags: {} }, rooms: ["x"] }));
	const before = memory();
	// As bytes without content and as nothing at all: each is many times longer in JSON.
	for (const [piece, size] of [["\xc4\x00", 34], ["\xc0", 5]]) {
		const n = Math.ceil(bytes / size);
		const head = Buffer.from("\x93\xa1u\x82\xa4type\x02\xa4data\xdd\0\0\0\0\xa1e", "latin1");
		head.writeUInt32BE(n + 1, head.length - 6);
		await control.publish("socket.io#/#", Buffer.concat([head, Buffer.alloc(piece.length * n, piece, "latin1"), Buffer.from([0x80])]));
		const since = performance.now();
		assert.equal((await cmd("fetch", { base: "nsp" })).length, 1);
		t.diagnostic(`${size} times as long: read in ${Math.round(performance.now() - since)} ms`);
	}
	assert.equal(lines(fixture, /makes no sense/g), 1);
	t.diagnostic(`${before} bytes, then ${memory()} at most`);
	assert.ok(memory() < bytes * 5, `${memory()} bytes`);
	await join_all(names + 1);
	await cmd("fetch", { base: "nsp" });
	assert.equal((await cmd("rooms")).length, 1);
	await control.publish("socket.io-request#/#", JSON.stringify({ uid: "other1", type: 2, opts: { rooms: [], except: Array(names).fill(5) }, rooms: ["x"] }));
	await until("as many as may be mean something", async () => (await cmd("rooms")).length === 2, 20000);
}, { skip: isSanitized && "a sanitizer's time" });

limit(["LIMIT_CLUSTER_REQUESTS", "LIMIT_CLUSTER_TIMEOUT_MS"], "further ones are not served; nobody waits for longer", async (t, most, longest) => {
	const { redis, fixture, socket, control, memory } = await in_cluster(t);
	const listener = redis.client(t);
	let counts = 0;
	await listener.subscribe("socket.io-response#/#");
	listener.on("message", () => { counts++; });
	let asked = 0;
	socket.on("ask", () => { asked++; }); // and never answers
	const more = 50;
	for (let i = 0; i < most + more; i++)
		control.publish("socket.io-request#/#", JSON.stringify({ uid: "other1", requestId: `r${i}`, type: 7,
			packet: { type: 2, data: ["ask"], nsp: "/" }, opts: { rooms: [], except: [], flags: { timeout: longest * 1e9 } } }));
	await until("the last one", () => lines(fixture, /what they ask beyond that is not served/g) === 1, 20000);
	await until("all that are served", () => counts === most && asked === most, 20000);
	await control.publish("socket.io-request#/#", JSON.stringify({ uid: "other1", requestId: "s", type: 6, data: ["sse-probe", 1] }));
	await control.publish("socket.io-request#/#", JSON.stringify({ uid: "other1", requestId: "f", type: 5, opts: {} }));
	await until("what needs no waiting is served", () => counts === most + 1, 20000);
	assert.equal(asked, most);
	t.diagnostic(`${memory()} bytes at most`);
	assert.ok(isSanitized || memory() < 96e6, `${memory()} bytes`);
});

limit("LIMIT_CLUSTER_ASKED", "further ones are answered at once with what is known here", async (t, most) => {
	const { redis, socket, control, cmd } = await in_cluster(t);
	const silent = redis.client(t); // a server that does not answer
	await silent.subscribe("socket.io-request#/#");
	const answers = { timeout: 0 };
	const asked = [];
	for (let i = 0; i < most; i++)
		asked.push(new Promise((done) => socket.emit("cmd", "fetch", { base: "nsp", timeout: 30000 }, done)));
	const { thrown, known } = await cmd("fetch", { base: "nsp" });
	assert.deepEqual([thrown, known.map(({ id }) => id)], ["too many requests to other servers are under way", [socket.id]]);
	assert.deepEqual(await cmd("sse", { ev: "sse-probe", args: [], ack: true }), { err: thrown, res: [] });
	assert.deepEqual(await cmd("emit", { base: "nsp", to: "nobody", ev: "e", timeout: 1000, ack: true }), { err: thrown, res: [] });
	await redis.stop(); // all of them are told
	for (const answer of await Promise.all(asked))
		answers[answer.thrown] = (answers[answer.thrown] ?? 0) + 1;
	assert.deepEqual(answers, { timeout: 0, "Redis is not connected": most });
	control.disconnect();
});

limit("LIMIT_CLUSTER_ANSWER_BYTES", "the rest is left out, and an error says so", async (t, most) => {
	const { redis, control, cmd, memory } = await in_cluster(t);
	const view = (id, bytes) => ({ id, handshake: { auth: {}, headers: { x: "x".repeat(bytes) } }, rooms: [id], data: {} });
	const rows = [[view("a", most / 2), view("a2", 10)], [view("b", most / 2), view("b2", 10)], [view("c", 10)]];
	for (const sockets of rows) {
		const other = redis.client(t);
		await other.subscribe("socket.io-request#/#");
		other.on("message", (channel, request) =>
			control.publish("socket.io-response#/#", JSON.stringify({ requestId: JSON.parse(request).requestId, sockets })));
	}
	const { thrown, known } = await cmd("fetch", { base: "nsp", timeout: 60000 });
	assert.equal(thrown, "the answers are too large, and some were left out");
	const ids = known.map(({ id }) => id);
	assert.equal(ids.filter((id) => id === "a" || id === "b").length, 1);
	for (const id of ["a2", "b2", "c"])
		assert.ok(ids.includes(id), ids.join());
	t.diagnostic(`${memory()} bytes at most`);
});

// ---- what had to wait

limit("LIMIT_HTTP_IDLE_S", "who says nothing, or half a request, is closed", async (t, seconds) => {
	for (const { what, end } of slow.ends) {
		const ms = await within(seconds * 1000 + 8000, `the end of ${what}`, end);
		assert.ok(ms > (seconds - 2) * 1000 && ms < (seconds + 6) * 1000, `${what} was closed after ${ms} ms`);
	}
});

limit("LIMIT_CLOSING_MS", "a closed session waits so long for its last poll, then it is forgotten", async (t, ms) => {
	const left = slow.begun + ms - Date.now();
	await until("its end", async () => (await json(server, "/healthz")).status === "ok" && Date.now() > slow.begun + ms + 500, Math.max(left, 0) + 5000);
	const { status, text: said_to } = await slow.closing.get();
	assert.deepEqual([status, JSON.parse(said_to).message], [400, "Session ID unknown"]);
});

// The text of all that src/app stands on: a limit of a folder that it does not reach yet is no peer's either.
function in_use() {
	const folders = new Set(["app"]);
	let text = "";

	for (const folder of folders) {
		const dir = path.join(ROOT, folder === "collectors" ? folder : `src/${folder}`);
		for (const name of readdirSync(dir).filter((file) => /\.[ch]$/.test(file) && file !== "limits.h"))
			text += readFileSync(path.join(dir, name), "utf8");
		for (const [, other] of text.matchAll(/^#include "(\w+)\//gm))
			folders.add(other);
	}
	return text;
}

test("every limit of the header that is in force is pushed against", () => {
	const names = [...header.matchAll(/^#define (LIMIT_\w+)/gm)].map(([, name]) => name);
	const text = in_use();
	const in_force = names.filter((name) => new RegExp(`\\b${name}\\b`).test(text));

	assert.deepEqual(in_force.filter((name) => !pushed.has(name)), []);
	assert.deepEqual([...pushed].filter((name) => !names.includes(name)), []);
	assert.ok(in_force.length > 20 && names.every((name) => Number.isFinite(LIMITS[name])));
});

test("and after all that the server is well", async (t) => {
	const probe = await bystander(t);
	await probe.unharmed();
	const { collectors } = await ask(probe.socket, "get status");
	assert.deepEqual(collectors.filter(({ state }) => state === "failing").map(({ name, error }) => `${name}: ${error}`), []);
	bounded(t);
});
