// What the end-to-end suites stand on: the built binary with a folder and a configuration of its own, which can be
// reloaded, frozen and started again on its port; at the end a clean exit is demanded. Words for clients, raw
// requests and waiting are those of the conformance suites.
//
//   VEDETTE_BIN   the program (build/vedette)
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { client, connected, next, patient, record, refused, sleep, until, within } from "../conformance/harness.mjs";
import { request } from "../conformance/raw.mjs";

export { client, connected, next, patient, record, refused, request, sleep, until, within };

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const BIN = path.resolve(ROOT, process.env.VEDETTE_BIN ?? "build/vedette");
const SANITIZER = /Sanitizer|runtime error:|Assertion .* failed/;

// A sanitizer's shadow and quarantine are no measure of the program's memory.
const image = readFileSync(BIN);
export const isSanitized = image.includes("__asan_init") || image.includes("__tsan_init");

// Both transports alone, as the official client is told to use them.
export const WAYS = {
	polling: { transports: ["polling"] },
	websocket: { transports: ["websocket"] },
};

export class Vedette {
	// under: a command to run the program under, which must exec it.
	constructor({ config = "", args = [], env = {}, port = 0, under = [] } = {}) {
		this.dir = mkdtempSync(path.join(tmpdir(), "vedette-e2e-"));
		this.file = path.join(this.dir, "vedette.conf");
		Object.assign(this, { args, env, under, port, stderr: "" });
		this.configure(config);
	}

	configure(text) {
		writeFileSync(this.file, text);
	}

	// Resolves once it listens; again after its end, on the same port.
	async start() {
		const argv = [...this.under, BIN, "--listen", `127.0.0.1:${this.port}`, "--data-dir", path.join(this.dir, "data"),
			"--config", this.file, ...this.args];

		this.mark = this.stderr.length;
		this.child = spawn(argv[0], argv.slice(1), { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...this.env } });
		this.child.stderr.setEncoding("utf8").on("data", (text) => { this.stderr += text; });
		this.ended = new Promise((done) => {
			this.child.once("error", (error) => done([-1, error.code]));
			this.child.once("close", (code, signal) => done([code, signal]));
		});
		this.port = Number((await this.logged(/listening on http:\/\/127\.0\.0\.1:(\d+)/))[1]);
		return this;
	}

	get url() {
		return `http://127.0.0.1:${this.port}`;
	}

	get pid() {
		return this.child.pid;
	}

	// The match of a pattern in what it logs from now on, or since its start; fails when it ends without.
	logged(pattern, from = this.mark) {
		const stream = this.child.stderr;
		let look;
		const found = new Promise((done, fail) => {
			look = () => {
				const match = pattern.exec(this.stderr.slice(from));
				if (match)
					done(match);
			};
			stream.on("data", look);
			look();
			this.ended.then(([code, signal]) => fail(new Error(`it ended with ${signal ?? code}\n${this.stderr}`)));
		});

		return within(10000, `a log line ${pattern}`, found).finally(() => stream.off("data", look));
	}

	// Resolves when the new configuration is in force, or was refused.
	reload(config) {
		const from = this.stderr.length;

		if (config !== undefined)
			this.configure(config);
		this.child.kill("SIGHUP");
		return this.logged(/configuration reloaded|configuration was not reloaded/, from);
	}

	signal(name) {
		this.child.kill(name);
	}

	// Bytes of memory in use, and the most that ever were.
	memory() {
		const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
		const bytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)[1]) * 1024;

		return { now: bytes("VmRSS"), peak: bytes("VmHWM") };
	}

	async kill() {
		this.child.kill("SIGKILL");
		await this.ended;
	}

	async end() {
		const hung = setTimeout(() => this.child.kill("SIGKILL"), patient(8000));

		this.child.kill("SIGTERM");
		const [code, signal] = await this.ended;
		clearTimeout(hung);
		assert.doesNotMatch(this.stderr, SANITIZER);
		assert.deepEqual([code, signal], [0, null], `exit on SIGTERM\n${this.stderr}`);
	}

	async stop() {
		try {
			await this.end();
		} finally {
			rmSync(this.dir, { recursive: true, force: true });
		}
	}
}

// A server for one test.
export async function start(t, options) {
	const server = new Vedette(options);

	t.after(() => server.stop());
	return server.start();
}

// Does it know its series? Rates are there once a source was read twice; those that are read seldom have none.
const SELDOM = 10000;
const has_read_twice = ({ state, interval, since, last }) => state !== "starting" && (state !== "ok" || interval >= SELDOM || last > since);

async function has_read(server) {
	const { collectors } = await json(server, "/api/v1/status");
	const { series: [cpu] } = await json(server, "/api/v1/series?match=cpu");

	return typeof cpu?.last === "number" && collectors.every(has_read_twice);
}

export const ready = (server) => until("readiness", () => has_read(server), 10000);

// A server for the whole file: `const server = serve();`. It knows all of its series when the tests begin, and what
// `begin` does is done.
export function serve(options, begin = () => {}) {
	const server = new Vedette(options);

	before(async () => {
		await server.start();
		await ready(server);
		await begin();
	});
	after(() => server.stop());
	return server;
}

export const connect = (t, server, options) => connected(t, server.url, options);

// Fails unless these are the times of what happens every `ms`. A busy machine makes one late and the next seem early, so
// that no single gap says anything: the longest must not be too short, nor the shortest too long.
export function every(ms, times) {
	const gaps = times.slice(1).map((time, i) => time - times[i]);

	assert.ok(Math.max(...gaps) > ms * 0.8 && Math.min(...gaps) < ms * 1.25 + 50, `${gaps} instead of ${ms}`);
}

// ---- requests

export const get = (server, target, headers, options) => request(server.port, target, { headers, ...options });

export async function json(server, target, headers) {
	const answer = await get(server, target, headers);

	assert.equal(answer.headers["content-type"], "application/json; charset=utf-8", `${target}: ${answer.text}`);
	return JSON.parse(answer.text);
}

export const query = (members) => new URLSearchParams(Object.entries(members)
	.flatMap(([name, value]) => [value].flat().map((one) => [name, String(one)]))).toString();

// The acknowledgement of a request; without fail an `ok`.
export async function ask(socket, event, ...args) {
	const answer = await socket.timeout(patient(5000)).emitWithAck(event, ...args);

	assert.equal(answer.status, "ok", `${event} ${JSON.stringify(args)}: ${JSON.stringify(answer)}`);
	return answer;
}

// The error that a request is acknowledged with.
export async function refusal(socket, event, ...args) {
	const answer = await socket.timeout(patient(5000)).emitWithAck(event, ...args);

	assert.equal(answer.status, "error", `${event} ${JSON.stringify(args).slice(0, 200)}: ${JSON.stringify(answer).slice(0, 200)}`);
	assert.equal(typeof answer.error, "string");
	return answer.error;
}

// The first `n` arguments of an event, of which there are no more: but for the offset that Socket.IO's recovery adds.
export function said(args, n) {
	assert.ok(args.length === n || (args.length === n + 1 && /^\d+$/.test(args[n])), JSON.stringify(args));
	return args.slice(0, n);
}

// The next `n` argument lists of an event.
export async function take(socket, event, n, ms = 5000) {
	const list = [];
	const all = new Promise((done) => {
		socket.on(event, function arrived(...args) {
			list.push(args);
			if (list.length < n)
				return;
			socket.off(event, arrived);
			done(list);
		});
	});

	return within(ms, `${n} of "${event}"`, all);
}
