// Connection state recovery: who was away for a moment comes back as the same socket, with its
// rooms and its data, and gets what it missed.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CALM, STRICT, WAYS, ask, better, client, next, record, serve, sleep, until } from "./harness.mjs";
import { OP, SID, decode, join, link } from "./raw.mjs";

const server = serve(CALM);
const strict = serve(STRICT); // who is away for 5 s does not come back as it was
const together = { concurrency: 8 };
const KINDS = ["websocket", "polling"];

let serial = 0;
const fresh = (word) => `${word}-${++serial}`;
const prefix = (nsp) => (nsp === "/" ? "" : `${nsp},`);

// ---- a client by hand

// The packets up to the first of this type, and that one.
async function upTo(session, type) {
	const before = [];
	for (;;) {
		const text = await session.next();
		assert.ok(text !== null, `the session ended; before it: ${JSON.stringify(before)}`);
		const packet = Buffer.isBuffer(text) ? text : decode(text);
		if (packet.type === type)
			return [packet, before];
		before.push(packet);
	}
}

async function command(session, name, arg = null, nsp = "/") {
	await session.send(`42${prefix(nsp)}7${JSON.stringify(["cmd", name, arg])}`);
	return (await upTo(session, 3))[0].data[0];
}

// A socket that has just connected, and heard `hello`. `missed` came before the CONNECT answer.
async function enter(t, kind, { nsp = "/", auth, at = server } = {}) {
	const session = await link(t, kind, at.port("csr"));
	await session.send(`40${prefix(nsp)}${auth === undefined ? "" : JSON.stringify(auth)}`);
	const [answer, missed] = await upTo(session, 0);
	const [, hello, offset] = (await upTo(session, 2))[0].data;
	return { ...answer.data, nsp, at, session, missed: missed.map((packet) => packet.data ?? packet), hello, offset };
}

const comeBack = (t, kind, who, auth = {}) => enter(t, kind, { nsp: who.nsp, at: who.at, auth: { pid: who.pid, offset: who.offset, ...auth } });

function isRecovered(back, who) {
	assert.deepEqual([back.sid, back.pid, back.hello.recovered], [who.sid, who.pid, true]);
}

function isFresh(back, who) {
	assert.notEqual(back.sid, who.sid);
	assert.notEqual(back.pid, who.pid);
	assert.deepEqual([back.missed, back.hello.recovered], [[], false]);
	assert.deepEqual(back.hello.rooms, [back.sid]);
}

// ---- the others

async function watcher(t, nsp = "/", at = server) {
	const socket = client(t, at.url("csr") + nsp, { transports: ["websocket"] });
	await next(socket, "hello");
	return socket;
}

const cmd = (socket, name, arg = null) => ask(socket, "cmd", name, arg);
const say = (socket, ev, options = {}, ...args) => cmd(socket, "emit", { base: "nsp", ev, args, ...options });

// The reason that this socket left for, once it has.
async function left(socket, id) {
	let log;
	await until(`${id} has left`, async () => {
		log = await cmd(socket, "log", id);
		return log?.disconnect;
	}, 3000);
	return log.disconnect.reason;
}

async function lose(who, socket) {
	await who.session.drop();
	return left(socket, who.sid);
}

// ---- what travels

