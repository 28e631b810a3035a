// Engine.IO 4 by hand: what the official clients never do, what a server must refuse and how.
// The rules are those of the protocol document and of the official server's behaviour on the wire.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { describe, it } from "node:test";
import zlib from "node:zlib";
import WebSocket from "ws";
import { CALM, ask, better, connected, isReference, next, patient, serve, sleep, until, within } from "./harness.mjs";
import {
	OP, Polling, RawWebSocket, SEP, SID, WebSocketLink, closeCode, closeFrame, decode, echo, enginePath, exchange,
	frame, isKnown, join, joinBase, link, request, settled, upgradeRequest,
} from "./raw.mjs";

const server = serve(CALM);
const PING_MS = 1000, PONG_MS = 2000;
const pinging = serve([...CALM, "--ping-interval", String(PING_MS), "--ping-timeout", String(PONG_MS)]);
const OPT = { path: "/opt" };
const together = { concurrency: 8 };

const open = { EIO: "4", transport: "polling" };
const message = (...args) => `42${JSON.stringify(["message", ...args])}`;
const isGone = (session, ms = 700) => until("the session is gone", async () => !await isKnown(session), ms);

// ---- 1.2 handshake

describe("handshake", together, () => {
	it("over polling answers with the open packet alone", async () => {
		const session = await Polling.open(server.port("base"));
		const { headers, text } = session.answer;
		assert.equal(headers["content-type"].toLowerCase(), "text/plain; charset=utf-8");
		assert.equal(headers["cache-control"], "no-store");
		assert.equal(text, `0{"sid":"${session.sid}","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`);
		assert.match(session.sid, SID);
	});

	it("over websocket sends the same packet with no upgrades", async (t) => {
		const ws = await RawWebSocket.open(server.port("base"), enginePath({ EIO: 4, transport: "websocket" }));
		t.after(() => ws.drop());
		const first = await ws.nextFrame();
		const { sid } = JSON.parse(first.payload.toString().slice(1));
		assert.match(sid, SID);
		assert.equal(first.op, OP.text);
		assert.equal(first.payload.toString(), `0{"sid":"${sid}","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`);
	});

	it("names no upgrades where they are not allowed", async () => {
		const { handshake } = await Polling.open(server.port("opts"), OPT);
		assert.deepEqual(handshake, { sid: handshake.sid, upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 20000 });
	});

	for (const [offer, taken] of [["a", "a"], ["chat.v2, superchat", "chat.v2"], [null, undefined]]) {
		it(`over websocket takes the first of the subprotocols ${offer}`, async (t) => {
			const ws = await RawWebSocket.open(server.port("base"), enginePath({ EIO: 4, transport: "websocket" }), { headers: { "Sec-WebSocket-Protocol": offer } });
			t.after(() => ws.drop());
			assert.deepEqual([ws.status, ws.headers["sec-websocket-protocol"]], [101, taken]);
		});
	}

	it("is the same for a client that writes blanks behind a header", async () => {
		const head = `GET ${enginePath({ EIO: 4, transport: "polling" })} HTTP/1.1\r\nHost: x\r\nOrigin: http://a.example \t\r\nConnection: close\r\n\r\n`;
		assert.match((await exchange(server.port("base"), head)).toString(), /^HTTP\/1\.1 200 /);
	});

	it("gives a hundred sessions a hundred ids", async () => {
		const all = await Promise.all(Array.from({ length: 100 }, () => Polling.open(server.port("ext"))));
		assert.equal(new Set(all.map(({ sid }) => sid)).size, 100);
		// Twelve of the fifteen bytes are random: no two share a prefix of any size that matters.
		assert.equal(new Set(all.map(({ sid }) => sid.slice(0, 12))).size, 100);
	});
});

const PATHS = [
	// server, path, status
	["base", "/socket.io/?EIO=4&transport=polling", 200],
	["base", "/socket.io/anything?EIO=4&transport=polling", 200],
	["base", "/socket.io/a/b/c/?EIO=4&transport=polling", 200],
	["base", "/socket.io/?transport=polling&EIO=4&t=abc123&unknown=%F0%9F%98%80", 200],
	["base", "/socket.io/?EIO=%34&transport=%70olling", 200],
	["base", "/socket.io/?EIO=4&transport=polling&b64=1", 200],
	["base", "/socket.io?EIO=4&transport=polling", 404],
	["base", "/SOCKET.IO/?EIO=4&transport=polling", 404],
	["base", "/?EIO=4&transport=polling", 404],
	["base", "/socket.iox/?EIO=4&transport=polling", 404],
	["base", "/engine.io/?EIO=4&transport=polling", 404],
	["base", "/opt?EIO=4&transport=polling", 404],
	["opts", "/opt?EIO=4&transport=polling", 200],
	["opts", "/opt/?EIO=4&transport=polling", 200],
	["opts", "/opt/more?EIO=4&transport=polling", 200],
	["opts", "/op?EIO=4&transport=polling", 404],
	["opts", "/socket.io/?EIO=4&transport=polling", 404],
];

describe("path", together, () => {
	for (const [name, path, status] of PATHS) {
		it(`${name} ${path} -> ${status}`, async () => {
			assert.equal((await request(server.port(name), path)).status, status);
		});
	}
});

// ---- 1.3 errors

const MESSAGES = ["Transport unknown", "Session ID unknown", "Bad handshake method", "Bad request", "Forbidden", "Unsupported protocol version"];

// `sid: true` stands for the id of a session that is there.
const REFUSALS = [
	// method, query, code
	["GET", { EIO: 4 }, 0],
	["GET", {}, 0],
	["GET", { EIO: 4, transport: "" }, 0],
	["GET", { EIO: 4, transport: "tobi" }, 0],
	["GET", { EIO: 4, transport: "Polling" }, 0],
	["GET", { EIO: 4, transport: "webtransport" }, 0],
	["GET", { EIO: 4, transport: "__proto__" }, 0],
	["GET", { EIO: 4, transport: "constructor" }, 0],
	["GET", { EIO: 4, transport: "toString" }, 0],
	["GET", { EIO: 4, transport: "x".repeat(2000) }, 0],
	["GET", { EIO: 4, transport: "polling", sid: "123" }, 1],
	["GET", { EIO: 4, transport: "polling", sid: "A".repeat(20) }, 1],
	["GET", { EIO: 4, transport: "polling", sid: "__proto__" }, 1],
	["GET", { EIO: 4, transport: "polling", sid: "constructor" }, 1],
	["GET", { EIO: 4, transport: "polling", sid: "\0" }, 1],
	["GET", { EIO: 4, transport: "polling", sid: "x".repeat(2000) }, 1],
	["POST", { EIO: 4, transport: "polling" }, 2],
	["PUT", { EIO: 4, transport: "polling" }, 2],
	["DELETE", { EIO: 4, transport: "polling" }, 2],
	["PATCH", { EIO: 4, transport: "polling" }, 2],
	["GET", { EIO: 4, transport: "websocket" }, 3],
	["GET", { EIO: 4, transport: "websocket", sid: true }, 3],
	["POST", { EIO: 4, transport: "websocket", sid: true }, 3],
	["GET", { EIO: 3, transport: "polling", sid: true }, 3],
	["GET", { transport: "polling", sid: true }, 3],
	["GET", { transport: "polling" }, 5],
	["GET", { EIO: 3, transport: "polling" }, 5],
	["GET", { EIO: 5, transport: "polling" }, 5],
	["GET", { EIO: "04", transport: "polling" }, 5],
	["GET", { EIO: "4 ", transport: "polling" }, 5],
	["GET", { EIO: "", transport: "polling" }, 5],
	// The order of the checks: the earlier one names the error.
	["POST", { EIO: 3, transport: "tobi", sid: "123" }, 0],
	["POST", { EIO: 4, transport: "tobi" }, 0],
	["POST", { EIO: 3, transport: "polling", sid: "123" }, 1],
	["PUT", { EIO: 4, transport: "websocket", sid: "123" }, 1],
	["POST", { EIO: 3, transport: "polling" }, 2],
	["POST", { EIO: 4, transport: "websocket" }, 2],
	["GET", { EIO: 3, transport: "websocket" }, 3],
];

