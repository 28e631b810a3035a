// What goes on when something ends: the official client in its stock settings through a restart of the server and
// a network that drops, a server that was frozen, a configuration that is read again.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import net from "node:net";
import { describe, test } from "node:test";
import { WAYS, ask, client, connect, every, get, next, patient, ready, record, sleep, start, take, until, within } from "./harness.mjs";

const ALL_WAYS = { ...WAYS, "polling, then websocket": {} };
const FAST = `
	push_interval = 200ms
	collector "cpu" { interval = 100ms }
	collector "host" { interval = 100ms }
`;
const IMPATIENT = `${FAST}\nsocketio { ping_interval = 1500ms\nping_timeout = 1500ms }`;

// A client as people write them: it subscribes whenever it connects. It only waits less before it tries again.
function stock(t, url, options) {
	const socket = client(t, url, { reconnection: true, reconnectionDelay: 100, ...options });
	const pushes = record(socket, "custom metrics");

	socket.on("connect", () => {
		if (socket.recovered)
			return;
		socket.emit("subscribe metric", "cpu");
		socket.emit("set polling rate", 100);
	});
	return { socket, pushes };
}

// The network between a client and the server: it can be cut, or swallow what is sent.
class Wire {
	constructor(port) {
		this.pairs = new Set();
		this.is_cut = this.swallows = false;
		this.server = net.createServer((near) => {
			if (this.is_cut) {
				near.destroy();
				return;
			}
			if (this.swallows) {
				this.pairs.add([near.on("error", () => {}).pause()]);
				return;
			}
			const far = net.connect(port, "127.0.0.1"), pair = [near, far];
			this.pairs.add(pair);
			for (const [one, other] of [[near, far], [far, near]])
				one.on("error", () => {}).on("close", () => {
					other.destroy();
					this.pairs.delete(pair);
				}).pipe(other);
		});
	}

	static async lay(t, port) {
		const wire = new Wire(port);
		await new Promise((done) => wire.server.listen(0, "127.0.0.1", done));
		t.after(() => {
			wire.cut();
			wire.server.close();
		});
		wire.url = `http://127.0.0.1:${wire.server.address().port}`;
		return wire;
	}

	cut() {
		this.is_cut = true;
		for (const pair of this.pairs)
			pair.forEach((socket) => socket.destroy());
	}

	// Nothing gets through, and nobody is told.
	swallow() {
		this.swallows = true;
		for (const pair of this.pairs)
			pair.forEach((socket) => socket.unpipe().pause());
	}

	// What was cut or swallowed stays so: it is for new connections.
	mend() {
		this.is_cut = this.swallows = false;
	}
}

const clients = async (server) => JSON.parse((await get(server, "/api/v1/status")).text).clients;
const pushed = (socket) => next(socket, "custom metrics", 20000);

