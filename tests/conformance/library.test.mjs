// The library as somebody else's C program meets it: installed, found by pkg-config, compiled outside the tree.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import { freePort, next, patient, within } from "./harness.mjs";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const dir = mkdtempSync(path.join(tmpdir(), "vedette-library-"));
const prefix = path.join(dir, "usr");
// What the suite's own make was told (a sanitizer, say) is not for the library's.
const { MAKEFLAGS, MAKELEVEL, MFLAGS, ...env } = process.env;

function run(program, ...args) {
	return execFileSync(program, args, {
		cwd: dir, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"],
		env: { ...env, PKG_CONFIG_PATH: path.join(prefix, "lib/pkgconfig") },
	});
}
const words = (text) => text.split(/\s+/).filter(Boolean);
const flags = (...what) => words(run("pkg-config", ...what, "vedette-socketio"));

function compile(name, ...sources) {
	run("gcc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", ...flags("--cflags"), "-o", name, ...sources, ...flags("--libs"));
	return path.join(dir, name);
}

async function start(t, program) {
	const port = await freePort();
	const child = spawn(program, [String(port)], { stdio: ["pipe", "pipe", "inherit"] });
	const ended = new Promise((done) => child.on("close", (code, signal) => done([code, signal])));
	t.after(() => child.kill("SIGKILL"));
	const url = `http://127.0.0.1:${port}`;
	const socket = io(url, { reconnectionDelay: 50, reconnectionDelayMax: 50 }); // until it listens
	t.after(() => socket.disconnect());
	await next(socket, "connect", 10000);
	return { child, ended, socket, url };
}

describe("the installed library", () => {
	before(() => {
		execFileSync("make", ["-s", "-C", ROOT, "install-library", `PREFIX=${prefix}`, ...(env.O ? [`O=${env.O}`] : [])], { env, stdio: "pipe" });
		for (const name of ["chat.c", "guest.c"])
			copyFileSync(path.join(ROOT, "contrib/examples", name), path.join(dir, name));
	});
	after(() => rmSync(dir, { recursive: true }));

	test("each header stands alone, in C and in C++", () => {
		const headers = words(run("find", path.join(prefix, "include/vedette"), "-name", "*.h", "-printf", "%P\n"));
		assert.ok(headers.includes("socketio/socketio.h"));
		for (const header of headers) {
			writeFileSync(path.join(dir, "one.c"), `#include "${header}"\n#include "${header}"\nint x;\n`);
			for (const how of [["gcc", "-std=c99"], ["gcc", "-std=c17"], ["g++", "-xc++"]])
				run(...how, "-Wall", "-Wextra", "-Werror", ...flags("--cflags"), "-c", "-o", "one.o", "one.c");
		}
	});

	test("an embedding program's own names are its own", () => {
		writeFileSync(path.join(dir, "own.c"), `
enum its_own { JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_INTEGER, JSON_REAL, JSON_TRUE, JSON_FALSE, JSON_NULL };
#include "socketio/socketio.h"
void xmalloc(void); void map_get(void); void redis_open(void); void packet_decode_v4(void); void fetch_new(void);
void xmalloc(void) {} void map_get(void) {} void redis_open(void) {} void packet_decode_v4(void) {} void fetch_new(void) {}
const char assets[] = "mine";
`);
		compile("own", "chat.c", "own.c");
	});

	test("the chat", async (t) => {
		const { child, ended, socket, url } = await start(t, compile("chat", "chat.c"));
		const other = io(url, { forceNew: true });
		t.after(() => other.disconnect());
		await next(other, "connect");
		socket.emit("message", "hello", { n: 1 });
		assert.deepEqual(await next(other, "message"), ["hello", { n: 1 }]);
		assert.equal(await within(3000, "an answer", socket.emitWithAck("join", "room")), "welcome");
		const bundle = await fetch(`${url}/socket.io/socket.io.min.js`);
		assert.equal(bundle.status, 200);
		assert.ok((await bundle.text()).includes("Socket.IO v4"));
		assert.equal((await fetch(`${url}/`)).status, 404, "no dashboard came along");
		child.kill("SIGTERM");
		assert.deepEqual(await ended, [0, null]);
	});

	test("a guest in another event loop", async (t) => {
		const { child, ended, socket } = await start(t, compile("guest", "guest.c"));
		let printed = "";
		child.stdout.setEncoding("utf8").on("data", (text) => { printed += text; });
		const seen = [];
		const both = new Promise((done) => socket.on("line", (line) => { seen.push(line); if (seen.length === 2) done(); }));
		child.stdin.write("one\ntwo\n");
		await within(3000, "two lines", both);
		assert.deepEqual(seen, ["one", "two"]);
		await within(3000, "an answer", socket.emitWithAck("line", "back")); // it is printed before
		const before = Number(readFileSync(`/proc/${child.pid}/stat`, "utf8").split(" ")[13]);
		await new Promise((done) => setTimeout(done, patient(300)));
		const ticks = Number(readFileSync(`/proc/${child.pid}/stat`, "utf8").split(" ")[13]) - before;
		assert.ok(ticks <= 10, `it idles, and used ${ticks} ticks`);
		child.stdin.end();
		assert.deepEqual(await ended, [0, null]);
		assert.equal(printed, "back\n");
	});
});
