// Engine.IO by hand: HTTP requests, WebSocket frames and the two transports built on them, for
// everything that the official clients never do. Nothing here is clever about errors; it hands
// what came to the test.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import http from "node:http";
import net from "node:net";
import { next, patient, within } from "./harness.mjs";

export const SEP = "\x1e";
export const SID = /^[A-Za-z0-9_-]{20}$/;
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

// ---- HTTP

// One request on a connection of its own. Resolves to { status, headers, body, text }; `socket`
// and `request` are there early for tests that hang up half-way.
export function request(port, path, { method = "GET", headers = {}, body, agent = false } = {}) {
	let req;
	const done = new Promise((resolve, reject) => {
		req = http.request({ host: "127.0.0.1", port, path, method, headers, agent });
		req.on("error", reject);
		req.on("response", (res) => {
			const chunks = [];
			res.on("data", (chunk) => chunks.push(chunk));
			res.on("error", reject);
			res.on("end", () => {
				const whole = Buffer.concat(chunks);
				resolve({ status: res.statusCode, headers: res.headers, raw: res.rawHeaders, body: whole, text: whole.toString() });
			});
		});
		req.end(body);
	});
	const answer = within(6000, `${method} ${path}`, done);
	answer.catch(() => {});
	return Object.assign(answer, { req });
}

// What a server says to these bytes until it hangs up, or until `enough` likes what came.
export function exchange(port, bytes, enough = () => false, ms = 4000) {
	const socket = net.connect(port, "127.0.0.1");
	let got = Buffer.alloc(0);
	const done = new Promise((resolve) => {
		socket.on("data", (chunk) => {
			got = Buffer.concat([got, chunk]);
			if (enough(got))
				socket.destroy();
		});
		socket.on("error", () => {});
		socket.on("close", () => resolve(got));
	});
	for (const part of Array.isArray(bytes) ? bytes : [bytes])
		socket.write(part);
	return within(ms, "raw exchange", done).finally(() => socket.destroy());
}

// Resolves when the server has read all that was sent to it before: it takes what comes in the
// order of its coming, and this asks it for something that nobody serves.
export async function settled(port) {
	await request(port, "/nothing-here");
}

export const enginePath = (query, path = "/socket.io/") => `${path}?${new URLSearchParams(query)}`;

// ---- Engine.IO over polling

export class Polling {
	constructor(port, { path = "/socket.io/", headers = {}, query = {} } = {}) {
		Object.assign(this, { port, path, headers, query, heartbeat: true, queue: [], closed: false });
	}

	static async open(port, options) {
		const session = new Polling(port, options);
		session.answer = await session.request({});
		assert.equal(session.answer.status, 200, session.answer.text);
		assert.equal(session.answer.text[0], "0");
		session.handshake = JSON.parse(session.answer.text.slice(1));
		session.sid = session.handshake.sid;
		return session;
	}

	get target() {
		const sid = this.sid ? { sid: this.sid } : {};
		return enginePath({ EIO: 4, transport: "polling", ...sid, ...this.query }, this.path);
	}

	request({ headers, ...options }) {
		return request(this.port, this.target, { ...options, headers: { ...this.headers, ...headers } });
	}

	get(headers) {
		return this.request({ headers });
	}

	// A GET that waits at the server, as { answer }: a promise alone would be waited for.
	async hold() {
		const answer = this.get();
		if (!answer.req.writableFinished)
			await next(answer.req, "finish");
		await settled(this.port);
		return { answer };
	}

	post(body, headers) {
		return this.request({ method: "POST", body, headers });
	}

	async send(...packets) {
		const text = packets.map((packet) => (typeof packet === "string" ? packet : `b${packet.toString("base64")}`));
		const answer = await this.post(text.join(SEP)).catch((error) => ({ status: error.code }));
		return answer.status;
	}

	// The next packet that is no ping; pings are answered as long as `heartbeat` is on.
	// Null once the session is over.
	next() {
		return within(4000, "a packet", this.read());
	}

	async read() {
		while (this.queue.length === 0 && !this.closed)
			await this.fill();
		return this.queue.shift() ?? null;
	}

	async fill() {
		const answer = await this.get();
		if (answer.status !== 200) {
			this.closed = true;
			this.last = answer;
			return;
		}
		for (const packet of answer.text.split(SEP)) {
			if (packet === "1")
				this.closed = true;
			else if (packet === "2" && this.heartbeat)
				await this.post("3");
			else if (packet !== "6" && packet !== "2")
				this.queue.push(packet[0] === "b" ? Buffer.from(packet.slice(1), "base64") : packet);
		}
	}

	// Fails unless the session ends now, without a further packet.
	async end(ms = 1000) {
		assert.equal(await within(ms, "end of the session", this.next()), null);
	}

	async drop() {
		await this.post("1").catch(() => {});
	}
}

// Whether the server still knows the session; a POST of a noop does not disturb it.
export async function isKnown(session) {
	const answer = await session.post("6").catch(() => ({ status: 0 }));
	return answer.status === 200;
}