for (const [way, options] of Object.entries(ALL_WAYS)) {
	describe(`over ${way}`, { concurrency: 2 }, () => {
		for (const signal of ["SIGTERM", "SIGKILL"]) {
			test(`a restart after ${signal}: the client is back by itself, on the same port`, async (t) => {
				const server = await start(t, { config: FAST });
				const { socket } = stock(t, server.url, options);
				await pushed(socket);
				const { id } = socket;
				const { started } = await ask(socket, "get status");

				const left = next(socket, "disconnect");
				await (signal === "SIGTERM" ? server.end() : server.kill());
				assert.ok(["transport close", "transport error"].includes((await left)[0]));
				await server.start();
				await next(socket, "connect", 20000);
				assert.notEqual(socket.id, id);
				await until("values", async () => typeof (await pushed(socket))[0].cpu === "number", 5000);
				assert.ok((await ask(socket, "get status")).started > started);
			});
		}

		test("a network that drops: the client is back where it was, and asks for nothing again", async (t) => {
			const server = await start(t, { config: FAST });
			await ready(server);
			const wire = await Wire.lay(t, server.port);
			const socket = client(t, wire.url, { reconnection: true, reconnectionDelay: 100, ...options });
			await next(socket, "connect");
			await ask(socket, "subscribe metric", ["cpu", "host.*"]);
			const { series } = await ask(socket, "watch", { series: ["host.*"], rate: 200 });
			await ask(socket, "set polling rate", 150, { aggregate: "max" });
			await pushed(socket);
			const { id } = socket;
			const names = Object.keys((await pushed(socket))[0]);

			wire.cut();
			await next(socket, "disconnect");
			wire.mend();
			const back = Date.now();
			const pushes = record(socket, "custom metrics");
			const frame = next(socket, "frame", 20000);
			await next(socket, "connect", 20000);
			assert.deepEqual([socket.recovered, socket.id], [true, id]);
			await take(socket, "custom metrics", 6);
			assert.deepEqual(Object.keys(pushes[0][0]), names);
			assert.ok(pushes[0][1].timestamp >= back, "what was missed is not sent late");
			every(150, pushes.map(([, { timestamp }]) => timestamp));
			assert.equal((await frame)[2].length, series.length);
			await until("one client, not two", async () => (await clients(server)) === 1, 5000);
		});

		test("a network that swallows: both sides find out, and the client is back", async (t) => {
			const server = await start(t, { config: IMPATIENT });
			const wire = await Wire.lay(t, server.port);
			const { socket } = stock(t, wire.url, options);
			await pushed(socket);
			if (way.includes("then"))
				await until("the upgrade", () => socket.io.engine.transport.name === "websocket");
			wire.swallow();
			const [reason] = await next(socket, "disconnect", 20000);
			assert.ok(["ping timeout", "transport error"].includes(reason), reason);
			wire.mend();
			await next(socket, "connect", 20000);
			await pushed(socket);
			await until("one client, not two", async () => (await clients(server)) === 1, 5000);
		});

		test("a server that was frozen for a moment: nothing is lost but the moment", async (t) => {
			const server = await start(t, { config: FAST });
			const { socket, pushes } = stock(t, server.url, options);
			await pushed(socket);
			await take(socket, "custom metrics", 3);
			const { id } = socket;
			const gone = record(socket, "disconnect");
			const other = net.connect(server.port, "127.0.0.1"); // taken by the kernel meanwhile
			t.after(() => other.destroy());

			server.signal("SIGSTOP");
			await until("it is stopped", () => / T /.test(readFileSync(`/proc/${server.pid}/stat`, "latin1")));
			const stopped = Date.now();
			await sleep(1200);
			const woken = Date.now(), count = pushes.length;
			server.signal("SIGCONT");
			await take(socket, "custom metrics", 5);
			assert.deepEqual([socket.connected, socket.id, gone], [true, id, []]);
			assert.ok(pushes.length - count < 12, "what was missed is not sent at once");

			const { from, step, series: [{ values }] } = await ask(socket, "get history", { series: "cpu", from: stopped - 500, to: woken + 100, points: 100, shape: "columns" });
			const hole = values.filter((value, i) => from + i * step > stopped + 100 && from + (i + 1) * step < woken);
			assert.ok(step === 100 && hole.length > 5, `${step} ${hole.length}`);
			assert.ok(hole.every((value) => value === null), `a gap is a gap: ${hole}`);
		});

		test("a server that was frozen for long: the client leaves, and is back after", async (t) => {
			const server = await start(t, { config: IMPATIENT });
			const { socket } = stock(t, server.url, options);
			await pushed(socket);
			const left = next(socket, "disconnect", 20000);
			server.signal("SIGSTOP");
			await left;
			server.signal("SIGCONT");
			await next(socket, "connect", 20000);
			await pushed(socket);
			await until("one client, not two", async () => (await clients(server)) === 1, 5000);
		});

		test("an end while many are there is clean, and at once", async (t) => {
			const server = await start(t, { config: FAST });
			const sockets = await Promise.all(Array.from({ length: 20 }, () => connect(t, server, options)));
			for (const socket of sockets) {
				socket.emit("subscribe metric", "*");
				socket.emit("set polling rate", 100);
			}
			await Promise.all(sockets.map(pushed));
			const scrapes = Array.from({ length: 10 }, () => get(server, "/metrics").catch(() => {}));
			const left = sockets.map((socket) => next(socket, "disconnect"));
			const begin = Date.now();
			await server.end();
			assert.ok(Date.now() - begin < patient(3000), `${Date.now() - begin} ms`);
			await Promise.all([...left, ...scrapes]);
			await server.start();
		});
	});
}

// ---- SIGHUP

