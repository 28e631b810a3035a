// The server's own API, seen from the client: the ext server runs each command that a test sends
// it, and the official client sees what becomes of it.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CALM, STRICT, WAYS, ask, better, client, connected, next, patient, record, refused, serve, sleep, until, within } from "./harness.mjs";
import { OP, Polling, SEP, WebSocketLink, frame, join, link } from "./raw.mjs";

const server = serve(CALM);
const strict = serve(STRICT);
const SID = /^[A-Za-z0-9_-]{20}$/;
const together = { concurrency: 8 };
const websocket = { transports: ["websocket"] };

const cmd = (socket, name, arg = null) => ask(socket, "cmd", name, arg);

// A client that has got its `hello`; rooms and namespaces are named after the test, so that tests
// at the same time do not meet.
let serial = 0;
const fresh = (word) => `${word}-${++serial}`;
const ownNamespace = () => `/dyn-${++serial}`;

async function member(t, nsp = "/", { at = server, server: name = "ext", ...options } = {}) {
	const socket = client(t, at.url(name) + nsp, { ...websocket, ...options });
	[socket.hello] = await next(socket, "hello");
	return socket;
}

const members = (t, nsp, count) => Promise.all(Array.from({ length: count }, () => member(t, nsp)));

// Who of these got the event: a list of the argument lists of each. The last word to each of them
// goes the same way as the event, so what is not there then does not come.
async function whoGot(sockets, event, act) {
	const lists = sockets.map((socket) => record(socket, event));
	await act();
	for (const socket of sockets) {
		if (socket.connected)
			await cmd(socket, "ping");
	}
	return lists.map((list) => (list.length === 0 ? null : list.length === 1 ? list[0] : list));
}

describe("hello", together, () => {
	for (const [way, options] of Object.entries(WAYS)) {
		it(`over ${way}`, async (t) => {
			const socket = client(t, server.url("ext"), { ...options, auth: { a: [1] } });
			const [hello] = await next(socket, "hello");
			assert.match(socket.id, SID);
			assert.deepEqual(hello, { id: socket.id, nsp: "/", rooms: [socket.id], recovered: false, auth: { a: [1] } });
			assert.equal(await cmd(socket, "ping"), "pong");
		});
	}

	it("flags of a socket", async (t) => {
		const socket = await member(t);
		assert.deepEqual(await cmd(socket, "flags"), { connected: true, disconnected: false, recovered: false, sameIdAsEngine: false, protocol: 4 });
	});

	it("name of the transport, before and after the upgrade", async (t) => {
		assert.equal(await cmd(await member(t), "transport"), "websocket");
		assert.equal(await cmd(await member(t, "/", { transports: ["polling"] }), "transport"), "polling");
		const socket = await member(t, "/", { transports: ["polling", "websocket"] });
		if (socket.io.engine.transport.name === "polling")
			await next(socket.io.engine, "upgrade");
		assert.equal(await cmd(socket, "transport"), "websocket");
	});
});

describe("handshake", together, () => {
	for (const [way, options] of Object.entries({ polling: WAYS.polling, websocket: WAYS.websocket })) {
		it(`over ${way}`, async (t) => {
			const extraHeaders = { "x-probe": "é-free text", "user-agent": "probe/1" };
			const socket = await member(t, "/", { ...options, auth: { k: "v" }, query: { q: "ä&= +", n: 1 }, extraHeaders: { ...extraHeaders, "x-probe": "text" } });
			const got = await cmd(socket, "handshake");
			const { EIO, transport, q, n } = got.query;
			assert.deepEqual({ EIO, transport, q, n }, { EIO: "4", transport: way, q: "ä&= +", n: "1" });
			assert.match(got.url, /^\/socket\.io\/\?/);
			assert.match(got.url, /EIO=4/);
			assert.deepEqual([got.auth, got.secure, got.xdomain, got.issuedType, got.timeType], [{ k: "v" }, false, false, "number", "string"]);
			assert.equal(got.address, "127.0.0.1");
			assert.deepEqual([got.ua, got.probe], ["probe/1", "text"]);
		});
	}

	it("knows a request from another origin", async (t) => {
		const socket = await member(t, "/", { extraHeaders: { origin: "http://elsewhere.example" } });
		assert.equal((await cmd(socket, "handshake")).xdomain, true);
	});

	it("has the auth of its own namespace", async (t) => {
		const socket = await member(t, "/room-nsp", { auth: { of: "room-nsp" } });
		assert.deepEqual((await cmd(socket, "handshake")).auth, { of: "room-nsp" });
	});
});

describe("rooms", together, () => {
	it("contain a socket's own id from the start", async (t) => {
		const socket = await member(t);
		assert.deepEqual(await cmd(socket, "rooms"), [socket.id]);
	});

	it("are joined and left, one or many, again and again", async (t) => {
		const socket = await member(t);
		const own = (...rooms) => [socket.id, ...rooms].sort();
		assert.deepEqual(await cmd(socket, "join", "a"), own("a"));
		assert.deepEqual(await cmd(socket, "join", ["b", "c", "a"]), own("a", "b", "c"));
		assert.deepEqual(await cmd(socket, "join", "b"), own("a", "b", "c"));
		assert.deepEqual(await cmd(socket, "leave", "b"), own("a", "c"));
		assert.deepEqual(await cmd(socket, "leave", "never"), own("a", "c"));
		assert.deepEqual(await cmd(socket, "leave", "a"), own("c"));
		assert.deepEqual(await cmd(socket, "join", []), own("c"));
	});

	it("have any name", async (t) => {
		const socket = await member(t);
		const names = ["", " ", "/", "#", "ж😀", "__proto__", "constructor", "x".repeat(1000), "a,b", "a\nb"];
		assert.deepEqual(await cmd(socket, "join", names), [socket.id, ...names].sort());
	});

	it("are many for one socket", async (t) => {
		const socket = await member(t);
		const names = Array.from({ length: 2000 }, (_, i) => `r${i}`);
		assert.equal((await cmd(socket, "join", names)).length, 2001);
	});
});

