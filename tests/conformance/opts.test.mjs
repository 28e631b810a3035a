// The opts server, every option of which differs from its default, seen by the official client,
// and the corners of options that engine.test.mjs does not visit. What each option does to a
// single request stands there.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import zlib from "node:zlib";
import { CALM, LENIENT, ask, client, connected, next, record, refused, serve, until } from "./harness.mjs";
import { OP, Polling, RawWebSocket, decode, enginePath, exchange, joinBase, link, request } from "./raw.mjs";

const server = serve(CALM);
const pinging = serve(LENIENT);
const together = { concurrency: 8 };
const OPT = { path: "/opt", addTrailingSlash: false };
const TRANSPORTS = { polling: ["polling"], websocket: ["websocket"] };
const open = { EIO: 4, transport: "polling" };
const websocket = { EIO: 4, transport: "websocket" };
const ORIGIN = "http://allowed.example";

// Text that is short when it is compressed.
const dense = (size) => "0123456789".repeat(size / 10 + 1).slice(0, size);

for (const [way, transports] of Object.entries(TRANSPORTS)) {
	describe(`the official client over ${way}`, together, () => {
		const options = { ...OPT, transports };

		it("is told of the intervals and the limit, and of no upgrades", async (t) => {
			const socket = client(t, pinging.url("opts"), options);
			const told = next(socket.io.engine, "handshake");
			await next(socket, "connect");
			const [{ pingInterval, pingTimeout, maxPayload, upgrades }] = await told;
			assert.deepEqual([pingInterval, pingTimeout, maxPayload, upgrades], [1000, 20000, 20000, []]);
		});

		// Sizes around the threshold of compression, as text and as binary.
		for (const size of [10, 1000, 1023, 1024, 1025, 15000]) {
			it(`echoes ${size} bytes, compressed or not`, async (t) => {
				const socket = await connected(t, server.url("opts"), options);
				const back = next(socket, "message-back");
				socket.emit("message", dense(size), Buffer.alloc(Math.min(size, 4000), 7));
				assert.deepEqual(await back, [dense(size), Buffer.alloc(Math.min(size, 4000), 7)]);
			});
		}

		it("stays alive by its pongs", async (t) => {
			const socket = await connected(t, pinging.url("opts"), options);
			const gone = record(socket, "disconnect");
			const pings = record(socket.io, "ping");
			await until("two pings", () => pings.length >= 2, 15000);
			assert.deepEqual(gone, []);
			assert.equal(await ask(socket, "message-with-ack", 1), 1);
		});

		it("is refused by allowRequest", async (t) => {
			const error = await refused(t, server.url("opts"), { ...options, extraHeaders: { "x-deny": "1" } });
			assert.equal(error.message, way === "polling" ? "xhr poll error" : "websocket error");
		});
	});
}

describe("limits of a message over websocket", together, () => {
	const OFFER = { "Sec-WebSocket-Extensions": "permessage-deflate; client_no_context_takeover; server_no_context_takeover" };
	const deflate = (data) => zlib.deflateRawSync(data, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4);
	const packet = (size) => {
		const empty = '42["message",""]';
		return empty.replace('""', `"${dense(size - empty.length)}"`);
	};

	async function joined(t) {
		const ws = await RawWebSocket.open(server.port("opts"), enginePath(websocket, "/opt"), { headers: OFFER });
		t.after(() => ws.drop());
		await ws.nextFrame();
		ws.frame({ payload: "40" });
		await ws.nextFrame();
		await ws.nextFrame();
		return ws;
	}

	// What is sent, and whether it passes.
	const ROWS = [
		["20000 bytes as they are", { payload: packet(20000) }, true],
		["20001 bytes as they are", { payload: packet(20001) }, false],
		["20000 bytes inflated", { rsv: 4, payload: deflate(packet(20000)) }, true],
		["20001 bytes inflated", { rsv: 4, payload: deflate(packet(20001)) }, false],
		["ten megabytes inflated", { rsv: 4, payload: deflate("x".repeat(10000000)) }, false],
		["20001 bytes announced", { length: 20001 }, false],
		["2^63 bytes announced", { length: 2n ** 63n - 1n }, false],
	];
	for (const [what, options, passes] of ROWS) {
		it(`${what}: ${passes ? "read" : "closed"}`, async (t) => {
			const ws = await joined(t);
			ws.frame(options);
			if (!passes) {
				assert.ok([1009, 1002].includes(await ws.nextClose()));
				return;
			}
			const { rsv, op } = await ws.nextFrame();
			assert.deepEqual([rsv, op], [4, OP.text]);
		});
	}

	it("fragments that inflate to too much together", async (t) => {
		const ws = await joined(t);
		const data = deflate(packet(20001));
		ws.frame({ rsv: 4, fin: false, payload: data.subarray(0, 20) });
		ws.frame({ op: OP.cont, payload: data.subarray(20) });
		assert.equal(await ws.nextClose(), 1009);
	});
});

