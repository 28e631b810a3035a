// What a service manager hears, sd_notify(3). Node knows no datagrams of AF_UNIX: Python listens.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { json, start, until, Vedette, within } from "./harness.mjs";

const LISTENER = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace("@", "\\0"))
print(json.dumps("listening"), flush=True)
while True:
    print(json.dumps(s.recv(4096).decode()), flush=True)
`;

class Manager {
	constructor(t, address) {
		this.heard = [];
		this.child = spawn("/usr/bin/python3", ["-c", LISTENER, address], { stdio: ["ignore", "pipe", "inherit"] });
		createInterface({ input: this.child.stdout }).on("line", (line) => this.heard.push(JSON.parse(line)));
		t.after(() => this.child.kill("SIGKILL"));
	}

	// The first message from `from` on that says so.
	async hears(text, from = 0) {
		const find = () => this.heard.slice(from).find((message) => message.split("\n").includes(text));

		await until(`${text} is heard`, find, 15000);
		return find();
	}

	get pings() {
		return this.heard.filter((message) => message === "WATCHDOG=1").length;
	}
}

async function manager(t, name) {
	const folder = mkdtempSync(path.join(tmpdir(), "vedette-e2e-supervisor-"));
	const address = name ?? path.join(folder, "notify");
	const m = new Manager(t, address);

	t.after(() => rmSync(folder, { recursive: true }));
	await m.hears("listening");
	return { m, address };
}

test("a service manager hears of the start, of reloads and of the end", async (t) => {
	const { m, address } = await manager(t);
	const server = new Vedette({ config: "push_interval = 2s", env: { NOTIFY_SOCKET: address } });

	await server.start();
	assert.match(await m.hears("READY=1"), /^READY=1\nSTATUS=Watching$/);
	await json(server, "/api/v1/status");
	assert.equal(m.heard.length, 2);

	await server.reload("push_interval = 3s");
	await until("it is ready again", () => m.heard.length === 4);
	assert.match(m.heard[2], /^RELOADING=1\nMONOTONIC_USEC=\d+$/);
	assert.match(m.heard[3], /^READY=1\nSTATUS=Watching$/);

	await server.reload("push_interval = never");
	await until("it is ready all the same", () => m.heard.length === 6);
	assert.match(m.heard[4], /^RELOADING=1\n/);
	assert.match(m.heard[5], /^READY=1\nSTATUS=Watching; the configuration is wrong and was not reloaded/);

	await server.stop();
	await m.hears("STOPPING=1");
	assert.equal(m.pings, 0, "nobody asked for them");
});

test("the loop is watched, by whom it is asked for, and under a name that is no file", async (t) => {
	const { m, address } = await manager(t, `@vedette-e2e-${process.pid}`);
	const server = await start(t, { env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: "200000" } });

	await m.hears("READY=1");
	await until("pings", () => m.pings >= 5);
	server.signal("SIGSTOP");
	await until("it stands", async () => {
		const before = m.pings;

		await new Promise((done) => setTimeout(done, 400));
		return m.pings === before;
	});
	const before = m.pings;
	server.signal("SIGCONT");
	await until("pings again", () => m.pings > before);
});

test("what is meant for another process is not taken", async (t) => {
	const { m, address } = await manager(t);
	const server = await start(t, { env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: "1000", WATCHDOG_PID: "1" } });

	await m.hears("READY=1");
	await server.reload("");
	await until("it is ready again", () => m.heard.length === 4);
	assert.equal(m.pings, 0);
});

test("a failed start is never said to be ready", async (t) => {
	const { m, address } = await manager(t);
	const first = await start(t, { env: { NOTIFY_SOCKET: address } });
	const second = new Vedette({ port: first.port, env: { NOTIFY_SOCKET: address } });

	await m.hears("READY=1");
	await assert.rejects(second.start(), /it ended with 69/);
	rmSync(second.dir, { recursive: true });
	await first.reload("");
	await m.hears("RELOADING=1");
	await until("it is ready again", () => m.heard.filter((message) => message.startsWith("READY=1")).length === 2);
});

test("who cannot be told is no reason not to start", async (t) => {
	const rows = [
		["/nowhere/at/all", /cannot tell the service manager READY=1: No such file or directory/],
		["vsock:2:1234", /cannot tell the service manager at NOTIFY_SOCKET=vsock:2:1234: Address family not supported/],
		[`/${"x".repeat(200)}`, /cannot tell the service manager at NOTIFY_SOCKET=\/x+: File name too long/],
	];

	for (const [address, want] of rows) {
		const server = await start(t, { env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: "1000000" } });

		await server.logged(want, 0);
		await within(5000, "an answer", json(server, "/api/v1/status"));
	}
});
