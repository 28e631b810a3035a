// Servers of one fleet: what the key `redis` does.
import { Emitter } from "@socket.io/redis-emitter";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { OwnRedis } from "../conformance/redis_peer.mjs";
import { BIN, WAYS, connect, next, record, start, take, until } from "./harness.mjs";

async function own_redis(t, args) {
	const redis = await OwnRedis.create(args);
	t.after(() => redis.remove());
	return redis;
}

const subscribed = (control, n) =>
	until(`${n} servers are there`, async () => Number((await control.pubsub("NUMSUB", "socket.io-request#/#"))[1]) === n, 20000);

test("what every client is told goes to the clients of all servers; what concerns one server stays there", async (t) => {
	const redis = await own_redis(t), control = redis.client(t);
	const quiet = await start(t, { config: `redis = "${redis.url}"\npush_interval = 1h\n` });
	const loud = await start(t, { config: `redis = "${redis.url}"\npush_interval = 100ms\n` });
	const [a, b] = [await connect(t, quiet, WAYS.websocket), await connect(t, loud, WAYS.websocket)];
	await subscribed(control, 2);
	const [[update]] = await take(a, "metrics update", 1);
	assert.equal(typeof update.host, "string");
	assert.ok(update.cpu >= 0 && update.uptime >= 0);
	const events = [record(a, "event"), record(b, "event")];
	const got = [next(a, "from afar", 15000), next(b, "from afar", 15000)];
	await loud.reload();
	new Emitter(control).emit("from afar", { n: 1 });
	for (const [said] of await Promise.all(got)) // behind it stands the offset of recovery, here as for any event
		assert.deepEqual(said, { n: 1 });
	assert.equal(events[0].length, 0);
	await until("its own event", () => events[1].length === 1);
});

test("without its Redis a server starts, serves, and joins when it is there", async (t) => {
	const redis = await own_redis(t), control = redis.client(t);
	await redis.stop();
	const server = await start(t, { config: `redis = "${redis.url}"\npush_interval = 100ms\n` });
	await server.logged(/redis:\/\/127\.0\.0\.1:\d+: Connection refused; trying again/);
	const socket = await connect(t, server, WAYS.websocket);
	await take(socket, "metrics update", 2);
	await redis.start();
	await server.logged(/redis:\/\/127\.0\.0\.1:\d+: connected/);
	await subscribed(control, 1);
});

test("the password is in no dump, no mistake, no log; a new one waits for the next start", async (t) => {
	const redis = await own_redis(t, ["--requirepass", "s3cret"]);
	const server = await start(t, { config: `redis = "redis://:s3cret@127.0.0.1:${redis.port}"\n` });
	await server.logged(/: connected/);
	const dump = spawnSync(BIN, ["--dump-config", "--config", server.file], { encoding: "utf8" });
	assert.match(dump.stdout, new RegExp(`redis += "redis://…@127\\.0\\.0\\.1:${redis.port}"`));
	await server.reload(`redis = "redis://:s3cret2@127.0.0.1:${redis.port}"\n`);
	assert.match(server.stderr, /redis: the password is another now, takes effect at the next start/);
	await server.reload(`redis = "redis://:s3cret3@127.0.0.1:99999"\n`);
	assert.match(server.stderr, /redis: is no address of a Redis: the port is a number from 1 to 65535/);
	await server.reload("");
	assert.match(server.stderr, /redis: "redis:\/\/…@127\.0\.0\.1:\d+", now "", takes effect at the next start/);
	assert.doesNotMatch(server.stderr + dump.stdout + dump.stderr, /s3cret/);
});