describe("compression of websocket messages", together, () => {
	// What a client offers, and whether the server compresses for it.
	const OFFERS = [
		["permessage-deflate", true],
		["permessage-deflate; client_max_window_bits", true],
		["permessage-deflate; server_no_context_takeover; client_no_context_takeover", true],
		["permessage-deflate; server_max_window_bits=10", undefined],
		["x-webkit-deflate-frame", false],
		["permessage-deflate; unknown=1", undefined],
		["unknown, permessage-deflate", true],
	];
	for (const [offer, agreed] of OFFERS) {
		it(`an offer of ${offer}`, async (t) => {
			const ws = await RawWebSocket.open(server.port("opts"), enginePath(websocket, "/opt"), { headers: { "Sec-WebSocket-Extensions": offer } });
			t.after(() => ws.drop());
			if (agreed === undefined && ws.status !== 101) {
				assert.equal(ws.status, 400); /* the official server refuses what it cannot honour */
				return;
			}
			assert.equal(ws.status, 101);
			if (agreed !== undefined)
				assert.equal(/permessage-deflate/.test(ws.headers["sec-websocket-extensions"] ?? ""), agreed);
			/* With a context of its own the official server compresses even the open packet. */
			assert.equal((await ws.nextFrame()).op, OP.text);
			ws.frame({ payload: "40" });
			assert.equal((await ws.nextFrame()).op, OP.text);
		});
	}

	it("none without an offer", async (t) => {
		const session = await link(t, "websocket", server.port("opts"), { path: "/opt" });
		assert.equal(session.ws.headers["sec-websocket-extensions"], undefined);
		await joinBase(session);
		session.send(`42${JSON.stringify(["message", dense(3000)])}`);
		assert.deepEqual(decode(await session.next()).data, ["message-back", dense(3000)]);
	});
});

describe("answers to other origins", together, () => {
	it("a preflight from a listed origin is answered in full", async () => {
		const headers = { origin: ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "x-anything" };
		const answer = await request(server.port("opts"), "/opt", { method: "OPTIONS", headers });
		assert.equal(answer.status, 204);
		const { "access-control-allow-origin": origin, "access-control-allow-credentials": credentials, "access-control-allow-methods": methods,
			"access-control-allow-headers": allowed, "access-control-max-age": age } = answer.headers;
		assert.deepEqual([origin, credentials, methods, allowed, age], [ORIGIN, "true", "GET,POST", "x-token", "600"]);
	});

	it("a preflight from elsewhere is answered without permission", async () => {
		const headers = { origin: "http://other.example", "access-control-request-method": "POST" };
		const answer = await request(server.port("opts"), "/opt", { method: "OPTIONS", headers });
		assert.equal(answer.status, 204);
		assert.equal(answer.headers["access-control-allow-origin"], undefined);
	});

	for (const [what, act] of [
		["a POST", (session) => session.post("40", { origin: ORIGIN })],
		["a GET", (session) => session.post("40").then(() => session.get({ origin: ORIGIN }))],
		["a body that is too big", (session) => session.post("x".repeat(20001), { origin: ORIGIN })],
	]) {
		it(`${what} carries the permission`, async () => {
			const session = await Polling.open(server.port("opts"), { path: "/opt" });
			const { headers } = await act(session);
			assert.equal(headers["access-control-allow-origin"], ORIGIN);
			assert.match(headers.vary, /\borigin\b/i);
		});
	}
});

describe("connection_error", () => {
	// A refusal by websocket is told like one by HTTP; a bad origin is told without what stood in it.
	it("of upgrades, and of an origin that is none", async (t) => {
		const port = server.port("opts");
		const socket = await connected(t, server.url("opts"), { ...OPT, transports: ["websocket"] });
		await ask(socket, "errors");
		const rows = [
			[websocket, { "x-deny": "1" }, 4, "Forbidden", { message: "denied by allowRequest" }],
			[{ EIO: 4, transport: "__proto__" }, {}, 0, "Transport unknown", { transport: "__proto__" }],
			[{ ...websocket, sid: "constructor" }, {}, 1, "Session ID unknown", { sid: "constructor" }],
		];
		for (const [query, headers] of rows) {
			const ws = await RawWebSocket.open(port, enginePath(query, "/opt"), { headers });
			assert.equal(ws.status, 400);
		}
		const expected = rows.map(([, , code, message, context]) => ({ code, message, context }));
		assert.deepEqual(await ask(socket, "errors"), expected);
		await exchange(port, `GET ${enginePath(open, "/opt")} HTTP/1.1\r\nHost: a\r\nOrigin: http://a\x07b\r\nConnection: close\r\n\r\n`);
		for (const { code, context } of await ask(socket, "errors"))
			assert.deepEqual([code, context.name], [3, "INVALID_ORIGIN"]);
	});
});