// ---- WebSocket frames

export const OP = { cont: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

// A client's frame; every rule can be broken. `length` overrides the declared length,
// `wide` forces the 16 or 64 bit form.
export function frame({ op = OP.text, fin = true, rsv = 0, payload = "", masked = true, length, wide = 0 }) {
	const data = Buffer.from(payload);
	const declared = BigInt(length ?? data.length);
	const first = (fin ? 0x80 : 0) | (rsv << 4) | op;
	const flag = masked ? 0x80 : 0;
	let head;
	if (declared < 126n && wide === 0) {
		head = Buffer.from([first, flag | Number(declared)]);
	} else if (declared < 65536n && wide !== 64) {
		head = Buffer.alloc(4);
		head.writeUInt16BE(Number(declared), 2);
		head.set([first, flag | 126]);
	} else {
		head = Buffer.alloc(10);
		head.writeBigUInt64BE(declared, 2);
		head.set([first, flag | 127]);
	}
	if (!masked)
		return Buffer.concat([head, data]);
	const mask = randomBytes(4);
	return Buffer.concat([head, mask, data.map((byte, i) => byte ^ mask[i % 4])]);
}

export function closeFrame(code, reason = "") {
	const head = Buffer.alloc(2);
	head.writeUInt16BE(code);
	return frame({ op: OP.close, payload: Buffer.concat([head, Buffer.from(reason)]) });
}

// Takes one server frame off the front of `bytes`: [frame, rest], or null while it is incomplete.
function parseFrame(bytes) {
	if (bytes.length < 2)
		return null;
	let at = 2;
	let length = bytes[1] & 0x7f;
	if (length === 126) {
		if (bytes.length < 4)
			return null;
		length = bytes.readUInt16BE(2);
		at = 4;
	} else if (length === 127) {
		if (bytes.length < 10)
			return null;
		length = Number(bytes.readBigUInt64BE(2));
		at = 10;
	}
	if (bytes.length < at + length)
		return null;
	assert.equal(bytes[1] & 0x80, 0, "a server must not mask");
	const parsed = { fin: bytes[0] >> 7, rsv: (bytes[0] >> 4) & 7, op: bytes[0] & 15, payload: bytes.subarray(at, at + length) };
	return [parsed, bytes.subarray(at + length)];
}

export const closeCode = (payload) => (payload.length >= 2 ? payload.readUInt16BE(0) : null);

export function upgradeRequest(port, target, headers = {}, key = randomBytes(16).toString("base64"), method = "GET") {
	const all = {
		Host: `127.0.0.1:${port}`,
		Upgrade: "websocket",
		Connection: "Upgrade",
		"Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": key,
		...headers,
	};
	const lines = Object.entries(all).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}`);
	return `${method} ${target} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
}

function parseHead(text) {
	const [status, ...lines] = text.split("\r\n");
	const headers = {};
	for (const line of lines) {
		const colon = line.indexOf(":");
		const name = line.slice(0, colon).toLowerCase();
		headers[name] = (headers[name] ? `${headers[name]}, ` : "") + line.slice(colon + 1).trim();
	}
	return { status: Number(status.split(" ")[1]), line: status, headers };
}

// A websocket with nothing in between: it sends any bytes and shows every frame.
export class RawWebSocket {
	constructor(port) {
		this.port = port;
		this.buffer = Buffer.alloc(0);
		this.frames = [];
		this.waiting = null;
		this.ended = false;
		this.socket = net.connect(port, "127.0.0.1");
		this.socket.setNoDelay(true);
		this.socket.on("data", (chunk) => this.take(chunk));
		this.socket.on("error", () => {});
		this.socket.on("end", () => this.finish());
		this.socket.on("close", () => this.finish());
	}

	// Sends the upgrade and waits for the head of the answer. `behind` goes out in the same write.
	static async open(port, target, { headers, behind = "", key = randomBytes(16).toString("base64"), method } = {}) {
		const ws = new RawWebSocket(port);
		ws.bytes(Buffer.concat([Buffer.from(upgradeRequest(port, target, headers, key, method)), Buffer.from(behind)]));
		await within(4000, `upgrade of ${target}`, ws.head());
		if (ws.status === 101)
			assert.equal(ws.headers["sec-websocket-accept"], createHash("sha1").update(key + GUID).digest("base64"));
		return ws;
	}

	async head() {
		const end = () => this.buffer.indexOf("\r\n\r\n");
		while (end() < 0 && !this.ended)
			await this.more();
		const at = end();
		const { status, line, headers } = parseHead(this.buffer.subarray(0, Math.max(at, 0)).toString("latin1"));
		Object.assign(this, { status, line, headers });
		this.buffer = this.buffer.subarray(at + 4);
		if (status === 101)
			this.parse();
	}

	more() {
		return new Promise((done) => { this.waiting = done; });
	}