const label = (query) => `?${new URLSearchParams(query)}`.slice(0, 60);

async function fill(query, name = "base", options) {
	if (query.sid !== true)
		return query;
	const session = await Polling.open(server.port(name), options);
	return { ...query, sid: session.sid };
}

function isRefusal(answer, code, text = MESSAGES[code]) {
	assert.equal(answer.text, JSON.stringify({ code, message: text }));
	assert.equal(answer.status, code === 4 ? 403 : 400);
	assert.match(answer.headers["content-type"], /^application\/json\b/);
}

describe("refused requests", together, () => {
	for (const [method, query, code] of REFUSALS) {
		it(`${method} ${label(query)} -> ${code}`, async () => {
			const answer = await request(server.port("base"), enginePath(await fill(query)), { method });
			isRefusal(answer, code);
			assert.equal(answer.headers["access-control-allow-origin"], "*");
		});
	}

	it("HEAD is no handshake either", async () => {
		const answer = await request(server.port("base"), enginePath(open), { method: "HEAD" });
		assert.deepEqual([answer.status, answer.text], [400, ""]);
	});

	it("by allowRequest, with its message", async () => {
		const answer = await request(server.port("opts"), enginePath(open, "/opt"), { headers: { "x-deny": "1" } });
		isRefusal(answer, 4, "denied by allowRequest");
	});

	it("allowRequest is asked before the protocol version, after the method", async () => {
		const headers = { "x-deny": "1" };
		isRefusal(await request(server.port("opts"), enginePath({ ...open, EIO: 3 }, "/opt"), { headers }), 4, "denied by allowRequest");
		isRefusal(await request(server.port("opts"), enginePath(open, "/opt"), { method: "POST", headers }), 2);
	});

	it("allowRequest is not asked again within a session", async () => {
		const session = await Polling.open(server.port("opts"), OPT);
		const answer = await session.post("40", { "x-deny": "1" });
		assert.deepEqual([answer.status, answer.text], [200, "ok"]);
	});

	// libmicrohttpd ends the value at a NUL before anyone can see it: refused, or cut short, nothing may be behind it.
	const CUT = "a\0x-injected: 1";
	for (const origin of ["a\u0001b", "a\u007fb", "a\rx-injected: 1", "a\n x-folded: 1", CUT]) {
		it(`Origin ${JSON.stringify(origin)} is refused and injects nothing`, async () => {
			const text = `GET ${enginePath(open)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: ${origin}\r\n\r\n`;
			const answer = (await exchange(server.port("opts"), text.replace("/socket.io/", "/opt"))).toString();
			assert.match(answer, origin === CUT ? /^HTTP\/1\.1 (400|200) / : /^HTTP\/1\.1 400 /);
			assert.doesNotMatch(answer, /x-(injected|folded)/i);
		});
	}
});

describe("refused upgrades", together, () => {
	const ROWS = [
		// method, query, code
		["GET", { EIO: 4, transport: "tobi" }, 0],
		["GET", { EIO: 4 }, 0],
		["GET", { EIO: 4, transport: "constructor" }, 0],
		["GET", { EIO: 4, transport: "websocket", sid: "123" }, 1],
		["GET", { EIO: 4, transport: "websocket", sid: "__proto__" }, 1],
		["POST", { EIO: 4, transport: "websocket" }, 2],
		["GET", { EIO: 3, transport: "websocket", sid: true }, 3],
	];
	for (const [method, query, code] of ROWS) {
		it(`${method} ${label(query)} -> ${code}`, async () => {
			const ws = await RawWebSocket.open(server.port("base"), enginePath(await fill(query)), { method });
			assert.equal(ws.line, "HTTP/1.1 400 Bad Request");
			assert.equal(ws.headers.connection.toLowerCase(), "close");
			assert.match(ws.headers["content-type"], /^text\/html/);
			assert.equal(await ws.refusal(), MESSAGES[code]);
		});
	}

	it("by allowRequest: 400 too, with its message", async () => {
		const ws = await RawWebSocket.open(server.port("opts"), enginePath({ EIO: 4, transport: "websocket" }, "/opt"), { headers: { "x-deny": "1" } });
		assert.equal(ws.status, 400);
		assert.equal(await ws.refusal(), "denied by allowRequest");
	});

	it("of an unsupported protocol version before anything is switched", better, async () => {
		const ws = await RawWebSocket.open(server.port("base"), enginePath({ EIO: 3, transport: "websocket" }));
		assert.equal(ws.status, 400);
		assert.equal(await ws.refusal(), MESSAGES[5]);
	});

	const HEADERS = [
		// what, changed headers, statuses
		["no key", { "Sec-WebSocket-Key": null }, [400]],
		["a short key", { "Sec-WebSocket-Key": "AQID" }, [400]],
		["a key that is no base64", { "Sec-WebSocket-Key": "!".repeat(24) }, [400]],
		["no version", { "Sec-WebSocket-Version": null }, [400, 426]],
		["version 12", { "Sec-WebSocket-Version": "12" }, [400, 426]],
		["version 99", { "Sec-WebSocket-Version": "99" }, [400, 426]],
	];
	for (const [what, headers, statuses] of HEADERS) {
		it(`with ${what}`, async () => {
			const ws = await RawWebSocket.open(server.port("base"), enginePath({ EIO: 4, transport: "websocket" }), { headers });
			assert.ok(statuses.includes(ws.status), ws.line);
			if (headers["Sec-WebSocket-Version"] !== undefined)
				assert.match(ws.headers["sec-websocket-version"], /\b13\b/);
			await ws.refusal();
		});
	}

	// Without it the request is no upgrade, and so a handshake over the wrong transport.
	for (const connection of [null, "keep-alive", "close"]) {
		it(`with Connection: ${connection}`, async () => {
			const ws = await RawWebSocket.open(server.port("base"), enginePath({ EIO: 4, transport: "websocket" }), { headers: { Connection: connection } });
			assert.equal(ws.status, 400);
			ws.drop();
		});
	}

	it("to another protocol", async () => {
		const ws = await RawWebSocket.open(server.port("base"), enginePath({ EIO: 4, transport: "websocket" }), { headers: { Upgrade: "h2c" } });
		assert.equal(ws.status, 400);
		ws.drop();
	});

	it("on a foreign path: never switched, and ended within two seconds", async () => {
		const got = await exchange(server.port("base"), upgradeRequest(server.port("base"), "/chat"), undefined, 2500);
		assert.doesNotMatch(got.toString(), /^HTTP\/1\.1 101/);
	});
});