for (const kind of KINDS) {
	describe(`what travels over ${kind}`, together, () => {
		it("a private id in the CONNECT answer, beside the sid", async (t) => {
			const session = await link(t, kind, server.port("csr"));
			const data = await join(session);
			assert.deepEqual(Object.keys(data).sort(), ["pid", "sid"]);
			assert.match(data.sid, SID);
			assert.match(data.pid, SID);
			assert.equal(new Set([data.sid, data.pid, session.sid]).size, 3);
		});

		it("one for each namespace", async (t) => {
			const session = await link(t, kind, server.port("csr"));
			const one = await join(session);
			await session.next();
			const other = await join(session, "/room-nsp");
			assert.notEqual(one.pid, other.pid);
		});

		it("neither id nor offset where recovery is off", async (t) => {
			const session = await link(t, kind, server.port("ext"));
			assert.deepEqual(Object.keys(await join(session)), ["sid"]);
			assert.equal(decode(await session.next()).data.length, 2);
		});

		// Who is told, by which options of `emit`; `me` becomes the socket's own id.
		const WITH_OFFSET = [
			["to the socket", { base: "socket", args: [1, "a"] }],
			["without arguments", { base: "socket" }],
			["to all", { base: "nsp", args: [{}] }],
			["to a room", { base: "nsp", to: "me", args: [null] }],
		];
		for (const [what, options] of WITH_OFFSET) {
			it(`an offset, last of the arguments of an event ${what}`, async (t) => {
				const who = await enter(t, kind, { nsp: `/dyn-${++serial}` });
				const to = options.to && { to: who.sid };
				await who.session.send(`42${who.nsp},7${JSON.stringify(["cmd", "emit", { ev: "told", ...options, ...to }])}`);
				const [{ data }] = await upTo(who.session, 2);
				assert.deepEqual(data.slice(0, -1), ["told", ...(options.args ?? [])]);
				assert.equal(typeof data.at(-1), "string");
				assert.notEqual(data.at(-1), who.offset);
			});
		}

		it("an offset behind binary too", async (t) => {
			const who = await enter(t, kind);
			await who.session.send('451-["message",{"_placeholder":true,"num":0}]', Buffer.from([1, 2]));
			const [packet] = await upTo(who.session, 5);
			assert.deepEqual(packet.data.slice(0, 2), ["message-back", { _placeholder: true, num: 0 }]);
			assert.deepEqual([packet.data.length, typeof packet.data[2]], [3, "string"]);
			assert.deepEqual(await who.session.next(), Buffer.from([1, 2]));
		});

		it("no offset where an acknowledgement is asked for, nor in one", async (t) => {
			const who = await enter(t, kind);
			await who.session.send('427["cmd","emit",{"base":"socket","ev":"q","args":[1],"ack":true,"timeout":20000}]');
			const [question] = await upTo(who.session, 2);
			assert.deepEqual(question.data, ["q", 1]);
			await who.session.send(`43${question.id}["answer"]`);
			assert.deepEqual((await upTo(who.session, 3))[0].data, [{ err: null, res: "answer" }]);
		});

		it("no offset with what is volatile", async (t) => {
			const who = await enter(t, kind);
			const held = kind === "polling" ? await who.session.hold() : null; // it needs a GET that waits
			await who.session.send('42["cmd","emit",{"base":"socket","ev":"vol","args":[1],"volatile":true}]');
			const { data } = held ? decode((await held.answer).text) : (await upTo(who.session, 2))[0];
			assert.deepEqual(data, ["vol", 1]);
		});
	});
}

// ---- coming back

