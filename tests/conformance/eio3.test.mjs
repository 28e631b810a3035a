// Engine.IO 3 where the server allows it: the client of version 2 over its transports, and by
// hand what it never shows: the framing of payloads, JSONP, and who pings whom.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import io from "socket.io-client-2";
import { LENIENT, STRICT, WAYS, better, connected, next, patient, record, serve, sleep, until, upgraded, within } from "./harness.mjs";
import { OP, RawWebSocket, SEP, SID, enginePath, link, request } from "./raw.mjs";

const server = serve(LENIENT);
const strict = serve(STRICT);
const together = { concurrency: 8 };

// ---- the client of version 2

function client(t, nsp, options) {
	const socket = io(server.url("eio3") + nsp, { forceNew: true, reconnection: false, ...options });
	t.after(() => socket.disconnect());
	return socket;
}

async function connect2(t, nsp, options) {
	const socket = client(t, nsp, options);
	const auth = next(socket, "auth");
	await next(socket, "connect");
	[socket.auth] = await auth;
	return socket;
}

const bytes = (...list) => Buffer.from(list);

const PAYLOADS = {
	"no argument": [],
	"each JSON type": [1, -2.5, "text", true, false, null, [], {}],
	"text of many scripts": ["Ä ä Ü ü ß", "Я Б Г Д", "てすと", "उदाहरण", "😀👩‍👩‍👧‍👦", "\u2028\u2029", "\u0000\u0001\u001e\u007f"],
	"quotes and backslashes": ["\"", "\\", "\\\"", "a\nb\tc\r", "\\n", "\\\\n"],
	"looks like framing": ["5:42[1]", "0:", "b4AQID"],
	"nested": [{ a: [{ b: { c: [1, [2, [3]]] } }] }],
	"binary": [bytes(1, 2, 3)],
	"binary of every byte": [Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i))],
	"binary in between and nested": [1, bytes(0), { a: [bytes(255, 254), "x", { b: bytes(4) }] }, "€😀"],
	"large text": ["€".repeat(100000)],
	"large binary": [Buffer.alloc(300000, 7)],
};

for (const [way, options] of Object.entries(WAYS)) {
	describe(`client of version 2 over ${way}`, together, () => {
		it("is connected to / without asking, under the id of its session", async (t) => {
			const socket = await connect2(t, "/", options);
			assert.match(socket.id, SID);
			assert.equal(socket.id, socket.io.engine.id);
			assert.deepEqual(socket.auth, {});
		});

		for (const [what, args] of Object.entries(PAYLOADS)) {
			it(`echoes and acknowledges ${what}`, async (t) => {
				const socket = await connect2(t, "/", options);
				const back = next(socket, "message-back", 15000);
				socket.emit("message", ...args);
				assert.deepEqual(await back, args);
				const answer = new Promise((done) => socket.emit("message-with-ack", ...args, (...got) => done(got)));
				assert.deepEqual(await within(15000, "ack", answer), args);
			});
		}

		it("keeps the order of 300 mixed events", async (t) => {
			const socket = await connect2(t, "/", options);
			const got = record(socket, "message-back");
			const all = new Promise((done) => socket.on("message-back", (i) => i === 299 && done()));
			for (let i = 0; i < 300; i++)
				i % 5 ? socket.emit("message", i, "é".repeat(i % 50)) : socket.emit("message", i, Buffer.alloc(i % 60));
			await within(15000, "300 echoes", all);
			assert.deepEqual(got.map(([i]) => i), Array.from({ length: 300 }, (_, i) => i));
		});

		it("stays alive by its own pings", async (t) => {
			const socket = await connect2(t, "/", options);
			const pongs = record(socket.io, "pong");
			const gone = record(socket, "disconnect");
			await until("three pongs", () => pongs.length >= 3, 15000);
			assert.deepEqual(gone, []);
		});

		it("joins a namespace whose query is its auth", async (t) => {
			const socket = await connect2(t, "/custom", { ...options, query: { token: "a b&ü", n: 1 } });
			assert.deepEqual(socket.auth, { token: "a b&ü", n: "1" });
			assert.equal(socket.id, `/custom#${socket.io.engine.id}`);
			socket.disconnect();
		});

		it("is refused by an unknown namespace with an object", async (t) => {
			const [error] = await next(client(t, "/nowhere", options), "error");
			assert.deepEqual(error, { message: "Invalid namespace" });
		});

		it("is refused by a middleware with its bare message, or its data", async (t) => {
			assert.deepEqual(await next(client(t, "/refused", options), "error"), ["nobody may in"]);
			assert.deepEqual(await next(client(t, "/refused", { ...options, query: { detailed: 1 } }), "error"), [{ code: 42 }]);
		});

		it("leaves", async (t) => {
			const socket = await connect2(t, "/", options);
			const gone = next(socket, "disconnect");
			socket.disconnect();
			assert.deepEqual(await gone, ["io client disconnect"]);
			await connect2(t, "/", options);
		});
	});
}