describe("connection_error", () => {
	it("is told of every refusal, with its context", async (t) => {
		const port = server.port("opts");
		const socket = await connected(t, server.url("opts"), { ...OPT, addTrailingSlash: false, transports: ["websocket"] });
		const { sid } = await Polling.open(port, OPT);
		await ask(socket, "errors");
		const rows = [
			// method, query, headers, code, message, context
			["GET", { EIO: 4, transport: "tobi" }, {}, 0, undefined, { transport: "tobi" }],
			["GET", { ...open, sid: "123" }, {}, 1, undefined, { sid: "123" }],
			["POST", open, {}, 2, undefined, { method: "POST" }],
			["GET", { EIO: 4, transport: "websocket", sid }, {}, 3, undefined, { name: "TRANSPORT_MISMATCH", transport: "websocket", previousTransport: "polling" }],
			["GET", { EIO: 3, transport: "polling", sid }, {}, 3, undefined, { name: "PROTOCOL_MISMATCH", protocol: 3, previousProtocol: 4 }],
			["GET", { EIO: 4, transport: "websocket" }, {}, 3, undefined, { name: "TRANSPORT_HANDSHAKE_ERROR" }],
			["GET", open, { "x-deny": "1" }, 4, undefined, { message: "denied by allowRequest" }],
			["GET", { EIO: 3, transport: "polling" }, {}, 5, undefined, { protocol: 3 }],
		];
		for (const [method, query, headers] of rows)
			await request(port, enginePath(query, "/opt"), { method, headers });
		const ws = await RawWebSocket.open(port, enginePath({ EIO: 4, transport: "websocket", sid: "456" }, "/opt"));
		await ws.refusal();
		const expected = rows.map(([, , , code, , context]) => ({ code, message: MESSAGES[code], context }));
		assert.deepEqual(await ask(socket, "errors"), [...expected, { code: 1, message: MESSAGES[1], context: { sid: "456" } }]);
		assert.deepEqual(await ask(socket, "errors"), []);
	});
});

// ---- 1.4 polling

