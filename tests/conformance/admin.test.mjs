// The Admin UI's protocol, as its page speaks it: who may look, what it is shown, what it can do,
// and that nothing it sends can harm the server.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CALM, WAYS, ask, better, client, next, patient, record, refused, serve, sleep, until, upgraded, within } from "./harness.mjs";
import { SID } from "./raw.mjs";

const server = serve(CALM);
const together = { concurrency: 8 };
const websocket = { transports: ["websocket"] };
const GOOD = { username: "admin", password: "changeit" };
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let serial = 0;
const ownNamespace = () => `/dyn-${++serial}`;

const cmd = (socket, name, arg = null) => ask(socket, "cmd", name, arg);

async function member(t, nsp = "/", options = {}) {
	const socket = client(t, server.url("admin") + nsp, { ...websocket, ...options });
	[socket.hello] = await next(socket, "hello");
	return socket;
}

// Someone who looks: its `config` and `all_sockets` have come.
async function page(t, auth = GOOD, options = {}) {
	const socket = client(t, `${server.url("admin")}/admin`, { ...websocket, auth, ...options });
	const all = ["config", "all_sockets"].map((event) => next(socket, event));
	await within(3000, "connect", new Promise((resolve, reject) => socket.once("connect", resolve).once("connect_error", reject)));
	[[socket.config], [socket.sockets]] = await Promise.all(all);
	return socket;
}

// The first `event` to come whose arguments fit.
function told(socket, event, fits, ms = 3000) {
	return within(ms, event, new Promise((done) => socket.on(event, (...args) => fits(...args) && done(args))));
}

describe("who may look", together, () => {
	for (const [way, options] of Object.entries(WAYS)) {
		it(`the right name and password over ${way}: a session first, then the page`, async (t) => {
			const socket = client(t, `${server.url("admin")}/admin`, { ...options, auth: GOOD });
			const order = [];
			for (const event of ["connect", "session", "config", "all_sockets"])
				socket.on(event, () => order.push(event));
			const listed = next(socket, "all_sockets");
			const [session] = await next(socket, "session");
			assert.match(session, /^[0-9a-f]{16}$/);
			await listed;
			assert.deepEqual(order.filter((event) => event !== "connect"), ["session", "config", "all_sockets"]);
			assert.ok(order.includes("connect"));
		});
	}

	it("a session once given is enough, and none is given anew", async (t) => {
		const first = client(t, `${server.url("admin")}/admin`, { ...websocket, auth: GOOD });
		const [sessionId] = await next(first, "session");
		first.disconnect();
		const second = client(t, `${server.url("admin")}/admin`, { ...websocket, auth: { sessionId } });
		const sessions = record(second, "session");
		await next(second, "all_sockets");
		assert.deepEqual(sessions, []);
	});

	// Any of these is answered with "invalid credentials"; on the official server some end the process.
	const WRONG = [
		[undefined], [{}], [{ username: "admin" }, better], [{ username: "admin", password: "wrong" }],
		[{ username: "Admin", password: "changeit" }], [{ username: "admin", password: "" }], [{ username: "admin", password: "changeit\0x" }, better],
		[{ username: "admin\0", password: "changeit" }], [{ username: "admin", password: "x".repeat(60000) }],
		[{ username: "admin", password: null }, better], [{ username: "admin", password: 1 }, better], [{ username: "admin", password: {} }, better],
		[{ username: "admin", password: ["changeit"] }, better], [{ username: ["admin"], password: "changeit" }, better],
		[{ sessionId: "0123456789abcdef" }], [{ sessionId: "" }], [{ sessionId: null }], [{ sessionId: {} }], [{ sessionId: ["x"] }],
		[{ sessionId: "__proto__" }], [{ sessionId: "x".repeat(60000) }],
	];
	for (const [auth, options = {}] of WRONG) {
		it(`not with ${JSON.stringify(auth)?.slice(0, 60)}`, options, async (t) => {
			const error = await refused(t, `${server.url("admin")}/admin`, { ...websocket, auth });
			assert.equal(error.message, "invalid credentials");
		});
	}
});