for (const kind of KINDS) {
	describe(`coming back over ${kind}`, together, () => {
		it("restores the ids, rooms and data; `connection` still fires", async (t) => {
			const other = await watcher(t);
			const who = await enter(t, kind, { auth: { first: 1 } });
			const rooms = [who.sid, fresh("a"), fresh("b")].sort();
			await command(who.session, "join", rooms);
			await command(who.session, "setData", { name: "ü", list: [1, { deep: null }] });
			await lose(who, other);
			const back = await comeBack(t, kind, who, { second: 2 });
			isRecovered(back, who);
			assert.deepEqual(back.hello.rooms, rooms);
			assert.deepEqual(back.hello.auth, { pid: who.pid, offset: who.offset, second: 2 });
			const [seen] = await cmd(other, "fetch", { base: "nsp", to: who.sid });
			assert.deepEqual([seen.id, seen.rooms, seen.data], [who.sid, rooms, { name: "ü", list: [1, { deep: null }] }]);
			const { recovered, connected } = await command(back.session, "flags");
			assert.deepEqual([recovered, connected], [true, true]);
		});

		it("brings what was missed, in order and before the CONNECT answer, and nothing else", async (t) => {
			const nsp = `/dyn-${++serial}`;
			const other = await watcher(t, nsp);
			const who = await enter(t, kind, { nsp });
			await command(who.session, "join", ["in", "both"], nsp);
			await lose(who, other);
			await say(other, "all", {}, 1);
			await say(other, "room", { to: "in" }, 2);
			await say(other, "foreign", { to: "elsewhere" }, 3);
			await say(other, "own", { to: who.sid }, 4);
			await say(other, "left-out", { except: "in" }, 5);
			await say(other, "left-out-of-room", { to: "in", except: who.sid }, 6);
			await say(other, "two-rooms", { to: ["in", "both"] }, 7);
			await say(other, "volatile", { volatile: true }, 8);
			await cmd(other, "emit", { base: "broadcast", ev: "broadcast", args: [9] });
			await cmd(other, "emit", { base: "socket", ev: "to-another", args: [10] });
			const back = await comeBack(t, kind, who);
			isRecovered(back, who);
			const told = back.missed.map((data) => [data[0], data[1]]);
			assert.deepEqual(told, [["all", 1], ["room", 2], ["own", 4], ["two-rooms", 7], ["broadcast", 9]]);
			assert.equal(new Set(back.missed.map((data) => data[2])).size, 5, "each has its own offset");
			await say(other, "live", { to: "in" });
			assert.equal((await upTo(back.session, 2))[0].data[0], "live");
		});

		it("from the offset that the client has, not from where the server was", async (t) => {
			const nsp = `/dyn-${++serial}`;
			const other = await watcher(t, nsp);
			const who = await enter(t, kind, { nsp });
			const offsets = [];
			for (let i = 0; i < 5; i++) {
				await say(other, "n", {}, i);
				offsets.push((await upTo(who.session, 2))[0].data[2]);
			}
			await lose(who, other);
			const back = await comeBack(t, kind, who, { offset: offsets[1] });
			isRecovered(back, who);
			assert.deepEqual(back.missed.map((data) => data[1]), [2, 3, 4]);
			assert.deepEqual(back.missed.map((data) => data[2]), offsets.slice(2), "under the offsets they had");
		});

		it("with binary among what was missed", async (t) => {
			const nsp = `/dyn-${++serial}`;
			const other = await watcher(t, nsp);
			const who = await enter(t, kind, { nsp });
			await lose(who, other);
			await say(other, "blob", {}, Buffer.from([7, 8]), [Buffer.from([9])]);
			await say(other, "after");
			const back = await comeBack(t, kind, who);
			isRecovered(back, who);
			const [header, one, two, after] = back.missed;
			assert.deepEqual(header.slice(0, 3), ["blob", { _placeholder: true, num: 0 }, [{ _placeholder: true, num: 1 }]]);
			assert.deepEqual([one, two, after[0]], [Buffer.from([7, 8]), Buffer.from([9]), "after"]);
		});

		it("again and again", async (t) => {
			const nsp = `/dyn-${++serial}`;
			const other = await watcher(t, nsp);
			const who = await enter(t, kind, { nsp });
			await command(who.session, "join", "kept", nsp);
			let at = who;
			for (let i = 0; i < 3; i++) {
				await lose(at, other);
				await say(other, "n", { to: "kept" }, i);
				at = await comeBack(t, kind, at);
				isRecovered(at, who);
				assert.deepEqual(at.missed.map((data) => data[1]), [i]);
			}
		});
	});
}

