// The msgpack parser: the official client with it over its transports, and by hand the encodings
// that it never writes, the packets that are none, and what our own encoder writes, byte for byte.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import msgpack from "notepack.io";
import parser from "socket.io-msgpack-parser";
import { Manager } from "socket.io-client";
import { LENIENT, WAYS, ask, better, client, connected, next, record, refused, serve, sleep, until, upgraded, within } from "./harness.mjs";
import { SID, link } from "./raw.mjs";

const server = serve(LENIENT);
const together = { concurrency: 4 };
const bytes = (...list) => Buffer.from(list);
const range = (n) => Array.from({ length: n }, (_, i) => i);
const nested = (depth) => (depth === 0 ? "core" : { deeper: [nested(depth - 1)] });

const LONG_LISTS = [range(65535), range(65536)];

// What goes out as the arguments of `message` comes back as those of `message-back`.
const PAYLOADS = {
	"no argument": [],
	"each type": [1, -2.5, "text", true, false, null, [], {}],
	// Beyond 2^64 the client writes no integer that it could read again.
	"integers at the ends of their forms": [
		0, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 9007199254740991, 9007199254740992, 2 ** 63,
		-1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, -9007199254740991, -(2 ** 63),
	],
	"fractions": [0.1, -0.5, 123456789.125, 5e-324, 1.5e-7],
	"text of many scripts": ["Ä ä Ü ü ß", "Я Б Г Д", "てすと", "😀👩‍👩‍👧‍👦", "\u2028\u2029", "\u0000\u0001\u001e\u001f\u007f", "\"\\\n"],
	"text at the ends of its forms": [0, 31, 32, 255, 256, 65535, 65536].map((n) => "x".repeat(n)),
	"lists at the ends of their forms": [0, 15, 16, 300].map(range),
	"maps at the ends of their forms": [0, 15, 16, 300].map((n) => Object.fromEntries(range(n).map((i) => [`k${i}`, i]))),
	"binary at the ends of its forms": [0, 1, 255, 256, 65535, 65536].map((n) => Buffer.alloc(n, 7)),
	"binary of every byte": [Buffer.from(range(256))],
	"binary in between and nested": [1, bytes(0), { a: [bytes(255, 254), "x", { b: bytes(4) }] }, "end"],
	"forty pieces of binary": range(40).map((i) => bytes(i)),
	"nested": [nested(100)],
	"keys that matter to JavaScript": [{ constructor: 1, toString: 2, "": 3, "a.b": 4, "ключ": 5 }],
	"a placeholder that is plain data": [{ _placeholder: true, num: 0 }],
	"a placeholder that is plain data beside binary": [bytes(1), { _placeholder: true, num: 0 }, { _placeholder: true, num: -1, in: [bytes(2)] }],
	"times among the rest": [new Date(1700000000123), bytes(1), { at: [new Date(-1)], text: "2026-01-31T00:00:00.000Z" }],
	"looks like protocol": ["2probe", "42[\"x\"]", "b64", { type: 2, data: [], nsp: "/" }],
	"large text": ["€".repeat(200000)],
	"large binary": [Buffer.alloc(500000, 3)],
};