// Five clients of one namespace: a and b in room x, b and c in room y, d in none, and the speaker.
describe("broadcast", together, () => {
	async function cast(t) {
		const nsp = ownNamespace();
		const [speaker, a, b, c, d] = await members(t, nsp, 5);
		await Promise.all([cmd(a, "join", "x"), cmd(b, "join", ["x", "y"]), cmd(c, "join", "y")]);
		return { speaker, a, b, c, d };
	}

	const ROWS = [
		// options of `emit`, who gets it (s is the speaker)
		[{ base: "nsp" }, "sabcd"],
		[{ base: "nsp", to: "x" }, "ab"],
		[{ base: "nsp", in: "x" }, "ab"],
		[{ base: "nsp", to: ["x", "y"] }, "abc"],
		[{ base: "nsp", to: "x", in: "y" }, "abc"],
		[{ base: "nsp", to: [] }, "sabcd"],
		[{ base: "nsp", to: [], in: "x" }, "ab"],
		[{ base: "nsp", to: "nobody" }, ""],
		[{ base: "nsp", to: ["nobody", "y"] }, "bc"],
		[{ base: "nsp", except: "x" }, "scd"],
		[{ base: "nsp", except: ["x", "y"] }, "sd"],
		[{ base: "nsp", except: "nobody" }, "sabcd"],
		[{ base: "nsp", to: "x", except: "y" }, "a"],
		[{ base: "nsp", to: ["x", "y"], except: "x" }, "c"],
		[{ base: "nsp", to: "x", except: "x" }, ""],
		[{ base: "nsp", local: true }, "sabcd"],
		[{ base: "nsp", local: true, to: "y" }, "bc"],
		[{ base: "nsp", compress: false }, "sabcd"],
		[{ base: "nsp", compress: true, to: "y" }, "bc"],
		[{ base: "socket" }, "s"],
		[{ base: "socket", to: "x" }, "ab"],
		[{ base: "socket", in: ["x", "y"] }, "abc"],
		[{ base: "socket", except: "x" }, "cd"],
		[{ base: "socket", to: [] }, "abcd"],
		[{ base: "socket", to: "SELF" }, ""],
		[{ base: "socket", local: true }, "abcd"],
		[{ base: "socket", compress: false }, "s"],
		[{ base: "broadcast" }, "abcd"],
		[{ base: "broadcast", to: "y" }, "bc"],
		[{ base: "broadcast", except: "y" }, "ad"],
		[{ base: "broadcast", to: ["x", "y"], except: "y" }, "a"],
		[{ base: "nsp", to: "SELF" }, "s"],
		[{ base: "nsp", except: "SELF" }, "abcd"],
	];
	for (const [options, expected] of ROWS) {
		it(`${JSON.stringify(options)} -> ${expected || "nobody"}`, async (t) => {
			const { speaker, a, b, c, d } = await cast(t);
			const own = Object.fromEntries(Object.entries(options).map(([key, value]) => [key, value === "SELF" ? speaker.id : value]));
			const got = await whoGot([speaker, a, b, c, d], "news", () => cmd(speaker, "emit", { ...own, ev: "news", args: [1, { a: "ü" }] }));
			assert.deepEqual(got, [..."sabcd"].map((who) => (expected.includes(who) ? [1, { a: "ü" }] : null)));
		});
	}

	it("leaves out the sender's room mates only by name", async (t) => {
		const { speaker, a, b, c, d } = await cast(t);
		await cmd(speaker, "join", "x");
		const got = await whoGot([speaker, a, b, c, d], "news", () => cmd(speaker, "emit", { base: "socket", to: "x", ev: "news" }));
		assert.deepEqual(got, [null, [], [], null, null]);
	});

	it("reaches another namespace and only that", async (t) => {
		const nsp = ownNamespace();
		const [inside] = await members(t, nsp, 1);
		const outside = await member(t, "/room-nsp");
		const got = await whoGot([inside, outside], "far", () => cmd(outside, "emit", { base: "nsp", nsp, ev: "far", args: [2] }));
		assert.deepEqual(got, [[2], null]);
	});

	it("reaches a client that shares its connection with other namespaces once", async (t) => {
		const one = await member(t, "/room-nsp", { forceNew: false, multiplex: true });
		const nsp = ownNamespace();
		const two = one.io.socket(nsp);
		await next(two, "hello");
		assert.deepEqual(await whoGot([one, two], "news", () => cmd(two, "emit", { base: "nsp", ev: "news", args: [1] })), [null, [1]]);
	});

	it("carries binary to every transport", async (t) => {
		const nsp = ownNamespace();
		const all = await Promise.all(Object.values(WAYS).map((options) => member(t, nsp, options)));
		const args = [Buffer.from([1, 2]), { deep: [Buffer.from([3])] }];
		const got = await whoGot(all, "bin", () => cmd(all[0], "emit", { base: "nsp", ev: "bin", args }));
		assert.deepEqual(got, [args, args, args]);
	});

	it("keeps its order with direct emits, on every transport", async (t) => {
		const nsp = ownNamespace();
		for (const options of Object.values(WAYS)) {
			const socket = await member(t, nsp, options);
			const got = record(socket, "seq");
			for (let i = 0; i < 40; i++) {
				const args = i % 4 === 3 ? [i, Buffer.from([i])] : [i];
				socket.emit("cmd", "emit", { base: i % 2 ? "nsp" : "socket", ev: "seq", args }, () => {});
			}
			await cmd(socket, "ping");
			assert.deepEqual(got.map(([i]) => i), Array.from({ length: 40 }, (_, i) => i));
			socket.disconnect();
		}
	});

	it("does not reach who has left or gone", async (t) => {
		const { speaker, a, b, c, d } = await cast(t);
		await cmd(a, "leave", "x");
		c.disconnect();
		await until("c is gone", async () => (await cmd(speaker, "counts")).sockets === 4);
		const got = await whoGot([a, b, d], "news", () => cmd(speaker, "emit", { base: "nsp", to: ["x", "y"], ev: "news", args: [1] }));
		assert.deepEqual(got, [null, [1], null]);
	});

	for (const name of ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]) {
		it(`refuses the reserved name ${name}`, async (t) => {
			const socket = await member(t);
			const text = `"${name}" is a reserved event name`;
			assert.equal(await cmd(socket, "reserved", name), text);
			for (const base of ["nsp", "broadcast", "socket"])
				assert.deepEqual(await cmd(socket, "emit", { base, ev: name }), { thrown: text });
		});
	}

	it("takes every other name", async (t) => {
		const socket = await member(t);
		for (const name of ["message", "error", "ping", "open", "constructor", ""])
			assert.equal(await cmd(socket, "reserved", name), null);
	});
});