describe("who may come back", together, () => {
	// What is done to the connection, the reason it ends for, and whether it can be recovered from.
	const ENDS = [
		["websocket", "transport close", true, (who) => who.session.drop()],
		["websocket", "transport close", true, (who) => who.session.ws.frame({ op: OP.close, payload: Buffer.from([3, 232]) })],
		["websocket", "transport error", true, (who) => who.session.ws.frame({ payload: "3", masked: false })],
		["websocket", "forced close", true, (who) => command(who.session, "connClose")],
		["websocket", "forced close", true, (who) => who.session.send("49")],
		["websocket", "ping timeout", true, (who) => { who.session.heartbeat = false; }],
		["polling", "transport close", true, (who) => who.session.drop()],
		["polling", "transport error", true, (who) => who.session.send("2")],
		["websocket", "parse error", false, (who) => who.session.send("x")],
		["websocket", "client namespace disconnect", false, (who) => who.session.send("41")],
		["websocket", "server namespace disconnect", false, (who) => command(who.session, "disconnect", { close: false })],
		["websocket", "server namespace disconnect", false, (who) => command(who.session, "disconnect", { close: true })],
		["polling", "client namespace disconnect", false, (who) => who.session.send("41")],
	];
	for (const [kind, reason, recovers, act] of ENDS) {
		it(`after ${reason} over ${kind}: ${recovers ? "yes" : "no"}`, async (t) => {
			const at = reason === "ping timeout" ? strict : server;
			const other = await watcher(t, "/room-nsp", at);
			const who = await enter(t, kind, { at });
			await act(who);
			assert.equal(await left(other, who.sid), reason);
			const back = await comeBack(t, kind, who);
			recovers ? isRecovered(back, who) : isFresh(back, who);
		});
	}

	it("over the other transport than before", async (t) => {
		const other = await watcher(t, "/room-nsp");
		const who = await enter(t, "polling");
		await lose(who, other);
		const back = await comeBack(t, "websocket", who);
		isRecovered(back, who);
		await lose(back, other);
		isRecovered(await comeBack(t, "polling", who), who);
	});

	it("past the middlewares that it passed once", async (t) => {
		const other = await watcher(t, "/room-nsp");
		const session = await link(t, "websocket", server.port("csr"));
		const { sid, pid } = await join(session, "/secured", { token: "good" });
		const order = decode(await session.next()).data;
		assert.deepEqual(order.slice(0, 2), ["mw-order", ["first", "second"]]);
		const offset = decode(await session.next()).data[2];
		await lose({ session, sid }, other);
		const again = await link(t, "websocket", server.port("csr"));
		await again.send(`40/secured,${JSON.stringify({ pid, offset })}`);
		const [answer] = await upTo(again, 0);
		assert.deepEqual(answer.data, { sid, pid });
	});

	it("not past the middlewares with ids that nobody gave it", async (t) => {
		const session = await link(t, "websocket", server.port("csr"));
		await session.send('40/secured,{"pid":"AAAAAAAAAAAAAAAAAAAA","offset":"1"}');
		assert.deepEqual(decode(await session.next()).data, { message: "unauthorized" });
	});

	it("within its time, and not after", async (t) => {
		const other = await watcher(t, "/room-nsp", strict);
		const [early, late] = [await enter(t, "websocket", { at: strict }), await enter(t, "websocket", { at: strict })];
		await Promise.all([lose(early, other), lose(late, other)]);
		await sleep(1500);
		isRecovered(await comeBack(t, "websocket", early), early);
		await sleep(3700); /* 5.2 s of 5 s */
		isFresh(await comeBack(t, "websocket", late), late);
	});

	it("in its own namespace alone", async (t) => {
		const other = await watcher(t, "/room-nsp");
		const who = await enter(t, "websocket");
		await lose(who, other);
		isFresh(await enter(t, "websocket", { nsp: "/room-nsp", auth: { pid: who.pid, offset: who.offset } }), who);
		isRecovered(await comeBack(t, "websocket", who), who);
	});

	// What is sent instead of what the server gave.
	const WRONG = [
		{ pid: "AAAAAAAAAAAAAAAAAAAA" }, { pid: "" }, { pid: "__proto__" }, { pid: "constructor" }, { pid: "x".repeat(5000) },
		{ pid: 1 }, { pid: null }, { pid: true }, { pid: {} }, { pid: [] }, { pid: { toString: "x" } },
		{ offset: "nonsense" }, { offset: "" }, { offset: "99999999999" }, { offset: "-1" }, { offset: "1e400" },
		{ offset: "x".repeat(5000) }, { offset: "__proto__" }, { offset: " 1" }, { offset: "18446744073709551616" },
		{ offset: 1 }, { offset: null }, { offset: true }, { offset: {} }, { offset: [] },
	];
	for (const wrong of WRONG) {
		it(`with ${JSON.stringify(wrong).slice(0, 60)}: as a new socket`, async (t) => {
			const other = await watcher(t, "/room-nsp");
			const who = await enter(t, "websocket");
			await lose(who, other);
			const back = await comeBack(t, "websocket", who, wrong);
			isFresh(back, who);
			assert.equal(await command(back.session, "ping"), "pong");
		});
	}

	it("and is there once", async (t) => {
		const other = await watcher(t);
		const who = await enter(t, "websocket");
		await lose(who, other);
		assert.deepEqual(await cmd(other, "fetch", { base: "nsp", to: who.sid }), []);
		isRecovered(await comeBack(t, "websocket", who), who);
		assert.equal((await cmd(other, "fetch", { base: "nsp", to: who.sid })).length, 1);
	});
});