describe("polling", together, () => {
	it("puts everything buffered into one payload", async () => {
		const session = await Polling.open(server.port("ext"));
		await session.send("40");
		await session.get();
		await session.send(message("a"), message("b"));
		await session.send(message("c"));
		const packets = (await session.get()).text.split(SEP);
		assert.deepEqual(packets.map((packet) => decode(packet).data), ["a", "b", "c"].map((text) => ["message-back", text]));
	});

	it("holds a GET until there is something", async () => {
		const session = await Polling.open(server.port("ext"));
		let answered = false;
		const pending = session.get().then((answer) => {
			answered = true;
			return answer;
		});
		await sleep(100);
		assert.equal(answered, false);
		await session.send("40");
		const answer = await pending;
		assert.equal(answer.status, 200);
		assert.equal(answer.headers["content-type"].toLowerCase(), "text/plain; charset=utf-8");
		assert.equal(answer.headers["cache-control"], "no-store");
		assert.equal(answer.headers["access-control-allow-origin"], "*");
		assert.equal(Number(answer.headers["content-length"]), answer.body.length);
	});

	it("answers a POST with ok", async () => {
		const session = await Polling.open(server.port("base"));
		const answer = await session.post("40");
		assert.deepEqual([answer.status, answer.text], [200, "ok"]);
		assert.match(answer.headers["content-type"], /^text\/html/);
		assert.equal(answer.headers["cache-control"], "no-store");
		assert.equal(answer.headers["content-length"], "2");
		assert.equal(answer.headers["access-control-allow-origin"], "*");
	});

	for (const type of ["text/plain;charset=UTF-8", "text/plain", "application/json", "application/x-www-form-urlencoded", undefined]) {
		it(`takes a body of type ${type}`, async () => {
			const session = await Polling.open(server.port("base"));
			const answer = await session.post("40", type && { "content-type": type });
			assert.equal(answer.status, 200);
			assert.equal(decode(await session.next()).type, 0);
		});
	}

	it("refuses application/octet-stream and closes", async () => {
		const session = await Polling.open(server.port("opts"), OPT);
		const answer = await session.post(Buffer.from([4]), { "content-type": "application/octet-stream" });
		assert.equal(answer.status, 400);
		await isGone(session, 300);
	});

	it("takes chunked bodies, split inside characters", async () => {
		const session = await Polling.open(server.port("base"));
		await joinBase(session);
		const text = message("€😀é");
		const socket = net.connect(server.port("base"), "127.0.0.1").setNoDelay(true);
		let got = "";
		socket.setEncoding("utf8").on("data", (data) => { got += data; });
		const ended = next(socket, "close");
		socket.write(`POST ${session.target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`);
		for (const byte of Buffer.from(text)) {
			socket.write(Buffer.concat([Buffer.from("1\r\n"), Buffer.from([byte]), Buffer.from("\r\n")]));
			await new Promise(setImmediate);
		}
		socket.write("0\r\n\r\n");
		await ended;
		assert.match(got, /^HTTP\/1\.1 200 /);
		assert.deepEqual(decode(await session.next()).data, ["message-back", "€😀é"]);
	});

	it("serves many requests on one connection", async (t) => {
		const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
		t.after(() => agent.destroy());
		const port = server.port("base");
		const opened = await request(port, enginePath(open), { agent });
		const { sid } = JSON.parse(opened.text.slice(1));
		const path = enginePath({ ...open, sid });
		const port0 = opened.req?.socket?.localPort;
		assert.equal((await request(port, path, { method: "POST", body: "40", agent })).text, "ok");
		const polled = await request(port, path, { agent });
		assert.match(polled.text, /^40\{"sid":/);
		assert.equal(polled.req?.socket?.localPort, port0);
	});

	it("punishes a second GET: 400 for it, 1 for the first, and the end", async () => {
		const session = await Polling.open(server.port("opts"), OPT);
		const { answer: first } = await session.hold();
		assert.equal((await session.get()).status, 400);
		const answer = await first;
		assert.deepEqual([answer.status, answer.text], [200, "1"]);
		await isGone(session, 300);
		isRefusal(await session.get(), 1);
	});

	it("punishes a second POST: 400 for it, no answer for the first, and the end", async () => {
		const port = server.port("opts");
		const session = await Polling.open(port, OPT);
		const first = exchange(port, `POST ${session.target} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n4`);
		await settled(port);
		assert.equal((await session.post("40")).status, 400);
		assert.equal((await first).toString(), "");
		await isGone(session, 300);
	});

	for (const method of ["PUT", "DELETE", "PATCH"]) {
		it(`answers ${method} on a session with an error`, async () => {
			const session = await Polling.open(server.port("base"));
			const answer = await session.request({ method, body: "40" });
			assert.ok(answer.status >= 400, String(answer.status));
		});
	}

	it("closes at once when a pending GET is aborted", async () => {
		const session = await Polling.open(server.port("opts"), OPT);
		const { answer: pending } = await session.hold();
		pending.req.destroy();
		await isGone(session, 400);
	});

	it("closes at once when a POST is dropped half-way", async () => {
		const port = server.port("opts");
		const session = await Polling.open(port, OPT);
		const socket = net.connect(port, "127.0.0.1");
		socket.write(`POST ${session.target} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n42["mess`);
		await settled(port);
		socket.destroy();
		// Asking with a POST while the other one is still seen as under way would end it as well.
		await settled(port);
		isRefusal(await session.get(), 1);
	});

	it("answers a close packet with ok, and the pending GET with a noop", async () => {
		const session = await Polling.open(server.port("opts"), OPT);
		const { answer: pending } = await session.hold();
		const answer = await session.post("1");
		assert.deepEqual([answer.status, answer.text], [200, "ok"]);
		const polled = await pending;
		assert.deepEqual([polled.status, polled.text], [200, "6"]);
		isRefusal(await session.get(), 1);
		isRefusal(await session.post("3"), 1);
	});

	it("keeps a session it closed itself until the next GET has told of it", async () => {
		const session = await Polling.open(server.port("opts"), OPT);
		await session.send("40");
		await session.get();
		await session.send("4nonsense");
		await settled(server.port("opts"));
		const answer = await session.get();
		assert.deepEqual([answer.status, answer.text], [200, `6${SEP}1`]);
		isRefusal(await session.get(), 1);
	});

	it("tells a pending GET of the end with 1", async () => {
		const session = await Polling.open(server.port("opts"), OPT);
		await session.send("40");
		await session.get();
		const { answer: pending } = await session.hold();
		await session.send("4nonsense");
		assert.equal((await pending).text, "1");
		isRefusal(await session.get(), 1);
	});

	for (const body of ["", "x", "abc", "7", "9hello", SEP, `3${SEP}`, `3${SEP}${SEP}3`, `${SEP}3`, "\u00e9"]) {
		it(`closes on the body ${JSON.stringify(body)}`, async () => {
			const session = await Polling.open(server.port("opts"), OPT);
			await session.send(body);
			await isGone(session, 300);
		});
	}

	it("ignores an unasked pong and a noop", async () => {
		const session = await Polling.open(server.port("base"));
		await joinBase(session);
		await session.send("3", "6", "3hello", "6x");
		await echo(session);
	});

	it("answers old Internet Explorers with X-XSS-Protection: 0", async () => {
		for (const agent of ["Mozilla/5.0 (compatible;MSIE 10.0; Windows NT 6.2)", "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko"]) {
			const answer = await request(server.port("base"), enginePath(open), { headers: { "user-agent": agent } });
			assert.equal(answer.headers["x-xss-protection"], "0");
		}
		const answer = await request(server.port("base"), enginePath(open), { headers: { "user-agent": "curl" } });
		assert.equal(answer.headers["x-xss-protection"], undefined);
	});
});

// A `message` packet whose whole body has exactly this many bytes, of one- or two-byte characters.
function packetOf(size, unit) {
	const shell = Buffer.byteLength(message(""));
	const width = Buffer.byteLength(unit);
	const count = Math.floor((size - shell) / width);
	return message(unit.repeat(count) + "x".repeat(size - shell - count * width));
}

describe("size of a polling body", { concurrency: 2 }, () => {
	for (const [name, options, limit] of [["base", {}, 1000000], ["opts", OPT, 20000]]) {
		for (const unit of ["x", "é"]) {
			it(`${name}: ${limit} bytes of ${unit} pass, one more is 413 and the session stays`, async () => {
				const session = await Polling.open(server.port(name), options);
				await joinBase(session);
				assert.equal(await session.send(packetOf(limit, unit)), 200);
				assert.equal(decode(await session.next()).data[0], "message-back");
				assert.equal(await session.send(packetOf(limit + 1, unit)), 413);
				await echo(session, "still here");
			});
		}
	}

	it("is counted without a content length too", async () => {
		const session = await Polling.open(server.port("opts"), OPT);
		await joinBase(session);
		const answer = await session.post(packetOf(20001, "x"), { "transfer-encoding": "chunked" });
		assert.equal(answer.status, 413);
		await echo(session, "still here");
	});

	it("is limited however much is announced", async () => {
		const port = server.port("opts");
		const session = await Polling.open(port, OPT);
		const head = `POST ${session.target} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n`;
		const got = await exchange(port, [head, "4".repeat(30000)], (bytes) => bytes.includes("\r\n\r\n"));
		assert.match(got.toString(), /^HTTP\/1\.1 413 /);
	});
});

describe("compression of polling answers", together, () => {
	const ROWS = [
		// server, Accept-Encoding, size of the text, content-encoding (a list: either)
		["base", "gzip", 3000, ["gzip"]],
		["base", "deflate", 3000, ["deflate"]],
		["base", "gzip, deflate, br", 3000, ["gzip", "deflate"]],
		["base", "br;q=1, gzip;q=0.5", 3000, ["gzip"]],
		["base", "gzip;q=0, deflate", 3000, ["deflate"]],
		["base", "GZIP", 3000, ["gzip"]],
		["base", "gzip;q=0", 3000, [undefined]],
		["base", "gzip;q=0.0, deflate;q=0", 3000, [undefined]],
		["base", "identity", 3000, [undefined]],
		["base", "br", 3000, [undefined]],
		["base", undefined, 3000, [undefined]],
		["base", "gzip", 500, [undefined]],
		["opts", "gzip", 3000, [undefined]],
	];
	const DECODERS = { gzip: zlib.gunzipSync, deflate: zlib.inflateSync, undefined: (data) => data };
	for (const [name, accept, size, encodings] of ROWS) {
		it(`${name}, ${accept}, ${size} bytes -> ${encodings}`, async () => {
			const session = await Polling.open(server.port(name), name === "opts" ? OPT : {});
			await joinBase(session);
			await session.send(message("z".repeat(size)));
			const answer = await session.get(accept && { "accept-encoding": accept });
			const encoding = answer.headers["content-encoding"];
			assert.ok(encodings.includes(encoding), `content-encoding: ${encoding}`);
			const text = DECODERS[encoding](answer.body).toString();
			assert.equal(decode(text).data[1].length, size);
			assert.equal(Number(answer.headers["content-length"] ?? answer.body.length), answer.body.length);
		});
	}
});

// ---- CORS, cookies, headers

describe("cross-origin rules", together, () => {
	const ORIGIN = "http://allowed.example";

	it("any origin where the server allows *", async () => {
		const answer = await request(server.port("base"), enginePath(open), { headers: { origin: ORIGIN } });
		assert.equal(answer.headers["access-control-allow-origin"], "*");
		assert.equal(answer.headers["access-control-allow-credentials"], undefined);
	});

	it("a preflight needs no session and no query", async () => {
		const answer = await request(server.port("base"), "/socket.io/", {
			method: "OPTIONS",
			headers: { origin: ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "x-a,content-type" },
		});
		assert.equal(answer.status, 204);
		assert.equal(answer.headers["access-control-allow-origin"], "*");
		assert.equal(answer.headers["access-control-allow-methods"], "GET,HEAD,PUT,PATCH,POST,DELETE");
		assert.equal(answer.headers["access-control-allow-headers"], "x-a,content-type");
		assert.equal(answer.headers["content-length"], "0");
		assert.equal(answer.text, "");
	});

	it("a listed origin is reflected", async () => {
		const answer = await request(server.port("opts"), enginePath(open, "/opt"), { headers: { origin: ORIGIN } });
		assert.equal(answer.status, 200);
		assert.equal(answer.headers["access-control-allow-origin"], ORIGIN);
		assert.equal(answer.headers["access-control-allow-credentials"], "true");
		assert.match(answer.headers.vary, /\bOrigin\b/i);
	});

	for (const origin of ["http://evil.example", "http://allowed.example.evil", "https://allowed.example", "http://ALLOWED.example", "null", undefined]) {
		it(`origin ${origin} is served, but not allowed`, async () => {
			const answer = await request(server.port("opts"), enginePath(open, "/opt"), { headers: origin ? { origin } : {} });
			assert.equal(answer.status, 200);
			assert.equal(answer.headers["access-control-allow-origin"], undefined);
			assert.match(answer.headers.vary, /\bOrigin\b/i);
		});
	}

	it("a preflight names what was configured", async () => {
		const answer = await request(server.port("opts"), "/opt", {
			method: "OPTIONS",
			headers: { origin: ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "x-other" },
		});
		assert.equal(answer.status, 204);
		assert.equal(answer.headers["access-control-allow-origin"], ORIGIN);
		assert.equal(answer.headers["access-control-allow-credentials"], "true");
		assert.equal(answer.headers["access-control-allow-methods"], "GET,POST");
		assert.equal(answer.headers["access-control-allow-headers"], "x-token");
		assert.equal(answer.headers["access-control-max-age"], "600");
	});

	it("errors carry the headers too", async () => {
		const answer = await request(server.port("opts"), enginePath({ EIO: 4, transport: "tobi" }, "/opt"), { headers: { origin: ORIGIN } });
		assert.equal(answer.status, 400);
		assert.equal(answer.headers["access-control-allow-origin"], ORIGIN);
	});
});

describe("cookie and headers of the application", together, () => {
	const websocket = enginePath({ EIO: 4, transport: "websocket" }, "/opt");

	it("a cookie with the session id on the polling handshake", async () => {
		const session = await Polling.open(server.port("opts"), OPT);
		const [cookie, ...more] = session.answer.headers["set-cookie"];
		assert.deepEqual(more, []);
		const [pair, ...attributes] = cookie.split("; ");
		assert.equal(pair, `sio=${session.sid}`);
		assert.deepEqual(attributes.map((text) => text.toLowerCase()).sort(), ["httponly", "max-age=3600", "path=/opt", "samesite=strict"]);
		assert.equal((await session.post("40")).headers["set-cookie"], undefined);
		assert.equal((await session.get()).headers["set-cookie"], undefined);
	});

	it("no cookie on websocket handshakes, nor without the option", async () => {
		const ws = await RawWebSocket.open(server.port("opts"), websocket);
		assert.equal(ws.headers["set-cookie"], undefined);
		ws.drop();
		const session = await Polling.open(server.port("base"));
		assert.equal(session.answer.headers["set-cookie"], undefined);
	});

	it("initial_headers on handshakes, headers on every answer", async () => {
		const session = await Polling.open(server.port("opts"), OPT);
		const pick = ({ headers }) => [headers["x-initial"], headers["x-every"]];
		assert.deepEqual(pick(session.answer), ["1", "1"]);
		assert.deepEqual(pick(await session.post("40")), [undefined, "1"]);
		assert.deepEqual(pick(await session.get()), [undefined, "1"]);
		const ws = await RawWebSocket.open(server.port("opts"), websocket);
		assert.deepEqual(pick(ws), ["1", "1"]);
		ws.drop();
	});
});

// ---- 1.5 heartbeat

describe("heartbeat", together, () => {
	const ping = async (ws) => assert.equal((await ws.nextFrame()).payload.toString(), "2");

	// Our clocks begin before the server's: what it waits for is never shorter than here, however late we look.
	async function openSocket(t, at = pinging, name = "base") {
		const began = Date.now();
		const ws = await RawWebSocket.open(at.port(name), enginePath({ EIO: 4, transport: "websocket" }));
		t.after(() => ws.drop());
		await ws.nextFrame();
		return Object.assign(ws, { began });
	}

	const took = (began, least) => {
		const ms = Date.now() - began;
		assert.ok(ms >= least - 10 && ms <= patient(least + 1000), `${ms} ms instead of ${least}`);
	};

	it("pings pingInterval after the handshake and after each pong", async (t) => {
		const ws = await openSocket(t);
		let { began } = ws;
		for (let i = 0; i < 3; i++) {
			await ping(ws);
			took(began, PING_MS);
			await sleep(60);
			began = Date.now();
			ws.frame({ payload: "3" });
		}
	});

	it("ends a websocket whose pong does not come", async (t) => {
		const ws = await openSocket(t);
		await ping(ws);
		assert.equal(await ws.nextClose(), null);
		took(ws.began, PING_MS + PONG_MS);
	});

	it("ends a polling session that polls but does not pong", async () => {
		const session = await Polling.open(pinging.port("base"));
		assert.equal((await session.get()).text, "2");
		const answer = await session.get();
		assert.deepEqual([answer.status, answer.text], [200, "1"]);
		isRefusal(await session.get(), 1);
	});

	it("takes a pong over polling", async () => {
		const session = await Polling.open(pinging.port("base"));
		for (let i = 0; i < 3; i++) {
			assert.equal((await session.get()).text, "2");
			assert.equal((await session.post("3")).text, "ok");
		}
	});

	it("extends a running pong timeout once by other traffic", async (t) => {
		const ws = await openSocket(t);
		await ping(ws);
		await sleep(PONG_MS / 4);
		const began = Date.now();
		ws.frame({ payload: "6" });
		const chatter = setInterval(() => ws.frame({ payload: "6" }), 40);
		t.after(() => clearInterval(chatter));
		assert.equal(await ws.nextClose(), null);
		took(began, PONG_MS);
	});

	it("ends a client that pings", async (t) => {
		for (const text of ["2", "2hello", "2probe"]) {
			const ws = await openSocket(t, server, "ext");
			ws.frame({ payload: text });
			assert.equal(await ws.nextClose(700), null);
		}
		const session = await Polling.open(server.port("opts"), OPT);
		await session.send("2");
		await isGone(session, 400);
	});
});

// ---- 1.6 upgrade

describe("upgrade from polling to websocket", together, () => {
	async function prepare(t, name = "ext") {
		const session = await Polling.open(server.port(name));
		const open = async () => {
			const ws = await RawWebSocket.open(server.port(name), enginePath({ EIO: 4, transport: "websocket", sid: session.sid }));
			assert.equal(ws.status, 101);
			t.after(() => ws.drop());
			return ws;
		};
		await session.send("40");
		await session.get();
		return { session, open };
	}

	async function probe(ws) {
		ws.frame({ payload: "2probe" });
		assert.equal((await ws.nextFrame()).payload.toString(), "3probe");
	}

	const texts = async (ws, count) => {
		const list = [];
		while (list.length < count)
			list.push((await ws.nextFrame()).payload.toString());
		return list;
	};

	it("goes the whole way", async (t) => {
		const { session, open } = await prepare(t);
		const pending = session.get();
		const ws = await open();
		await probe(ws);
		assert.equal((await pending).text, "6");
		ws.frame({ payload: "5" });
		ws.frame({ payload: message("on websocket") });
		assert.deepEqual(decode((await ws.nextFrame()).payload.toString()).data, ["message-back", "on websocket"]);
		isRefusal(await session.get(), 3);
		isRefusal(await session.post("3"), 3);
		ws.frame({ payload: message("unharmed") });
		assert.deepEqual(decode((await ws.nextFrame()).payload.toString()).data, ["message-back", "unharmed"]);
	});

	it("answers every GET with a noop while it lasts", async (t) => {
		const { session, open } = await prepare(t);
		const ws = await open();
		await probe(ws);
		for (let i = 0; i < 4; i++)
			assert.equal((await within(600, "noop", session.get())).text, "6");
		ws.frame({ payload: "5" });
		ws.frame({ payload: message(1) });
		assert.deepEqual((await texts(ws, 1)).map((text) => decode(text).data[1]), [1]);
	});

	it("says nothing but 3probe on the new socket before 5; data goes to the poll", async (t) => {
		const { session, open } = await prepare(t);
		const ws = await open();
		await probe(ws);
		await session.send(message("via poll"));
		let text;
		do
			({ text } = await session.get());
		while (text === "6");
		assert.deepEqual(decode(text).data, ["message-back", "via poll"]);
		await sleep(100);
		assert.deepEqual(ws.frames, []);
		ws.frame({ payload: "5" });
		ws.frame({ payload: message("via websocket") });
		assert.deepEqual(decode((await ws.nextFrame()).payload.toString()).data, ["message-back", "via websocket"]);
	});

	it("flushes what was buffered when 5 arrives, in order", async (t) => {
		const { session, open } = await prepare(t);
		const ws = await open();
		await probe(ws);
		await session.send(message(1), message(2));
		await session.send(message(3));
		ws.frame({ payload: "5" });
		ws.frame({ payload: message(4) });
		assert.deepEqual((await texts(ws, 4)).map((text) => decode(text).data[1]), [1, 2, 3, 4]);
	});

	it("answers a GET that is still pending when 5 arrives", async (t) => {
		const { session, open } = await prepare(t);
		const ws = await open();
		ws.frame({ payload: "2probe" });
		ws.frame({ payload: "5" });
		const pending = session.get();
		assert.equal((await ws.nextFrame()).payload.toString(), "3probe");
		assert.ok((await pending).status > 0);
		ws.frame({ payload: message(1) });
		assert.deepEqual((await texts(ws, 1)).map((text) => decode(text).data[1]), [1]);
	});

	it("takes 5 without a probe", async (t) => {
		const { session, open } = await prepare(t);
		const ws = await open();
		ws.frame({ payload: "5" });
		ws.frame({ payload: message(1) });
		assert.deepEqual((await texts(ws, 1)).map((text) => decode(text).data[1]), [1]);
		isRefusal(await session.get(), 3);
	});

	const DISTURBANCES = [
		// what, what happens to the new socket
		["a message before the probe", (ws) => ws.frame({ payload: message("x") })],
		["a ping that is no probe", (ws) => ws.frame({ payload: "2" })],
		["a pong", (ws) => ws.frame({ payload: "3probe" })],
		["junk", (ws) => ws.frame({ payload: "junk" })],
		["an empty frame", (ws) => ws.frame({ payload: "" })],
		["a binary frame", (ws) => ws.frame({ op: OP.binary, payload: "2probe" })],
		["a protocol error", (ws) => ws.frame({ payload: "2probe", masked: false })],
		["a close frame", (ws) => ws.bytes(closeFrame(1000))],
		["a dropped connection", (ws) => ws.drop()],
	];
	for (const [what, disturb] of DISTURBANCES) {
		it(`survives ${what}: polling goes on, another try succeeds`, async (t) => {
			const { session, open } = await prepare(t);
			const failed = await open();
			disturb(failed);
			await failed.nextFrame();
			failed.frame({ op: OP.close });
			await failed.tcpEnd();
			await echo(session, "polling goes on");
			const ws = await open();
			await probe(ws);
			ws.frame({ payload: "5" });
			ws.frame({ payload: message("second try") });
			assert.deepEqual(decode((await ws.nextFrame()).payload.toString()).data, ["message-back", "second try"]);
		});
	}

	it("a message after the probe closes the new socket alone", async (t) => {
		const { session, open } = await prepare(t);
		const ws = await open();
		await probe(ws);
		ws.frame({ payload: message("too early") });
		assert.equal(await ws.nextClose(), null);
		await echo(session, "polling goes on");
	});

	it("closes a second websocket during the upgrade; the first is unaffected", async (t) => {
		const { open } = await prepare(t);
		const first = await open();
		await probe(first);
		const second = await open();
		assert.equal(await second.nextClose(), null);
		first.frame({ payload: "5" });
		first.frame({ payload: message(1) });
		assert.deepEqual((await texts(first, 1)).map((text) => decode(text).data[1]), [1]);
	});

	it("closes a second websocket after the upgrade; the first is unaffected", async (t) => {
		const { open } = await prepare(t);
		const first = await open();
		await probe(first);
		first.frame({ payload: "5" });
		first.frame({ payload: message(1) });
		await texts(first, 1);
		const second = await open();
		assert.equal(await second.nextClose(), null);
		first.frame({ payload: message(2) });
		assert.deepEqual((await texts(first, 1)).map((text) => decode(text).data[1]), [2]);
	});

	it("gives up after upgradeTimeout; polling goes on", async (t) => {
		const session = await Polling.open(server.port("opts"), OPT);
		await joinBase(session);
		const began = Date.now();
		const ws = await RawWebSocket.open(server.port("opts"), enginePath({ EIO: 4, transport: "websocket", sid: session.sid }, "/opt"), { behind: frame({ payload: "2probe" }) });
		t.after(() => ws.drop());
		assert.equal((await ws.nextFrame()).payload.toString(), "3probe");
		assert.equal(await ws.nextClose(), null);
		const waited = Date.now() - began;
		assert.ok(waited >= 490 && waited <= patient(1500), `waited ${waited} ms`);
		await echo(session, "polling goes on");
	});

	it("ends with the session", async (t) => {
		const { session, open } = await prepare(t);
		const ws = await open();
		await probe(ws);
		assert.equal((await session.post("1")).text, "ok");
		assert.equal(await ws.nextClose(), null);
		isRefusal(await session.get(), 1);
	});

	it("sends a ping that falls due on the poll, and takes the pong on the new socket", async (t) => {
		const session = await Polling.open(pinging.port("base"));
		const ws = await RawWebSocket.open(pinging.port("base"), enginePath({ EIO: 4, transport: "websocket", sid: session.sid }));
		t.after(() => ws.drop());
		await probe(ws);
		let text;
		do
			({ text } = await session.get());
		while (text === "6");
		assert.equal(text, "2");
		ws.frame({ payload: "5" });
		ws.frame({ payload: "3" });
		assert.equal((await ws.nextFrame()).payload.toString(), "2");
		ws.frame({ payload: "3" });
		assert.equal((await ws.nextFrame()).payload.toString(), "2");
	});

	it("does not let a second websocket harm a session born on one", async (t) => {
		const born = await WebSocketLink.open(server.port("ext"));
		t.after(() => born.drop());
		await join(born);
		await born.next();
		const other = await RawWebSocket.open(server.port("ext"), enginePath({ EIO: 4, transport: "websocket", sid: born.sid }));
		t.after(() => other.drop());
		await echo(born, "unharmed");
	});
});

// ---- 1.7 websocket level

describe("websocket frames", together, () => {
	const target = enginePath({ EIO: 4, transport: "websocket" });

	async function fresh(t, name = "ext") {
		const ws = await RawWebSocket.open(server.port(name), target);
		t.after(() => ws.drop());
		assert.equal((await ws.nextFrame()).payload[0], 0x30);
		return ws;
	}

	async function joined(t, name = "ext") {
		const ws = await fresh(t, name);
		ws.frame({ payload: "40" });
		assert.match((await ws.nextFrame()).payload.toString(), /^40/);
		await ws.nextFrame();
		return ws;
	}

	async function echoes(ws, text) {
		ws.frame({ payload: message(text) });
		assert.deepEqual(decode((await ws.nextFrame()).payload.toString()).data, ["message-back", text]);
	}

	const big = "x".repeat(600000);
	const VIOLATIONS = [
		// what, bytes, close code (a list: either)
		["an unmasked frame", frame({ payload: "3", masked: false }), 1002],
		...[1, 2, 4, 7].map((rsv) => [`reserved bits ${rsv}`, frame({ payload: "3", rsv }), 1002]),
		...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((op) => [`opcode ${op}`, frame({ op, payload: "3" }), 1002]),
		["a fragmented ping", frame({ op: OP.ping, fin: false }), 1002],
		["a fragmented pong", frame({ op: OP.pong, fin: false }), 1002],
		["a fragmented close", frame({ op: OP.close, fin: false }), 1002],
		["a ping of 126 bytes", frame({ op: OP.ping, payload: "p".repeat(126) }), 1002],
		["a close of 126 bytes", frame({ op: OP.close, payload: "p".repeat(126) }), 1002],
		["a stray continuation", frame({ op: OP.cont, payload: "3" }), 1002],
		["a stray unfinished continuation", frame({ op: OP.cont, fin: false, payload: "3" }), 1002],
		["a text frame inside a fragmented message", Buffer.concat([frame({ fin: false, payload: "3" }), frame({ payload: "3" })]), 1002],
		["a binary frame inside a fragmented message", Buffer.concat([frame({ fin: false, payload: "3" }), frame({ op: OP.binary, payload: "3" })]), 1002],
		["a close payload of one byte", frame({ op: OP.close, payload: "\x03" }), 1002],
		...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535].map((code) => [`close code ${code}`, closeFrame(code), 1002]),
		["a lone continuation byte", frame({ payload: Buffer.from([0x33, 0x80]) }), 1007],
		["an overlong form", frame({ payload: Buffer.from([0x33, 0xc0, 0x80]) }), 1007],
		["an overlong form of three bytes", frame({ payload: Buffer.from([0x33, 0xe0, 0x80, 0xaf]) }), 1007],
		["a surrogate", frame({ payload: Buffer.from([0x33, 0xed, 0xa0, 0x80]) }), 1007],
		["a character above U+10FFFF", frame({ payload: Buffer.from([0x33, 0xf4, 0x90, 0x80, 0x80]) }), 1007],
		["a character cut short", frame({ payload: Buffer.from([0x33, 0xe2, 0x82]) }), 1007],
		["a bad character across fragments", Buffer.concat([frame({ fin: false, payload: Buffer.from([0x33, 0xe2]) }), frame({ op: OP.cont, payload: Buffer.from([0x28, 0xa1]) })]), 1007],
		["a close reason that is no UTF-8", frame({ op: OP.close, payload: Buffer.from([0x03, 0xe8, 0xff, 0xfe]) }), 1007],
		["a header over the limit, before its body", frame({ length: 1000001 }), 1009],
		["a header of 64 bits over the limit", frame({ length: 2n ** 40n }), 1009],
		["a header with the highest bit set", frame({ length: 2n ** 63n }), [1002, 1009]],
		["fragments over the limit in sum", Buffer.concat([frame({ fin: false, payload: big }), frame({ op: OP.cont, fin: false, payload: big })]), 1009],
	];
	for (const [what, bytes, code] of VIOLATIONS) {
		it(`${what} -> ${code}`, async (t) => {
			const ws = await fresh(t);
			ws.bytes(bytes);
			const got = await ws.nextClose();
			assert.ok([code].flat().includes(got), `close code ${got}`);
		});
	}

	for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000, 4999]) {
		it(`close code ${code} is answered in kind, then the connection ends`, async (t) => {
			const ws = await fresh(t);
			ws.bytes(closeFrame(code, "grüße"));
			assert.equal(await ws.nextClose(), code);
			await ws.tcpEnd();
		});
	}

	it("a close without status is answered without status", async (t) => {
		const ws = await fresh(t);
		ws.frame({ op: OP.close });
		assert.equal(await ws.nextClose(), null);
		await ws.tcpEnd();
	});

	it("what follows a close frame is ignored", async (t) => {
		const ws = await fresh(t);
		ws.bytes(Buffer.concat([closeFrame(1000), frame({ payload: "40" })]));
		assert.equal(await ws.nextClose(), 1000);
		assert.equal(await ws.nextFrame(), null);
	});

	it("a message of exactly the limit passes", async (t) => {
		const ws = await joined(t, "base");
		ws.frame({ payload: packetOf(1000000, "x") });
		const { payload } = await ws.nextFrame(15000);
		assert.equal(decode(payload.toString()).data[1].length, 1000000 - message("").length);
	});

	it("pings are answered with their payload", async (t) => {
		const ws = await fresh(t);
		for (const payload of ["", "hello", "p".repeat(125), Buffer.from([0, 255, 128])]) {
			ws.frame({ op: OP.ping, payload });
			const got = await ws.nextFrame();
			assert.equal(got.op, OP.pong);
			assert.deepEqual(Buffer.from(got.payload), Buffer.from(payload));
		}
	});

	it("unasked pongs are ignored", async (t) => {
		const ws = await joined(t);
		ws.frame({ op: OP.pong, payload: "x" });
		await echoes(ws, "fine");
	});

	it("a message in fragments, with a ping in between and cut inside a character", async (t) => {
		const ws = await joined(t);
		const whole = Buffer.from(message("a€b"));
		const at = whole.indexOf(Buffer.from("€")) + 1;
		ws.frame({ fin: false, payload: whole.subarray(0, at) });
		ws.frame({ op: OP.ping, payload: "between" });
		assert.equal((await ws.nextFrame()).payload.toString(), "between");
		ws.frame({ op: OP.cont, fin: false, payload: "" });
		ws.frame({ op: OP.cont, payload: whole.subarray(at) });
		assert.deepEqual(decode((await ws.nextFrame()).payload.toString()).data, ["message-back", "a€b"]);
	});

	it("many frames in one write", async (t) => {
		const ws = await joined(t);
		ws.bytes(Buffer.concat(Array.from({ length: 50 }, (_, i) => frame({ payload: message(i) }))));
		for (let i = 0; i < 50; i++)
			assert.deepEqual(decode((await ws.nextFrame()).payload.toString()).data, ["message-back", i]);
	});

	it("frames right behind the upgrade request", async (t) => {
		const ws = await RawWebSocket.open(server.port("ext"), target, { behind: frame({ payload: "40" }) });
		t.after(() => ws.drop());
		assert.match((await ws.nextFrame()).payload.toString(), /^0\{/);
		assert.match((await ws.nextFrame()).payload.toString(), /^40\{/);
	});

	it("a text frame of b and base64 is a binary message", async (t) => {
		const ws = await joined(t);
		ws.frame({ payload: '451-["message",{"_placeholder":true,"num":0}]' });
		ws.frame({ payload: "bAQIDBA==" });
		assert.equal((await ws.nextFrame()).payload.toString(), '451-["message-back",{"_placeholder":true,"num":0}]');
		const data = await ws.nextFrame();
		assert.equal(data.op, OP.binary);
		assert.deepEqual([...data.payload], [1, 2, 3, 4]);
	});

	it("a client that asked for b64 gets its binary as text", async (t) => {
		const ws = await RawWebSocket.open(server.port("ext"), `${target}&b64=1`);
		t.after(() => ws.drop());
		await ws.nextFrame();
		ws.frame({ payload: "40" });
		await ws.nextFrame();
		await ws.nextFrame();
		ws.frame({ payload: '451-["message",{"_placeholder":true,"num":0}]' });
		ws.frame({ payload: "b+/8=" });
		await ws.nextFrame();
		const data = await ws.nextFrame();
		assert.deepEqual([data.op, data.payload.toString()], [OP.text, "b+/8="]);
	});

	it("an empty binary message is an empty attachment", async (t) => {
		const ws = await joined(t);
		ws.frame({ payload: '451-["message",{"_placeholder":true,"num":0}]' });
		ws.frame({ op: OP.binary });
		await ws.nextFrame();
		const data = await ws.nextFrame();
		assert.deepEqual([data.op, data.payload.length], [OP.binary, 0]);
	});

	for (const text of ["", "x", "7", "abc"]) {
		it(`the packet ${JSON.stringify(text)} closes without status`, async (t) => {
			const ws = await fresh(t);
			ws.frame({ payload: text });
			assert.equal(await ws.nextClose(), null);
			ws.frame({ op: OP.close });
			await ws.tcpEnd();
		});
	}

	it("offers no compression unless told to", async (t) => {
		const ws = await RawWebSocket.open(server.port("base"), target, { headers: { "Sec-WebSocket-Extensions": "permessage-deflate" } });
		t.after(() => ws.drop());
		assert.equal(ws.headers["sec-websocket-extensions"], undefined);
	});
});