it("the upgrade of version 2 happens, and loses nothing", async (t) => {
	const socket = await connect2(t, "/", {});
	const got = record(socket, "message-back");
	const all = new Promise((done) => socket.on("message-back", (i) => i === 99 && done()));
	for (let i = 0; i < 50; i++)
		socket.emit("message", i);
	await upgraded(socket);
	for (let i = 50; i < 100; i++)
		socket.emit("message", i);
	await within(3000, "100 echoes", all);
	assert.deepEqual(got.map(([i]) => i), Array.from({ length: 100 }, (_, i) => i));
});

it("clients of both versions meet on one server", async (t) => {
	const old = await connect2(t, "/", {});
	const young = await connected(t, server.url("eio3"));
	for (const socket of [old, young]) {
		const back = next(socket, "message-back");
		socket.emit("message", bytes(1), "x");
		assert.deepEqual(await back, [bytes(1), "x"]);
	}
});

// ---- by hand, over polling

// `5:hello2:ab` as ["hello", "ab"]; lengths count UTF-16 units.
function unframe(text) {
	const packets = [];
	for (let at = 0; at < text.length;) {
		const colon = text.indexOf(":", at);
		const length = Number(text.slice(at, colon));
		packets.push(text.slice(colon + 1, colon + 1 + length));
		at = colon + 1 + length;
	}
	return packets;
}

// The same of a binary payload: texts as strings, binary as Buffers without their type.
function unframeBinary(body) {
	const packets = [];
	for (let at = 0; at < body.length;) {
		const end = body.indexOf(255, at);
		const length = Number([...body.subarray(at + 1, end)].join(""));
		const content = body.subarray(end + 1, end + 1 + length);
		packets.push(body[at] === 0 ? content.toString() : content.subarray(1));
		assert.ok(body[at] === 0 || content[0] === 4);
		at = end + 1 + length;
	}
	return packets;
}

const frame3 = (packet) => `${packet.length}:${packet}`;

function frameBinary(packet) {
	const text = typeof packet === "string";
	const content = text ? Buffer.from(packet) : Buffer.concat([bytes(4), packet]);
	const digits = [...String(content.length)].map(Number);
	return Buffer.concat([bytes(text ? 0 : 1, ...digits, 255), content]);
}

class Session {
	static async open(query = {}, at = server) {
		const session = new Session();
		session.port = at.port("eio3");
		session.query = { EIO: 3, transport: "polling", ...query };
		session.first = await session.get();
		session.sid = JSON.parse(/\{.*\}/.exec(session.first.text.replaceAll("\\", ""))[0]).sid;
		session.query.sid = session.sid;
		return session;
	}

	get path() {
		return enginePath(this.query);
	}

	get() {
		return request(this.port, this.path);
	}

	post(body, type = "text/plain;charset=UTF-8") {
		return request(this.port, this.path, { method: "POST", body, headers: { "content-type": type } });
	}

	// Reads past what `/` says on connection: CONNECT and `auth`.
	async greet() {
		const texts = [];
		while (texts.length < 2)
			texts.push(...unframe((await this.get()).text));
		assert.deepEqual(texts, ["40", '42["auth",{}]']);
		return this;
	}

	static async greeted(query, at) {
		return (await Session.open(query, at)).greet();
	}
}

// `{"sid":…}` of an answer's text, once checked.
function checkHandshake(json, upgrades, pingTimeout = 20000) {
	const handshake = JSON.parse(json);
	assert.deepEqual(handshake, { sid: handshake.sid, upgrades, pingInterval: 300, pingTimeout, maxPayload: 1000000 });
	assert.match(handshake.sid, SID);
}