for (const [way, transport] of Object.entries(WAYS)) {
	const options = { ...transport, parser };
	describe(`msgpack client over ${way}`, together, () => {
		it("connects and hands its auth over", async (t) => {
			const auth = { token: "ü", list: [1, null, { n: -1.5 }] };
			const socket = client(t, server.url("msgpack"), { ...options, auth });
			assert.deepEqual(await next(socket, "auth"), [auth]);
			assert.match(socket.id, SID);
			assert.notEqual(socket.id, socket.io.engine.id);
		});

		for (const [what, args] of Object.entries(PAYLOADS)) {
			it(`echoes and acknowledges ${what}`, async (t) => {
				const socket = await connected(t, server.url("msgpack"), options);
				const back = next(socket, "message-back", 15000);
				socket.emit("message", ...args);
				assert.deepEqual(await back, args);
				const answer = new Promise((done) => socket.emit("message-with-ack", ...args, (...got) => done(got)));
				assert.deepEqual(await within(15000, "ack", answer), args);
			});
		}

		// Milliseconds, and the years 1, 10000 and -1.
		for (const ms of [0, 1, 1700000000123, 253402300799999, 4294967296000, -1, -62135596800000, 253402300800000, -62198755200000]) {
			it(`keeps the time ${ms}`, async (t) => {
				const socket = await connected(t, server.url("msgpack"), options);
				const got = await ask(socket, "message-with-ack", new Date(ms));
				assert.ok(got instanceof Date, got);
				assert.equal(got.getTime(), ms);
			});
		}

		it("reads undefined as null", async (t) => {
			const socket = await connected(t, server.url("msgpack"), options);
			assert.deepEqual(await ask(socket, "message-with-ack", undefined) ?? null, null);
		});

		it("is refused by a namespace that does not exist", async (t) => {
			assert.equal((await refused(t, `${server.url("msgpack")}/nowhere`, options)).message, "Invalid namespace");
		});

		it("keeps several namespaces on one connection apart", async (t) => {
			const manager = new Manager(server.url("msgpack"), { ...options, reconnection: false });
			t.after(() => manager._close());
			const [main, custom] = ["/", "/custom"].map((nsp) => manager.socket(nsp));
			await Promise.all([next(main, "connect"), next(custom, "connect")]);
			assert.equal(new Set([main.id, custom.id, manager.engine.id]).size, 3);
			custom.disconnect();
			assert.equal(await ask(main, "message-with-ack", "still here"), "still here");
		});

		it("keeps the order of 300 mixed events", async (t) => {
			const socket = await connected(t, server.url("msgpack"), options);
			const got = record(socket, "message-back");
			const all = new Promise((done) => socket.on("message-back", (i) => i === 299 && done()));
			for (let i = 0; i < 300; i++)
				socket.emit("message", i, i % 3 ? "x".repeat(i) : Buffer.alloc(i));
			await within(15000, "300 echoes", all);
			assert.deepEqual(got.map(([i]) => i), range(300));
		});

		it("stays alive over several heartbeats", async (t) => {
			const socket = await connected(t, server.url("msgpack"), options);
			const gone = record(socket, "disconnect");
			const pings = record(socket.io, "ping");
			await until("three pings", () => pings.length >= 3, 15000);
			assert.deepEqual(gone, []);
		});
	});
}

it("an upgrade under traffic loses nothing", async (t) => {
	const socket = await connected(t, server.url("msgpack"), { parser });
	const got = record(socket, "message-back");
	const all = new Promise((done) => socket.on("message-back", (i) => i === 99 && done()));
	for (let i = 0; i < 50; i++)
		socket.emit("message", i, bytes(i));
	await upgraded(socket);
	for (let i = 50; i < 100; i++)
		socket.emit("message", i, bytes(i));
	await within(3000, "100 echoes", all);
	assert.deepEqual(got.map(([i]) => i), range(100));
});

// ---- by hand

async function joined(t, kind) {
	const session = await link(t, kind, server.port("msgpack"));
	await session.send(msgpack.encode({ type: 0, nsp: "/" }));
	const answer = msgpack.decode(await session.next());
	assert.deepEqual([answer.type, answer.nsp, answer.data.pid], [0, "/", undefined]);
	assert.match(answer.data.sid, SID);
	assert.deepEqual(msgpack.decode(await session.next()), { type: 2, data: ["auth", {}], nsp: "/" });
	return session;
}

const event = (...data) => msgpack.encode({ type: 2, data, nsp: "/" });
const hex = (text) => Buffer.from(text.replaceAll(" ", ""), "hex");