describe("compressed websocket messages", together, () => {
	const target = enginePath({ EIO: 4, transport: "websocket" }, "/opt");
	const OFFER = "permessage-deflate; client_no_context_takeover; server_no_context_takeover";
	const TAIL = Buffer.from([0, 0, 0xff, 0xff]);
	const deflate = (data) => zlib.deflateRawSync(data, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4);
	const inflate = (data) => zlib.inflateRawSync(Buffer.concat([data, TAIL]), { finishFlush: zlib.constants.Z_SYNC_FLUSH }).toString();

	async function fresh(t) {
		const ws = await RawWebSocket.open(server.port("opts"), target, { headers: { "Sec-WebSocket-Extensions": OFFER } });
		t.after(() => ws.drop());
		assert.equal(ws.status, 101);
		assert.match(ws.headers["sec-websocket-extensions"], /^permessage-deflate\b/);
		assert.match(ws.headers["sec-websocket-extensions"], /server_no_context_takeover/);
		await ws.nextFrame();
		ws.frame({ payload: "40" });
		await ws.nextFrame();
		await ws.nextFrame();
		return ws;
	}

	it("are read; answers over the threshold are compressed, small ones are not", async (t) => {
		const ws = await fresh(t);
		for (const [size, compressed] of [[3000, 4], [100, 0], [5000, 4]]) {
			ws.frame({ rsv: 4, payload: deflate(message("y".repeat(size))) });
			const got = await ws.nextFrame();
			assert.equal(got.rsv, compressed, `${size} bytes`);
			const text = compressed ? inflate(got.payload) : got.payload.toString();
			assert.equal(decode(text).data[1].length, size);
		}
	});

	it("may be plain all the same, and in fragments", async (t) => {
		const ws = await fresh(t);
		ws.frame({ payload: message("plain") });
		assert.deepEqual(decode((await ws.nextFrame()).payload.toString()).data, ["message-back", "plain"]);
		const data = deflate(message("in parts"));
		ws.frame({ rsv: 4, fin: false, payload: data.subarray(0, 5) });
		ws.frame({ op: OP.ping, payload: "x" });
		ws.frame({ op: OP.cont, payload: data.subarray(5) });
		assert.equal((await ws.nextFrame()).op, OP.pong);
		assert.deepEqual(decode((await ws.nextFrame()).payload.toString()).data, ["message-back", "in parts"]);
	});

	it("are limited by their inflated size", async (t) => {
		const ws = await fresh(t);
		ws.frame({ rsv: 4, payload: deflate(message("b".repeat(5000000))) });
		assert.equal(await ws.nextClose(), 1009);
	});

	const VIOLATIONS = [
		["RSV1 on a control frame", frame({ op: OP.ping, rsv: 4 }), [1002]],
		["RSV1 on a continuation", Buffer.concat([frame({ rsv: 4, fin: false, payload: "x" }), frame({ op: OP.cont, rsv: 4, payload: "y" })]), [1002]],
		["RSV2", frame({ rsv: 2, payload: "3" }), [1002]],
		["data that does not inflate", frame({ rsv: 4, payload: Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]) }), [1002, 1007]],
		["invalid UTF-8 inside", frame({ rsv: 4, payload: deflate(Buffer.from([0x33, 0xc0, 0x80])) }), [1007]],
	];
	for (const [what, bytes, codes] of VIOLATIONS) {
		it(`${what} -> ${codes}`, async (t) => {
			const ws = await fresh(t);
			ws.bytes(bytes);
			const got = await ws.nextClose();
			assert.ok(codes.includes(got), `close code ${got}`);
		});
	}

	it("work with a client that keeps its context where the server lets it", async (t) => {
		const ws = new WebSocket(`ws://127.0.0.1:${server.port("opts")}${target}`, { perMessageDeflate: { threshold: 0 } });
		t.after(() => ws.terminate());
		await next(ws, "message");
		ws.send("40");
		await next(ws, "message");
		for (let i = 0; i < 5; i++) {
			ws.send(message("again and again ".repeat(200), i));
			let text;
			do
				text = (await next(ws, "message"))[0].toString();
			while (text[0] !== "4" || text.startsWith('42["auth"'));
			assert.equal(decode(text).data[2], i);
		}
	});
});