describe("polling of protocol 3", together, () => {
	for (const [what, query] of [["EIO=3", {}], ["no EIO at all", { EIO: "" }], ["EIO=2", { EIO: 2 }], ["b64", { b64: 1 }]]) {
		it(`handshake with ${what}`, async () => {
			const { first } = await Session.open(query);
			assert.equal(first.status, 200);
			const [packet, ...rest] = unframe(first.text);
			assert.deepEqual([packet[0], rest], ["0", []]);
			checkHandshake(packet.slice(1), ["websocket"]);
		});
	}

	it("then / is joined without asking, and the answer has no data", async () => {
		await Session.greeted({ b64: 1 });
	});

	it("a ping is answered", async () => {
		const session = await Session.greeted({ b64: 1 });
		const answer = await session.post("1:2");
		assert.deepEqual([answer.status, answer.text], [200, "ok"]);
		assert.equal((await session.get()).text, "1:3");
	});

	it("a ping is answered with its data", better, async () => {
		const session = await Session.greeted({ b64: 1 });
		await session.post("1:26:2probe4:2ü😀");
		assert.deepEqual(unframe((await session.get()).text), ["3", "3probe", "3ü😀"]);
	});

	it("a silent client is dropped after pingInterval and pingTimeout, and never pinged", async () => {
		const start = Date.now();
		const session = await Session.greeted({ b64: 1 }, strict);
		const answer = await session.get();
		const took = Date.now() - start;
		assert.ok(took >= 1790 && took <= patient(3000), `${took} ms`);
		assert.ok(answer.status !== 200 || ["1:6", "1:1"].includes(answer.text), `${answer.status} ${answer.text}`);
		assert.equal((await session.get()).status, 400);
	});

	// A body, and what comes back through `message`; null: the session is closed.
	const BODIES = [
		['13:42["message"]', [[]]],
		[frame3('42["message","é€"]'), [["é€"]]],
		[frame3('42["message","😀"]'), [["😀"]]],
		[frame3('42["message",1]') + frame3('42["message",2]'), [[1], [2]]],
		[`0${frame3('42["message",1]')}`, [[1]]],
		["", null],
		[":", null],
		["x", null],
		["42", null],
		['42["message"]', null],
		['14:42["message"]', null],
		['12:42["message"]', null],
		['-1:42["message"]', null],
		['1e1:42["messag', null],
		["99999999999999999999:4", null],
		["1:9", null],
		["1:x", null],
		["1:26", null],
		[`${Buffer.byteLength('42["message","é"]')}:42["message","é"]`, null],
	];
	for (const [body, echoes] of BODIES) {
		it(`body ${JSON.stringify(body)} ${echoes ? "is read" : "closes"}`, async () => {
			const session = await Session.greeted({ b64: 1 });
			await session.post(body);
			const answer = await session.get();
			if (!echoes) {
				assert.ok(answer.status === 400 || /^1:[61]/.test(answer.text), `${answer.status} ${answer.text}`);
				return;
			}
			const packets = unframe(answer.text);
			while (packets.length < echoes.length)
				packets.push(...unframe((await session.get()).text));
			assert.deepEqual(packets.map((packet) => JSON.parse(packet.slice(2)).slice(1)), echoes);
		});
	}

	it("binary as text, for who asked for it: b4 and base64, length with it", async () => {
		const session = await Session.greeted({ b64: 1 });
		const header = '451-["message",{"_placeholder":true,"num":0}]';
		await session.post(`${frame3(header)}${frame3(`b4${bytes(1, 2, 255).toString("base64")}`)}`);
		const answer = await session.get();
		assert.equal(answer.headers["content-type"], "text/plain; charset=UTF-8");
		assert.deepEqual(unframe(answer.text), [header.replace("message", "message-back"), "b4AQL/"]);
	});

	it("binary as bytes for the others, texts beside it in UTF-8", async () => {
		const session = await Session.greeted();
		const header = '451-["message","é😀",{"_placeholder":true,"num":0}]';
		await session.post(Buffer.concat([frameBinary(header), frameBinary(bytes(1, 2, 255))]), "application/octet-stream");
		const answer = await session.get();
		assert.equal(answer.headers["content-type"], "application/octet-stream");
		assert.deepEqual(unframeBinary(answer.body), [header.replace("message", "message-back"), bytes(1, 2, 255)]);
	});

	it("a binary payload of texts alone", async () => {
		const session = await Session.greeted();
		await session.post(Buffer.concat([frameBinary('42["message",1]'), frameBinary("2")]), "application/octet-stream");
		const answer = await session.get();
		assert.deepEqual(unframe(answer.text).sort(), ["3", '42["message-back",1]']);
	});

	// Binary bodies that are none: an unknown kind, no length, one that is too long, nothing behind it, a digit that is
	// none, no UTF-8.
	const BROKEN = [
		["0201ff32"], ["00ff32"], ["0009ff32", better], ["0001"], ["000aff32"], ["0001ffff"],
	];
	for (const [hex, options = {}] of BROKEN) {
		it(`binary body ${hex} closes`, options, async () => {
			const body = Buffer.from(hex, "hex");
			const session = await Session.greeted();
			await session.post(body, "application/octet-stream");
			const answer = await session.get();
			assert.ok(answer.status === 400 || /^1:[61]/.test(answer.text), `${answer.status} ${answer.text}`);
		});
	}

	it("a namespace with its query; its answer has no data, its id is made of both", async () => {
		const session = await Session.greeted({ b64: 1 });
		await session.post(frame3("40/custom?a=1%202&b=&a%5B=x,"));
		const packets = unframe((await session.get()).text);
		if (packets.length < 2)
			packets.push(...unframe((await session.get()).text));
		assert.deepEqual(packets, ["40/custom,", '42/custom,["auth",{"a":"1 2","b":"","a[":"x"}]']);
	});

	it("a session keeps its protocol", async () => {
		const session = await Session.greeted();
		const other = await request(server.port("eio3"), enginePath({ EIO: 4, transport: "polling", sid: session.sid }));
		assert.deepEqual([other.status, JSON.parse(other.text).code], [400, 3]);
	});

	it("a session of protocol 4 keeps its own", async (t) => {
		const session = await link(t, "polling", server.port("eio3"));
		const other = await request(server.port("eio3"), enginePath({ EIO: 3, transport: "polling", sid: session.sid }));
		assert.deepEqual([other.status, JSON.parse(other.text).code], [400, 3]);
	});
});