// What takes from all: one at a time.
describe("too much at once", () => {
	it("a flood is told in part, and the page keeps up", better, async (t) => {
		const looking = await page(t);
		const nsp = ownNamespace();
		const socket = await member(t, nsp);
		const got = record(looking, "event_received");
		const gone = told(looking, "socket_disconnected", (at) => at === nsp);
		for (let i = 0; i < 5000; i++)
			socket.emit("nobody", i);
		await cmd(socket, "ping");
		socket.disconnect();
		await gone;
		assert.ok(got.length > 100 && got.length < 3000, `${got.length} of 5000`);
	});

	it("many who guess at once do not lock out the others, nor stop the server", better, async (t) => {
		const guesses = Array.from({ length: 40 }, (_, i) => refused(t, `${server.url("admin")}/admin`, { ...websocket, auth: { username: "admin", password: `${i}` } }));
		const other = await member(t, ownNamespace());
		assert.equal(await cmd(other, "ping"), "pong");
		for (const { message } of await Promise.all(guesses))
			assert.match(message, /^(invalid credentials|too many logins at once)$/);
		await page(t);
	});
});

describe("what is shown", together, () => {
	it("what the page can do", async (t) => {
		const { supportedFeatures } = (await page(t)).config;
		assert.deepEqual([...supportedFeatures].sort(),
			["AGGREGATED_EVENTS", "ALL_EVENTS", "DISCONNECT", "EMIT", "JOIN", "LEAVE", "MDISCONNECT", "MJOIN", "MLEAVE"]);
	});

	it("the sockets that are there, without their secrets", async (t) => {
		const nsp = ownNamespace();
		const socket = await member(t, nsp, { auth: { secret: "s3cret" }, query: { q: "1" }, extraHeaders: { "x-probe": "text" } });
		await cmd(socket, "setData", { name: "ü" });
		await cmd(socket, "join", "lobby");
		const { sockets } = await page(t);
		const shown = sockets.find(({ id }) => id === socket.id);
		assert.deepEqual(Object.keys(shown).sort(), ["clientId", "data", "handshake", "id", "nsp", "rooms", "transport"]);
		assert.deepEqual([shown.nsp, shown.transport, shown.data, shown.rooms.sort()], [nsp, "websocket", { name: "ü" }, [socket.id, "lobby"].sort()]);
		assert.equal(shown.clientId, socket.io.engine.id.slice(0, 12));
		const { handshake } = shown;
		assert.deepEqual(Object.keys(handshake).sort(), ["address", "headers", "issued", "query", "secure", "time", "url", "xdomain"]);
		assert.deepEqual([handshake.address, handshake.query.q, handshake.headers["x-probe"], handshake.secure], ["127.0.0.1", "1", "text", false]);
		assert.doesNotMatch(JSON.stringify(shown), /s3cret/);
	});

	for (const header of ["x-forwarded-for", "cf-connecting-ip"]) {
		it(`the address that ${header} tells`, async (t) => {
			const socket = await member(t, ownNamespace(), { extraHeaders: { [header]: "192.0.2.7" } });
			const { sockets } = await page(t);
			assert.equal(sockets.find(({ id }) => id === socket.id).handshake.address, "192.0.2.7");
		});
	}

	it("itself, without its password", async (t) => {
		const looking = await page(t);
		const shown = looking.sockets.find(({ id }) => id === looking.id);
		assert.equal(shown.nsp, "/admin");
		assert.doesNotMatch(JSON.stringify(looking.sockets), /changeit/);
	});

	it("statistics every two seconds", async (t) => {
		const nsp = ownNamespace();
		const looking = await page(t);
		const [socket, slow] = [await member(t, nsp), await member(t, nsp, { transports: ["polling"] })];
		await cmd(socket, "ping");
		const [before] = await next(looking, "server_stats");
		slow.disconnect();
		const [stats] = await next(looking, "server_stats");
		const waited = (stats.uptime - before.uptime) * 1000;
		assert.ok(waited > 1500 && waited < patient(2600), `${waited} ms`);
		assert.deepEqual(Object.keys(stats).sort(),
			["aggregatedEvents", "clientsCount", "hostname", "namespaces", "pid", "pollingClientsCount", "serverId", "uptime"]);
		assert.equal(stats.pid, server.fixture.child.pid);
		assert.ok(stats.uptime > 0 && stats.clientsCount >= 2 && stats.pollingClientsCount < stats.clientsCount);
		assert.equal(stats.namespaces.find(({ name }) => name === nsp).socketsCount, 1);
		const types = new Set(stats.aggregatedEvents.map(({ type }) => type));
		for (const type of ["rawDisconnection", "packetsIn", "packetsOut", "bytesIn", "bytesOut"])
			assert.ok(types.has(type), `${type} of ${[...types]}`);
		for (const event of stats.aggregatedEvents) {
			assert.ok(event.timestamp % 1000 === 0 && event.count > 0, JSON.stringify(event));
			assert.equal("subType" in event, event.type === "rawDisconnection");
		}
	});
});