// ---- the client bundles

describe("client bundles", together, () => {
	const FILES = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];
	const get = (path, headers) => request(server.port("base"), `/socket.io/${path}`, { headers });

	for (const file of FILES) {
		it(file, async () => {
			const answer = await get(file);
			assert.equal(answer.status, 200);
			assert.match(answer.headers["content-type"], /javascript/);
			assert.equal(answer.headers["cache-control"], "public, max-age=0");
			assert.match(answer.headers.etag, /^"\d+\.\d+\.\d+"$/);
			assert.equal(answer.headers["access-control-allow-origin"], "*");
			assert.match(answer.text.slice(0, 200), /Socket\.IO v4\./);
		});

		it(`${file}.map`, async () => {
			const answer = await get(`${file}.map`);
			assert.equal(answer.status, 200);
			assert.match(answer.headers["content-type"], /json/);
			assert.equal(JSON.parse(answer.text).version, 3);
		});
	}

	it("are not sent again to those who have them", async () => {
		const { headers } = await get(FILES[0]);
		for (const tag of [headers.etag, `W/${headers.etag}`]) {
			const answer = await get(FILES[0], { "if-none-match": tag });
			assert.deepEqual([answer.status, answer.body.length], [304, 0]);
		}
		assert.equal((await get(FILES[0], { "if-none-match": '"0.0.0"' })).status, 200);
	});

	it("are compressed for those who can", async () => {
		const plain = await get(FILES[1]);
		const packed = await get(FILES[1], { "accept-encoding": "gzip" });
		assert.equal(packed.headers["content-encoding"], "gzip");
		assert.deepEqual(zlib.gunzipSync(packed.body), plain.body);
	});

	it("are not served where that is switched off", async () => {
		const answer = await request(server.port("opts"), "/opt/socket.io.js");
		assert.ok(answer.status >= 400);
		assert.doesNotMatch(answer.text, /Socket\.IO v4/);
	});
});