// ---- JSONP: what a script element gets, and what a form posts

const script = (text, j) => JSON.parse(new RegExp(`^___eio\\[${j}\\]\\((.*)\\);$`, "s").exec(text)[1]);
const form = (body) => `d=${encodeURIComponent(body.replace(/\\n/g, "\\\\n").replace(/\n/g, "\\n"))}`;
const FORM = "application/x-www-form-urlencoded";

describe("JSONP", together, () => {
	it("wraps the handshake", async () => {
		const answer = await request(server.port("eio3"), enginePath({ EIO: 3, transport: "polling", j: 7, b64: 1 }));
		assert.match(answer.headers["content-type"], /^text\/\w+; charset=UTF-8$/);
		const [packet] = unframe(script(answer.text, 7));
		checkHandshake(packet.slice(1), ["websocket"]);
	});

	it("takes the digits of j and nothing else", async () => {
		const answer = await request(server.port("eio3"), enginePath({ EIO: 3, transport: "polling", j: "1);alert(2", b64: 1 }));
		assert.match(answer.text, /^___eio\[12\]\("/);
	});

	// What is said through a form, newlines and all, comes back in a script.
	const TEXTS = ["plain", "é€😀", "\u2028 and \u2029", "a\nb", "a\\nb", "a\\\\nb", "%25 + & =", "\"'</script>"];
	for (const text of TEXTS) {
		it(`echoes ${JSON.stringify(text)}`, async () => {
			const session = await Session.open({ j: 0, b64: 1 });
			const said = [];
			while (said.length < 2)
				said.push(...unframe(script((await session.get()).text, 0)));
			const answer = await session.post(form(frame3(`42${JSON.stringify(["message", text])}`)), FORM);
			assert.deepEqual([answer.status, answer.text], [200, "ok"]);
			const { text: raw } = await session.get();
			assert.doesNotMatch(raw, /[\u2028\u2029]/);
			assert.deepEqual(unframe(script(raw, 0)), [`42${JSON.stringify(["message-back", text])}`]);
		});
	}

	it("carries binary as base64, whoever asks", better, async () => {
		const session = await Session.open({ j: 0 });
		const said = [];
		while (said.length < 2)
			said.push(...unframe(script((await session.get()).text, 0)));
		await session.post(form(`${frame3('451-["message",{"_placeholder":true,"num":0}]')}${frame3("b4AQID")}`), FORM);
		assert.equal(unframe(script((await session.get()).text, 0))[1], "b4AQID");
	});

	// Clients of version 3 speak protocol 4 with it.
	it("wraps protocol 4 too, both ways", async () => {
		const query = { EIO: 4, transport: "polling", j: 3 };
		const get = async () => script((await request(server.port("base"), enginePath(query))).text, 3).split(SEP);
		const [open] = await get();
		checkHandshake(open.slice(1), ["websocket"]);
		query.sid = JSON.parse(open.slice(1)).sid;
		const post = (text) => request(server.port("base"), enginePath(query), { method: "POST", body: form(text), headers: { "content-type": FORM } });
		assert.deepEqual([(await post("40")).text, (await post(`42["message","é\\n"]${SEP}451-["message",{"_placeholder":true,"num":0}]${SEP}bAQID`)).text], ["ok", "ok"]);
		const said = [];
		while (said.length < 5)
			said.push(...await get());
		assert.deepEqual(said.slice(2), ['42["message-back","é\\n"]', '451-["message-back",{"_placeholder":true,"num":0}]', "bAQID"]);
	});
});

// ---- by hand, over websocket

describe("websocket of protocol 3", together, () => {
	async function open(t, query = {}, at = server) {
		const ws = await RawWebSocket.open(at.port("eio3"), enginePath({ EIO: 3, transport: "websocket", ...query }));
		t.after(() => ws.drop());
		assert.equal(ws.status, 101);
		const texts = [];
		for (let i = 0; i < 3; i++)
			texts.push((await ws.nextFrame()).payload.toString());
		assert.equal(texts[0][0], "0");
		checkHandshake(texts[0].slice(1), [], at === strict ? 1500 : undefined);
		assert.deepEqual(texts.slice(1), ["40", '42["auth",{}]']);
		return ws;
	}

	it("says the same as over polling, without lengths", async (t) => {
		await open(t);
	});

	it("answers pings, and never pings", async (t) => {
		const ws = await open(t);
		for (let i = 0; i < 2; i++) {
			await sleep(300);
			ws.frame({ payload: "2" });
			assert.equal((await ws.nextFrame()).payload.toString(), "3");
		}
	});

	it("answers pings with their data", better, async (t) => {
		const ws = await open(t);
		ws.frame({ payload: "2ü😀" });
		assert.equal((await ws.nextFrame()).payload.toString(), "3ü😀");
	});

	it("drops who is silent", async (t) => {
		const start = Date.now();
		const ws = await open(t, {}, strict);
		assert.ok([OP.close, undefined].includes((await ws.nextFrame(4000))?.op));
		const took = Date.now() - start;
		assert.ok(took >= 1790 && took <= patient(3000), `${took} ms`);
	});

	it("starts binary frames with their type", async (t) => {
		const ws = await open(t);
		ws.frame({ payload: '451-["message",{"_placeholder":true,"num":0}]' });
		ws.frame({ op: OP.binary, payload: bytes(4, 1, 2, 3) });
		assert.equal((await ws.nextFrame()).payload.toString(), '451-["message-back",{"_placeholder":true,"num":0}]');
		const { op, payload } = await ws.nextFrame();
		assert.deepEqual([op, payload], [OP.binary, bytes(4, 1, 2, 3)]);
	});

	it("takes and gives binary as text where b64 is asked for", async (t) => {
		const ws = await open(t, { b64: 1 });
		ws.frame({ payload: '451-["message",{"_placeholder":true,"num":0}]' });
		ws.frame({ payload: "b4AQID" });
		await ws.nextFrame();
		const { op, payload } = await ws.nextFrame();
		assert.deepEqual([op, payload.toString()], [OP.text, "b4AQID"]);
	});
});
