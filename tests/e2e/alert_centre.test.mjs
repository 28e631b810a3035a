// What an operator asks when an alert is there: was anybody told, through which channel, what fails, who keeps it quiet and
// until when, and who did what. `self.clients` makes an alert come and go.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, connect, json, refusal, request, start, until } from "./harness.mjs";
import { Receiver } from "./receiver.mjs";

const CALM = 'anonymous = operator\nalert "HIGH_CPU" { enabled = false }\nalert "HIGH_MEMORY" { enabled = false }\n';
const CROWD = `${CALM}alert "CROWD" { metric = "self.clients"  above = 2 }\n`;
const FAILS = 'alert "CHANNEL_FAILS" { metric = "self.channel_failing/*"  above = 0.5 }\n';
const HOUR = 3600000;

const hook = (name, url, more = "") => `webhook "${name}" { url = "${url}"  max_wait = 200ms  timeout = 1s  ${more} }\n`;
const crowd = (t, server) => Promise.all([1, 2, 3].map(() => connect(t, server, { transports: ["websocket"] })));
const leave = (clients) => clients.forEach((c) => c.disconnect());
const shown = async (server, rule) => (await json(server, `/api/v1/alerts?rule=${rule}`)).alerts[0];
const is = (server, rule, state) => until(`${rule} is ${state}`, async () => (await shown(server, rule))?.state === state, 15000);
const over = (server, rule) => until(`${rule} is over`, async () => !(await shown(server, rule)), 15000);
const did = async (socket) => (await ask(socket, "get audit")).audit.map(({ action, detail }) => `${action}: ${detail}`);
const channel = async (server, name) => (await json(server, "/api/v1/channels")).channels.find((one) => one.name === name);
const last = async (server, id) => (await json(server, `/api/v1/series?match=${encodeURIComponent(id)}`)).series[0]?.last;

test("a channel that fails is seen, told of by the others, and what it gave up is sent again at once", async (t) => {
	const well = await new Receiver(t).open();
	const ill = await new Receiver(t, (n, q, answer) => (answer.writeHead(503).end("out of order"), true)).open();
	const config = CROWD + FAILS + hook("ops", `${well.url}/ops`) + hook("pager", `${ill.url}/pager`, "retries = 1") + hook("spare", `${well.url}/spare`, "severity = critical");
	const server = await start(t, { config });
	const socket = await connect(t, server);
	const clients = await crowd(t, server);

	await until("it fails", async () => (await channel(server, "pager")).state === "failing", 15000);
	const pager = await channel(server, "pager");
	assert.ok(Math.abs(Date.now() - pager.since) < 60000);
	assert.match(pager.last_error, /answered 503: out of order/);
	assert.deepEqual([pager.dead, pager.waiting, pager.last_success], [1, 0, null]);
	assert.deepEqual((await ask(socket, "get channels")).channels, (await json(server, "/api/v1/channels")).channels);
	await until("the other is well", async () => (await channel(server, "ops")).state === "ok", 15000);
	const ops = await channel(server, "ops");
	assert.ok(ops.last_success > 0 && ops.since === null && ops.last_error === null && ops.dead === 0);
	assert.deepEqual((({ state, last_success }) => [state, last_success])(await channel(server, "spare")), ["unused", null]);

	// Others tell of it, and not it itself.
	await is(server, "CHANNEL_FAILS", "firing");
	await until("the word", () => well.of("/ops").some(({ body }) => /"rule":"CHANNEL_FAILS".*"series":"self.channel_failing\/pager"/.test(body)), 15000);
	assert.ok(!ill.got.some(({ body }) => body.includes("CHANNEL_FAILS")));
	assert.equal(await last(server, "self.outbox_dead"), 1);
	assert.equal(await last(server, "self.channel_failing/ops"), 0);
	await until("both alerts counted", async () => await last(server, "self.alerts_firing/warning") === 2, 10000);
	const { text } = await request(server.port, "/metrics");
	assert.match(text, /^vedette_channel_failing\{channel="pager"\} 1$/m);
	assert.match(text, /^vedette_channel_failing\{channel="ops"\} 0$/m);
	assert.match(text, /^vedette_outbox_dead 1$/m);
	assert.match(text, /^vedette_outbox_waiting 0$/m);
	assert.match(text, /^vedette_alerts_firing\{severity="warning"\} 2$/m);

	// It is mended: what it gave up goes out, and it is well.
	ill.behave = () => false;
	assert.match(await refusal(socket, "resend given up", "nowhere"), /^there is no such channel$/);
	const { sent, left } = await ask(socket, "resend given up", "pager");
	assert.deepEqual([sent, left], [1, 0]);
	await until("it is well", async () => (await channel(server, "pager")).state === "ok", 15000);
	assert.deepEqual((({ dead, since, last_error }) => [dead, since, last_error])(await channel(server, "pager")), [0, null, null]);
	await over(server, "CHANNEL_FAILS");
	const again = await request(server.port, "/api/v1/channels/pager/resend", { method: "POST" });
	assert.deepEqual([again.status, JSON.parse(again.text)], [200, { status: "ok", sent: 0, left: 0 }]);
	assert.equal((await request(server.port, "/api/v1/channels/nowhere/resend", { method: "POST" })).status, 404);
	assert.deepEqual(await did(socket), ["send again: 1 given up by pager"], "only what was done");

	// A test says as much, and a restart forgets nothing.
	ill.behave = (n, q, answer) => (answer.writeHead(500).end(), true);
	assert.match(await refusal(socket, "test channel", "pager"), /500/);
	await until("it fails again", async () => (await channel(server, "pager")).state === "failing", 10000);
	const { since, last_success } = await channel(server, "pager");
	await server.kill();
	await server.start();
	await until("it is known", async () => (await channel(server, "pager")).state === "failing", 10000);
	assert.deepEqual((({ since, last_success }) => [since, last_success])(await channel(server, "pager")), [since, last_success]);
	await server.reload(CALM + hook("ops", `${well.url}/ops`));
	await until("its series is gone", async () => await last(server, "self.channel_failing/pager") === undefined, 10000);
	leave(clients);
});