// {type: 2, nsp: "/", data: ["message", <these bytes>]}
const TYPE = "a474797065 02";
const NSP = "a36e7370 a12f";
const DATA = "a464617461";
const NAME = "a76d657373616765";
const said = (value) => hex(`83 ${TYPE} ${NSP} ${DATA} 92 ${NAME} ${value}`);

// Encodings that the official client does not write, and their values.
const FORMS = [
	["uint8 of a small number", "cc05", 5],
	["uint16 of a small number", "cd0005", 5],
	["uint32 of a small number", "ce00000005", 5],
	["uint64 of a small number", "cf0000000000000005", 5],
	["int8 of a positive number", "d005", 5],
	["int16", "d1fffe", -2],
	["int32", "d2fffffffe", -2],
	["int64", "d3fffffffffffffffe", -2],
	["float32", "ca3fc00000", 1.5],
	["float64 of an integer", "cb4014000000000000", 5],
	["str8 of a short text", "d90161", "a"],
	["str16 of a short text", "da000161", "a"],
	["str32 of a short text", "db0000000161", "a"],
	["bin16 of one byte", "c5000107", bytes(7)],
	["bin32 of one byte", "c60000000107", bytes(7)],
	["array16 of one", "dc000101", [1]],
	["array32 of one", "dd0000000101", [1]],
	["map16 of one", "de0001a16101", { a: 1 }],
	["map32 of one", "df00000001a16101", { a: 1 }],
	["an empty ArrayBuffer", "c70000", bytes()],
	["an ArrayBuffer of one byte", "c7010007", bytes(7)],
	["an ArrayBuffer of eight bytes", "c708000102030405060708", bytes(1, 2, 3, 4, 5, 6, 7, 8)],
	["a time of notepack 3 in seconds", "d6ff00000001", new Date(1000), better],
	["a time of notepack 3 in 64 bits", "d7ff 1dcd6500 00000001", new Date(1125), better],
	["a time of notepack 3 in 96 bits", "c70cff 1dcd6500 ffffffffffffffff", new Date(-500), better],
	["the last time that there is", "d700 001eb208c2dc0000", new Date(864e13)],
	["one past it", "d700 001eb208c2dc0001", null, better],
	["the first time that there is", "d700 ffe14df73d240000", new Date(-864e13)],
	["one before it", "d700 ffe14df73d23ffff", null, better],
	["an ArrayBuffer in a longer form", "c900000002000102", bytes(1, 2)],
	["an extension of one byte that nobody knows", "d40507", [5, bytes(7)]],
	["an extension of three bytes that nobody knows", "c703fe010203", [-2, bytes(1, 2, 3)]],
	["a time of a length that it cannot have", "d5ff0102", [-1, bytes(1, 2)]],
];

