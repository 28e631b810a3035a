// The wall clock is set, by an hour, either way (clock.c): what is told stays true, and nobody waits an hour for it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { ROOT, ask, connect, json, patient, ready, start, take, until } from "./harness.mjs";
import { Receiver } from "./receiver.mjs";

const HOUR = 3600000;
const WAYS = { back: -HOUR, forward: HOUR };
const folder = mkdtempSync(path.join(tmpdir(), "vedette-clock-"));
const library = path.join(folder, "clock.so");
let clocks = 0;

before(() => execFileSync(process.env.CC ?? "cc", ["-shared", "-fPIC", "-o", library, path.join(ROOT, "tests/e2e/clock.c")]));
after(() => rmSync(folder, { recursive: true }));

// A server whose clock can be set.
async function started(t, config) {
	const file = path.join(folder, `clock-${clocks++}`);
	const set = (ms) => writeFileSync(file, String(ms));

	set(0);
	const server = await start(t, {
		config, env: { LD_PRELOAD: library, CLOCK_FILE: file, ASAN_OPTIONS: `verify_asan_link_order=0:${process.env.ASAN_OPTIONS ?? ""}` },
	});
	await ready(server);
	return { server, set };
}

for (const [way, ms] of Object.entries(WAYS))
	describe(`the clock is set ${way}`, () => {
		test("for how long it has been running, and the host, is the same", async (t) => {
			const { server, set } = await started(t, "push_interval = 100ms");
			const socket = await connect(t, server);
			const uptime = async () => (await take(socket, "metrics update", 2))[1][0].uptime;
			const status = async () => {
				const { now, started: at, host } = await json(server, "/api/v1/status");
				return { now, running: now - at, up: now - host.boot };
			};
			const near = (a, b, what) => assert.ok(a >= b && a < b + patient(10000), `${what}: ${b} before, ${a} after`);
			const [was, ran] = [await status(), await uptime()];

			set(ms);
			const [is, runs] = [await status(), await uptime()];
			near(is.now - ms, was.now, "the time");
			near(is.running, was.running, "running, in ms");
			near(is.up, was.up, "the host is up, in ms");
			near(runs * 1000, ran * 1000, "uptime, in ms");
		});

		test("samples go on", async (t) => {
			const { server, set } = await started(t, "push_interval = 100ms");
			const newest = async () => (await json(server, "/api/v1/series?match=cpu")).series[0].timestamp;
			const before = await newest();

			set(ms);
			await until("samples of the new time", async () => {
				const at = await newest() - ms;
				return at > before && at < before + HOUR / 2;
			}, 10000);
		});
	});

// A receiver that fails is tried again after seconds, and not an hour later because of the clock.
test("a message that was put off is not put off by an hour", async (t) => {
	const receiver = await new Receiver(t, (n, request, answer) => n === 1 && answer.writeHead(500).end()).open();
	const { server, set } = await started(t, `
		alert "HIGH_CPU" { enabled = false }
		alert "ON" { metric = "load.1"  above = -1 }
		webhook "ops" { url = "${receiver.url}/ops"  rules = {"ON"} }
	`);

	await until("the first attempt", () => receiver.got.length > 0);
	await server.logged(/channel ops: fails/, 0);
	set(-HOUR);
	await until("the second", () => receiver.got.length > 1, 12000);
});

// Even if it was off meanwhile: the beginning of a silence is the moment in which somebody said so.
test("a silence holds when the clock was set back before a restart", async (t) => {
	const { server, set } = await started(t, 'anonymous = operator\nalert "ON" { metric = "load.1"  above = -1 }');
	const alerts = async (state) => (await json(server, `/api/v1/alerts?rule=ON&state=${state}`)).alerts;
	const socket = await connect(t, server);

	await until("an alert", async () => (await alerts("firing")).length === 1);
	await ask(socket, "silence alert", { rule: "ON", until: Date.now() + HOUR });
	assert.equal((await alerts("silenced")).length, 1);
	socket.close();
	await server.end();
	set(-HOUR);
	await server.start();
	await ready(server);
	await until("it is silenced still", async () => (await alerts("silenced")).length === 1, 5000);
	assert.deepEqual(await alerts("firing"), []);
});