describe("where the official server gives up", together, () => {
	it("a client that has received nothing yet comes back, and gets what came since", better, async (t) => {
		const nsp = `/dyn-${++serial}`;
		const other = await watcher(t, nsp);
		const who = await enter(t, "websocket", { nsp });
		await lose(who, other);
		await say(other, "missed", {}, 1);
		const back = await enter(t, "websocket", { nsp, auth: { pid: who.pid } });
		isRecovered(back, who);
		assert.deepEqual(back.missed.map((data) => data[0]), ["hello", "missed"]);
	});

	for (const kind of KINDS) {
		it(`a client that is back before its old ${kind} connection is known to be dead`, better, async (t) => {
			const nsp = `/dyn-${++serial}`;
			const other = await watcher(t, nsp);
			const who = await enter(t, kind, { nsp });
			await command(who.session, "join", "kept", nsp);
			await say(other, "unread", { to: "kept" }, 1);
			const back = await comeBack(t, kind, who);
			isRecovered(back, who);
			assert.deepEqual(back.missed.map((data) => data.slice(0, 2)), [["unread", 1]]);
			assert.deepEqual(back.hello.rooms, [who.sid, "kept"].sort());
			assert.equal((await cmd(other, "counts")).sockets, 2, "the old one is gone");
			await say(other, "live", { to: "kept" }, 2);
			assert.deepEqual((await upTo(back.session, 2))[0].data.slice(0, 2), ["live", 2]);
		});
	}
});

describe("the official client", together, () => {
	for (const [way, options] of Object.entries(WAYS)) {
		it(`recovers over ${way}`, async (t) => {
			const nsp = `/dyn-${++serial}`;
			const other = await watcher(t, nsp);
			const socket = client(t, server.url("csr") + nsp, options);
			const [{ id }] = await next(socket, "hello");
			assert.equal(socket.recovered, false);
			await cmd(socket, "join", "kept");
			await cmd(socket, "setData", { name: "n" });
			const got = record(socket, "n");
			const greeted = next(socket, "hello");
			socket.io.engine.close();
			await left(other, id);
			for (let i = 0; i < 3; i++)
				await say(other, "n", { to: "kept" }, i);
			socket.connect();
			const [{ recovered, rooms }] = await greeted;
			assert.deepEqual([recovered, rooms], [true, [id, "kept"].sort()]);
			assert.deepEqual([socket.recovered, socket.id], [true, id]);
			assert.deepEqual(got.map(([n]) => n), [0, 1, 2]);
		});
	}

	it("is new after it disconnected itself", async (t) => {
		const socket = client(t, server.url("csr"), { transports: ["websocket"] });
		const [{ id }] = await next(socket, "hello");
		socket.disconnect().connect();
		const [hello] = await next(socket, "hello");
		assert.deepEqual([hello.recovered, socket.recovered, hello.id === id], [false, false, false]);
	});

	it("loses and doubles nothing while it breaks again and again under traffic", async (t) => {
		const nsp = `/dyn-${++serial}`;
		const other = await watcher(t, nsp);
		const socket = client(t, server.url("csr") + nsp, { transports: ["websocket"], reconnection: true, reconnectionDelay: 10, randomizationFactor: 0 });
		await next(socket, "hello");
		const got = record(socket, "n");
		for (let i = 0; i < 200; i++) {
			await say(other, "n", {}, i);
			if (i % 40 !== 20)
				continue;
			const back = next(socket, "connect");
			socket.io.engine.close();
			for (const last = i + 10; i < last; i++)
				await say(other, "n", {}, i + 1);
			await back;
		}
		await until("all came", () => got.length >= 200, 10000);
		assert.deepEqual(got.map(([n]) => n), Array.from({ length: 200 }, (_, i) => i));
	});
});