describe("volatile", together, () => {
	it("reaches who listens", async (t) => {
		const [speaker, a] = await members(t, ownNamespace(), 2);
		const got = await whoGot([speaker, a], "v", () => cmd(speaker, "emit", { base: "nsp", volatile: true, ev: "v", args: [1] }));
		assert.deepEqual(got, [[1], [1]]);
	});

	// The command arrives by POST while no GET is pending: volatile packets have nowhere to go.
	it("is dropped by a poll that is not there, normal packets wait", async () => {
		const session = await Polling.open(server.port("ext"));
		await join(session);
		await session.next();
		await session.send('42["cmd","volatileBurst",5]');
		const packets = [];
		for (let packet = ""; !packet.includes("vol-end"); packets.push(packet))
			packet = await session.next();
		assert.deepEqual(packets.filter((packet) => packet.startsWith('42["vol"')), []);
		await session.drop();
	});

	it("is delivered in order as far as it is delivered", async (t) => {
		for (const options of [WAYS.polling, WAYS.websocket]) {
			const socket = await member(t, "/", options);
			const got = record(socket, "vol");
			const end = next(socket, "vol-end");
			await cmd(socket, "volatileBurst", 20);
			await end;
			const numbers = got.map(([i]) => i);
			assert.deepEqual(numbers, [...numbers].sort((x, y) => x - y));
			assert.ok(numbers.length >= 1 && numbers.length <= 20, `${numbers.length} of 20`);
			socket.disconnect();
		}
	});
});