test("deliveries of one alert, of one channel, page by page", async (t) => {
	const well = await new Receiver(t).open();
	const server = await start(t, { config: CROWD + hook("a", `${well.url}/a`) + hook("b", `${well.url}/b`) });
	const socket = await connect(t, server);
	const list = async (options) => (await ask(socket, "get deliveries", options)).deliveries;
	const ids = [];

	for (let i = 1; i <= 2; i++) {
		const clients = await crowd(t, server);
		await is(server, "CROWD", "firing");
		ids.push((await shown(server, "CROWD")).id);
		leave(clients);
		await over(server, "CROWD");
	}
	await until("all are delivered", async () => (await list({ state: "delivered" })).length === 8, 15000);
	for (const id of ids) {
		const ours = await list({ alert: id });
		assert.deepEqual([ours.length, ours.every(({ alert }) => alert === id)], [4, true]);
		assert.deepEqual((await json(server, `/api/v1/deliveries?alert=${id}`)).deliveries, ours);
		assert.equal((await list({ alert: id, channel: "a" })).length, 2);
		assert.deepEqual(await list({ alert: id, state: "dead" }), []);
	}
	assert.deepEqual(await list({ alert: "xyz" }), []);
	const all = (await list({})).map(({ id }) => id), pages = [];
	for (let before; pages.length < all.length;) {
		const page = (await json(server, `/api/v1/deliveries?limit=3${before ? `&before=${before}` : ""}`)).deliveries;
		assert.ok(page.length > 0);
		pages.push(...page.map(({ id }) => id));
		before = page.at(-1).id;
	}
	assert.deepEqual(pages, all);

	// Who sends again, what, and of which alert; nothing of what is not there.
	assert.match(await refusal(socket, "resend delivery", 99999), /^there is no such delivery$/);
	assert.match(await refusal(socket, "test channel", "nowhere"), /^there is no such channel$/);
	assert.deepEqual(await did(socket), []);
	const [one] = await list({ channel: "b", alert: ids[0] });
	await ask(socket, "resend delivery", one.id);
	assert.deepEqual(await did(socket), [`send again: delivery ${one.id} to b, alert ${ids[0]}`]);
});

