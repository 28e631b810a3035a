// The official JavaScript client in its stock settings against the base server, over polling,
// over websocket, and over polling that upgrades.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Manager } from "socket.io-client";
import { LENIENT, STRICT, WAYS, ask, client, connected, next, patient, record, refused, serve, sleep, start, until, upgraded, within } from "./harness.mjs";
import { link, joinBase } from "./raw.mjs";

const server = serve(LENIENT);
const strict = serve(STRICT);
const SID = /^[A-Za-z0-9_-]{20}$/;

const bytes = (...list) => Buffer.from(list);
const blob = (size) => Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 7) & 0xff));
const nested = (depth) => (depth === 0 ? "core" : { deeper: [nested(depth - 1)] });

// What goes out as the arguments of `message` comes back as those of `message-back`.
const PAYLOADS = {
	"no argument": [],
	"each JSON type": [1, -2.5, "text", true, false, null, [], {}],
	"numbers at their ends": [0, 9007199254740991, -9007199254740991, 1.7976931348623157e308, 5e-324, 1e21, 0.1],
	"nested": [nested(100)],
	"text of many scripts": ["Ä ä Ü ü ß", "Я Б Г Д", "てすと", "उदाहरण", "😀👩‍👩‍👧‍👦", "\u2028\u2029", "\u0000\u0001\u001e\u001f\u007f"],
	"quotes and backslashes": ["\"", "\\", "\\\"", "a\nb\tc\r", "</script>"],
	"lone surrogate": ["\ud800", "x\udc00y"],
	"keys that matter to JavaScript": [{ constructor: 1, toString: 2, "": 3, "a.b": 4 }],
	"thirty arguments": Array.from({ length: 30 }, (_, i) => i),
	"looks like protocol": ["2probe", "3", "42[\"x\"]", "b64", "{\"_placeholder\":true,\"num\":0}"],
	"a placeholder that is plain data": [{ _placeholder: true, num: 0 }],
	"binary": [bytes(1, 2, 3)],
	"binary of every byte": [blob(256)],
	"empty binary": [bytes()],
	"binary in between and nested": [1, bytes(0), { a: [bytes(255, 254), "x", { b: bytes(4) }] }, "end"],
	"ten attachments": Array.from({ length: 10 }, (_, i) => bytes(i)),
	"binary and unicode": ["é€😀", bytes(0xe2, 0x82), { "ключ": bytes(1) }],
	"large text": ["x".repeat(600000)],
	"large text of wide characters": ["€".repeat(200000)],
	"large binary": [blob(500000)],
};

// The client gives back Buffers where we sent Buffers, so deepEqual compares bytes too.
async function roundTrip(socket, args) {
	const back = next(socket, "message-back", 15000);
	socket.emit("message", ...args);
	assert.deepEqual(await back, args);
}

