// Servers that share a Redis: the fixture program beside itself and beside Node with the official adapter, which shares
// every row in both directions, and the official emitter. Then what may go wrong.
import { Emitter } from "@socket.io/redis-emitter";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { CALM, ask, client, isReference, next, patient, record, start, until } from "./harness.mjs";
import { NodeServer, OwnRedis } from "./redis_peer.mjs";

const websocket = { transports: ["websocket"] };
const SERVERS_A_PROGRAM = 7;
let serial = 0;
const ownNamespace = () => `/dyn-${++serial}`;
const cmd = (socket, name, arg = null) => ask(socket, "cmd", name, arg);
const ids = (...sockets) => sockets.map((s) => s.id).sort();

let redis, control;
const servers = {};

// The program says so for each of its servers, once they are subscribed.
const connections = (fixture) => fixture.stderr.split(": connected\n").length - 1;
const cameUp = (fixture, times = 1) =>
	until("the servers are connected to Redis", () => connections(fixture) >= times * SERVERS_A_PROGRAM, 10000);

async function startC(url, args = []) {
	const fixture = await start({ args: ["--redis", url, ...CALM, ...args] });
	await cameUp(fixture);
	return { fixture, url: () => fixture.url("ext"), stop: () => fixture.stop() };
}

const subscribers = async (nsp, key = "socket.io") => (await control.pubsub("NUMSUB", `${key}-request#${nsp}#`))[1];
const subscribed = (nsp, n) => until(`${n} servers have ${nsp}`, async () => Number(await subscribers(nsp)) === n);

async function member(t, server, nsp = "/", options = {}) {
	const socket = client(t, server.url() + nsp, { ...websocket, ...options });
	await next(socket, "hello");
	return socket;
}

// A namespace of its own with one client on each of these servers, all of which know of each other.
async function gather(t, names, options) {
	const nsp = ownNamespace();
	const sockets = [];
	for (const name of names)
		sockets.push(await member(t, servers[name], nsp, options?.[sockets.length]));
	await subscribed(nsp, new Set(names).size);
	return sockets;
}

// What is published in this moment is there when something published behind it is. Servers read in order.
async function settle(from, ...others) {
	const mark = `mark-${++serial}`;
	const seen = others.map((socket) => next(socket, mark));
	await cmd(from, "emit", { base: "nsp", ev: mark });
	await Promise.all(seen);
}

// The same for what an emitter says: from a server's own clients it would be told sooner.
async function settleEmitter(emitter, ...sockets) {
	const mark = `mark-${++serial}`;
	const seen = sockets.map((socket) => next(socket, mark));
	emitter.emit(mark);
	await Promise.all(seen);
}

async function whoGot(from, sockets, event, act) {
	const lists = sockets.map((socket) => record(socket, event));
	await act();
	await (from.connected ? settle : settleEmitter)(from, ...sockets);
	return lists.map((list) => (list.length === 0 ? null : list.length === 1 ? list[0] : list));
}

