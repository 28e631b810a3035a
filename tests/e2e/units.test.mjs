// Failed units, told by a real systemd over a real bus: from a program that fails to the alert with its name, through a bus that
// ends and comes back.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { ROOT, ask, connect, json, start, until, within } from "./harness.mjs";

// /run is to be our own. Where that is not allowed there is nothing to test with.
const private_run = spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/run"]).status === 0;
const options = { skip: private_run ? false : "no mount namespace can be made here: be root" };

const folder = mkdtempSync(path.join(tmpdir(), "vedette-units-"));
let systemd;

const systemctl = (...words) => spawnSync("systemctl", ["--user", ...words],
	{ env: { ...process.env, XDG_RUNTIME_DIR: path.join(folder, "runtime") }, encoding: "utf8" });
const active = (unit) => systemctl("is-active", unit).stdout.trim();

before(async () => {
	if (!private_run)
		return;
	systemd = spawn("unshare", ["--mount", path.join(ROOT, "tests/e2e/systemd.sh"), folder], { stdio: "ignore" });
	systemd.ended = new Promise((done) => systemd.once("exit", done));
	await until("systemd is up", () => active("basic.target") === "active", 10000);
	systemctl("start", "dbus.service");
	assert.equal(active("dbus.service"), "active");
});

after(async () => {
	if (!private_run)
		return;
	systemctl("stop", "dbus.service", "dbus.socket");
	systemctl("exit", "--force");
	await within(5000, "the end of systemd", systemd.ended).finally(() => systemd.kill("SIGKILL"));
	rmSync(folder, { recursive: true, force: true });
});

// A server that sees systemd's /run as its own.
const inside = () => ["nsenter", "--target", String(systemd.pid), "--mount", `--wd=${process.cwd()}`];

const CONFIG = `
alert "HIGH_CPU" { enabled = false }
alert "HIGH_MEMORY" { enabled = false }
collector "units" { interval = 200ms }
alert "UNIT_FAILED" { metric = "units.failed/*"  above = 0 }
`;

async function collector(server) {
	const { collectors } = await json(server, "/api/v1/status");

	return collectors.find(({ name }) => name === "units");
}

test("a unit that fails is a series and an alert of its own, until it is reset", options, async (t) => {
	const server = await start(t, { config: CONFIG, under: inside() });
	const socket = await connect(t, server);
	const last = async () => (await ask(socket, "get metrics", "units.failed*")).series.map(({ id, last: value }) => [id, value]);

	await until("no unit that failed", async () => isDeepStrictEqual(await last(), [["units.failed", 0]]), 10000);
	const told = new Promise((done) => socket.on("alert", done));
	systemctl("start", "bad.service");
	assert.equal(active("bad.service"), "failed");
	const { rule, series, value, state } = await told;
	assert.deepEqual([rule, series, value, state], ["UNIT_FAILED", "units.failed/bad.service", 1, "firing"]);
	assert.deepEqual((await last()).sort(), [["units.failed", 1], ["units.failed/bad.service", 1]]);
	const ended = new Promise((done) => socket.on("alert update", done));
	systemctl("reset-failed");
	assert.deepEqual(await ended.then((update) => [update.series, update.state]), ["units.failed/bad.service", "resolved"]);
	assert.deepEqual((await last()).sort(), [["units.failed", 0], ["units.failed/bad.service", 0]]);
});

test("a bus that ends is a collector that fails, and comes back by itself", options, async (t) => {
	const server = await start(t, { config: CONFIG, under: inside() });

	await until("it is read", async () => (await collector(server)).state === "ok", 10000);
	systemctl("stop", "dbus.service", "dbus.socket");
	await until("it fails", async () => (await collector(server)).state === "failing", 10000);
	assert.match((await collector(server)).error, /system bus/);
	systemctl("start", "dbus.socket", "dbus.service");
	await until("it is read again", async () => (await collector(server)).state === "ok", 20000);
});

test("a host without systemd has no such collector, and says why", async (t) => {
	const under = private_run ? ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh"] : [];
	const server = await start(t, { config: CONFIG, under });

	if (!private_run && existsSync("/run/systemd/system"))
		return t.skip("this host has one");
	await until("it was opened", async () => (await collector(server)).state === "disabled", 10000);
	assert.match((await collector(server)).error, /not run by systemd/);
});