describe("acknowledgements asked for by the server", together, () => {
	const answering = (sockets, make) => sockets.forEach((socket, i) => socket.on("question", (x, cb) => make(i, x, cb)));

	it("of one client", async (t) => {
		const socket = await member(t);
		answering([socket], (_, x, cb) => cb(x + 1, "second"));
		assert.deepEqual(await cmd(socket, "emit", { base: "socket", timeout: 1000, ack: true, ev: "question", args: [1] }), { err: null, res: 2 });
	});

	it("of one client, with binary in the answer", async (t) => {
		const socket = await member(t);
		answering([socket], (_, x, cb) => cb({ x, data: Buffer.from([1, 2]) }));
		const args = [Buffer.from([9])];
		assert.deepEqual(await cmd(socket, "emit", { base: "socket", timeout: 1000, ack: true, ev: "question", args }), { err: null, res: { x: args[0], data: Buffer.from([1, 2]) } });
	});

	it("of one client that does not answer", async (t) => {
		const socket = await member(t);
		const began = Date.now();
		const { err, res } = await cmd(socket, "emit", { base: "socket", timeout: 100, ack: true, ev: "question", args: [1] });
		assert.equal(err, "operation has timed out");
		assert.equal(res ?? null, null);
		assert.ok(Date.now() - began >= 90);
	});

	it("of one client that answers too late, once", async (t) => {
		const socket = await member(t);
		answering([socket], (_, x, cb) => setTimeout(() => (cb(1), cb(2)), 150));
		assert.equal((await cmd(socket, "emit", { base: "socket", timeout: 50, ack: true, ev: "question", args: [1] })).err, "operation has timed out");
		await sleep(200);
		assert.equal(await cmd(socket, "ping"), "pong");
	});

	it("of all: one entry a client, the first argument only", async (t) => {
		const all = await members(t, ownNamespace(), 3);
		answering(all, (i, x, cb) => cb(i * 10 + x, "ignored"));
		const { err, res } = await cmd(all[0], "emit", { base: "nsp", timeout: 1000, ack: true, ev: "question", args: [5] });
		assert.equal(err, null);
		assert.deepEqual([...res].sort((x, y) => x - y), [5, 15, 25]);
	});

	it("of all but the sender", async (t) => {
		const all = await members(t, ownNamespace(), 3);
		answering(all, (i, x, cb) => cb(i));
		const { err, res } = await cmd(all[0], "emit", { base: "broadcast", timeout: 1000, ack: true, ev: "question", args: [0] });
		assert.deepEqual([err, [...res].sort()], [null, [1, 2]]);
	});

	it("of a room, over all transports, with binary", async (t) => {
		const nsp = ownNamespace();
		const all = await Promise.all(Object.values(WAYS).map((options) => member(t, nsp, options)));
		await Promise.all(all.map((socket) => cmd(socket, "join", "r")));
		answering(all, (i, x, cb) => cb(Buffer.from([i, ...x])));
		const { err, res } = await cmd(all[0], "emit", { base: "nsp", to: "r", timeout: 1000, ack: true, ev: "question", args: [Buffer.from([7])] });
		assert.equal(err, null);
		assert.deepEqual(res.map((data) => [...data]).sort(), [[0, 7], [1, 7], [2, 7]]);
	});

	it("of nobody: at once", async (t) => {
		const socket = await member(t);
		const began = Date.now();
		assert.deepEqual(await cmd(socket, "emit", { base: "nsp", to: "nobody", timeout: 1000, ack: true, ev: "question" }), { err: null, res: [] });
		assert.ok(Date.now() - began < patient(500));
	});

	it("of many, when one is silent: those that came so far", async (t) => {
		const all = await members(t, ownNamespace(), 3);
		answering(all.slice(1), (i, x, cb) => cb(`from ${i}`));
		const { err, res } = await cmd(all[0], "emit", { base: "nsp", timeout: 1500, ack: true, ev: "question", args: [0] });
		assert.equal(err, "operation has timed out");
		assert.deepEqual([...res].sort(), ["from 0", "from 1"]);
	});

	it("of many, when one goes away meanwhile: it times out", async (t) => {
		const all = await members(t, ownNamespace(), 3);
		answering(all.slice(0, 2), (i, x, cb) => cb(i));
		all[2].on("question", () => all[2].disconnect());
		const { err, res } = await cmd(all[0], "emit", { base: "nsp", timeout: 1500, ack: true, ev: "question", args: [0] });
		assert.equal(err, "operation has timed out");
		assert.deepEqual([...res].sort(), [0, 1]);
	});

	it("a hundred at once do not mix", async (t) => {
		const socket = await member(t);
		answering([socket], (_, x, cb) => setTimeout(cb, (x * 7) % 20, x));
		const all = await Promise.all(Array.from({ length: 100 }, (_, i) => cmd(socket, "emit", { base: "socket", timeout: 2000, ack: true, ev: "question", args: [i] })));
		assert.deepEqual(all.map(({ res }) => res), Array.from({ length: 100 }, (_, i) => i));
	});

	it("are sent once", async (t) => {
		const session = await link(t, "websocket", server.port("ext"));
		await join(session);
		await session.next();
		await session.send('421["double-ack"]', '422["message-with-ack",9]');
		assert.deepEqual([await session.next(), await session.next()], ["431[1]", "432[9]"]);
	});
});

describe("operations on many sockets", together, () => {
	const ids = (list) => list.map(({ id }) => id).sort();

	it("fetchSockets: ids, rooms, data, auth", async (t) => {
		const nsp = ownNamespace();
		const a = await member(t, nsp, { auth: { who: "a" } });
		const b = await member(t, nsp, { auth: { who: "b" } });
		await cmd(a, "join", ["r", "s"]);
		assert.deepEqual(await cmd(a, "setData", { name: "anna", n: [1, null] }), { name: "anna", n: [1, null] });
		assert.deepEqual(await cmd(a, "setData", { more: true }), { name: "anna", n: [1, null], more: true });
		const views = [
			{ id: a.id, rooms: [a.id, "r", "s"].sort(), data: { name: "anna", n: [1, null], more: true }, auth: { who: "a" } },
			{ id: b.id, rooms: [b.id], data: {}, auth: { who: "b" } },
		].sort((x, y) => (x.id < y.id ? -1 : 1));
		assert.deepEqual(await cmd(b, "fetch", { base: "nsp" }), views);
		assert.deepEqual(await cmd(b, "fetch", { base: "nsp", to: "r" }), views.filter(({ id }) => id === a.id));
		assert.deepEqual(await cmd(b, "fetch", { base: "nsp", local: true, except: "r" }), views.filter(({ id }) => id === b.id));
		assert.deepEqual(await cmd(b, "fetch", { base: "broadcast" }), views.filter(({ id }) => id === a.id));
		assert.deepEqual(await cmd(b, "fetch", { base: "nsp", to: "nobody" }), []);
	});

	it("socketsJoin and socketsLeave", async (t) => {
		const all = await members(t, ownNamespace(), 3);
		const [a, b, c] = all;
		await cmd(b, "join", "old");
		assert.equal(await cmd(a, "sjoin", { base: "nsp", rooms: ["n1", "n2"] }), true);
		assert.deepEqual(await cmd(c, "rooms"), [c.id, "n1", "n2"].sort());
		assert.equal(await cmd(a, "sleave", { base: "nsp", to: "old", rooms: ["n1"] }), true);
		assert.deepEqual(ids(await cmd(a, "fetch", { base: "nsp", to: "n1" })), ids([a, c]));
		assert.deepEqual(await cmd(b, "rooms"), [b.id, "n2", "old"].sort());
		await cmd(a, "sjoin", { base: "nsp", except: "old", rooms: ["rest"] });
		assert.deepEqual(ids(await cmd(a, "fetch", { base: "nsp", to: "rest" })), ids([a, c]));
		await cmd(a, "sleave", { base: "broadcast", rooms: ["n2", "n1", "never"] });
		assert.deepEqual(ids(await cmd(a, "fetch", { base: "nsp", to: "n2" })), ids([a]));
	});

	it("disconnectSockets leaves the connection to the other namespaces", async (t) => {
		const nsp = ownNamespace();
		const keeper = await member(t, nsp);
		const victim = await member(t, nsp);
		const other = victim.io.socket("/room-nsp");
		await next(other, "hello");
		await cmd(victim, "join", "out");
		const gone = next(victim, "disconnect");
		const { id } = victim; // the client forgets it with the connection
		assert.equal(await cmd(keeper, "sdisconnect", { base: "nsp", to: "out", close: false }), true);
		assert.equal((await gone)[0], "io server disconnect");
		assert.equal(await cmd(other, "ping"), "pong");
		assert.equal((await cmd(keeper, "counts")).sockets, 1);
		assert.equal((await cmd(keeper, "log", id)).disconnect.reason, "server namespace disconnect");
	});

	it("disconnectSockets with close ends the connection", async (t) => {
		const nsp = ownNamespace();
		const [keeper, victim] = await members(t, nsp, 2);
		await cmd(victim, "join", "out");
		const closed = next(victim.io.engine, "close");
		const gone = next(victim, "disconnect");
		await cmd(keeper, "sdisconnect", { base: "nsp", to: "out", close: true });
		assert.equal((await gone)[0], "io server disconnect");
		await closed;
		assert.equal(await cmd(keeper, "ping"), "pong");
	});
});