for (const [way, options] of Object.entries(WAYS)) {
	describe(`client over ${way}`, { concurrency: 4 }, () => {
		it("connects, with ids of its own", async (t) => {
			const socket = await connected(t, server.url("base"), options);
			assert.match(socket.id, SID);
			assert.notEqual(socket.id, socket.io.engine.id);
			assert.ok(!socket.recovered);
		});

		it("hands the auth object to the handlers", async (t) => {
			const auth = { token: "abc", nested: { list: [1, "ü"] } };
			const socket = client(t, server.url("base"), { ...options, auth });
			assert.deepEqual(await next(socket, "auth"), [auth]);
		});

		it("takes an auth function, and none at all", async (t) => {
			const late = client(t, server.url("base"), { ...options, auth: (cb) => setTimeout(cb, 5, { late: true }) });
			assert.deepEqual(await next(late, "auth"), [{ late: true }]);
			const none = client(t, server.url("base"), options);
			assert.deepEqual(await next(none, "auth"), [{}]);
		});

		it("joins a custom namespace", async (t) => {
			const socket = client(t, `${server.url("base")}/custom`, { ...options, auth: { a: 1 } });
			assert.deepEqual(await next(socket, "auth"), [{ a: 1 }]);
			assert.match(socket.id, SID);
		});

		it("is refused by a namespace that does not exist", async (t) => {
			const error = await refused(t, `${server.url("base")}/random`, options);
			assert.equal(error.message, "Invalid namespace");
			assert.equal(error.data, undefined);
		});

		it("keeps several namespaces on one connection apart", async (t) => {
			const manager = new Manager(server.url("base"), { ...options, reconnection: false });
			t.after(() => manager._close());
			const [main, custom, wrong] = ["/", "/custom", "/nowhere"].map((nsp) => manager.socket(nsp));
			const [, , [error]] = await Promise.all([next(main, "connect"), next(custom, "connect"), next(wrong, "connect_error")]);
			assert.equal(error.message, "Invalid namespace");
			assert.equal(new Set([main.id, custom.id, manager.engine.id]).size, 3);
			custom.disconnect();
			await roundTrip(main, ["still here"]);
			custom.connect();
			await next(custom, "connect");
			await roundTrip(main, ["and after its return"]);
		});

		for (const [name, args] of Object.entries(PAYLOADS)) {
			it(`echoes ${name}`, async (t) => {
				const socket = await connected(t, server.url("base"), options);
				await roundTrip(socket, args);
			});

			it(`acknowledges ${name}`, async (t) => {
				const socket = await connected(t, server.url("base"), options);
				const answer = within(15000, "ack", new Promise((done) => socket.emit("message-with-ack", ...args, (...got) => done(got))));
				assert.deepEqual(await answer, args);
			});
		}

		it("keeps the order of 500 mixed events", async (t) => {
			const socket = await connected(t, server.url("base"), options);
			const got = [];
			const all = new Promise((done) => socket.on("message-back", (i, data) => {
				got.push([i, data?.length]);
				if (i === 499)
					done();
			}));
			for (let i = 0; i < 500; i++)
				i % 5 ? socket.emit("message", i, "x".repeat(i % 50)) : socket.emit("message", i, blob(i % 60));
			await within(15000, "500 echoes", all);
			assert.deepEqual(got, Array.from({ length: 500 }, (_, i) => [i, i % 5 ? i % 50 : i % 60]));
		});

		it("tells 100 acknowledgements apart", async (t) => {
			const socket = await connected(t, server.url("base"), options);
			const sums = await Promise.all(Array.from({ length: 100 }, (_, i) => ask(socket, "message-with-ack", i)));
			assert.deepEqual(sums, Array.from({ length: 100 }, (_, i) => i));
		});

		it("leaves an event that nobody handles unanswered", async (t) => {
			const socket = await connected(t, server.url("base"), options);
			await assert.rejects(socket.timeout(100).emitWithAck("nobody", 1), /timed out/);
			await roundTrip(socket, ["fine"]);
		});

		it("stays alive over several heartbeats", async (t) => {
			const socket = await connected(t, server.url("base"), options);
			const gone = record(socket, "disconnect");
			const pings = record(socket.io, "ping");
			await until("three pings", () => pings.length >= 3, 15000);
			assert.deepEqual(gone, []);
			await roundTrip(socket, ["alive"]);
		});

		it("disconnects and comes back under another id", async (t) => {
			const socket = await connected(t, server.url("base"), options);
			const id = socket.id;
			const gone = next(socket, "disconnect");
			socket.disconnect();
			assert.equal((await gone)[0], "io client disconnect");
			socket.connect();
			await next(socket, "connect");
			assert.notEqual(socket.id, id);
			await roundTrip(socket, ["again"]);
		});

		it("reconnects by itself when the connection breaks", async (t) => {
			const socket = await connected(t, server.url("base"), { ...options, reconnection: true, reconnectionDelay: 10 });
			const id = socket.id;
			const gone = next(socket, "disconnect");
			const back = next(socket, "connect");
			socket.io.engine.close();
			await gone;
			await back;
			assert.notEqual(socket.id, id);
			await roundTrip(socket, ["back"]);
		});

		it("survives a restart of the server", async (t) => {
			const first = await start({ args: LENIENT });
			const socket = client(t, first.url("base"), { ...options, reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 50 });
			await next(socket, "connect");
			const gone = next(socket, "disconnect");
			await first.stop();
			assert.match((await gone)[0], /^transport (close|error)$/);
			const back = next(socket, "connect", 6000);
			const second = await start({ port: first.base, args: LENIENT });
			try {
				await back;
				await roundTrip(socket, ["new life"]);
			} finally {
				socket.disconnect();
				await second.stop();
			}
		});
	});
}

