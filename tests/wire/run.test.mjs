// Plays every transcript of this folder, NAME.txt, whole and then one byte at a time. A transcript
// is one rule of Engine.IO or Socket.IO as bytes: what a client says and what the server must answer.
//
//   # text               what the rule is; its name in the report
//   server NAME          one of the conformance servers; base, if it is not said
//   hurried              it pings in this conversation, and waits for no one for long
//   play NAME            another transcript first; what it learned and opened stays
//   let NAME TEXT        $NAME stands for TEXT from now on
//   @NAME                goes on with the connection of that name; a new name is a new connection.
//                        Until one is named it is @main
//   drop                 the client hangs up
//   > …                  is sent
//   < …                  must come, and nothing else before it
//
// In what is sent $NAME is replaced. In what is expected a name that is not yet known learns what
// stands there, letters, digits, `_`, `.` and `-`; one that is known must stand there again; $_ is any
// text. $interval and $timeout are those of the server's pings. ␞ stands for the separator of packets, 0x1e.
//
// HTTP is said like HTTP. The runner adds the version, Host and Content-Length:
//   > POST /path                       < 200
//   > header: value                    < header: value      there may be others
//   >                                  < !header            must not be there
//   > body                             <
//                                      < body               all of it; left out: any
// `hex: 00ff` is a body in bytes. `UPGRADE /path` is a GET that asks for a websocket; after `< 101`
// each line is a frame:
//   text …   binary HEX   ping …   pong …   close [CODE]   and from the server `end`, of the connection
//   frame [op=N] [fin=N] [rsv=N] [masked=N] [length=N] [hex=HEX] …   from the client, as wrong as it likes
//   raw "…"                            from the client: bytes as a JSON text, no frame at all
//   nothing                            from the server: it is silent for a moment
//
// A server in a hurry pings at its own times: a transcript into which a ping falls that it does not
// name is played again, and so is one that fails after its time has come.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { CALM, serve, sleep, within } from "../conformance/harness.mjs";
import { OP, RawWebSocket, closeCode, closeFrame, frame, upgradeRequest } from "../conformance/raw.mjs";

const HERE = new URL(".", import.meta.url);
const TRIES = 5;
const CALM_TIMES = { interval: 25000, timeout: 20000 };
const HURRIED_TIMES = { interval: 2000, timeout: 1000, connect: 1900 };
const SILENCE_MS = 40;
const times = ({ interval, timeout, connect }) =>
	["--ping-interval", interval, "--ping-timeout", timeout, ...(connect ? ["--connect-timeout", connect] : [])].map(String);
const calm = serve([...CALM, ...times(CALM_TIMES)]);
const hurried = serve([...CALM, ...times(HURRIED_TIMES)]);

const read = (name) => readFileSync(new URL(`${name}.txt`, HERE), "utf8").split("\n");
const names = readdirSync(HERE).filter((file) => file.endsWith(".txt")).map((file) => file.slice(0, -4)).sort();

class StrayPing extends Error {}

// ---- texts with names in them

function fill(text, known) {
	return text.replaceAll("␞", "\x1e").replace(/\$(\w+)/g, (_, name) => known[name] ?? assert.fail(`$${name} is not known`));
}

function expect(got, text, known) {
	const learned = [];
	const pattern = text.replaceAll("␞", "\x1e").split(/\$(\w+)/).map((part, i) => {
		if (i % 2 === 0)
			return part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
		if (part === "_")
			return ".*";
		if (part in known)
			return known[part].replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
		learned.push(part);
		return "([A-Za-z0-9_.-]+)";
	});
	const found = new RegExp(`^${pattern.join("")}$`, "s").exec(got);
	if (!found)
		assert.equal(got, text);
	learned.forEach((name, i) => { known[name] = found[i + 1]; });
}

// ---- a transcript as steps: { verb, connection, lines }

