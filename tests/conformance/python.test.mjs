// python-socketio, the client of Debian, which knows nothing of the official one. It runs as a
// program (client.py) and tells what it saw.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { LENIENT, patient, serve } from "./harness.mjs";
import { SID } from "./raw.mjs";

const PYTHON = "/usr/bin/python3";
const PROGRAM = fileURLToPath(new URL("client.py", import.meta.url));
const server = serve(LENIENT);

async function python(...args) {
	const options = { maxBuffer: 64e6, timeout: patient(20000) };
	const { error, stdout, stderr } = await new Promise((done) => {
		execFile(PYTHON, [PROGRAM, ...args], options, (failed, out, err) => done({ error: failed, stdout: out, stderr: err }));
	});
	assert.equal(error, null, stderr);
	return JSON.parse(stdout);
}

// The script of client.py, in its own words.
const hex = (...bytes) => ({ bytes: Buffer.from(bytes).toString("hex") });
const SCRIPT = [
	[],
	[1, -2.5, "text", true, false, null, [], {}],
	["Ä Я て 😀", "\u2028", "\"\\\n"],
	[{ a: [{ b: { c: [1, [2, [3]]] } }] }],
	[hex(1, 2, 3)],
	[hex(...Array.from({ length: 256 }, (_, i) => i)), { in: [hex(), "x", { deep: hex(255) }] }, "end"],
	["x".repeat(100000)],
	[{ bytes: "07".repeat(100000) }],
];
// One argument is told as it is, several as a list.
const answered = SCRIPT.slice(1, 6).map((args) => (args.length === 1 ? args[0] : args));

describe("python-socketio", { concurrency: 3 }, () => {
	for (const [transport, last] of [["polling", "polling"], ["websocket", "websocket"], ["both", "websocket"]]) {
		it(`over ${transport}: events, binary, acknowledgements, heartbeats`, async () => {
			const got = await python(server.url("base"), "/", transport, JSON.stringify({ token: "ü" }));
			assert.match(got.sid, SID);
			assert.deepEqual([got.same, got.auth, got.complete], [false, { token: "ü" }, true]);
			assert.deepEqual(got.echoes, SCRIPT);
			assert.deepEqual(got.acks, answered);
			assert.deepEqual([got.alive, got.transport, got.left], ["alive", last, true]);
			assert.deepEqual([got.error, got.refused], [undefined, undefined]);
		});

		it(`over ${transport}: a namespace of its own`, async () => {
			const got = await python(server.url("base"), "/custom", transport, JSON.stringify({ n: 1 }));
			assert.match(got.sid, SID);
			assert.deepEqual([got.error, got.refused, got.left], [undefined, undefined, true]);
		});

		it(`over ${transport}: a namespace that does not exist`, async () => {
			const got = await python(server.url("base"), "/nowhere", transport);
			assert.deepEqual(got.error, { message: "Invalid namespace" });
			assert.match(got.refused, /namespaces failed to connect/);
		});
	}
});
