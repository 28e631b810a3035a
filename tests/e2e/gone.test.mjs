// What there is a lot of, and what went away: disks of /proc/diskstats as this server alone sees it, which come, work, and
// are pulled out.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { ask, connect, json, query, ready, refusal, request, until, Vedette, WAYS } from "./harness.mjs";

const DISKS = 60;
const can_unshare = spawnSync("unshare", ["-rm", "true"]).status === 0;
const name = (i) => `sd${String.fromCharCode(97 + Math.floor(i / 26))}${String.fromCharCode(97 + i % 26)}`;
const BUSY = [name(17), name(40)];

describe("disks", { skip: !can_unshare && "this host lets nobody have a mount namespace" }, () => {
	const fake = path.join(mkdtempSync(path.join(tmpdir(), "vedette-e2e-")), "diskstats");
	let disks = Array.from({ length: DISKS }, (_, i) => name(i)), read = 1000, timer;

	// Two of them read, the second twice as much.
	function tell() {
		read += 100;
		writeFileSync(fake, disks.map((disk, i) => {
			const sectors = 100000 + read * BUSY.indexOf(disk) + (BUSY.includes(disk) ? read : 0);
			return `   8 ${i * 16} ${disk} 1000 0 ${sectors} 1000 1 0 8 1 0 1 2\n`;
		}).join(""));
	}

	tell();
	const server = new Vedette({
		config: 'collector "disk" { interval = 100ms }\n',
		under: ["unshare", "-rm", "sh", "-c", 'mount --bind "$0" /proc/diskstats && exec "$@"', fake],
	});

	before(async () => {
		await server.start();
		await ready(server);
		timer = setInterval(tell, 100);
	});
	after(async () => {
		clearInterval(timer);
		await server.stop();
		rmSync(path.dirname(fake), { recursive: true });
	});

	const ids = ({ series }) => series.map((one) => one.id);
	const metrics = async (t, ...args) => ask(await connect(t, server, WAYS.websocket), "get metrics", ...args);
	const history = async (t, options) => ask(await connect(t, server, WAYS.websocket), "get history", options);

	test("the busiest of many, the most first", async (t) => {
		const patterns = ["disk.read_bytes/*", "disk.write_bytes/*"];
		let answer;

		await until("work", async () => {
			answer = await metrics(t, patterns, { top: 2 });
			return answer.series[0].id === `disk.read_bytes/${BUSY[1]}` && answer.series[0].mean > 0;
		}, 8000);
		assert.equal(answer.instances, DISKS);
		assert.deepEqual(ids(answer), [BUSY[1], BUSY[0]].flatMap((disk) => patterns.map((pattern) => pattern.replace("*", disk))));
		assert.equal(answer.series[1].mean, 0);
		assert.deepEqual([answer.series[0].unit, typeof answer.series[0].last], ["bytes/s", "number"]);

		const over_http = await json(server, `/api/v1/series?${query({ pattern: patterns, top: 2 })}`);
		assert.deepEqual([over_http.instances, ids(over_http)], [DISKS, ids(answer)]);
		assert.deepEqual(await metrics(t, "no.such/*", { top: 3 }), { status: "ok", instances: 0, series: [] });
		assert.equal((await metrics(t, patterns, { top: 1000 })).series.length, 2 * DISKS);
		assert.ok((await metrics(t, ["cpu.usage", "load.*"], { top: 2 })).instances > 2, "a series without a slash is one of its own");
	});

	test("a pattern may match nothing, a name may not", async (t) => {
		const socket = await connect(t, server, WAYS.websocket);
		const { series, from, to, step } = await ask(socket, "get history", { series: ["sensor.no_such/*"], from: -60000 });

		assert.deepEqual(series, []);
		assert.ok(step === 1000 && to - from >= 59000, `${from} ${to} ${step}`);
		assert.deepEqual(ids(await ask(socket, "get history", { series: ["sensor.no_such/*", "cpu"], from: -5000 })), ["cpu.usage"]);
		assert.match(await refusal(socket, "get history", { series: "no.such" }), /^no series matches no\.such;/);
		assert.equal((await request(server.port, "/api/v1/history?series=no.such/*")).status, 200);
		assert.equal((await request(server.port, "/api/v1/history?series=no.such")).status, 400);
	});

	test("what went away keeps its past, and is marked", async (t) => {
		const gone = BUSY[0], id = `disk.read_bytes/${gone}`, range = { from: -60000, shape: "columns" };

		await until("its work", async () => (await metrics(t, id)).series[0]?.last > 0, 8000);
		disks = disks.filter((disk) => disk !== gone);
		await until("its end", async () => (await metrics(t, id)).series.length === 0, 8000);

		const { series: [one] } = await history(t, { series: id, ...range });
		assert.deepEqual([one.id, one.unit, one.gone], [id, "bytes/s", true]);
		assert.ok(one.values.some((value) => value > 0));
		assert.equal((await json(server, `/api/v1/history?${query({ series: id, from: -60000 })}`)).series[0].gone, true);

		const { series: all } = await history(t, { series: "disk.read_bytes/*", ...range });
		assert.deepEqual([all.length, all.at(-1).id], [DISKS, id], "the living first");
		assert.equal(all.filter((series) => series.gone).length, 1);
		assert.equal((await history(t, { series: "disk.read_bytes/*", ...range, gone: false })).series.length, DISKS - 1);
		assert.equal((await json(server, `/api/v1/history?${query({ series: "disk.read_bytes/*", from: -60000, gone: false })}`)).series.length, DISKS - 1);
		assert.equal((await history(t, { series: id, ...range, gone: false })).series.length, 1, "by its name it is meant");

		/* A range in which it had no points knows it no more. */
		assert.deepEqual((await history(t, { series: `disk.read_bytes/${gone}*`, from: -7200000, to: -3600000 })).series, []);
		assert.match(await refusal(await connect(t, server, WAYS.websocket), "get history", { series: id, from: -7200000, to: -3600000 }), /^no series matches/);

		const listed = await metrics(t, "disk.read_bytes/*", { gone: true });
		assert.deepEqual(listed.series.filter((series) => series.gone).map((series) => series.id), [id]);
		assert.equal((await metrics(t, "disk.read_bytes/*")).series.length, DISKS - 1);
		assert.deepEqual(ids(await metrics(t, "disk.read_bytes/*", { top: 2, gone: true })), [`disk.read_bytes/${BUSY[1]}`, id], "busy in the last minute");

		disks.push(gone);
		await until("its return", async () => (await metrics(t, id)).series.length === 1, 8000);
		assert.equal((await history(t, { series: id, ...range })).series[0].gone, undefined);
	});

	test("of many that went away those that went last, as far as there is room", async (t) => {
		disks = disks.slice(0, 2);
		await until("their end", async () => (await metrics(t, "disk.busy/*")).series.length === 2, 8000);

		const { series, left_out } = await history(t, { series: "*", from: -60000, points: 10, shape: "columns" });
		assert.equal(series.length, 500);
		assert.ok(left_out > 0, String(left_out));
		assert.equal(series.findIndex((one) => one.gone), series.filter((one) => !one.gone).length);

		/* The values of an answer are bounded too. */
		const narrow = await history(t, { series: "disk.*", from: -3600000, points: 3600, shape: "columns" });
		assert.ok(narrow.left_out > 0 && narrow.series.length * narrow.series[0].values.length <= 200000);
		assert.equal((await history(t, { series: "disk.busy/*", from: -60000, points: 10 })).left_out, undefined);
	});
});