describe("redis", { skip: isReference && "it brings its own reference" }, () => {
	before(async () => {
		redis = await OwnRedis.create();
		control = redis.client();
		servers.c1 = await startC(redis.url);
		servers.c2 = await startC(redis.url);
		servers.node = await NodeServer.create(redis.url);
		await subscribed("/", 3);
	});
	after(async () => {
		await servers.node?.stop();
		await servers.c1?.stop();
		await servers.c2?.stop();
		control?.disconnect();
		await redis?.remove();
	});

	for (const [from, to] of [["c1", "c2"], ["c1", "node"], ["node", "c1"]]) {
		describe(`${from} to ${to}`, { concurrency: 4 }, () => {
			const VALUES = [null, true, 0, -1, 255, 65536, 4294967296, -2147483649, 1.5, "", "Grüße 🦉", "x".repeat(300), [], {}, [[1], { a: { b: null } }],
				Array.from({ length: 20 }, (_, i) => i), Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i]))];

			it("to everyone, with every sort of value", async (t) => {
				const [a, b] = await gather(t, [from, to]);
				const got = await whoGot(a, [a, b], "ev", () => cmd(a, "emit", { base: "nsp", ev: "ev", args: VALUES }));
				assert.deepEqual(got, [VALUES, VALUES]);
			});

			it("without arguments", async (t) => {
				const [a, b] = await gather(t, [from, to]);
				assert.deepEqual(await whoGot(a, [a, b], "ev", () => cmd(a, "emit", { base: "nsp", ev: "ev" })), [[], []]);
			});

			it("binary", async (t) => {
				const [a, b] = await gather(t, [from, to]);
				const args = [Buffer.from([0, 1, 255]), { deep: [Buffer.alloc(300, 7), "x"] }, Buffer.alloc(70000, 9)];
				const got = await whoGot(a, [b], "ev", () => cmd(a, "emit", { base: "nsp", ev: "ev", args }));
				assert.deepEqual(got, [args]);
			});

			it("socket.broadcast leaves out the sender alone", async (t) => {
				const [a, a2, b] = await gather(t, [from, from, to]);
				assert.deepEqual(await whoGot(a, [a, a2, b], "ev", () => cmd(a, "emit", { base: "broadcast", ev: "ev", args: [1] })), [null, [1], [1]]);
			});

			it("one room, several rooms, rooms left out", async (t) => {
				const [a, b, b2] = await gather(t, [from, to, to]);
				await cmd(a, "join", ["r1"]);
				await cmd(b, "join", ["r1", "r2"]);
				await cmd(b2, "join", ["r2", "r3"]);
				const row = (arg) => whoGot(a, [a, b, b2], "ev", () => cmd(a, "emit", { base: "nsp", ev: "ev", args: [1], ...arg }));
				assert.deepEqual(await row({ to: "r1" }), [[1], [1], null]);
				assert.deepEqual(await row({ to: ["r1", "r2"] }), [[1], [1], [1]]);
				assert.deepEqual(await row({ to: "r2", except: "r3" }), [null, [1], null]);
				assert.deepEqual(await row({ except: ["r1"] }), [null, null, [1]]);
				assert.deepEqual(await row({ to: "nobody" }), [null, null, null]);
				assert.deepEqual(await row({ to: b2.id }), [null, null, [1]]);
			});

			it("a room whose name is a number, odd, or not ASCII", async (t) => {
				const [a, b] = await gather(t, [from, to]);
				for (const room of ["42", "a#b", "*", "[x]", "Räume ü", "#", "a,b"]) {
					await cmd(b, "join", [room]);
					assert.deepEqual(await whoGot(a, [b], "ev", () => cmd(a, "emit", { base: "nsp", to: room, ev: "ev", args: [room] })), [[room]], room);
				}
			});

			it("local stays here", async (t) => {
				const [a, b] = await gather(t, [from, to]);
				assert.deepEqual(await whoGot(a, [a, b], "ev", () => cmd(a, "emit", { base: "nsp", local: true, ev: "ev", args: [1] })), [[1], null]);
			});

			it("volatile and uncompressed ones arrive too", async (t) => {
				const [a, b] = await gather(t, [from, to]);
				assert.deepEqual(await whoGot(a, [b], "ev", () => cmd(a, "emit", { base: "nsp", volatile: true, compress: false, ev: "ev", args: [1] })), [[1]]);
			});

			it("keeps the order", async (t) => {
				const [a, b] = await gather(t, [from, to]);
				const list = record(b, "n");
				await Promise.all(Array.from({ length: 50 }, (_, i) => cmd(a, "emit", { base: "nsp", ev: "n", args: [i] })));
				await settle(a, b);
				assert.deepEqual(list.map(([n]) => n), Array.from({ length: 50 }, (_, i) => i));
			});

			it("acknowledged by everyone", async (t) => {
				const [a, b, b2] = await gather(t, [from, to, to]);
				a.on("ask", (x, ack) => ack(`a${x}`));
				b.on("ask", (x, ack) => ack({ deep: [x] }, "only the first counts"));
				b2.on("ask", (x, ack) => ack(Buffer.from([x])));
				const { err, res } = await cmd(a, "emit", { base: "nsp", ev: "ask", args: [7], timeout: patient(2000), ack: true });
				assert.equal(err, null);
				assert.equal(res.length, 3);
				for (const answer of ["a7", { deep: [7] }, Buffer.from([7])])
					assert.ok(res.some((r) => { try { assert.deepEqual(r, answer); return true; } catch { return false; } }), JSON.stringify(res));
			});

			it("acknowledged by nobody", async (t) => {
				const [a] = await gather(t, [from, to]);
				assert.deepEqual(await cmd(a, "emit", { base: "nsp", to: "nobody", ev: "ask", timeout: patient(2000), ack: true }), { err: null, res: [] });
			});

			it("acknowledged by some: the others are timed out", async (t) => {
				const [a, b, b2] = await gather(t, [from, to, to]);
				await cmd(b, "join", ["r"]);
				await cmd(b2, "join", ["r"]);
				b.on("ask", (ack) => ack("b"));
				assert.deepEqual(await cmd(a, "emit", { base: "nsp", to: "r", ev: "ask", timeout: patient(300), ack: true }),
					{ err: "operation has timed out", res: ["b"] });
			});

			it("acknowledged without an argument", async (t) => {
				const [a, b] = await gather(t, [from, to]);
				b.on("ask", (ack) => ack());
				assert.deepEqual(await cmd(a, "emit", { base: "nsp", to: b.id, ev: "ask", timeout: patient(2000), ack: true }), { err: null, res: [null] });
			});

			it("socketsJoin and socketsLeave", async (t) => {
				const [a, b, b2] = await gather(t, [from, to, to]);
				assert.equal(await cmd(a, "sjoin", { base: "nsp", rooms: ["x", "y"] }), true);
				await settle(a, a, b, b2);
				for (const s of [a, b, b2])
					assert.deepEqual(await cmd(s, "rooms"), [s.id, "x", "y"].sort());
				await cmd(a, "sleave", { base: "nsp", in: "x", except: b2.id, rooms: ["x"] });
				await settle(a, a, b, b2);
				assert.deepEqual(await cmd(a, "rooms"), [a.id, "y"].sort());
				assert.deepEqual(await cmd(b, "rooms"), [b.id, "y"].sort());
				assert.deepEqual(await cmd(b2, "rooms"), [b2.id, "x", "y"].sort());
				await cmd(a, "sjoin", { base: "nsp", local: true, rooms: ["here"] });
				await settle(a, b);
				assert.ok(!(await cmd(b, "rooms")).includes("here"));
			});

			it("disconnectSockets", async (t) => {
				const [a, b, b2, b3] = await gather(t, [from, to, to, to]);
				await cmd(b2, "join", ["out"]);
				await cmd(b3, "join", ["gone"]);
				const left = next(b2, "disconnect");
				await cmd(a, "sdisconnect", { base: "nsp", in: "out", close: false });
				assert.equal((await left)[0], "io server disconnect");
				const closed = next(b3, "disconnect");
				await cmd(a, "sdisconnect", { base: "nsp", in: "gone", close: true });
				assert.equal((await closed)[0], "io server disconnect");
				assert.equal(await cmd(b, "ping"), "pong");
			});

			it("fetchSockets", async (t) => {
				const [a, b, b2] = await gather(t, [from, to, to], [{}, { auth: { token: 7 } }]);
				await cmd(b, "join", ["r"]);
				await cmd(b, "setData", { name: "bé" });
				const all = await cmd(a, "fetch", { base: "nsp" });
				assert.deepEqual(all.map((s) => s.id), ids(a, b, b2));
				assert.deepEqual(all.find((s) => s.id === b.id), { id: b.id, rooms: [b.id, "r"].sort(), data: { name: "bé" }, auth: { token: 7 } });
				assert.deepEqual((await cmd(a, "fetch", { base: "nsp", in: "r" })).map((s) => s.id), [b.id]);
				assert.deepEqual((await cmd(a, "fetch", { base: "nsp", except: "r" })).map((s) => s.id), ids(a, b2));
				assert.deepEqual((await cmd(a, "fetch", { base: "broadcast" })).map((s) => s.id), ids(b, b2));
				assert.deepEqual((await cmd(a, "fetch", { base: "nsp", local: true })).map((s) => s.id), [a.id]);
			});

			it("serverSideEmit", async (t) => {
				const [a, b] = await gather(t, [from, to]);
				// One log serves all namespaces of a server: it is read by this test alone.
				for (const args of [[1, { a: ["x"] }], [], [null, "Grüße", 1.5], [Buffer.from([1, 2]), "x"]])
					await cmd(a, "sse", { ev: "sse-probe", args });
				await settle(a, b);
				assert.deepEqual(await cmd(b, "sseLog"), [[1, { a: ["x"] }], [], [null, "Grüße", 1.5], [{ type: "Buffer", data: [1, 2] }, "x"]]);
				assert.deepEqual(await cmd(a, "sseLog"), [], "not to who sends it");
				assert.deepEqual(await cmd(a, "sse", { ev: "sse-probe", args: ["q"], ack: true }), { err: null, res: ["pong:q"] });
				assert.deepEqual(await cmd(b, "sseLog"), [["q"]]);
			});

			it("serverSideEmit that no handler answers", async (t) => {
				const [a] = await gather(t, [from, to]);
				assert.deepEqual(await a.timeout(patient(9000)).emitWithAck("cmd", "sse", { ev: "nobody-hears", args: [], ack: true }),
					{ err: "timeout reached: only 0 responses received out of 1", res: [] });
			});

			it("namespaces do not mix", async (t) => {
				const [a] = await gather(t, [from, to]);
				const [, other] = await gather(t, [from, to]);
				const list = record(other, "ev");
				await cmd(a, "emit", { base: "nsp", ev: "ev" });
				await settle(other, other);
				assert.deepEqual(list, []);
			});
		});
	}

	describe("the emitter", { concurrency: 4 }, () => {
		let emitter;
		before(() => { emitter = new Emitter(control); });

		for (const name of ["c1", "node"]) {
			it(`to ${name}: everyone, rooms, those left out, binary`, async (t) => {
				const [a, b] = await gather(t, [name, name]);
				const nsp = emitter.of(a.nsp);
				await cmd(b, "join", ["r"]);
				const row = (act) => whoGot(nsp, [a, b], "ev", act);
				assert.deepEqual(await row(() => nsp.emit("ev", 1, { a: Buffer.from([3]) })), [[1, { a: Buffer.from([3]) }], [1, { a: Buffer.from([3]) }]]);
				assert.deepEqual(await row(() => nsp.to("r").emit("ev", 2)), [null, [2]]);
				assert.deepEqual(await row(() => nsp.to(["r", a.id]).except("r").emit("ev", 3)), [[3], null]);
				assert.deepEqual(await row(() => nsp.except("r").volatile.emit("ev", 4)), [[4], null]);
			});

			it(`to ${name}: socketsJoin, socketsLeave, disconnectSockets, serverSideEmit`, async (t) => {
				const [a, b] = await gather(t, [name, name]);
				const nsp = emitter.of(a.nsp);
				nsp.in(b.id).socketsJoin(["x", "y"]);
				nsp.socketsLeave("y");
				nsp.serverSideEmit("sse-probe", 1, "two");
				await settleEmitter(nsp, a, b);
				assert.deepEqual(await cmd(b, "rooms"), [b.id, "x"].sort());
				assert.deepEqual(await cmd(a, "rooms"), [a.id]);
				assert.deepEqual(await cmd(a, "sseLog"), [[1, "two"]]);
				const left = next(b, "disconnect");
				nsp.in("x").disconnectSockets();
				assert.equal((await left)[0], "io server disconnect");
			});
		}
	});

	it("a Node server that finds our sockets speaks to them, moves them, and lets them go", async (t) => {
		const [a] = await gather(t, ["c1", "node"]);
		const remotes = await servers.node.io.of(a.nsp).fetchSockets();
		const remote = remotes.find((s) => s.id === a.id);
		assert.equal(remote.handshake.address, "127.0.0.1");
		assert.match(remote.handshake.url, /^\/socket\.io\/\?EIO=4/);
		assert.equal(typeof remote.handshake.headers.host, "string");
		assert.deepEqual([...remote.rooms], [a.id]);
		const got = next(a, "ev");
		remote.emit("ev", 1);
		assert.deepEqual(await got, [1]);
		a.on("ask", (x, ack) => ack(x + 1));
		assert.equal(await remote.timeout(patient(2000)).emitWithAck("ask", 1), 2);
		remote.join("r");
		remote.join(["s", "t"]);
		remote.leave("s");
		remote.emit("ev", 2);
		await next(a, "ev");
		assert.deepEqual(await cmd(a, "rooms"), [a.id, "r", "t"].sort());
		const left = next(a, "disconnect");
		remote.disconnect();
		assert.equal((await left)[0], "io server disconnect");
	});

	it("answers to who asked alone, from Node and from us", async (t) => {
		const listener = redis.client(t);
		const seen = [];
		await listener.psubscribe("*-response#*");
		listener.on("pmessage", (pattern, channel) => seen.push(channel));
		const other = await NodeServer.create(redis.url, { publishOnSpecificResponseChannel: true });
		t.after(() => other.stop());
		const nsp = ownNamespace();
		const [a, b] = [await member(t, servers.c1, nsp), await member(t, other, nsp)];
		await subscribed(nsp, 2);
		b.on("ask", (ack) => ack("b"));
		assert.deepEqual((await cmd(a, "fetch", { base: "nsp" })).map((s) => s.id), ids(a, b));
		assert.deepEqual(await cmd(a, "sse", { ev: "sse-probe", args: [1], ack: true }), { err: null, res: ["pong:1"] });
		assert.deepEqual(await cmd(a, "emit", { base: "nsp", to: b.id, ev: "ask", timeout: patient(2000), ack: true }), { err: null, res: ["b"] });
		// The official one answers a server-side event to everyone even so.
		assert.equal(seen.filter((channel) => /^socket\.io-response#\/dyn-\d+#[\w-]{6}#$/.test(channel)).length, 3, seen.join());
		seen.length = 0;
		const [c, d] = await Promise.all([servers.c1, servers.c2].map((s) => member(t, { url: () => s.fixture.url("csr") })));
		c.on("ask", (ack) => ack("c"));
		assert.deepEqual((await cmd(d, "fetch", { base: "nsp" })).map((s) => s.id), ids(c, d));
		assert.deepEqual(await cmd(d, "sse", { ev: "sse-probe", args: [1], ack: true }), { err: null, res: ["pong:1"] });
		assert.deepEqual(await cmd(d, "emit", { base: "nsp", to: c.id, ev: "ask", timeout: patient(2000), ack: true }), { err: null, res: ["c"] });
		assert.ok(seen.length >= 4 && seen.every((channel) => /^socket\.io-csr-response#\/#[\w-]{6}#$/.test(channel)), seen.join());
	});

	it("what a server says while it ends is heard", async (t) => {
		const third = await startC(redis.url);
		const nsp = ownNamespace();
		const a = await member(t, servers.c1, nsp);
		const b = await member(t, third, nsp);
		await subscribed(nsp, 2);
		const last = record(a, "n");
		for (let i = 0; i < 20; i++)
			b.emit("cmd", "emit", { base: "nsp", ev: "n", args: [i] });
		await cmd(b, "ping");
		await third.stop();
		await subscribed(nsp, 1);
		await settle(a, a);
		await until("all of it", () => last.length === 20);
	});

	it("three servers: one answer of each", async (t) => {
		const [a, b, c] = await gather(t, ["c1", "c2", "node"]);
		for (const socket of [a, b, c])
			socket.on("ask", (ack) => ack(socket.id));
		for (const asker of [a, c]) {
			const { err, res } = await cmd(asker, "emit", { base: "nsp", ev: "ask", timeout: patient(2000), ack: true });
			assert.deepEqual([err, res.sort()], [null, ids(a, b, c)]);
			assert.deepEqual((await cmd(asker, "fetch", { base: "nsp" })).map((s) => s.id), ids(a, b, c));
			assert.deepEqual(await cmd(asker, "sse", { ev: "sse-probe", args: [1], ack: true }), { err: null, res: ["pong:1", "pong:1"] });
		}
	});

	it("a namespace is subscribed to while it is there, under its own name and no other", async (t) => {
		const nsp = ownNamespace();
		const socket = await member(t, servers.c1, nsp);
		await subscribed(nsp, 1);
		const channels = await control.pubsub("CHANNELS", `*#${nsp}#*`);
		assert.equal(channels.length, 3);
		socket.disconnect();
		await subscribed(nsp, 0);
		assert.deepEqual(await control.pubsub("CHANNELS", `*#${nsp}#*`), []);
		const strange = await member(t, servers.c1, "/fn-[*", { auth: { ok: true } });
		const list = record(strange, "ev");
		new Emitter(control).of("/fn-[abc").emit("ev", 1);
		new Emitter(control).of("/fn-[*").emit("ev", 2);
		new Emitter(control).of("/fn-[*").to(strange.id).emit("ev", 3);
		await until("the last is there", () => list.length && list.at(-1)[0] === 3);
		assert.deepEqual(list, [[2], [3]]);
	});

	it("the other servers of the program are clusters too: msgpack, recovery", async (t) => {
		for (const name of ["base", "msgpack", "csr"]) {
			const options = name === "msgpack" ? { ...websocket, parser: (await import("socket.io-msgpack-parser")).default } : websocket;
			const sockets = [servers.c1, servers.c2].map((s) => client(t, s.fixture.url(name), options));
			await Promise.all(sockets.map((s) => next(s, "connect")));
			const got = sockets.map((s) => next(s, "ev"));
			new Emitter(control, { key: `socket.io-${name}` }).emit("ev", 1, Buffer.from([2]));
			for (const [first, second] of await Promise.all(got)) {
				assert.equal(first, 1);
				assert.deepEqual(second, Buffer.from([2]));
			}
		}
	});

	it("old forms of requests: one socket joins, leaves, goes; sockets and rooms by their names", async (t) => {
		const [a, b] = await gather(t, ["c1", "c1"]);
		const listener = redis.client(t);
		const answers = [];
		await listener.subscribe(`socket.io-response#${a.nsp}#`);
		listener.on("message", (channel, text) => answers.push(JSON.parse(text)));
		const request = async (o) => {
			await control.publish(`socket.io-request#${a.nsp}#`, JSON.stringify({ uid: "other1", ...o }));
			await until("an answer", () => answers.length > 0);
			return answers.shift();
		};
		assert.deepEqual(await request({ requestId: "r1", type: 2, sid: b.id, room: "old" }), { requestId: "r1" });
		assert.deepEqual(await cmd(b, "rooms"), [b.id, "old"].sort());
		assert.deepEqual(await request({ requestId: "r2", type: 0, rooms: ["old"] }), { requestId: "r2", sockets: [b.id] });
		assert.deepEqual((await request({ requestId: "r3", type: 0, rooms: [] })).sockets.sort(), ids(a, b));
		assert.deepEqual((await request({ requestId: "r4", type: 1 })).rooms.sort(), [...ids(a, b), "old"].sort());
		assert.deepEqual(await request({ requestId: "r5", type: 3, sid: b.id, room: "old" }), { requestId: "r5" });
		assert.deepEqual(await cmd(b, "rooms"), [b.id]);
		const left = next(b, "disconnect");
		assert.deepEqual(await request({ requestId: "r6", type: 4, sid: b.id, close: true }), { requestId: "r6" });
		await left;
	});

	it("the two servers' messages are what the official ones write", async (t) => {
		const [a] = await gather(t, ["c1"]);
		const listener = redis.client(t);
		const seen = [];
		await listener.psubscribe(`socket.io*#${a.nsp}#*`);
		listener.on("pmessageBuffer", (pattern, channel, data) => seen.push([channel.toString(), data]));
		await cmd(a, "emit", { base: "nsp", ev: "ev", args: [1] });
		await cmd(a, "emit", { base: "nsp", to: "r", ev: "ev" });
		await cmd(a, "emit", { base: "nsp", to: ["r", "s"], ev: "ev" });
		await cmd(a, "sjoin", { base: "nsp", in: "r", rooms: ["z"] });
		await until("four messages", () => seen.length === 4);
		assert.deepEqual(seen.map(([channel]) => channel),
			[`socket.io#${a.nsp}#`, `socket.io#${a.nsp}#r#`, `socket.io#${a.nsp}#`, `socket.io-request#${a.nsp}#`]);
		const [uid] = [seen[0][1].subarray(2, 8).toString()];
		assert.match(uid, /^[A-Za-z0-9_-]{6}$/);
		const text = (s) => Buffer.concat([Buffer.from([0xa0 + s.length]), Buffer.from(s)]);
		assert.deepEqual(seen[0][1].toString("hex"), Buffer.concat([Buffer.from([0x93]), text(uid), Buffer.from([0x83]), text("type"), Buffer.from([2]), text("data"),
			Buffer.from([0x92]), text("ev"), Buffer.from([1]), text("nsp"), text(a.nsp), Buffer.from([0x83]), text("rooms"), Buffer.from([0x90]), text("except"),
			Buffer.from([0x90]), text("flags"), Buffer.from([0x80])]).toString("hex"));
		assert.deepEqual(JSON.parse(seen[3][1].toString()), { uid, type: 2, opts: { rooms: ["r"], except: [], flags: {} }, rooms: ["z"] });
	});

	describe("what may go wrong", () => {
		const JUNK = ["", "x", "{", "{}", "[]", "null", "{\"type\":99}", "{\"type\":5}", "{\"requestId\":{}}", "\xc1", "\x93", "\x93\xa1", "\xdd\xff\xff\xff\xff",
			"\x91".repeat(100000), `{"type":6,"data":${"[".repeat(100000)}`, `{"type":6,"data":[{}]}`, `{"type":2,"opts":{"rooms":{}}}`, `{"type":7,"requestId":"x","opts":{}}`,
			`{"type":2,"opts":{"rooms":"x","except":5,"flags":[]},"rooms":[null,{},["x"]]}`, `{"type":4,"opts":{"rooms":[{}]},"close":1}`];

		it("junk on every channel", async (t) => {
			// A namespace that only our servers have: the official one does not survive this.
			const nsp = `/fn-junk-${++serial}`;
			const a = await member(t, servers.c1, nsp, { auth: { ok: true } });
			const b = await member(t, servers.c2, nsp, { auth: { ok: true } });
			await subscribed(nsp, 2);
			for (const channel of [`socket.io#${nsp}#`, `socket.io#${nsp}#${a.id}#`, `socket.io#${nsp}`, `socket.io#${nsp}##`, `socket.io-request#${nsp}#`, `socket.io-response#${nsp}#`])
				for (const junk of JUNK)
					await control.publish(channel, Buffer.from(junk, "latin1"));
			assert.deepEqual(await whoGot(a, [a, b], "ev", () => cmd(a, "emit", { base: "nsp", ev: "ev", args: [1] })), [[1], [1]]);
			assert.ok(a.connected && b.connected);
			assert.deepEqual(await cmd(b, "rooms"), [b.id]);
			assert.match(servers.c1.fixture.stderr, /makes no sense/);
			assert.equal(servers.c1.fixture.stderr.split("makes no sense").length, 2, "said once");
		});

		it("a server that vanishes: its subscription is gone with it", async (t) => {
			const third = await startC(redis.url);
			const nsp = ownNamespace();
			const a = await member(t, servers.c1, nsp);
			await member(t, third, nsp);
			await subscribed(nsp, 2);
			third.fixture.child.kill("SIGKILL");
			await third.fixture.exited;
			await subscribed(nsp, 1);
			assert.deepEqual((await cmd(a, "fetch", { base: "nsp" })).map((s) => s.id), [a.id]);
		});

		it("a server that does not answer: what is known, and an error", async (t) => {
			const third = await startC(redis.url);
			t.after(() => { third.fixture.child.kill("SIGCONT"); return third.stop(); });
			const nsp = ownNamespace();
			const a = await member(t, servers.c1, nsp);
			const b = await member(t, servers.c2, nsp);
			await member(t, third, nsp);
			await subscribed(nsp, 3);
			third.fixture.child.kill("SIGSTOP");
			for (const socket of [a, b])
				socket.on("ask", (ack) => ack(socket.id));
			const fetched = await cmd(a, "fetch", { base: "nsp", timeout: 300 });
			assert.equal(fetched.thrown, "timeout reached while waiting for fetchSockets response");
			assert.deepEqual(fetched.known.map((s) => s.id), ids(a, b));
			const asked = await cmd(a, "emit", { base: "nsp", ev: "ask", timeout: 300, ack: true });
			assert.deepEqual([asked.err, asked.res.sort()], ["operation has timed out", ids(a, b)]);
			assert.deepEqual(await a.timeout(patient(9000)).emitWithAck("cmd", "sse", { ev: "sse-probe", args: [1], ack: true }),
				{ err: "timeout reached: only 1 responses received out of 2", res: ["pong:1"] });
			// Its late answers are nobody's any more.
			third.fixture.child.kill("SIGCONT");
			// (It holds its own client to be gone, and leaves this namespace in the midst of a question, or answers it.)
			let again;
			await until("all that are there answer", async () => !(again = await cmd(a, "fetch", { base: "nsp", timeout: 300 })).thrown, 5000);
			for (const socket of [a, b])
				assert.ok(again.some(({ id }) => id === socket.id));
			await settle(a, b);
		});

		it("Redis is ended and started again", async (t) => {
			const [a, b, n] = await gather(t, ["c1", "c2", "node"]);
			const said = () => servers.c1.fixture.stderr.split("trying again").length - 1;
			const before = said();
			const connected = connections(servers.c1.fixture) / SERVERS_A_PROGRAM;
			a.on("ask", (ack) => ack("here"));
			await redis.stop();
			await until("it is lost", () => said() >= before + SERVERS_A_PROGRAM);
			// Among the clients of one server everything goes on.
			const list = record(a, "ev");
			await cmd(a, "emit", { base: "nsp", ev: "ev", args: ["alone"] });
			await cmd(a, "sjoin", { base: "nsp", rooms: ["r"] });
			assert.deepEqual(await cmd(a, "rooms"), [a.id, "r"].sort());
			assert.deepEqual(list, [["alone"]]);
			const fetched = await cmd(a, "fetch", { base: "nsp" });
			assert.equal(fetched.thrown, "Redis is not connected");
			assert.deepEqual(fetched.known.map((s) => s.id), [a.id]);
			assert.deepEqual(await cmd(a, "emit", { base: "nsp", ev: "ask", timeout: patient(2000), ack: true }), { err: "Redis is not connected", res: ["here"] });
			assert.deepEqual(await cmd(a, "sse", { ev: "sse-probe", args: [1], ack: true }), { err: "Redis is not connected", res: [] });
			// A namespace that comes to be meanwhile is subscribed to later.
			const late = ownNamespace();
			const l1 = await member(t, servers.c1, late);
			const l2 = await member(t, servers.c2, late);
			await redis.start();
			await cameUp(servers.c1.fixture, connected + 1);
			await cameUp(servers.c2.fixture, connected + 1);
			await subscribed(a.nsp, 3);
			await subscribed(late, 2);
			assert.deepEqual(await whoGot(a, [a, b, n], "ev", () => cmd(a, "emit", { base: "nsp", ev: "ev", args: [1] })), [[1], [1], [1]]);
			assert.deepEqual(await whoGot(l1, [l1, l2], "ev", () => cmd(l1, "emit", { base: "nsp", ev: "ev", args: [2] })), [[2], [2]]);
			assert.deepEqual((await cmd(a, "fetch", { base: "nsp" })).map((s) => s.id), ids(a, b, n));
			assert.equal(said(), before + SERVERS_A_PROGRAM, "the loss was told once");
		});

		it("Redis is lost while answers are awaited", async (t) => {
			const [a] = await gather(t, ["c1", "c2"]);
			const connected = connections(servers.c1.fixture) / SERVERS_A_PROGRAM;
			servers.c2.fixture.child.kill("SIGSTOP");
			const answers = Promise.all([cmd(a, "fetch", { base: "nsp" }), cmd(a, "sse", { ev: "sse-probe", args: [1], ack: true }),
				cmd(a, "emit", { base: "nsp", to: "nobody", ev: "ask", timeout: patient(2500), ack: true })]);
			await until("all three are asked", async () => (await cmd(a, "ping")) === "pong");
			await redis.stop();
			const [fetched, sse, asked] = await answers;
			servers.c2.fixture.child.kill("SIGCONT");
			assert.deepEqual([fetched.thrown, fetched.known.map((s) => s.id)], ["Redis is not connected", [a.id]]);
			assert.deepEqual(sse, { err: "Redis is not connected", res: [] });
			assert.deepEqual(asked, { err: "Redis is not connected", res: [] });
			await redis.start();
			await cameUp(servers.c1.fixture, connected + 1);
			await subscribed(a.nsp, 2);
		});

		it("Redis that hangs: requests end in time", async (t) => {
			const [a] = await gather(t, ["c1", "c2"]);
			redis.child.kill("SIGSTOP");
			t.after(() => redis.child.kill("SIGCONT"));
			const fetched = await cmd(a, "fetch", { base: "nsp", timeout: 200 });
			assert.deepEqual([fetched.thrown, fetched.known.map((s) => s.id)], ["Redis does not answer", [a.id]]);
			redis.child.kill("SIGCONT");
			assert.equal((await cmd(a, "fetch", { base: "nsp" })).length, 2);
		});

		it("a password, a wrong one, and a socket file", async (t) => {
			const secret = await OwnRedis.create(["--requirepass", "se:c/r et"]);
			t.after(() => secret.remove());
			const right = await startC(`redis://:${encodeURIComponent("se:c/r et")}@localhost:${secret.port}/3`);
			t.after(() => right.stop());
			const unix = await startC(`unix://:${encodeURIComponent("se:c/r et")}@${secret.socket}`);
			t.after(() => unix.stop());
			const [a, b] = [await member(t, right), await member(t, unix)];
			await until("they know of each other", async () => (await cmd(a, "fetch", { base: "nsp" })).length === 2);
			assert.deepEqual(await whoGot(a, [b], "ev", () => cmd(a, "emit", { base: "nsp", ev: "ev", args: [1] })), [[1]]);
			const wrong = await start({ args: ["--redis", `redis://:wrong@127.0.0.1:${secret.port}`] });
			t.after(() => wrong.stop());
			await until("it is told", () => /WRONGPASS|invalid/.test(wrong.stderr));
			assert.doesNotMatch(wrong.stderr + right.fixture.stderr + unix.fixture.stderr, /:wrong@|se:c|se%3A/);
			assert.equal(connections(wrong), 0);
		});
	});
});
