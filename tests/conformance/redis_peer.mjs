// The other side of redis.test.mjs: a Redis of one's own, and a Node server with the official adapter, whose events
// mean what they mean on the fixture program's ext server (as far as that test asks).
import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import os from "node:os";
import path from "node:path";
import { Server } from "socket.io";
import { freePort } from "./harness.mjs";

// One redis-server, on one port for as long as it is there; it may be ended and started again.
export class OwnRedis {
	static async create(args = []) {
		const redis = new OwnRedis();
		redis.args = args;
		redis.dir = await mkdtemp(path.join(os.tmpdir(), "vedette-redis-"));
		redis.socket = path.join(redis.dir, "redis.sock");
		// Someone may take the port between the look and the listen: then another is tried.
		for (let tries = 5; ; tries--) {
			redis.port = await freePort();
			try {
				await redis.start();
				return redis;
			} catch (error) {
				if (tries === 1 || !/Address already in use/.test(error.message))
					throw error;
			}
		}
	}

	get url() {
		return `redis://127.0.0.1:${this.port}`;
	}

	start() {
		this.child = spawn("redis-server", ["--port", String(this.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
			"--dir", this.dir, "--unixsocket", this.socket, ...this.args], { stdio: ["ignore", "pipe", "inherit"] });
		this.exited = new Promise((done) => this.child.once("close", done));
		return new Promise((resolve, reject) => {
			let said = "";
			this.child.stdout.setEncoding("utf8").on("data", (text) => {
				said += text;
				if (said.includes("Ready to accept connections"))
					resolve();
			});
			this.child.once("error", reject);
			this.exited.then(() => reject(new Error(`redis-server ended: ${said}`)));
		});
	}

	async stop() {
		this.child.kill("SIGKILL");
		await this.exited;
	}

	// A connection that is gone when the test is over.
	client(t, options = {}) {
		const client = new Redis(this.port, "127.0.0.1", options);
		client.on("error", () => {}); // it comes back by itself
		t?.after(() => client.disconnect());
		return client;
	}

	async remove() {
		await this.stop();
		await rm(this.dir, { recursive: true, force: true });
	}
}

const sorted = (list) => [...list].sort();

function aim(io, socket, arg) {
	const nsp = arg.nsp ? io.of(arg.nsp) : socket.nsp;
	let op = arg.base === "nsp" ? nsp : arg.base === "socket" ? socket : socket.broadcast;
	for (const key of ["to", "in", "except"])
		if (arg[key] !== undefined)
			op = op[key](arg[key]);
	if (arg.local)
		op = op.local;
	if (arg.volatile)
		op = op.volatile;
	if (arg.compress !== undefined)
		op = op.compress(arg.compress);
	if (arg.timeout !== undefined)
		op = op.timeout(arg.timeout);
	return op;
}

const commands = {
	ping: () => "pong",
	rooms: (io, socket) => sorted(socket.rooms),
	async join(io, socket, rooms) {
		await socket.join(rooms);
		return sorted(socket.rooms);
	},
	setData: (io, socket, data) => Object.assign(socket.data, data),
	emit(io, socket, arg) {
		const op = aim(io, socket, arg);
		if (!arg.ack)
			return op.emit(arg.ev, ...arg.args ?? []);
		return new Promise((done) =>
			op.emit(arg.ev, ...arg.args ?? [], (error, res) => done({ err: error?.message ?? null, res })));
	},
	async fetch(io, socket, arg) {
		const found = await aim(io, socket, arg).fetchSockets();
		return found.map((s) => ({ id: s.id, rooms: sorted(s.rooms), data: s.data, auth: s.handshake.auth }))
			.sort((a, b) => (a.id < b.id ? -1 : 1));
	},
	sjoin: (io, socket, arg) => aim(io, socket, arg).socketsJoin(arg.rooms) ?? true,
	sleave: (io, socket, arg) => aim(io, socket, arg).socketsLeave(arg.rooms) ?? true,
	sdisconnect: (io, socket, arg) => aim(io, socket, arg).disconnectSockets(arg.close) ?? true,
	sse(io, socket, arg) {
		const nsp = arg.nsp ? io.of(arg.nsp) : socket.nsp;
		if (!arg.ack)
			return nsp.serverSideEmit(arg.ev, ...arg.args);
		return new Promise((done) =>
			nsp.serverSideEmit(arg.ev, ...arg.args, (error, res) => done({ err: error?.message ?? null, res })));
	},
	sseLog(io, socket) {
		const log = socket.nsp.probed ?? [];
		socket.nsp.probed = [];
		return log;
	},
};

export class NodeServer {
	static async create(url, options = {}) {
		const server = new NodeServer();
		server.pub = new Redis(url);
		server.sub = server.pub.duplicate();
		for (const client of [server.pub, server.sub])
			client.on("error", () => {});
		server.http = createServer();
		server.io = new Server(server.http, { cleanupEmptyChildNamespaces: true,
			adapter: createAdapter(server.pub, server.sub, options) });
		server.equip(server.io.of("/"));
		server.equip(server.io.of(/^\/dyn-\d+$/));
		await new Promise((done) => server.http.listen(0, "127.0.0.1", done));
		return server;
	}

	equip(nsp) {
		nsp.on("connection", (socket) => {
			const own = socket.nsp;
			if (!own.listenerCount("sse-probe"))
				own.on("sse-probe", (...args) => {
					const ack = typeof args.at(-1) === "function" ? args.pop() : null;
					(own.probed ??= []).push(args);
					ack?.(`pong:${args[0]}`);
				});
			socket.on("cmd", async (name, arg, ack) => {
				try {
					ack(await commands[name](this.io, socket, arg));
				} catch (error) {
					ack({ thrown: error.message });
				}
			});
			socket.emit("hello", { id: socket.id });
		});
	}

	url() {
		return `http://127.0.0.1:${this.http.address().port}`;
	}

	async stop() {
		await this.io.close();
		this.pub.disconnect();
		this.sub.disconnect();
	}
}