function parse(name) {
	const steps = [];
	let connection = "main";
	for (const line of read(name)) {
		const [, verb, rest] = /^([#@<>]|\w+) ?(.*)$/s.exec(line) ?? [];
		const last = steps.at(-1);
		if (verb === undefined || verb === "#")
			continue;
		if (verb === "@")
			connection = rest;
		else if ((verb === ">" || verb === "<") && last?.verb === verb && last.connection === connection)
			last.lines.push(rest);
		else
			steps.push({ verb, connection, lines: [rest] });
	}
	return steps;
}

const title = (name) => read(name)[0].replace(/^# /, "");

// Requests or answers that follow each other in one block, each with its lines.
function split(lines, starts) {
	const parts = [];
	for (const line of lines)
		starts.test(line) ? parts.push([line]) : parts.at(-1).push(line);
	return parts;
}

const REQUEST = /^[A-Z]+ [/$]/;
const STATUS = /^\d{3}$/;
const HEADER = /^(![a-z-]+$|[a-z-]+: )/;

// ---- playing

// Which method plays a verb; the server was chosen before the first line is played.
const VERBS = { ">": "send", "<": "receive", play: "play", let: "define", drop: "drop", server: "", hurried: "" };

class Play {
	constructor(name, bytewise) {
		this.bytewise = bytewise;
		const steps = parse(name);
		this.hurried = steps.some(({ verb }) => verb === "hurried");
		this.port = (this.hurried ? hurried : calm).port(steps.find(({ verb }) => verb === "server")?.lines[0] ?? "base");
		const { interval, timeout } = this.hurried ? HURRIED_TIMES : CALM_TIMES;
		this.known = { interval: String(interval), timeout: String(timeout) };
		this.connections = new Map();
	}

	async run(name) {
		for (const { verb, connection, lines } of parse(name)) {
			assert.ok(verb in VERBS, `${name}: ${verb}`);
			await this[VERBS[verb]]?.(lines, connection);
		}
	}

	end() {
		for (const connection of this.connections.values())
			connection.drop();
	}

	async play([name]) {
		await this.run(name);
	}

	define([line]) {
		const [, name, text] = /^(\w+) (.*)$/.exec(line);
		this.known[name] = fill(text, this.known);
	}

	drop(_, name) {
		this.connections.get(name).drop();
		this.connections.delete(name);
	}

	async connection(name) {
		if (!this.connections.has(name)) {
			const made = new RawWebSocket(this.port);
			this.connections.set(name, made);
			await new Promise((done, fail) => made.socket.once("connect", done).once("error", fail));
		}
		return this.connections.get(name);
	}

	async send(lines, name) {
		const connection = await this.connection(name);
		const parts = REQUEST.test(lines[0]) ? split(lines, REQUEST).map((part) => this.request(part)) : lines.map((line) => this.frame(line));
		const bytes = Buffer.concat(parts);
		if (!this.bytewise) {
			connection.bytes(bytes);
			return;
		}
		for (const byte of bytes) {
			if (connection.ended || connection.socket.destroyed)
				return;
			await new Promise((done) => connection.socket.write(Buffer.of(byte), done));
			await new Promise(setImmediate);
		}
	}

	request(lines) {
		const [line, ...rest] = lines;
		const [method, target] = fill(line, this.known).split(" ");
		const gap = rest.indexOf("");
		const headers = Object.fromEntries((gap < 0 ? rest : rest.slice(0, gap)).map((text) => fill(text, this.known).split(/: (.*)/s)));
		if (method === "UPGRADE")
			return Buffer.from(upgradeRequest(this.port, target, headers));
		const text = gap < 0 ? "" : rest.slice(gap + 1).join("\n");
		const body = text.startsWith("hex: ") ? Buffer.from(text.slice(5).replaceAll(" ", ""), "hex") : Buffer.from(fill(text, this.known));
		const all = { Host: `127.0.0.1:${this.port}`, ...(gap < 0 ? {} : { "Content-Length": body.length }), ...headers };
		const head = Object.entries(all).map(([key, value]) => `${key}: ${value}\r\n`).join("");
		return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${head}\r\n`), body]);
	}

	frame(line) {
		const [, kind, rest] = /^(\w+) ?(.*)$/s.exec(fill(line, this.known));
		switch (kind) {
		case "binary":
			return frame({ op: OP.binary, payload: Buffer.from(rest, "hex") });
		case "raw":
			return Buffer.from(JSON.parse(rest), "latin1");
		case "close":
			return rest ? closeFrame(Number(rest)) : frame({ op: OP.close });
		case "frame": {
			const options = Object.fromEntries([...rest.matchAll(/(op|fin|rsv|masked|length|hex)=(\S+) ?/g)].map(([, key, value]) => [key, value]));
			const payload = options.hex ? Buffer.from(options.hex, "hex") : rest.replace(/^((op|fin|rsv|masked|length|hex)=\S+ ?)*/, "");
			return frame({
				op: Number(options.op ?? OP.text), fin: options.fin !== "0", rsv: Number(options.rsv ?? 0),
				masked: options.masked !== "0", length: options.length, payload,
			});
		}
		default:
			return frame({ op: OP[kind] ?? assert.fail(`no frame: ${line}`), payload: rest });
		}
	}

	async receive(lines, name) {
		const connection = await this.connection(name);
		let frames = lines;
		if (lines[0] === "101") {
			const end = lines.findIndex((line, i) => i > 0 && !HEADER.test(line));
			await this.answer(connection, lines.slice(0, end < 0 ? undefined : end));
			frames = end < 0 ? [] : lines.slice(end);
		} else if (STATUS.test(lines[0])) {
			for (const part of split(lines, STATUS))
				await this.answer(connection, part);
			return;
		}
		for (const line of frames)
			await this.arrives(connection, line);
	}

	async answer(connection, [status, ...rest]) {
		await within(4000, `answer ${status}`, connection.head());
		const { headers } = connection;
		const body = status === "101" ? Buffer.alloc(0) : await (headers["transfer-encoding"] ? this.chunks(connection) : this.body(connection, Number(headers["content-length"] ?? 0)));
		const gap = rest.indexOf("");
		const wanted = gap < 0 ? "" : rest.slice(gap + 1).join("\n");
		if (gap >= 0 && !/(^|␞)2(␞|$)/.test(wanted) && /(^|\x1e)2(\x1e|$)/.test(body))
			throw new StrayPing();
		assert.equal(`${connection.status} ${connection.status === Number(status) ? "" : body}`, `${status} `);
		for (const line of gap < 0 ? rest : rest.slice(0, gap)) {
			const [key, value] = line.split(/: (.*)/s);
			if (key[0] === "!")
				assert.equal(headers[key.slice(1)], undefined, line);
			else
				expect(headers[key] ?? "(none)", value, this.known);
		}
		if (wanted.startsWith("hex: "))
			assert.equal(body.toString("hex"), wanted.slice(5).replaceAll(" ", ""));
		else if (gap >= 0)
			expect(body.toString(), wanted, this.known);
	}

	async chunks(connection) {
		const parts = [];
		for (;;) {
			while (!connection.buffer.includes("\r\n") && !connection.ended)
				await within(4000, "a chunk", connection.more());
			const end = connection.buffer.indexOf("\r\n");
			const length = parseInt(connection.buffer.subarray(0, end).toString(), 16);
			const chunk = await this.body(connection, end + 2 + length + 2);
			if (!length)
				return Buffer.concat(parts);
			parts.push(chunk.subarray(end + 2, -2));
		}
	}

	async body(connection, length) {
		while (connection.buffer.length < length && !connection.ended)
			await within(4000, "the body", connection.more());
		const body = connection.buffer.subarray(0, length);
		connection.buffer = connection.buffer.subarray(length);
		return body;
	}

	async arrives(connection, line) {
		if (line === "nothing") {
			await sleep(SILENCE_MS);
			const [first] = connection.frames;
			if (first?.payload.toString() === "2")
				throw new StrayPing();
			assert.deepEqual([connection.frames, connection.buffer.toString(), connection.ended], [[], "", false]);
			return;
		}
		const got = await connection.nextFrame();
		const told = describeFrame(got);
		if (told === "text 2" && line !== told)
			throw new StrayPing();
		expect(told, line, this.known);
	}
}

function describeFrame(got) {
	if (!got)
		return "end";
	const kind = Object.keys(OP).find((name) => OP[name] === got.op);
	if (got.op === OP.close)
		return `close ${closeCode(got.payload) ?? ""}`.trim();
	return `${kind} ${got.payload.toString(got.op === OP.binary ? "hex" : "utf8")}`.trimEnd();
}

async function perform(name, bytewise) {
	for (let tries = 1; ; tries++) {
		const play = new Play(name, bytewise);
		const began = Date.now();
		try {
			await play.run(name);
			return;
		} catch (error) {
			const is_late = Date.now() - began >= HURRIED_TIMES.interval;
			if (!play.hurried || tries === TRIES || !(error instanceof StrayPing || is_late))
				throw error;
		} finally {
			play.end();
		}
	}
}

for (const [how, bytewise, concurrency] of [["whole", false, 8], ["one byte at a time", true, 3]]) {
	describe(`transcripts, ${how}`, { concurrency }, () => {
		for (const name of names)
			it(`${name}: ${title(name)}`, () => perform(name, bytewise));
	});
}

it("there are as many as there are rules", () => {
	assert.ok(names.length >= 60, `${names.length} transcripts`);
});
