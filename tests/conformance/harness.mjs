// What every conformance suite stands on: it starts the fixture program, waits until all seven
// servers listen, hands out their addresses, and at the end demands a clean exit.
//
//   CONFORMANCE_BIN        the program (build/conformance-server)
//   CONFORMANCE_REFERENCE  a script with the same seven servers on the official implementation;
//                          it is run by node instead, with the same arguments, and tests marked `better` are skipped,
//                          because there we promise more than the official server does
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import net from "node:net";
import path from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";

const REFERENCE = process.env.CONFORMANCE_REFERENCE;
const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const BIN = path.resolve(ROOT, process.env.CONFORMANCE_BIN ?? "build/conformance-server");
const SERVERS = ["base", "eio3", "csr", "msgpack", "ext", "opts", "admin"];
const SANITIZER = /Sanitizer|runtime error:|Assertion .* failed/;

// Slow builds (sanitizers, emulation) stretch every upper bound by this factor, never a lower one.
const SLOW = Number(process.env.CONFORMANCE_SLOW ?? 1);

// The servers ping several times a second, and drop who does not answer at once: any pause of a busy machine would end a
// client that a test is about. So only tests of these times have servers that keep them.
export const LENIENT = ["--ping-timeout", "20000", "--connect-timeout", "45000", "--recovery", "60000"]; // they ping as often
export const CALM = ["--ping-interval", "25000", ...LENIENT]; // and no ping falls into a conversation
// A mute client is dropped after 1.8 s, and a pause of less than 1.5 s makes nobody one.
export const STRICT = ["--ping-interval", "300", "--ping-timeout", "1500", "--connect-timeout", "45000", "--recovery", "5000"];

export const isReference = Boolean(REFERENCE);
export const better = { skip: isReference && "the official server is known to fall short here" };
export const patient = (ms) => ms * SLOW;
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function command(port, args) {
	const tail = ["--port", String(port), ...args];
	return REFERENCE ? [process.execPath, [REFERENCE, ...tail]] : [BIN, tail];
}

function isFree(port) {
	return new Promise((done) => {
		const probe = net.createServer();
		probe.once("error", () => done(false));
		probe.listen(port, "127.0.0.1", () => probe.close(() => done(true)));
	});
}

// For a program that cannot be told to find one. Another may take it before the program does.
export function freePort() {
	return new Promise((done) => {
		const probe = net.createServer().listen(0, "127.0.0.1", () => {
			const { port } = probe.address();
			probe.close(() => done(port));
		});
	});
}

async function freeBlock() {
	for (;;) {
		const port = 20000 + Math.floor(Math.random() * 12000);
		const free = await Promise.all(SERVERS.map((_, i) => isFree(port + i)));
		if (free.every(Boolean))
			return port;
	}
}

export class Fixture {
	constructor(port, args, env) {
		const [file, argv] = command(port, args);
		this.base = port;
		this.stderr = "";
		this.child = spawn(file, argv, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
		this.child.stderr.setEncoding("utf8").on("data", (text) => { this.stderr += text; });
		this.exited = new Promise((done) => {
			this.child.once("error", (error) => done([-1, error.code]));
			this.child.once("close", (code, signal) => done([code, signal]));
		});
	}

	// Resolves once the program printed `listening PORT`, which it does when all its servers listen.
	ready() {
		return new Promise((resolve, reject) => {
			let text = "";
			this.child.stdout.setEncoding("utf8").on("data", (chunk) => {
				text += chunk;
				if (text.includes(`listening ${this.base}\n`))
					resolve(this);
			});
			this.exited.then(([code, signal]) =>
				reject(new Error(`the server ended before it listened: ${signal ?? code}\n${this.stderr}`)));
		});
	}

	port(name) {
		return this.base + SERVERS.indexOf(name);
	}

	url(name) {
		return `http://127.0.0.1:${this.port(name)}`;
	}

	get alive() {
		return this.child.exitCode === null && this.child.signalCode === null;
	}

	async stop() {
		const hung = setTimeout(() => this.child.kill("SIGKILL"), patient(5000));
		this.child.kill("SIGTERM");
		const [code, signal] = await this.exited;
		clearTimeout(hung);
		assert.doesNotMatch(this.stderr, SANITIZER);
		assert.deepEqual([code, signal], [0, null], `exit on SIGTERM\n${this.stderr}`);
	}
}

// Another program may take a port between the look and the listen: then another block is tried.
export async function start({ port, args = [], env = {} } = {}) {
	for (let tries = 5; ; tries--) {
		const fixture = new Fixture(port ?? await freeBlock(), args, env);
		try {
			return await fixture.ready();
		} catch (error) {
			if (port || tries === 1 || !/in use|EADDRINUSE/.test(error.message))
				throw error;
		}
	}
}

// One set of servers for the whole file: `const server = serve(CALM);`
export function serve(args = []) {
	const handle = {};
	before(async () => {
		const fixture = await start({ args });
		handle.fixture = fixture;
		handle.port = (name) => fixture.port(name);
		handle.url = (name) => fixture.url(name);
	});
	after(() => handle.fixture?.stop());
	return handle;
}

// Resolves to the arguments of the next `event`; a wait that ends in nothing says what it waited for.
export function next(emitter, event, ms = 3000) {
	return new Promise((resolve, reject) => {
		const arrived = (...args) => {
			clearTimeout(timer);
			resolve(args);
		};
		const timer = setTimeout(() => {
			emitter.off(event, arrived);
			reject(new Error(`no "${event}" within ${ms} ms`));
		}, patient(ms));
		emitter.once(event, arrived);
	});
}

export async function within(ms, what, promise) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), patient(ms));
	});
	try {
		return await Promise.race([promise, late]);
	} finally {
		clearTimeout(timer);
	}
}

// The argument lists of every `event` so far, and of those to come.
export function record(emitter, event) {
	const list = [];
	emitter.on(event, (...args) => list.push(args));
	return list;
}

// Asks until the answer is true: only for what no event tells.
export async function until(what, ask, ms = 2000) {
	const end = Date.now() + patient(ms);
	while (!await ask()) {
		if (Date.now() > end)
			throw new Error(`${what}: not so within ${ms} ms`);
		await sleep(10);
	}
}

// How the official client reaches a server: both transports alone, and the stock upgrade.
export const WAYS = {
	polling: { transports: ["polling"] },
	websocket: { transports: ["websocket"] },
	upgrade: {},
};

// An official client that is gone when the test is over.
export function client(t, address, options = {}) {
	const socket = io(address, { forceNew: true, reconnection: false, ...options });
	t.after(() => socket.disconnect());
	return socket;
}

export function connected(t, address, options) {
	const socket = client(t, address, options);
	return within(3000, "connect", new Promise((resolve, reject) => {
		socket.once("connect", () => resolve(socket));
		socket.once("connect_error", reject);
	}));
}

// The error that a connection is refused with.
export function refused(t, address, options) {
	const socket = client(t, address, options);
	return within(3000, "refusal", new Promise((resolve, reject) => {
		socket.once("connect", () => reject(new Error("was not refused")));
		socket.once("connect_error", resolve);
	}));
}

export const ask = (socket, ...args) => socket.timeout(patient(3000)).emitWithAck(...args);

// The client reports `upgrade` when the websocket has taken over.
export async function upgraded(socket) {
	if (socket.io.engine.transport.name !== "websocket")
		await next(socket.io.engine, "upgrade");
}