describe("what happens, as it happens", together, () => {
	const date = (text) => assert.match(text, ISO);

	it("a socket comes, joins, leaves and goes", async (t) => {
		const nsp = ownNamespace();
		const looking = await page(t);
		const came = told(looking, "socket_connected", (socket) => socket.nsp === nsp);
		const socket = await member(t, nsp);
		const [shown, when] = await came;
		assert.deepEqual([shown.id, shown.transport, shown.rooms.includes(shown.id)], [socket.id, "websocket", true]);
		date(when);
		const joined = told(looking, "room_joined", (at, room) => at === nsp && room === "lobby");
		await cmd(socket, "join", "lobby");
		const [, , id, then] = await joined;
		assert.equal(id, socket.id);
		date(then);
		const left = told(looking, "room_left", (at, room) => at === nsp && room === "lobby");
		await cmd(socket, "leave", "lobby");
		assert.equal((await left)[2], socket.id);
		const gone = told(looking, "socket_disconnected", (at) => at === nsp);
		socket.disconnect();
		const [, who, reason, end] = await gone;
		assert.deepEqual([who, reason], [shown.id, "client namespace disconnect"]);
		date(end);
	});

	it("a transport and data that change", async (t) => {
		const looking = await page(t);
		const updates = record(looking, "socket_updated");
		const socket = await member(t, ownNamespace(), { transports: ["polling", "websocket"] });
		await upgraded(socket);
		await cmd(socket, "setData", { name: "n" });
		await until("both are told", () => updates.filter(([{ id }]) => id === socket.id).length >= 2);
		const mine = updates.map(([update]) => update).filter(({ id }) => id === socket.id);
		assert.ok(mine.some(({ transport }) => transport === "websocket"));
		assert.ok(mine.some(({ data }) => data?.name === "n"));
	});

	it("events in and out, of every namespace but its own", async (t) => {
		const nsp = ownNamespace();
		const looking = await page(t);
		const socket = await member(t, nsp);
		const received = told(looking, "event_received", (at, id, [name]) => at === nsp && name === "message");
		const sent = told(looking, "event_sent", (at, id, [name]) => at === nsp && name === "message-back");
		const own = record(looking, "event_received");
		socket.emit("message", 1, "é", { a: [null] });
		const [, from, args, when] = await received;
		assert.deepEqual([from, args], [socket.id, ["message", 1, "é", { a: [null] }]]);
		date(when);
		assert.deepEqual((await sent)[2], ["message-back", 1, "é", { a: [null] }]);
		assert.ok(own.every(([at]) => at !== "/admin"));
	});

	it("an event's acknowledgement is not one of its arguments", async (t) => {
		const nsp = ownNamespace();
		const looking = await page(t);
		const socket = await member(t, nsp);
		const received = told(looking, "event_received", (at, id, [name]) => at === nsp && name === "message-with-ack");
		await ask(socket, "message-with-ack", 7);
		assert.deepEqual((await received)[2], ["message-with-ack", 7]);
	});
});