test("an alert is silenced until it is resolved, through kill -9, and no longer", async (t) => {
	const always = `${CALM}alert "CROWD" { metric = "load.1"  above = -1 }\n`; // also right after a start
	const server = await start(t, { config: always });
	let socket = await connect(t, server);

	await is(server, "CROWD", "firing");
	const { id } = await shown(server, "CROWD");
	for (const [options, why] of [[{ alert: "nobodyknowsthisalert" }, /^there is no such alert$/], [{ alert: id, rule: "CROWD" }, /^say either alert, /],
		[{ alert: "a".repeat(21) }, /^alert must be a text of at most 20 bytes/], [{ alert: id, until: 5 }, /^until lies in the past/]])
		assert.match(await refusal(socket, "silence alert", options), why);
	assert.deepEqual(await did(socket), [], "what was refused was not done");
	const { silence } = await ask(socket, "silence alert", { alert: id, note: "a known leak" });
	assert.deepEqual([silence.alert, silence.until, silence.matcher], [id, null, "rule=CROWD,series=load.1"]);
	const seen = await shown(server, "CROWD");
	assert.deepEqual([seen.state, seen.silencedUntil, seen.silence, seen.note, seen.acknowledgedAt], ["silenced", null, silence.id, "a known leak", null]);
	await ask(socket, "get audit"); // and so it is on disk

	await server.kill();
	await server.start();
	socket = await connect(t, server);
	await is(server, "CROWD", "silenced");
	assert.deepEqual([(await shown(server, "CROWD")).id, (await ask(socket, "get silences")).silences], [id, [silence]]);
	await server.reload(CALM);
	await over(server, "CROWD");
	assert.deepEqual((await ask(socket, "get silences")).silences, []);
	await server.reload(always);
	await is(server, "CROWD", "firing");
	await ask(socket, "get audit");
	await server.kill();
	await server.start();
	assert.deepEqual((await json(server, "/api/v1/silences")).silences, [], "it is over on disk, too");
});

test("until when it is silenced, when it was acknowledged, and who did which of it", async (t) => {
	const server = await start(t, { config: CROWD });
	const socket = await connect(t, server);
	const clients = await crowd(t, server);
	const time = (ms) => new Date(Math.floor(ms / 1000) * 1000).toISOString().replace("T", " ").replace(".000Z", " UTC");
	const until_ms = Date.now() + HOUR;

	await is(server, "CROWD", "firing");
	const { silence } = await ask(socket, "silence alert", { rule: "CROWD", until: until_ms, note: "moving" });
	let seen = await shown(server, "CROWD");
	assert.deepEqual([seen.state, seen.silencedUntil, seen.silence], ["silenced", until_ms, silence.id]);
	const told = new Promise((done) => { socket.once("alert update", done); });
	await ask(socket, "silence alert", { id: silence.id, until: until_ms + HOUR });
	assert.equal((await told).silencedUntil, until_ms + HOUR, "whoever looks is told");
	const [longer] = (await ask(socket, "get silences")).silences;
	assert.deepEqual([longer.matcher, longer.note, longer.until], ["rule=CROWD", "moving", until_ms + HOUR], "what was not said stays");
	assert.match(await refusal(socket, "silence alert", { id: silence.id }), /^until is needed/);
	await ask(socket, "acknowledge alert", seen.id, { note: "I look" });
	seen = await shown(server, "CROWD");
	assert.deepEqual([seen.state, seen.silencedUntil, seen.silence, seen.by], ["acknowledged", null, null, "anonymous"]);
	assert.ok(Math.abs(Date.now() - seen.acknowledgedAt) < 60000);
	await ask(socket, "silence alert", { id: silence.id, until: 1 });
	assert.deepEqual(await did(socket), [
		"end silence: rule=CROWD: moving",
		`acknowledge alert: ${seen.id}`,
		`change silence: rule=CROWD, until ${time(until_ms + HOUR)}: moving`,
		`silence: rule=CROWD, until ${time(until_ms)}: moving`,
	]);
	const changes = (await json(server, `/api/v1/alerts?id=${seen.id}&changes=1`)).alerts;
	assert.deepEqual(changes.find(({ state }) => state === "silenced").silencedUntil, until_ms + HOUR);
	assert.equal(changes.find(({ state }) => state === "acknowledged").acknowledgedAt, seen.acknowledgedAt);
	assert.equal(changes.find(({ state }) => state === "firing").acknowledgedAt, null);
	leave(clients);
});

test("the history says what is held back", async (t) => {
	const server = await start(t, { config: `${CALM}alert "ALL" { metric = "load.1"  above = -1 }\nalert "ONE" { metric = "load.5"  above = -1  inhibited_by = {"ALL"} }\n` });

	await is(server, "ONE", "firing");
	await until("it is held back", async () => (await shown(server, "ONE")).inhibited, 10000);
	const { alerts } = await json(server, "/api/v1/alerts?state=all");
	assert.deepEqual(alerts.map(({ rule, inhibited, flapping }) => [rule, inhibited, flapping]).sort(), [["ALL", false, false], ["ONE", true, false]]);
});