	wake() {
		this.waiting?.();
		this.waiting = null;
	}

	take(chunk) {
		this.buffer = Buffer.concat([this.buffer, chunk]);
		if (this.status === 101)
			this.parse();
		this.wake();
	}

	parse() {
		for (let got = parseFrame(this.buffer); got; got = parseFrame(this.buffer)) {
			this.frames.push(got[0]);
			this.buffer = got[1];
		}
	}

	finish() {
		this.ended = true;
		this.wake();
	}

	bytes(data) {
		if (!this.socket.destroyed)
			this.socket.write(data);
	}

	frame(options) {
		this.bytes(frame(options));
	}

	// The body of a refusal: all that came until the server hung up.
	async refusal() {
		while (!this.ended)
			await within(3000, "end after a refusal", this.more());
		return this.buffer.toString();
	}

	// The next frame, or null when the connection has ended.
	async nextFrame(ms = 3000) {
		while (this.frames.length === 0 && !this.ended)
			await within(ms, "a frame", this.more());
		return this.frames.shift() ?? null;
	}

	// The code of the close frame that must come next (null: a close frame without status).
	async nextClose(ms) {
		const got = await this.nextFrame(ms);
		assert.ok(got, "the connection ended without a close frame");
		assert.equal(got.op, OP.close, `expected a close frame, got ${got.op}: ${got.payload}`);
		return closeCode(got.payload);
	}

	async tcpEnd(ms = 3000) {
		while (!this.ended)
			await within(ms, "end of the connection", this.more());
	}

	drop() {
		this.socket.destroy();
	}
}

// ---- Engine.IO over a websocket, in the same words as Polling

export class WebSocketLink {
	static async open(port, { path = "/socket.io/", headers, query = {} } = {}) {
		const link = new WebSocketLink();
		link.heartbeat = true;
		link.ws = await RawWebSocket.open(port, enginePath({ EIO: 4, transport: "websocket", ...query }, path), { headers });
		assert.equal(link.ws.status, 101);
		const packet = await link.next();
		assert.equal(packet[0], "0");
		link.handshake = JSON.parse(packet.slice(1));
		link.sid = link.handshake.sid;
		return link;
	}

	send(...packets) {
		for (const packet of packets)
			this.ws.frame({ op: typeof packet === "string" ? OP.text : OP.binary, payload: packet });
	}

	next() {
		return within(4000, "a packet", this.read());
	}

	async read() {
		for (;;) {
			const got = await this.ws.nextFrame();
			if (!got || got.op === OP.close) {
				this.closeCode = got && closeCode(got.payload);
				this.ws.bytes(frame({ op: OP.close, payload: got?.payload ?? "" }));
				return null;
			}
			const packet = got.op === OP.text ? got.payload.toString() : got.payload;
			if (packet === "2" && this.heartbeat)
				this.send("3");
			else if (packet !== "2" && packet !== "6")
				return packet;
		}
	}

	async end(ms = 1000) {
		assert.equal(await within(ms, "end of the session", this.next()), null);
		await this.ws.tcpEnd();
	}

	drop() {
		this.ws.drop();
	}
}

export const LINKS = { polling: Polling, websocket: WebSocketLink };

// A link that is gone when the test is over.
export async function link(t, kind, port, options) {
	const opened = await LINKS[kind].open(port, options);
	t.after(() => opened.drop());
	return opened;
}

// ---- Socket.IO text packets

// `51-/chat,7["a"]` as { type, attachments, nsp, id, data }.
export function decode(packet) {
	const found = /^4(\d)(?:(\d+)-)?(?:(\/[^,]*),)?(\d+)?(.*)$/s.exec(packet);
	assert.ok(found, `no Socket.IO packet: ${packet}`);
	const [, type, attachments, nsp = "/", id, data] = found;
	return { type: Number(type), attachments: attachments && Number(attachments), nsp, id, data: data === "" ? undefined : JSON.parse(data) };
}

// Joins a namespace and returns its CONNECT answer; the server's first words stay to be read.
export async function join(session, nsp = "/", auth) {
	const name = nsp === "/" ? "" : `${nsp},`;
	await session.send(`40${name}${auth === undefined ? "" : JSON.stringify(auth)}`);
	const answer = decode(await session.next());
	assert.equal(answer.type, 0, JSON.stringify(answer));
	assert.equal(answer.nsp, nsp);
	return answer.data;
}

// On the base servers `auth` follows the CONNECT answer.
export async function joinBase(session, nsp, auth) {
	const data = await join(session, nsp, auth);
	const first = decode(await session.next());
	assert.deepEqual(first.data, ["auth", auth ?? {}]);
	return data;
}

// A round trip: what was sent before it has been handled, and nothing else was said meanwhile.
export async function echo(session, mark = "mark") {
	await session.send(`42${JSON.stringify(["message", mark])}`);
	assert.deepEqual(decode(await session.next()).data, ["message-back", mark]);
}

export { next, patient };