describe("upgrade", { concurrency: 4 }, () => {
	it("happens by itself", async (t) => {
		const socket = await connected(t, server.url("base"));
		const id = socket.id;
		await upgraded(socket);
		assert.equal(socket.io.engine.transport.name, "websocket");
		await roundTrip(socket, ["over websocket"]);
		assert.equal(socket.id, id);
	});

	it("loses, doubles and reorders nothing under traffic", async (t) => {
		const socket = await connected(t, server.url("base"));
		const got = [];
		socket.on("message-back", (i) => got.push(i));
		let sent = 0;
		const pump = setInterval(() => {
			for (let i = 0; i < 5; i++, sent++)
				sent % 7 ? socket.emit("message", sent) : socket.emit("message", sent, bytes(sent & 255));
		}, 1);
		await upgraded(socket);
		const before = sent;
		await until("traffic after the upgrade", () => sent > before + 20, 10000);
		clearInterval(pump);
		await ask(socket, "message-with-ack", "done");
		assert.deepEqual(got, Array.from({ length: sent }, (_, i) => i));
	});

	it("works for thirty clients at once, each within two seconds", async (t) => {
		const all = Array.from({ length: 30 }, () => client(t, server.url("base")));
		await Promise.all(all.map((socket) => next(socket, "connect", 5000)));
		await within(5000, "thirty upgrades", Promise.all(all.map(upgraded)));
		await Promise.all(all.map((socket) => roundTrip(socket, [socket.id])));
	});

	it("stays on polling where the server does not offer it", async (t) => {
		const socket = await connected(t, server.url("opts"), { path: "/opt", addTrailingSlash: false });
		await roundTrip(socket, ["over polling"]);
		await sleep(200);
		assert.equal(socket.io.engine.transport.name, "polling");
	});

	it("is possible from forceBase64 clients", async (t) => {
		const socket = await connected(t, server.url("base"), { forceBase64: true });
		await roundTrip(socket, [bytes(1, 2, 3), { a: bytes() }]);
		await upgraded(socket);
		await roundTrip(socket, [bytes(1, 2, 3), { a: blob(100) }]);
	});
});

describe("limits that a client meets", { concurrency: true }, () => {
	it("splits what is over maxPayload into several requests", async (t) => {
		const socket = await connected(t, server.url("opts"), { path: "/opt", addTrailingSlash: false, transports: ["polling"] });
		const got = record(socket, "message-back");
		for (let i = 0; i < 10; i++)
			socket.emit("message", i, "y".repeat(8000));
		await ask(socket, "message-with-ack", 0);
		assert.deepEqual(got.map(([i, text]) => [i, text.length]), Array.from({ length: 10 }, (_, i) => [i, 8000]));
	});

	it("closes a websocket over which too much comes", async (t) => {
		const socket = await connected(t, server.url("base"), { transports: ["websocket"] });
		const gone = next(socket, "disconnect");
		socket.emit("message", "z".repeat(1000001));
		assert.match((await gone)[0], /^transport (close|error)$/);
	});

	it("keeps a polling session over which too much came", async (t) => {
		const socket = await connected(t, server.url("base"), { transports: ["polling"] });
		const gone = next(socket, "disconnect");
		socket.emit("message", "z".repeat(1000001));
		// The client itself takes the 413 for the end; the server must not fall over it.
		assert.equal((await gone)[0], "transport error");
		await connected(t, server.url("base"), { transports: ["polling"] });
	});

	for (const kind of ["polling", "websocket"]) {
		it(`ends a mute client over ${kind} by ping timeout`, async (t) => {
			const began = Date.now();
			const session = await link(t, kind, strict.port("base"));
			session.heartbeat = false;
			await joinBase(session);
			await session.end(4000);
			const lived = Date.now() - began;
			assert.ok(lived >= 1790 && lived < patient(3000), `lived ${lived} ms`);
		});
	}
});