describe("disconnecting", together, () => {
	const logOf = async (watcher, id) => {
		await until("the disconnect is logged", async () => (await cmd(watcher, "log", id))?.disconnect, 3000);
		return cmd(watcher, "log", id);
	};

	it("by the server, one namespace: the client does not come back", async (t) => {
		for (const options of Object.values(WAYS)) {
			const socket = await member(t, "/", { ...options, reconnection: true, reconnectionDelay: 10 });
			const gone = next(socket, "disconnect");
			assert.equal(await cmd(socket, "disconnect", { close: false }), true);
			assert.equal((await gone)[0], "io server disconnect");
			await sleep(60);
			assert.equal(socket.connected, false);
			socket.connect();
			await next(socket, "hello");
			socket.disconnect();
		}
	});

	it("by the server, the whole connection: every namespace hears of it", async (t) => {
		const socket = await member(t);
		const other = socket.io.socket("/room-nsp");
		await next(other, "hello");
		const gone = Promise.all([next(socket, "disconnect"), next(other, "disconnect")]);
		await cmd(socket, "disconnect", { close: true });
		assert.deepEqual((await gone).map(([reason]) => reason), ["io server disconnect", "io server disconnect"]);
	});

	it("what was emitted just before still arrives, on every transport", async (t) => {
		for (const options of Object.values(WAYS)) {
			const socket = await member(t, "/", options);
			const last = next(socket, "last");
			const gone = next(socket, "disconnect");
			await cmd(socket, "emitThenDisconnect", { v: "x".repeat(5000) });
			assert.deepEqual(await last, [{ v: "x".repeat(5000) }]);
			assert.equal((await gone)[0], "io server disconnect");
		}
	});

	// The official client forgets what came in one payload with the close packet: it hands events on a
	// tick later, and by then the connection is closed.
	it("what was emitted just before waits for its own poll, the close for the next one", async (t) => {
		const watcher = await member(t);
		const session = await link(t, "polling", server.port("ext"));
		const { sid } = await join(session);
		await session.next();
		await session.send('421["cmd","emitThenDisconnect","v"]');
		await until("the disconnect is logged", async () => (await cmd(watcher, "log", sid))?.disconnect);
		assert.deepEqual((await session.get()).text.split(SEP), ["431[true]", '42["last","v"]', "41"]);
		const end = await session.get();
		assert.deepEqual([end.status, end.text.split(SEP).at(-1)], [200, "1"]);
	});

	it("conn.close() lets the client come back", async (t) => {
		for (const options of Object.values(WAYS)) {
			const socket = await member(t, "/", { ...options, reconnection: true, reconnectionDelay: 10 });
			const id = socket.id;
			const gone = next(socket, "disconnect");
			await cmd(socket, "connClose");
			assert.match((await gone)[0], /^transport (close|error)$/);
			await next(socket, "hello");
			const { disconnecting, disconnect } = await logOf(socket, id);
			assert.deepEqual([disconnecting.reason, disconnect.reason], ["forced close", "forced close"]);
			socket.disconnect();
		}
	});

	it("shows the rooms while disconnecting, and none after", async (t) => {
		const watcher = await member(t);
		const socket = await member(t);
		const { id } = socket;
		await cmd(socket, "join", ["p", "q"]);
		socket.disconnect();
		const { disconnecting, disconnect } = await logOf(watcher, id);
		assert.deepEqual(disconnecting, { reason: "client namespace disconnect", rooms: [id, "p", "q"].sort() });
		assert.deepEqual(disconnect, { reason: "client namespace disconnect", rooms: [] });
	});

	it("nobody is logged who was never there", async (t) => {
		assert.equal(await cmd(await member(t), "log", "nobody"), null);
	});

	// What is done to a session that has joined `/`, and the reason that its socket must get.
	const FAULTS = [
		["websocket", "DISCONNECT", (session) => session.send("41"), "client namespace disconnect"],
		["websocket", "a clean close", (session) => session.ws.frame({ op: OP.close, payload: Buffer.from([3, 232]) }), "transport close"],
		["websocket", "a lost connection", (session) => session.ws.drop(), "transport close"],
		["websocket", "an unmasked frame", (session) => session.ws.frame({ payload: "3", masked: false }), "transport error"],
		["websocket", "bad UTF-8", (session) => session.ws.frame({ payload: Buffer.from([0x34, 0xff]) }), "transport error"],
		["websocket", "an oversized frame", (session) => session.ws.frame({ length: 1000001 }), "transport error"],
		["websocket", "a ping", (session) => session.send("2"), "transport error"],
		["websocket", "no Engine.IO packet", (session) => session.send("x"), "parse error"],
		["websocket", "no Socket.IO packet", (session) => session.send("49"), "forced close"],
		["websocket", "a reserved name", (session) => session.send('42["disconnect"]'), "forced close"],
		["websocket", "stray binary", (session) => session.send(Buffer.from([1])), "forced close"],
		["websocket", "too many attachments", (session) => session.send('4511-["x"]'), "forced close"],
		["websocket", "a second CONNECT", (session) => session.send("40"), "forced close"],
		["websocket", "silence", (session) => { session.heartbeat = false; }, "ping timeout"],
		["polling", "DISCONNECT", (session) => session.send("41"), "client namespace disconnect"],
		["polling", "a close packet", (session) => session.send("1"), "transport close"],
		["polling", "a ping", (session) => session.send("2"), "transport error"],
		["polling", "no Engine.IO packet", (session) => session.send("x"), "parse error"],
		["polling", "an octet stream", (session) => session.post("x", { "content-type": "application/octet-stream" }), "transport error"],
		// The official server leaves this one in the room until its ping timeout, or its next GET.
		["polling", "no Socket.IO packet, with no GET", (session) => session.send("49"), "forced server close", better],
		["polling", "no Socket.IO packet, with a GET", async (session) => {
			await session.hold();
			await session.send("49");
		}, "forced close"],
		["polling", "an aborted GET", async (session) => {
			const { answer } = await session.hold();
			answer.req.destroy();
		}, "transport error"],
		["polling", "two GETs", async (session) => {
			await session.hold();
			await session.get();
		}, "transport error"],
		["polling", "silence", (session) => { session.heartbeat = false; }, "ping timeout"],
	];
	for (const [kind, what, act, reason, options = {}] of FAULTS) {
		it(`${what} over ${kind} -> ${reason}`, options, async (t) => {
			const at = what === "silence" ? strict : server;
			const watcher = await member(t, "/room-nsp", { at });
			const session = await link(t, kind, at.port("ext"));
			const { sid } = await join(session);
			await session.next();
			await act(session);
			// Reading on, as a client does; a mute client's poll ends with the session.
			if (what === "silence")
				session.next().catch(() => {});
			const { disconnecting, disconnect } = await logOf(watcher, sid);
			assert.deepEqual([disconnecting.reason, disconnect.reason], [reason, reason]);
		});
	}

	it("a message over the limit is dropped over polling, the socket stays", async (t) => {
		const session = await link(t, "polling", server.port("ext"));
		await join(session);
		await session.next();
		assert.equal(await session.send(`42["message","${"x".repeat(1000000)}"]`), 413);
		await session.send('421["cmd","flags",null]');
		assert.match(await session.next(), /"connected":true/);
	});
});

