// The command line and the configuration, as an operator meets them.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { BIN, ROOT, connect, json, start, until, within } from "./harness.mjs";

const place = mkdtempSync(path.join(tmpdir(), "vedette-cli-"));
after(() => rmSync(place, { recursive: true }));

const run = (args, env = {}) => spawnSync(BIN, args, { encoding: "utf8", env: { ...process.env, ...env }, timeout: 20000 });
const file = (text, name = "t.conf") => {
	const at = path.join(place, name);
	writeFileSync(at, text);
	return at;
};

test("what it prints and how it ends", () => {
	const rows = [
		[["--version"], 0, /^vedette \d+\.\d+\.\d+\n$/, /^$/],
		[["--help"], 0, /Usage: vedette[\s\S]*127\.0\.0\.1:8338[\s\S]*--check-config/, /^$/],
		[["--help=keys"], 0, /push_interval[\s\S]*alert "NAME"/, /^$/],
		[["--help=rules"], 0, /alert "HIGH_CPU"[\s\S]*alert "VEDETTE_MEMORY"/, /^$/],
		[["--help=nonsense"], 64, /^$/, /no help on "nonsense"/],
		[["--lisen", "x"], 64, /^$/, /--lisen is not a flag; the flags are --config/],
		[["-x"], 64, /^$/, /-x is not a flag/],
		[["--listen"], 64, /^$/, /--listen needs a value/],
		[["--listen", "nowhere"], 64, /^$/, /--listen: listen: /],
		[["--version=3"], 64, /^$/, /takes no value/],
		[["serve"], 64, /^$/, /"serve" is not understood/],
		[["token"], 64, /^$/, /usage: vedette token add/],
		[["token", "add", "--help"], 64, /^$/, /does not start with a dash/],
		[["token", "add", "x", "root"], 64, /^$/, /viewer\|operator/],
		[["--data-dir", place, "token", "add", "ops\nroot  operator"], 64, /^$/, /text on one line/],
		[["--data-dir", place, "token", "add", "ops\u001b[2J"], 64, /^$/, /text on one line/],
		[["--data-dir", place, "token", "add", "anonymous", "operator"], 64, /^$/, /are those without a token/],
		[["--test-rules", "-1h"], 64, /^$/, /--test-rules FROM TO/],
		[["--config", "/nowhere/vedette.conf"], 78, /^$/, /\/nowhere\/vedette\.conf: No such file/],
		[["--check-config", "--config", path.join(ROOT, "contrib/vedette.conf")], 0, /: ok/, /^$/],
	];

	for (const [args, status, out, err] of rows) {
		const got = run(args);
		assert.equal(got.status, status, `${args.join(" ")}: ${got.stderr}`);
		assert.match(got.stdout, out, args.join(" "));
		assert.match(got.stderr, err, args.join(" "));
	}
	assert.ok(run(["--help"]).stdout.split("\n").every((line) => line.length <= 80));
});

test("the shipped file is the one that the program prints", () => {
	const shipped = readFileSync(path.join(ROOT, "contrib/vedette.conf"), "utf8");

	assert.equal(shipped, run(["--help=file"]).stdout);
	assert.equal(readFileSync(path.join(ROOT, "contrib/alerts.conf"), "utf8"), run(["--help=rules"]).stdout);
});