describe("what can be done", together, () => {
	async function cast(t) {
		const nsp = ownNamespace();
		const looking = await page(t);
		const [a, b] = [await member(t, nsp), await member(t, nsp)];
		await cmd(a, "join", "room");
		return { nsp, looking, a, b };
	}

	it("emit to a namespace, a room, a socket", async (t) => {
		const { nsp, looking, a, b } = await cast(t);
		const got = { a: record(a, "said"), b: record(b, "said") };
		looking.emit("emit", nsp, undefined, "said", 1, { x: [Buffer.from([1])] });
		looking.emit("emit", nsp, "room", "said", 2);
		looking.emit("emit", nsp, b.id, "said", 3);
		looking.emit("emit", nsp, "nobody", "said", 4);
		await until("all came", () => got.a.length === 2 && got.b.length === 2);
		assert.deepEqual(got.a, [[1, { x: [Buffer.from([1])] }], [2]]);
		assert.deepEqual(got.b, [[1, { x: [Buffer.from([1])] }], [3]]);
	});

	it("join and leave, by filter and for all", async (t) => {
		const { nsp, looking, a, b } = await cast(t);
		looking.emit("join", nsp, "one", a.id);
		looking.emit("join", nsp, "all");
		looking.emit("leave", nsp, "all", "room");
		looking.emit("leave", nsp, "room");
		await until("b is in", async () => (await cmd(b, "rooms")).includes("all"));
		await until("a is out", async () => !(await cmd(a, "rooms")).includes("room"));
		assert.deepEqual(await cmd(a, "rooms"), [a.id, "one"].sort());
		assert.deepEqual(await cmd(b, "rooms"), [b.id, "all"].sort());
	});

	it("disconnect one, then the rest with their connections", async (t) => {
		const { nsp, looking, a, b } = await cast(t);
		const [goneA, goneB] = [next(a, "disconnect"), next(b, "disconnect")];
		looking.emit("_disconnect", nsp, false, a.id);
		assert.equal((await goneA)[0], "io server disconnect");
		assert.equal(b.connected, true);
		looking.emit("_disconnect", nsp, true);
		assert.equal((await goneB)[0], "io server disconnect");
		await until("its connection is closed", () => b.io.engine.readyState === "closed");
	});

	// Arguments that no page sends.
	const HOSTILE = [
		["emit"], ["emit", null], ["emit", 1, 2, 3], ["emit", {}, {}, {}], ["emit", "/nowhere", null, "x"], ["emit", "__proto__", null, "x"],
		["emit", "/", null], ["emit", "/", null, 1], ["emit", "/", null, "disconnect"], ["emit", "/", null, "connect"], ["emit", "/", [], "x"],
		["emit", "/", { a: 1 }, "x"], ["emit", "/\0", null, "x"], ["emit", "/", null, "x\0y"],
		["join"], ["join", "/"], ["join", "/", 1], ["join", "/", {}], ["join", "/", ["a"]], ["join", "/", null], ["join", "/nowhere", "x"], ["join", "/", "x", 1],
		["leave"], ["leave", "/", null, null], ["leave", 1, "x"], ["leave", "/", {}, "x"],
		["_disconnect"], ["_disconnect", 1], ["_disconnect", "/nowhere", true], ["_disconnect", "/room-nsp", {}, 1], ["_disconnect", {}, true],
	];
	it("whatever the page sends, nobody is harmed", better, async (t) => {
		const { looking, a } = await cast(t);
		const other = await member(t);
		const heard = record(other, "x");
		const rooms = await cmd(other, "rooms");
		for (const args of HOSTILE)
			looking.emit(...args);
		await sleep(50);
		assert.equal(await cmd(a, "ping"), "pong");
		assert.equal(looking.connected, true);
		assert.deepEqual(heard, []);
		assert.deepEqual(await cmd(other, "rooms"), rooms);
		assert.match(other.id, SID);
	});

	it("nothing, for who is not let in", async (t) => {
		const socket = await member(t);
		const other = await member(t);
		const heard = record(other, "said");
		socket.emit("emit", "/", undefined, "said", 1);
		socket.emit("_disconnect", "/", true);
		await cmd(socket, "ping");
		assert.equal(await cmd(other, "ping"), "pong");
		assert.deepEqual(heard, []);
	});
});