describe("middlewares of a namespace", together, () => {
	it("run in order and admit", async (t) => {
		const socket = client(t, `${server.url("ext")}/secured`, { ...websocket, auth: { token: "good" } });
		const order = next(socket, "mw-order");
		const [hello] = await next(socket, "hello");
		assert.deepEqual(await order, [["first", "second"]]);
		assert.deepEqual(hello.auth, { token: "good" });
	});

	it("may take their time", async (t) => {
		const began = Date.now();
		const socket = await member(t, "/secured", { auth: { token: "later" } });
		assert.ok(socket.connected);
		assert.ok(Date.now() - began >= 45);
	});

	it("refuse with a message", async (t) => {
		for (const options of [{}, { auth: {} }, { auth: { token: "bad" } }, { auth: { token: ["good"] } }, { auth: { token: { good: 1 } } }]) {
			const error = await refused(t, `${server.url("ext")}/secured`, { ...websocket, ...options });
			assert.equal(error.message, "unauthorized");
			assert.equal(error.data, undefined);
		}
	});

	it("refuse with data", async (t) => {
		const error = await refused(t, `${server.url("ext")}/secured`, { ...websocket, auth: { token: "detailed" } });
		assert.equal(error.message, "forbidden token");
		assert.deepEqual(error.data, { code: 42, content: "Please retry later" });
	});

	it("write the refusal like this", async (t) => {
		const session = await link(t, "websocket", server.port("ext"));
		await session.send('40/secured,{"token":"x"}');
		assert.equal(await session.next(), '44/secured,{"message":"unauthorized"}');
		await session.send('40/secured,{"token":"detailed"}');
		assert.equal(await session.next(), '44/secured,{"message":"forbidden token","data":{"code":42,"content":"Please retry later"}}');
	});

	it("never let a refused socket be seen", async (t) => {
		const good = await member(t, "/secured", { auth: { token: "good" } });
		await refused(t, `${server.url("ext")}/secured`, websocket);
		const seen = await cmd(good, "fetch", { base: "nsp" });
		assert.deepEqual(seen.filter(({ auth }) => !["good", "later"].includes(auth.token)), []);
	});

	it("let a refused client try again on the same connection", async (t) => {
		const socket = client(t, `${server.url("ext")}/secured`, { ...websocket, auth: { token: "bad" } });
		const [error] = await next(socket, "connect_error");
		assert.equal(error.message, "unauthorized");
		socket.auth = { token: "good" };
		socket.connect();
		await next(socket, "hello");
	});

	it("survive a client that leaves while they think", async (t) => {
		const watcher = await member(t, "/secured", { auth: { token: "good" } });
		const { sockets } = await cmd(watcher, "counts");
		for (const kind of ["websocket", "polling"]) {
			const session = await link(t, kind, server.port("ext"));
			await session.send('40/secured,{"token":"later"}');
			await session.drop();
		}
		await sleep(120);
		assert.ok((await cmd(watcher, "counts")).sockets <= sockets);
	});
});