for (const kind of ["polling", "websocket"]) {
	describe(`msgpack packets over ${kind}`, together, () => {
		for (const [what, form, value, options = {}] of FORMS) {
			it(`reads ${what}`, options, async (t) => {
				const session = await joined(t, kind);
				await session.send(said(form));
				const { data } = msgpack.decode(await session.next());
				const [name, got] = data;
				assert.deepEqual([name, got instanceof ArrayBuffer ? Buffer.from(got) : got], ["message-back", value]);
			});
		}

		// What we write is what notepack.io writes: the shortest form of everything.
		const WRITTEN = ["each type", "integers at the ends of their forms", "fractions", "text at the ends of its forms",
			"lists at the ends of their forms", "maps at the ends of their forms", "binary at the ends of its forms", "binary in between and nested"];
		for (const what of WRITTEN) {
			it(`writes ${what} as the official server does`, async (t) => {
				const session = await joined(t, kind);
				await session.send(event("message", ...PAYLOADS[what]));
				const got = await session.next();
				assert.ok(got.equals(event("message-back", ...PAYLOADS[what])), got.subarray(0, 100).toString("hex"));
			});
		}

		it("writes long lists as the official server does", async (t) => {
			const session = await joined(t, kind);
			await session.send(event("message", ...LONG_LISTS));
			assert.ok((await session.next()).equals(event("message-back", ...LONG_LISTS)));
		});

		// Packets that mean nothing, or less than they could; the connection stays.
		const HARMLESS = [
			["an event that nobody handles", event("nobody", 1)],
			["an event without a name", event()],
			["a reserved name", event("disconnect", 1)],
			["a number for a name", event(5)],
			["an object for a name", event({ a: 1 }, 2)],
			["null for a name", event(null)],
			["an ack nobody asked for", msgpack.encode({ type: 3, data: [1], nsp: "/", id: 99 })],
			["fields that we do not know", msgpack.encode({ type: 2, data: ["nobody"], nsp: "/", options: { compress: true }, more: [1] })],
			["binary in fields that we do not know", msgpack.encode({ type: 2, data: ["nobody"], nsp: "/", more: [bytes(1)] })],
		];
		for (const [what, packet] of HARMLESS) {
			it(`${what}: nothing happens`, async (t) => {
				const session = await joined(t, kind);
				await session.send(packet);
				await session.send(event("message", "mark"));
				assert.deepEqual(msgpack.decode(await session.next()).data, ["message-back", "mark"]);
			});
		}

		it("acknowledges under the id it was given", async (t) => {
			const session = await joined(t, kind);
			for (const id of [0, 1, 127, 128, 65536, 4294967296, 9007199254740991]) {
				await session.send(msgpack.encode({ type: 2, data: ["message-with-ack", bytes(1), "x"], nsp: "/", id }));
				assert.deepEqual(msgpack.decode(await session.next()), { type: 3, data: [bytes(1), "x"], id, nsp: "/" });
			}
		});

		it("takes the fields in any order", async (t) => {
			const session = await joined(t, kind);
			await session.send(msgpack.encode({ nsp: "/", id: 4, data: ["message-with-ack", 1], type: 2 }));
			assert.deepEqual(msgpack.decode(await session.next()), { type: 3, data: [1], id: 4, nsp: "/" });
		});

		it("leaves a namespace, and may join it again", async (t) => {
			const session = await joined(t, kind);
			await session.send(msgpack.encode({ type: 1, nsp: "/" }));
			await sleep(20); /* the official server handles it a moment later */
			await session.send(msgpack.encode({ type: 0, nsp: "/", data: { again: 1 } }));
			assert.equal(msgpack.decode(await session.next()).type, 0);
			assert.deepEqual(msgpack.decode(await session.next()).data, ["auth", { again: 1 }]);
		});

		// Each of these ends the connection.
		const FATAL = [
			["type 5", msgpack.encode({ type: 5, data: ["message"], nsp: "/" })],
			["type -1", msgpack.encode({ type: -1, data: ["message"], nsp: "/" })],
			["type 1.5", msgpack.encode({ type: 1.5, data: ["message"], nsp: "/" })],
			["a text for a type", msgpack.encode({ type: "2", data: ["message"], nsp: "/" })],
			["null for a type", msgpack.encode({ type: null, data: ["message"], nsp: "/" })],
			["no type", msgpack.encode({ data: ["message"], nsp: "/" })],
			["no namespace", msgpack.encode({ type: 2, data: ["message"] })],
			["a number for a namespace", msgpack.encode({ type: 2, data: ["message"], nsp: 1 })],
			["null for a namespace", msgpack.encode({ type: 2, data: ["message"], nsp: null })],
			["a list for a namespace", msgpack.encode({ type: 2, data: ["message"], nsp: ["/"] })],
			["bytes for a namespace", msgpack.encode({ type: 2, data: ["message"], nsp: Buffer.from("/") })],
			["no data", msgpack.encode({ type: 2, nsp: "/" })],
			["null for data", msgpack.encode({ type: 2, data: null, nsp: "/" })],
			["an object for data", msgpack.encode({ type: 2, data: { 0: "message" }, nsp: "/" })],
			["a text for data", msgpack.encode({ type: 2, data: "message", nsp: "/" })],
			["bytes for data", msgpack.encode({ type: 2, data: bytes(1), nsp: "/" })],
			["an object for an ack's data", msgpack.encode({ type: 3, data: {}, nsp: "/", id: 1 })],
			["a DISCONNECT with data", msgpack.encode({ type: 1, data: {}, nsp: "/" })],
			["a CONNECT with a list", msgpack.encode({ type: 0, data: [], nsp: "/custom" })],
			["a CONNECT with a text", msgpack.encode({ type: 0, data: "x", nsp: "/custom" })],
			["a second CONNECT", msgpack.encode({ type: 0, nsp: "/" })],
			["CONNECT_ERROR from a client", msgpack.encode({ type: 4, data: { message: "x" }, nsp: "/" })],
			["an event for a namespace not joined", msgpack.encode({ type: 2, data: ["message"], nsp: "/custom" })],
			["a text for an id", msgpack.encode({ type: 2, data: ["message"], nsp: "/", id: "1" })],
			["a fraction for an id", msgpack.encode({ type: 2, data: ["message"], nsp: "/", id: 1.5 })],
			["a list for an id", msgpack.encode({ type: 2, data: ["message"], nsp: "/", id: [1] })],
			["a list instead of a map", msgpack.encode([2, ["message"], "/"])],
			["a number instead of a map", msgpack.encode(2)],
			["null", msgpack.encode(null)],
			["an empty map", msgpack.encode({})],
			["nothing", bytes()],
			["a packet cut short", event("message", "abc").subarray(0, -1)],
			["a packet that ends in its head", event("message").subarray(0, 1)],
			["something behind the packet", Buffer.concat([event("message"), bytes(0)])],
			["two packets in one message", Buffer.concat([event("message"), event("message")])],
			["the unused byte c1", said("c1")],
			["a text longer than the packet", said("dbffffffff61"), better],
			["bytes longer than the packet", said("c6ffffffff61"), better],
			["a list longer than the packet", said("ddffffffff01"), better],
			["a map longer than the packet", said("dfffffffff01"), better],
			["an extension longer than the packet", said("c9ffffffff0001"), better],
			["text, as of the default parser", '42["message"]'],
			["a text packet", "4x"],
		];
		for (const [what, packet, options = {}] of FATAL) {
			it(`${what} ends the connection`, options, async (t) => {
				const session = await joined(t, kind);
				await session.send(typeof packet === "string" ? packet : Buffer.from(packet));
				await session.end();
			});
		}

		it("nothing but a CONNECT comes first", async (t) => {
			const session = await link(t, kind, server.port("msgpack"));
			await session.send(event("message"));
			await session.end();
		});

		const HOSTILE = [
			["a hundred thousand nested lists", said("91".repeat(100000) + "01")],
			["a hundred thousand nested maps", said("81a161".repeat(100000) + "01")],
			["a hundred thousand nested lists in a field that we do not know",
				hex(`84 ${TYPE} ${NSP} ${DATA} 91 ${NAME} a178 ${"91".repeat(100000)}01`)],
			["text that is no UTF-8", said("a3fffefd")],
			["a key that is a map", said("81 8001")],
			["a time beyond all calendars", said("c70cff 00000000 7fffffffffffffff")],
			["a time before all calendars", said("c70cff ffffffff 8000000000000000")],
			["an old date beyond all calendars", said("d700 7fffffffffffffff")],
		];
		for (const [what, packet] of HOSTILE) {
			it(`${what}: harms nobody`, better, async (t) => {
				const session = await joined(t, kind);
				await session.send(packet);
				const other = await joined(t, kind);
				await other.send(event("message", 1));
				assert.deepEqual(msgpack.decode(await other.next()).data, ["message-back", 1]);
			});
		}
	});
}