describe("the configuration is read again", { concurrency: 3 }, () => {
	const history = (socket, to) => ask(socket, "get history", { series: ["cpu", "host.uptime"], from: to - 3000, to, points: 100 });

	test("a good one keeps clients and history, and is in force at once", async (t) => {
		const server = await start(t, { config: FAST });
		const sockets = await Promise.all(Object.values(ALL_WAYS).map((options) => connect(t, server, options)));
		const gone = sockets.map((socket) => record(socket, "disconnect"));
		const ids = sockets.map(({ id }) => id);
		for (const socket of sockets) {
			await ask(socket, "subscribe metric", "cpu");
			await ask(socket, "set polling rate", 100);
		}
		await take(sockets[0], "custom metrics", 10);
		const to = Date.now() - 300;
		const before = await history(sockets[0], to);
		assert.ok(before.series[0].points.some(([, value]) => value !== null));

		const told = sockets.map((socket) => next(socket, "event"));
		const [said] = await server.reload(FAST.replace("200ms", "500ms").replace("100ms", "200ms"));
		assert.equal(said, "configuration reloaded");
		for (const [{ kind }] of await Promise.all(told))
			assert.equal(kind, "reload");
		assert.deepEqual(await history(sockets[0], to), before);
		const updates = await take(sockets[1], "metrics update", 5);
		every(500, updates.slice(1).map(([{ timestamp }]) => timestamp));
		for (const [i, socket] of sockets.entries()) {
			await pushed(socket);
			assert.deepEqual([socket.connected, socket.id, gone[i]], [true, ids[i], []]);
		}
		const { collectors, push_interval } = await ask(sockets[2], "get status");
		assert.deepEqual([push_interval, collectors.find(({ name }) => name === "cpu").interval], [500, 200]);
	});

	const bad = {
		"an unknown key": ["colour = green", /colour/],
		"a bad value": ["push_interval = often", /push_interval/],
		"a value out of range": ["push_interval = 1ms", /push_interval/],
		"no configuration at all": ["}{", /vedette\.conf/],
	};
	for (const [what, [config, reason]] of Object.entries(bad)) {
		test(`${what} changes nothing`, async (t) => {
			const server = await start(t, { config: FAST });
			const socket = await connect(t, server, WAYS.websocket);
			const from = server.stderr.length;
			const [said] = await server.reload(config);
			assert.equal(said, "configuration was not reloaded");
			assert.match(server.stderr.slice(from), reason);
			assert.match(server.stderr.slice(from), /vedette\.conf:\d+/, "file and line");
			assert.equal((await ask(socket, "get status")).push_interval, 200);
			every(200, (await take(socket, "metrics update", 5)).map(([{ timestamp }]) => timestamp));
			await server.reload(FAST);
			assert.equal((await ask(socket, "get events")).events.filter(({ kind }) => kind === "reload").length, 1);
		});
	}

	test("again and again, while clients come and go", async (t) => {
		const server = await start(t, { config: FAST });
		const stays = await connect(t, server, WAYS.websocket);
		const { id } = stays;
		for (let i = 0; i < 20; i++) {
			const [socket] = await Promise.all([connect(t, server), server.reload(i % 2 ? FAST : 'collector "cpu" { enabled = false }')]);
			await ask(socket, "get status");
			socket.disconnect();
		}
		assert.deepEqual([stays.connected, stays.id], [true, id]);
		assert.equal((await ask(stays, "get events")).events.filter(({ kind }) => kind === "reload").length, 20);
	});

	// key, value: what needs a new start says so, and is not half in force.
	const later = { "limits.clients": "limits { clients = 1 }", "limits.clients_per_address": "limits { clients_per_address = 1 }", "socketio.transports": 'socketio { transports = {"websocket"} }' };
	for (const [key, config] of Object.entries(later)) {
		test(`${key} waits for the next start, and says so`, async (t) => {
			const server = await start(t, { config: FAST });
			const from = server.stderr.length;
			await server.reload(`${FAST}\n${config}`);
			assert.match(server.stderr.slice(from), new RegExp(`${key}: .* takes effect at the next start`));
			await Promise.all([connect(t, server, WAYS.polling), connect(t, server, WAYS.polling)]);
			await server.end();
			await server.start();
			const poll = () => get(server, "/socket.io/?EIO=4&transport=polling");
			const statuses = [(await poll()).status, (await poll()).status];
			assert.ok(statuses.includes(503) || statuses.includes(400), String(statuses));
		});
	}
});