describe("middlewares of a socket", together, () => {
	it("stop an event: no handler, no ack, an error for the server alone", async (t) => {
		const socket = await member(t);
		const reached = record(socket, "blocked-reached");
		const told = next(socket, "mw-error");
		await assert.rejects(socket.timeout(100).emitWithAck("blocked"), /timed out/);
		assert.deepEqual(await told, ["blocked event"]);
		assert.deepEqual(reached, []);
		assert.equal(await cmd(socket, "ping"), "pong");
	});

	it("change an event's arguments", async (t) => {
		const socket = await member(t);
		const done = next(socket, "rewritten");
		socket.emit("rewrite", { a: 1, data: Buffer.from([1]) });
		assert.deepEqual(await done, [{ a: 1, data: Buffer.from([1]), rewritten: true }]);
	});
});

describe("listeners", together, () => {
	it("catch-all comes before the named handler", async (t) => {
		const socket = await member(t);
		const seen = [];
		socket.onAny((...args) => seen.push(args));
		socket.emit("any-probe", 1, { a: [2] }, Buffer.from([3]));
		await cmd(socket, "ping");
		assert.deepEqual(seen, [["any", "any-probe", [1, { a: [2] }, Buffer.from([3])]], ["any-handler"]]);
	});

	it("once is once", async (t) => {
		const socket = await member(t);
		const got = await whoGot([socket], "once-hit", async () => {
			socket.emit("once-probe");
			socket.emit("once-probe");
		});
		assert.deepEqual(got, [[]]);
		const other = await member(t);
		assert.deepEqual(await whoGot([other], "once-hit", async () => other.emit("once-probe")), [[]]);
	});

	for (const base of ["socket", "nsp"]) {
		it(`outgoing catch-all sees what base ${base} sends`, async (t) => {
			const socket = await member(t, ownNamespace());
			assert.equal(await ask(socket, "outgoing-log"), null);
			await cmd(socket, "emit", { base, ev: "observe-me", args: [1, { b: true }] });
			assert.deepEqual(await ask(socket, "outgoing-log"), ["observe-me", [1, { b: true }]]);
		});
	}

	it("outgoing catch-all of each recipient, not of the sender", async (t) => {
		const [speaker, a] = await members(t, ownNamespace(), 2);
		await cmd(speaker, "emit", { base: "broadcast", ev: "observe-me", args: ["hi"] });
		assert.deepEqual(await ask(a, "outgoing-log"), ["observe-me", ["hi"]]);
		assert.equal(await ask(speaker, "outgoing-log"), null);
	});
});