test("the shipped rules are inside: in force without a file, and where one includes them", () => {
	const rules = (...args) => [...run(["--dump-config", ...args]).stdout.matchAll(/^alert "(.*)" \{ {2}# (.*)$/gm)].map(([, name, from]) => [name, from.replace(/:\d+$/, "")]);
	const stock = rules("--config", file("include(\"shipped:alerts.conf\")\n"));

	assert.ok(stock.length > 20 && stock.every(([, from]) => from === "shipped:alerts.conf"), JSON.stringify(stock));
	for (const name of ["HIGH_CPU", "HIGH_MEMORY", "FILESYSTEM_FILLS", "INODES_FILL", "UNIT_FAILED", "COLLECTOR_FAILS"])
		assert.ok(stock.some(([rule]) => rule === name), name);
	if (!existsSync("/etc/vedette/vedette.conf"))
		assert.deepEqual(rules(), stock);
	assert.deepEqual(rules("--config", file("")), [["HIGH_CPU", "built in"], ["HIGH_MEMORY", "built in"]]);
	assert.deepEqual(rules("--config", path.join(ROOT, "contrib/vedette.conf")), stock);

	// Blocks behind the include change single keys; a mistake there is found.
	const changed = run(["--dump-config", "--config", file('include("shipped:alerts.conf")\nalert "ZOMBIES" { above = 7  clear = 3 }\n')]).stdout;
	assert.match(changed, /alert "ZOMBIES" \{ {2}# shipped:alerts\.conf:\d+\n[^}]*above += "7"\n\s+clear += "3"\n\s+for += "10min"/);
	assert.match(run(["--check-config", file('include("shipped:alerts.conf")\nalert "ZOMBIES" { above = 7 }\n')]).stderr, /: alert "ZOMBIES": clear 20 is on the wrong side/);
	assert.match(run(["--check-config", file('include("shipped:nothing")\n')]).stderr, /:1: include ".*shipped:nothing": No such file/);
});

test("make install brings a configuration, and leaves one that is there alone", () => {
	const { MAKEFLAGS, MAKELEVEL, MFLAGS, ...env } = process.env;
	const install = (...words) => spawnSync("make", ["-s", "install-conf", `DESTDIR=${place}/root`, ...words], { cwd: ROOT, encoding: "utf8", env, timeout: 60000 });
	const at = path.join(place, "root/etc/vedette/vedette.conf");

	assert.equal(install().status, 0);
	assert.equal(readFileSync(at, "utf8"), readFileSync(path.join(ROOT, "contrib/vedette.conf"), "utf8"));
	assert.equal(run(["--check-config", at]).status, 0);
	writeFileSync(at, "push_interval = 3s\n");
	assert.equal(install("PREFIX=/usr").status, 0);
	assert.equal(readFileSync(at, "utf8"), "push_interval = 3s\n");
	assert.equal(install("PREFIX=/opt/try").status, 0);
	assert.ok(existsSync(path.join(place, "root/opt/try/etc/vedette/vedette.conf")), "what is put somewhere for a try does not touch /etc");
});

test("each mistake in a file is told with its line and what was meant, and nothing starts", () => {
	const rows = [
		["listn = {}", 1, /unknown key "listn"\. Did you mean "listen"/],
		["\n\npush_interval = 2x", 3, /push_interval: "2x" has an unknown unit; there are: d, h, min, m, s or ms/],
		["push_interval = 2", 1, /needs a unit/],
		["push_interval = 2 s", 1, /a number and its unit are one word: 2s/],
		["\ncollector { }", 2, /collector needs a name before its brace: collector "cpu" \{ … \}\. There are cpu, .*, self\n/],
		["push_interval = 1ms", 1, /too small \(100ms to 1h\)/],
		["anonymous = admin", 1, /anonymous: "admin" is none of none, viewer or operator/],
		["listen = {}", 1, /must not be empty/],
		['listen = {"127.0.0.1:99999"}', 1, /listen/],
		["socketio { pingg = 3 }", 1, /unknown key "pingg" in socketio/],
		["socketio {\n ping_interval = 25s\n transports = {\"pigeon\"}\n}", 3, /transports: .*polling or websocket/],
		['collector "cpuu" { interval = 1s }', 1, /there is no collector "cpuu"\. Did you mean "cpu"/],
		['collector "cpu" { interval = 10ms }', 1, /too small/],
		['include("/nowhere/x.conf")', 1, /include "\/nowhere\/x\.conf": No such file/],
		['url = "https://v.example.org/?a"', 1, /url: "https:\/\/v\.example\.org\/\?a" is not where a browser finds the dashboard/],
		["push_interval = 2s }", 1, /./],
		['hosts = {"a"', 1, /./],
		["redis = \"redis:/x\"", 1, /redis: is no address of a Redis: it starts with redis:\/\/ or unix:\/\//],
		['queue "emails" { kind = bullmq }', 1, /this version has no "queue"/],
	];

	for (const [text, line, want] of rows) {
		const at = file(`${text}\n`);
		const got = run(["--check-config", "--config", at]);
		assert.equal(got.status, 78, text);
		assert.match(got.stderr, new RegExp(`^${at}:${line}: `, "m"), `${text}: ${got.stderr}`);
		assert.match(got.stderr, want, text);
		assert.equal(run(["--config", at, "--listen", "127.0.0.1:0"]).status, 78, text);
	}
	const all = run(["--check-config", "--config", file("a = 1\nb = 2\npush_interval = 0\n")]).stderr;
	assert.equal(all.trim().split("\n").length, 3, all);
});

test("flags beat the environment, which beats the file", () => {
	const at = file("push_interval = 5s\nmin_rate = 200ms\nlog_level = warn\n");
	const dump = (args, env) => run(["--dump-config", "--config", at, ...args], env).stdout;

	assert.match(dump([], {}), /push_interval += 5s +# .*t\.conf:1/);
	assert.match(dump([], { VEDETTE_PUSH_INTERVAL: "7s" }), /push_interval += 7s +# VEDETTE_PUSH_INTERVAL/);
	assert.match(dump(["--listen", "127.0.0.1:1"], { VEDETTE_LISTEN: "127.0.0.1:2,127.0.0.1:3" }), /listen += \{"127\.0\.0\.1:1"\} +# --listen/);
	assert.match(dump([], { VEDETTE_LISTEN: "127.0.0.1:2,127.0.0.1:3" }), /listen += \{"127\.0\.0\.1:2", "127\.0\.0\.1:3"\}/);
	assert.match(dump([], {}), /push_interval[\s\S]*HIGH_CPU[\s\S]*HIGH_MEMORY/);
	assert.equal(run(["--check-config", "--config", at], { VEDETTE_PUSH_INTERVAL: "x" }).status, 78);
});

test("an address in use, a folder that cannot be had", async (t) => {
	const taken = net.createServer().listen(0, "127.0.0.1");
	t.after(() => taken.close());
	await within(2000, "the listener", new Promise((done) => taken.once("listening", done)));
	const { port } = taken.address();
	const data = path.join(place, "data");
	const used = run(["--listen", `127.0.0.1:${port}`, "--data-dir", data]);
	assert.equal(used.status, 69, used.stderr);
	assert.match(used.stderr, new RegExp(`cannot listen on 127.0.0.1:${port}: the address is in use; --listen names another`));
	const below = run(["--listen", "127.0.0.1:0", "--data-dir", path.join(file("", "plain"), "data")]);
	assert.equal(below.status, 73, below.stderr);
	assert.match(below.stderr, /cannot keep state in .*plain\/data: Not a directory; --data-dir names another/);
	assert.ok([73, 77].includes(run(["--listen", "127.0.0.1:0", "--data-dir", "/proc/vedette"]).status));
});

test("a folder that another one uses", async (t) => {
	const server = await start(t);
	const second = run(["--listen", "127.0.0.1:0", "--data-dir", `${server.dir}/data`, "--config", server.file]);

	assert.equal(second.status, 73);
	assert.match(second.stderr, new RegExp(`/data belongs to a Vedette that runs: pid ${server.pid}; --data-dir names another folder`));
	server.child.kill("SIGKILL");
	await server.ended;
	await server.start(); // who was killed holds nothing
	assert.equal((await json(server, "/healthz")).status, "ok");
});

test("beyond loopback nobody may look until it is said", async (t) => {
	const server = await start(t, { args: ["--listen", "0.0.0.0:0"] });

	assert.match(server.stderr, /others can reach .*anonymous is none/);
	const answer = await fetch(`${server.url}/api/v1/status`);
	assert.equal(answer.status, 401);
});

test("SIGHUP: a bad file changes nothing, a good one keeps clients and history", async (t) => {
	const server = await start(t, { config: "push_interval = 2s\n" });
	const socket = await connect(t, server);

	await server.reload("push_interval = never\n");
	assert.match(server.stderr, /vedette\.conf:1: push_interval: .*[\s\S]*was not reloaded; the former one stays in force/);
	assert.equal((await json(server, "/api/v1/status")).push_interval, 2000);
	await server.reload('push_interval = 150ms\nstore { series = 500 }\n');
	assert.match(server.stderr, /store\.series: 2000, now 500, takes effect at the next start/);
	assert.equal((await json(server, "/api/v1/status")).push_interval, 150);
	await server.reload('push_interval = 150ms\nstore { series = 500 }\n');
	assert.equal(server.stderr.match(/store\.series: 2000, now 500, takes effect at the next start/g).length, 2, "it still does");
	await server.reload('push_interval = 150ms\n');
	assert.equal(server.stderr.match(/takes effect at the next start/g).length, 2, "what we started with needs no restart");
	await within(5000, "a push at the new rate", new Promise((done) => socket.once("metrics update", done)));
	assert.ok(socket.connected);
});

test("it ends cleanly on SIGINT too, and leaves its state to the next", async (t) => {
	const server = await start(t);

	assert.ok(existsSync(path.join(server.dir, "data", "vedette.db")));
	server.signal("SIGINT");
	const [code] = await within(5000, "the end", server.ended);
	assert.equal(code, 0);
	await server.start();
	const second = spawn(BIN, ["--listen", `127.0.0.1:${server.port}`, "--data-dir", path.join(place, "second")], { stdio: "ignore" });
	const ended = await within(5000, "the second one's end", new Promise((done) => second.once("exit", done)));
	assert.equal(ended, 69);
	await until("the first is unharmed", async () => (await json(server, "/api/v1/status")).pid === server.pid);
});