describe("dynamic namespaces", together, () => {
	it("come into being by a pattern", async (t) => {
		const nsp = ownNamespace();
		const socket = await member(t, nsp, { auth: { a: 1 } });
		assert.equal(socket.hello.nsp, nsp);
		const { names, created } = await cmd(socket, "nsps");
		assert.ok(names.includes(nsp) && names.includes("/") && names.includes("/room-nsp"), String(names));
		assert.equal(created.filter((name) => name === nsp).length, 1);
		assert.ok(!created.includes("/"));
	});

	it("come into being by a function of name and auth", async (t) => {
		const nsp = `/fn-${fresh("x")}`;
		const socket = await member(t, nsp, { auth: { ok: true } });
		assert.equal(socket.hello.nsp, nsp);
	});

	const REFUSED = [["/dyn-", {}], ["/dyn-x", {}], ["/dyn-1x", {}], ["/xdyn-1", {}], ["/dyn-1/", {}], ["/fn-no", {}], ["/fn-no", { ok: false }], ["/fn-no", { ok: "true" }], ["/fno", { ok: true }]];
	for (const [nsp, auth] of REFUSED) {
		it(`${nsp} with ${JSON.stringify(auth)} does not`, async (t) => {
			const error = await refused(t, server.url("ext") + nsp, { ...websocket, auth });
			assert.equal(error.message, "Invalid namespace");
		});
	}

	it("are kept apart", async (t) => {
		const [one, two] = await Promise.all([member(t, ownNamespace()), member(t, ownNamespace())]);
		const got = await whoGot([one, two], "news", () => cmd(one, "emit", { base: "nsp", ev: "news", args: [1] }));
		assert.deepEqual(got, [[1], null]);
	});

	it("go when their last socket goes, and come again", async (t) => {
		const nsp = ownNamespace();
		const watcher = await member(t, "/room-nsp");
		const [a, b] = await members(t, nsp, 2);
		const there = async () => (await cmd(watcher, "nsps")).names.includes(nsp);
		a.disconnect();
		await until("a is gone", async () => (await cmd(b, "counts")).sockets === 1);
		assert.equal(await there(), true);
		b.disconnect();
		await until("the namespace is gone", async () => !await there());
		await member(t, nsp);
		assert.equal(await there(), true);
		const { created } = await cmd(watcher, "nsps");
		assert.equal(created.filter((name) => name === nsp).length, 2);
	});

	it("go before the answer to a question that was asked in them is given up", async (t) => {
		const nsp = ownNamespace();
		const watcher = await member(t);
		const socket = await member(t, nsp);
		const asked = next(socket, "question");
		socket.emit("cmd", "emit", { base: "socket", timeout: 200, ack: true, ev: "question" }, () => {});
		await asked;
		socket.disconnect();
		await until("the namespace is gone", async () => !(await cmd(watcher, "nsps")).names.includes(nsp));
		await sleep(300);
		assert.equal(await cmd(watcher, "ping"), "pong");
	});

	it("fixed ones stay", async (t) => {
		const socket = await member(t, "/room-nsp");
		socket.disconnect();
		const watcher = await member(t);
		assert.ok((await cmd(watcher, "nsps")).names.includes("/room-nsp"));
	});
});

// On a server of its own: clients of other tests come and go.
describe("counters", () => {
	const alone = (t, nsp) => member(t, nsp, { server: "csr" });

	it("count sessions and sockets apart", async (t) => {
		const nsp = ownNamespace();
		const first = await alone(t, nsp);
		const before = await cmd(first, "counts");
		assert.equal(before.sockets, 1);
		const second = await alone(t, nsp);
		assert.deepEqual(await cmd(first, "counts"), { engine: before.engine + 1, sockets: 2 });
		const shared = second.io.socket("/room-nsp");
		await next(shared, "hello");
		assert.deepEqual(await cmd(first, "counts"), { engine: before.engine + 1, sockets: 2 });
		assert.ok((await cmd(first, "counts", { nsp: "/room-nsp" })).sockets >= 1);
		const raw = await WebSocketLink.open(server.port("csr"));
		assert.deepEqual(await cmd(first, "counts"), { engine: before.engine + 2, sockets: 2 });
		raw.drop();
		second.disconnect();
		shared.disconnect();
		await until("both are gone", async () => (await cmd(first, "counts")).engine === before.engine);
		assert.equal((await cmd(first, "counts")).sockets, 1);
	});
});

describe("serverSideEmit without other servers", together, () => {
	it("is nothing, and reaches nobody here", async (t) => {
		const socket = await member(t);
		assert.equal(await cmd(socket, "sse", { ev: "sse-probe", args: [1, "a"] }), true);
		assert.deepEqual(await cmd(socket, "sseLog"), []);
	});

	for (const ev of ["connect", "connection", "new_namespace"]) {
		it(`refuses the reserved name ${ev}`, async (t) => {
			const socket = await member(t);
			assert.deepEqual(await cmd(socket, "sse", { ev, args: [] }), { thrown: `"${ev}" is a reserved event name` });
		});
	}
});

describe("reconnection", together, () => {
	it("gives a new id, and none of the old rooms", async (t) => {
		const socket = await member(t, "/", { reconnection: true, reconnectionDelay: 10 });
		const { id } = socket;
		await cmd(socket, "join", "kept?");
		const again = next(socket, "hello");
		socket.io.engine.close();
		const [hello] = await again;
		assert.notEqual(hello.id, id);
		assert.deepEqual([hello.recovered, hello.rooms], [false, [hello.id]]);
	});
});

describe("a packet middleware that takes its time", together, () => {
	it("lets events go on later, and others overtake", better, async (t) => {
		const socket = await member(t);
		await cmd(socket, "think");
		const got = [];
		const slow = ask(socket, "hold", 60, "slow").then((answer) => got.push(answer));
		const quick = ask(socket, "hold", 0, "quick").then((answer) => got.push(answer));
		const plain = ask(socket, "message-with-ack", "plain").then((answer) => got.push(answer));
		await Promise.all([slow, quick, plain]);
		assert.deepEqual(got, ["plain", 0, 60]);
	});

	it("carries binary through", better, async (t) => {
		const socket = await member(t);
		await cmd(socket, "think");
		const answer = new Promise((done) => socket.emit("hold", 5, Buffer.from([1, 2, 3]), { x: Buffer.from("y") }, (...args) => done(args)));
		assert.deepEqual(await within(3000, "the answer", answer), [5, Buffer.from([1, 2, 3]), { x: Buffer.from("y") }]);
	});

	it("refuses: no handler, no answer; and nobody minds who left meanwhile", better, async (t) => {
		const socket = await member(t);
		const other = await member(t);
		await cmd(socket, "think");
		await cmd(other, "think");
		other.emit("hold", 30, "gone");
		other.disconnect();
		let answered = false;
		socket.emit("hold", -5, () => { answered = true; });
		assert.equal(await ask(socket, "hold", 80), 80);
		assert.equal(answered, false);
	});
});
