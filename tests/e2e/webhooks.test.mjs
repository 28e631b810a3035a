// Webhooks that never lose one: real receivers that refuse, hang, break off, answer 500, and a Vedette that is killed in
// the middle. `self.clients` makes alerts come and go.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { ROOT, ask, connect, json, patient, start, until } from "./harness.mjs";
import { certificates, check_signature, Receiver } from "./receiver.mjs";

const SECRET = `whsec_${Buffer.from("a secret of 24 bytes, no").toString("base64")}`;
const RULE = 'anonymous = operator\nalert "HIGH_CPU" { enabled = false }\nalert "HIGH_MEMORY" { enabled = false }\nalert "CROWD" { metric = "self.clients"  above = 2  labels = {"team=ops"}  runbook = "https://example.org/crowd" }\n';

// It is asked again soon; but who is only slow to answer, as on a busy machine, is not asked twice.
const hook = (name, url, more = "", timeout = "10s") => `webhook "${name}" { url = "${url}"  max_wait = 200ms  timeout = ${timeout}  ${more} }\n`;

// The rule fires, and is calm again.
async function episode(t, server, end = true) {
	const clients = await Promise.all([1, 2, 3].map(() => connect(t, server, { transports: ["websocket"] })));
	const firing = async (n) => (await json(server, "/api/v1/alerts?rule=CROWD")).alerts.length === n;

	await until("it fires", () => firing(1), 15000);
	if (!end)
		return;
	clients.forEach((c) => c.disconnect());
	await until("it is calm", () => firing(0), 15000);
}

// All that was sent is known to be: a kill has it sent again otherwise.
const settled = (server) => until("nothing waits", async () => !(await json(server, "/api/v1/deliveries?state=waiting")).deliveries.length, 15000);

const states = (got) => got.map(({ body }) => JSON.parse(body).state);

test("each format is what its receiver takes, signed where there is a secret", async (t) => {
	const receiver = await new Receiver(t).open();
	const server = await start(t, { config: 'url = "https://v.example.org/watch"\n' + RULE + hook("json", `${receiver.url}/json`, `secret = "${SECRET}"  headers = {"X-Team: ops"}`) +
		hook("am", `${receiver.url}/am`, "format = alertmanager") + hook("slack", `${receiver.url}/slack`, "format = slack") +
		hook("discord", `${receiver.url}/discord`, "format = discord") +
		hook("own", `${receiver.url}/own`, `format = template  template = '{"text": {{summary}}, "line": "{{rule|text}} on {{host|text}}", "at": {{url}}}'`) });

	await episode(t, server);
	const json_posts = await receiver.wait("/json", 2);
	assert.deepEqual(states(json_posts), ["firing", "resolved"]);
	json_posts.forEach((post) => check_signature(post, SECRET));
	assert.notEqual(json_posts[0].headers["webhook-id"], json_posts[1].headers["webhook-id"]);
	assert.equal(json_posts[0].headers["x-team"], "ops");
	assert.equal(json_posts[0].headers["content-type"], "application/json");

	const [am, am_end] = (await receiver.wait("/am", 2)).map(({ body }) => JSON.parse(body));
	assert.deepEqual(Object.keys(am), ["version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
		"commonAnnotations", "externalURL", "alerts"]);
	assert.deepEqual([am.version, am.status, am.receiver, am.groupLabels, am_end.status], ["4", "firing", "am", { alertname: "CROWD" }, "resolved"]);
	for (const { status, labels, annotations, startsAt, endsAt, generatorURL, fingerprint } of [...am.alerts, ...am_end.alerts]) {
		assert.deepEqual([labels.alertname, labels.severity, labels.team, labels.series], ["CROWD", "warning", "ops", "self.clients"]);
		assert.ok(annotations.summary && annotations.runbook_url === "https://example.org/crowd" && fingerprint.length === 20);
		assert.ok(!Number.isNaN(Date.parse(startsAt)) && /^\d{4}-.*Z$/.test(startsAt) && URL.canParse(generatorURL));
		assert.equal(endsAt === "0001-01-01T00:00:00Z", status === "firing");
	}
	const { id, url } = JSON.parse(json_posts[0].body), link = `https://v.example.org/watch/#/alerts?alert=${id}`;
	assert.equal(url, link);
	assert.deepEqual([am.externalURL, am.alerts[0].generatorURL], ["https://v.example.org/watch/", link]);
	assert.match(JSON.parse((await receiver.wait("/slack"))[0].body).text, /\*\[warning\] CROWD\* on /);
	assert.match(JSON.parse((await receiver.wait("/discord"))[0].body).content, /\*\*\[warning\] CROWD\*\* on /);
	for (const text of [JSON.parse(receiver.of("/slack")[0].body).text, JSON.parse(receiver.of("/discord")[0].body).content])
		assert.ok(text.endsWith(`\nalert: ${link}\nrunbook: https://example.org/crowd`), text);
	const own = JSON.parse((await receiver.wait("/own"))[0].body);
	assert.match(own.line, /^CROWD on /);
	assert.equal(own.at, link);
	assert.equal(own.text, json_posts[0] && JSON.parse(json_posts[0].body).summary);
});

test("the receiver of the examples believes what is signed, and nothing else", async (t) => {
	const dir = mkdtempSync(path.join(tmpdir(), "vedette-receiver-")), file = path.join(dir, "secret");
	t.after(() => rmSync(dir, { recursive: true }));
	writeFileSync(file, `${SECRET}\n`, { mode: 0o600 });
	const child = spawn("python3", [path.join(ROOT, "contrib/examples/webhook_receiver.py"), file, "0"], { stdio: ["ignore", "pipe", "inherit"] });
	let said = "";
	child.stdout.setEncoding("utf8").on("data", (text) => { said += text; });
	const failed = new Promise((done) => child.on("error", done)), up = until("it listens", () => /^listening on/.test(said), 15000);
	if (await Promise.race([failed, up.then(() => null)]))
		return up.catch(() => {}), t.skip("this takes python3");
	t.after(() => child.kill());
	const [, url] = /on (\S+)/.exec(said);
	const server = await start(t, { config: RULE + hook("good", url, `secret_file = "${file}"`) + hook("other", url, 'secret = "another"') + hook("none", url) });
	const socket = await connect(t, server);

	assert.equal((await ask(socket, "test channel", "good")).code, 204);
	await until("it is told", () => /^firing info TEST .*nothing is wrong/m.test(said), 10000);
	for (const channel of ["other", "none"])
		assert.match((await socket.timeout(10000).emitWithAck("test channel", channel)).error, /answered 401/);
	const post = (headers) => fetch(url, { method: "POST", body: "{}", headers }).then(({ status }) => status);
	const sign = (at) => `v1,${createHmac("sha256", Buffer.from(SECRET.slice(6), "base64")).update(`m.${at}.{}`).digest("base64")}`;
	const old = Math.round(Date.now() / 1000) - 3600;
	assert.equal(await post({ "webhook-id": "m", "webhook-timestamp": `${old}`, "webhook-signature": sign(old) }), 401, "kept and sent again");
	assert.equal(await post({ "webhook-id": "m", "webhook-timestamp": "x", "webhook-signature": "v1,x" }), 401);
	assert.equal(said.split("\n").length, 3, said);
});

// What a receiver does to the first few attempts.
const faults = {
	"answers 500": (n, q, answer) => answer.writeHead(500).end("later"),
	"says when to come again": (n, q, answer) => answer.writeHead(429, { "retry-after": "1" }).end(),
	"redirects, which is not followed": (n, q, answer) => answer.writeHead(302, { location: "/elsewhere" }).end(),
	"closes half-way": (n, q, answer) => { answer.writeHead(200, { "content-length": "100" }); answer.write("half"); setImmediate(() => q.socket.destroy()); },
	"hangs": () => {},
};
for (const [name, fault] of Object.entries(faults)) {
	test(`a receiver that ${name} gets it in the end, in order, and holds nobody up`, async (t) => {
		const bad = await new Receiver(t, (n, q, answer) => n <= 2 && (fault(n, q, answer), true)).open();
		const good = await new Receiver(t).open();
		const server = await start(t, { config: RULE + hook("bad", `${bad.url}/bad`, "", name === "hangs" ? "2s" : undefined) + hook("good", `${good.url}/good`) });

		await episode(t, server);
		assert.deepEqual(states(await good.wait("/good", 2)), ["firing", "resolved"]);
		const got = await bad.wait("/bad", 4, 20000);
		assert.deepEqual(states(got), ["firing", "firing", "firing", "resolved"]);
		assert.equal(new Set(got.slice(0, 3).map(({ headers }) => headers["webhook-id"])).size, 1);
		if (name.startsWith("says"))
			assert.ok(got[1].at - got[0].at >= 1000, "Retry-After is respected");
		await until("all are kept as delivered", async () => (await json(server, "/api/v1/deliveries?state=delivered")).deliveries.length === 4, 10000);
		const { deliveries } = await json(server, "/api/v1/deliveries?channel=bad");
		assert.ok(deliveries.some(({ attempts }) => attempts === 3));
	});
}

test("what comes and goes each second is told six times, and then when it is calm", async (t) => {
	const receiver = await new Receiver(t).open();
	const server = await start(t, { config: RULE + hook("json", `${receiver.url}/json`) + hook("slack", `${receiver.url}/slack`, "format = slack") });
	const value = async () => (await json(server, "/api/v1/series?match=self.clients")).series[0]?.last;

	for (let round = 0; round < 8; round++) {
		const clients = await Promise.all([1, 2, 3].map(() => connect(t, server, { transports: ["websocket"] })));
		await until("a sample over the limit", async () => (await value()) > 2, 10000);
		clients.forEach((c) => c.disconnect());
		await until("a sample below it", async () => (await value()) < 3, 10000);
	}
	const got = await receiver.wait("/json", 6);
	assert.deepEqual(states(got), ["firing", "resolved", "firing", "resolved", "firing", "firing"]);
	assert.deepEqual(got.map(({ body }) => JSON.parse(body).flapping), [false, false, false, false, false, true]);
	assert.match(JSON.parse((await receiver.wait("/slack", 6)).at(-1).body).text, /it comes and goes: its end is told once it was calm/);
	const { alerts: [alert] } = await json(server, "/api/v1/alerts?rule=CROWD");
	assert.deepEqual([alert.state, alert.flapping], ["firing", true]);
	const { deliveries } = await json(server, "/api/v1/deliveries?channel=json");
	assert.equal(deliveries.length, 6, "no message waits");
});

test("a receiver that is not there yet gets all, one that is gone for good is given up and can be sent again", async (t) => {
	const late = await new Receiver(t).open();
	const gone = await new Receiver(t, (n, q, answer) => n === 1 && (answer.writeHead(410).end(), true)).open();

	late.close();
	const server = await start(t, { config: RULE + hook("late", `${late.url}/late`) + hook("gone", `${gone.url}/gone`) });
	const socket = await connect(t, server);
	await episode(t, server);
	let dead;
	await until("a dead letter", async () => ([dead] = (await ask(socket, "get deliveries", { state: "dead" })).deliveries, dead), 10000);
	assert.match(dead.last_error, /410/);
	await ask(socket, "resend delivery", dead.id);
	assert.equal((await gone.wait("/gone", 3)).filter(({ headers }) => headers["webhook-id"] === dead.message_id).length, 2);
	await until("a failed attempt", async () => (await json(server, "/api/v1/deliveries?channel=late&state=waiting")).deliveries.some((d) => d.last_error), 10000);
	await late.open();
	assert.deepEqual(states(await late.wait("/late", 2, 20000)), ["firing", "resolved"]);
	assert.equal((await ask(socket, "test channel", "late")).code, 204);
	assert.equal(JSON.parse(late.of("/late").at(-1).body).rule, "TEST");
});

test("what waits for a channel that is taken out of the configuration is kept, shown, and given up in the end", async (t) => {
	const receiver = await new Receiver(t, (n, q, answer) => (answer.writeHead(500).end(), true)).open();
	const with_it = RULE + hook("ops", `${receiver.url}/ops`), without = RULE;
	const server = await start(t, { config: with_it });
	const gone = async () => (await json(server, "/api/v1/status")).gone_channels;
	const waiting = async () => (await json(server, "/api/v1/deliveries?channel=ops&state=waiting")).deliveries;

	await episode(t, server);
	await until("both wait", async () => (await waiting()).length === 2, 10000);
	assert.deepEqual([await gone(), (await waiting())[0].gone], [[], null]);
	let from = server.stderr.length;
	await server.reload(without);
	await server.logged(/channel ops: it is not in the configuration, and 2 messages wait for it; on \d{4}-.* they are given up/, from);
	const [{ name, since, until: end, waiting: n }] = await gone();
	assert.deepEqual([name, n, end - since], ["ops", 2, 7 * 86400000]);
	assert.deepEqual((await json(server, "/api/v1/channels")).gone, await gone());
	assert.deepEqual((await waiting()).map((one) => [one.gone, one.until, one.next]), [[since, end, null], [since, end, null]]);

	// Back before that: as if nothing had been.
	const silent = receiver.got.length;
	receiver.behave = () => false;
	await server.reload(with_it);
	await until("all are delivered", async () => !(await waiting()).length, 10000);
	assert.deepEqual(states(receiver.got.slice(silent).slice(-2)), ["firing", "resolved"]);
	assert.deepEqual([await gone(), (await json(server, "/api/v1/channels")).gone], [[], []]);

	// Gone for a week.
	receiver.behave = (k, q, answer) => (answer.writeHead(500).end(), true);
	await episode(t, server);
	await server.reload(without);
	await until("it is noticed", async () => (await gone()).length === 1, 10000);
	await server.end();
	try {
		execFileSync("sqlite3", [`${server.dir}/data/vedette.db`, "UPDATE gone_channels SET since_ms = since_ms - 7 * 86400000"], { stdio: "pipe" });
	} catch (error) {
		if (error.code !== "ENOENT")
			throw error;
		await server.start();
		return t.diagnostic("no sqlite3 here: the week was not tried");
	}
	await server.start();
	await server.logged(/channel ops: 2 messages are given up: it has not been in the configuration for 7 days/);
	const { deliveries } = await json(server, "/api/v1/deliveries?channel=ops&state=dead");
	assert.deepEqual(deliveries.map((one) => one.last_error), Array(2).fill("the channel is not in the configuration"));
	assert.deepEqual([await gone(), await waiting()], [[], []]);
});

test("killed in the middle of a delivery, it tells again after, and the alert is the same", async (t) => {
	let release;
	const receiver = await new Receiver(t, (n) => n === 1 && (release?.(), true)).open();
	const asked = new Promise((done) => { release = done; });
	const server = await start(t, { config: RULE + hook("hook", `${receiver.url}/hook`) });

	const crowd = episode(t, server, false);
	await asked;
	await crowd;
	const [before] = (await json(server, "/api/v1/alerts?rule=CROWD")).alerts;
	await server.kill();
	await server.start();
	const got = await receiver.wait("/hook", 2);
	assert.equal(got[1].headers["webhook-id"], got[0].headers["webhook-id"]);
	assert.equal(JSON.parse(got[1].body).id, before.id);
	// Its clients are gone with it: the alert that fired before ends, and is the one that is told to have ended.
	const end = (await receiver.wait("/hook", 3, 30000))[2];
	assert.deepEqual((({ id, state, startsAt }) => [id, state, startsAt])(JSON.parse(end.body)), [before.id, "resolved", before.startsAt]);
});

test("what was not to be told before the restart is told after it, when nothing is against it any more", async (t) => {
	const receiver = await new Receiver(t).open();
	const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"], other = days[(new Date().getDay() + 3) % 7];
	const rule = (more) => `${RULE}alert "ALWAYS" { metric = "load.1"  above = -1  ${more} }\n${hook("hook", `${receiver.url}/hook`)}`;
	const server = await start(t, { config: rule(`hours = {"${other} 00:00-24:00"}`) });

	await until("it fires", async () => (await json(server, "/api/v1/alerts?rule=ALWAYS")).alerts[0]?.state === "firing", 10000);
	await until("it is kept", async () => (await json(server, "/api/v1/alerts?rule=ALWAYS&changes=1")).alerts.length, 10000);
	await server.kill();
	server.configure(rule(""));
	await server.start();
	const [first] = await receiver.wait("/hook");
	assert.deepEqual((({ rule: name, state }) => [name, state])(JSON.parse(first.body)), ["ALWAYS", "firing"]);
	await until("it is kept", async () => (await json(server, "/api/v1/deliveries?state=delivered")).deliveries.length === 1, 10000);
	await server.kill();
	await server.start();
	await until("it is the same", async () => (await json(server, "/api/v1/alerts?rule=ALWAYS")).alerts[0]?.state === "firing", 10000);
	await ask(await connect(t, server), "test channel", "hook");
	assert.deepEqual(receiver.got.map(({ body }) => JSON.parse(body).rule), ["ALWAYS", "TEST"], "and once");
});

test("a pager that was told of a critical alert is told that it is milder, and its end, through a kill", async (t) => {
	const receiver = await new Receiver(t).open();
	const server = await start(t, { config: RULE.replace("above = 2", "warning = 2  critical = 4") + hook("pager", `${receiver.url}/pager`, "severity = critical") +
		hook("group", `${receiver.url}/group`, "severity = critical  format = alertmanager") + hook("all", `${receiver.url}/all`) });
	const come = (n) => Promise.all(Array.from({ length: n }, () => connect(t, server, { transports: ["websocket"] })));
	const told = (got) => got.map(({ body }) => JSON.parse(body)).map(({ severity, state }) => `${severity} ${state}`);

	await come(3);
	await receiver.wait("/all");
	const more = await come(2);
	await receiver.wait("/pager");
	more.forEach((c) => c.disconnect());
	assert.deepEqual(told(await receiver.wait("/pager", 2)), ["critical firing", "warning firing"]);
	await receiver.wait("/group", 2);
	await settled(server);
	await server.kill();
	await server.start(); // its clients are gone with it
	assert.deepEqual(told(await receiver.wait("/pager", 3, 30000)), ["critical firing", "warning firing", "warning resolved"]);
	const groups = (await receiver.wait("/group", 3)).map(({ body }) => JSON.parse(body));
	assert.deepEqual(groups.map(({ status, alerts }) => [status, alerts.length]), [["firing", 1], ["firing", 1], ["resolved", 1]]);
	assert.deepEqual(told(await receiver.wait("/all", 4)), ["warning firing", "critical firing", "warning firing", "warning resolved"]);

	// What never was that bad is nothing to it, and does not end for it either.
	const again = await come(3);
	await receiver.wait("/all", 5);
	again.forEach((c) => c.disconnect());
	assert.deepEqual(told(await receiver.wait("/all", 6)).slice(4), ["warning firing", "warning resolved"]);
	await ask(await connect(t, server), "test channel", "pager");
	assert.deepEqual(receiver.of("/pager").slice(3).map(({ body }) => JSON.parse(body).rule), ["TEST"]);
});

test("the end of an alert whose rule went during a restart is told to those alone who heard of it", async (t) => {
	const receiver = await new Receiver(t).open();
	const hooks = hook("a", `${receiver.url}/a`) + hook("b", `${receiver.url}/b`);
	const server = await start(t, { config: `${RULE}alert "OWN" { metric = "load.1"  above = -1  channels = {"a"} }\n${hooks}` });

	await receiver.wait("/a");
	await settled(server);
	await server.kill();
	server.configure(RULE + hooks);
	await server.start();
	assert.deepEqual(states(await receiver.wait("/a", 2)), ["firing", "resolved"]);
	await ask(await connect(t, server), "test channel", "b");
	await settled(server);
	assert.deepEqual(receiver.of("/b").map(({ body }) => JSON.parse(body).rule), ["TEST"]);
});

test("no private address is spoken to where that is not allowed, and a certificate is checked", async (t) => {
	const receiver = await new Receiver(t).open();
	const server = await start(t, { config: RULE + hook("in", `${receiver.url}/in`, "private = false") + hook("name", `http://localhost:${receiver.port}/in`, "private = false") +
		hook("tls", `https://127.0.0.1:${receiver.port}/in`) });
	const socket = await connect(t, server);

	for (const [channel, want] of [["in", /private/], ["name", /private/], ["tls", /./]]) {
		const answer = await socket.timeout(patient(10000)).emitWithAck("test channel", channel);
		assert.equal(answer.status, "error");
		assert.match(answer.error, want);
	}
	assert.equal(receiver.got.length, 0);
});

test("behind a proxy on a private address it is the target that must not be private", async (t) => {
	const proxy = await new Receiver(t).open(); // answers for whatever host it is asked for
	const by = `private = false  proxy = "http://127.0.0.1:${proxy.port}"`;
	const server = await start(t, { env: { no_proxy: "*" }, config: RULE + hook("public", "http://192.0.2.1/public", by) + hook("inside", "http://10.1.2.3/inside", by) +
		hook("name", "http://localhost/name", by) + hook("nobody", "http://nobody.invalid/nobody", by) });
	const socket = await connect(t, server);
	const outcome = (channel) => socket.timeout(15000).emitWithAck("test channel", channel);

	assert.equal((await outcome("public")).code, 204);
	for (const channel of ["inside", "name"])
		assert.match((await outcome(channel)).error, /the address is private, and private = false/);
	assert.match((await outcome("nobody")).error, /nobody\.invalid.*before a proxy is asked/);
	assert.deepEqual(proxy.got.map(({ path: url }) => url), ["http://192.0.2.1/public"]);
});

test("redirects are followed as far as is allowed, with body and signature", async (t) => {
	const to = await new Receiver(t).open();
	const from = await new Receiver(t, (n, q, answer) => (answer.writeHead(q.url === "/loop" ? 307 : 302, { location: q.url === "/loop" ? "/loop" : `${to.url}/there` }).end(), true)).open();
	const server = await start(t, { config: RULE + hook("two", `${from.url}/a`, `redirects = 2  secret = "${SECRET}"`) + hook("loop", `${from.url}/loop`, "redirects = 2") +
		hook("none", `${from.url}/a`) });
	const socket = await connect(t, server);
	const outcome = (channel) => socket.timeout(patient(10000)).emitWithAck("test channel", channel);

	assert.equal((await outcome("two")).code, 204);
	const [got] = to.of("/there");
	assert.equal(JSON.parse(got.body).rule, "TEST", "it is still a POST");
	check_signature(got, SECRET);
	assert.match((await outcome("none")).error, /answered 302/);
	assert.match((await outcome("loop")).error, /redirects/);
	assert.equal(from.of("/loop").length, 3);
});

test("Retry-After may be a date, and comes with any refusal", async (t) => {
	const receiver = await new Receiver(t, (n, q, answer) => n === 1 && (answer.writeHead(503, { "retry-after": new Date(Date.now() + 3000).toUTCString() }).end(), true)).open();
	const server = await start(t, { config: RULE + hook("hook", `${receiver.url}/a`) });

	await episode(t, server, false);
	const [first, second] = await receiver.wait("/a", 2, 20000);
	assert.ok(second.at - first.at >= 1000, `again after ${second.at - first.at} ms`); // a date has whole seconds
	assert.equal(first.headers["webhook-id"], second.headers["webhook-id"]);
});

test("a busy receiver is left alone until it said, through a kill too, and nobody else waits for that", async (t) => {
	let busy_at = 0;
	const receiver = await new Receiver(t, (n, q, answer) => !busy_at && q.url === "/busy" && (busy_at = Date.now(), answer.writeHead(429, { "retry-after": "7" }).end(), true)).open();
	const server = await start(t, { config: `${RULE}alert "ALWAYS" { metric = "load.1"  above = -1 }\n${hook("busy", `${receiver.url}/busy`)}${hook("free", `${receiver.url}/free`)}` });
	const rules = (url) => receiver.of(url).map(({ body }) => JSON.parse(body).rule);

	await receiver.wait("/busy");
	await episode(t, server);
	await receiver.wait("/free", 3);
	assert.equal((await ask(await connect(t, server), "test channel", "busy")).code, 204, "a test is sent");
	const { deliveries } = await json(server, "/api/v1/deliveries?channel=busy&state=waiting");
	if (Date.now() < busy_at + 6000)
		assert.deepEqual(deliveries.map(({ next }) => next >= busy_at + 6000), [true, true, true], "also of another alert");
	else
		t.diagnostic("too slow here to see that they wait");
	await server.kill();
	await server.start();
	await receiver.wait("/busy", 5, 30000);
	assert.deepEqual(rules("/busy").slice(0, 2), ["ALWAYS", "TEST"]);
	const again = receiver.of("/busy").slice(2);
	assert.ok(again.every(({ at }) => at >= busy_at + 6900), `again after ${again.map(({ at }) => at - busy_at)} ms`);
	assert.deepEqual(rules("/busy").slice(2).sort(), ["ALWAYS", "CROWD", "CROWD"]);
});

test("a receiver that is back gets all that waits for it at once, however long that was to wait", async (t) => {
	const receiver = await new Receiver(t, (n, q, answer) => n <= 2 && (answer.writeHead(500, { "retry-after": "86000" }).end(), true)).open();
	const server = await start(t, { config: `${RULE}alert "ALWAYS" { metric = "load.1"  above = -1 }\n${hook("hook", `${receiver.url}/a`)}` });
	const waits = async () => (await json(server, "/api/v1/deliveries?state=waiting")).deliveries.filter(({ next }) => next > Date.now() + 80000000).length;

	await receiver.wait("/a");
	await until("it waits for a day", async () => await waits() === 1, 10000);
	await episode(t, server, false);
	await until("another, too", async () => await waits() === 2, 10000);
	await server.kill();
	await server.start(); // as if nobody had been there: only what is new, or a test, finds out
	await ask(await connect(t, server), "test channel", "hook");
	await settled(server);
	assert.equal(new Set(receiver.got.map(({ headers }) => headers["webhook-id"])).size, receiver.got.length - 2);
});

test("what is a week old is given up, and young again when it is sent again by hand", async (t) => {
	const receiver = await new Receiver(t, (n, q, answer) => (answer.writeHead(500).end(), true)).open();
	const server = await start(t, { config: RULE + hook("hook", `${receiver.url}/a`) });
	const list = async (state) => (await json(server, `/api/v1/deliveries?state=${state}`)).deliveries;

	await episode(t, server);
	await until("both wait", async () => (await list("waiting")).length === 2, 10000);
	await server.end();
	try { // and was tried for as long: with waits of 200 ms half an hour would have been 9000 times
		execFileSync("sqlite3", [`${server.dir}/data/vedette.db`, "UPDATE outbox SET created_ms = created_ms - 7 * 86400000, attempts = 10000"], { stdio: "pipe" });
	} catch (error) {
		if (error.code !== "ENOENT")
			throw error;
		await server.start();
		return t.diagnostic("no sqlite3 here: the week was not tried");
	}
	await server.start();
	await server.logged(/channel hook: a message is given up at attempt 10001: answered 500/);
	await until("both are given up", async () => (await list("dead")).length === 2, 10000);
	const [{ id }] = await list("dead");
	await ask(await connect(t, server), "resend delivery", id);
	await until("it is tried again, and again", async () => (await list("waiting"))[0]?.attempts >= 3, 10000);
	receiver.behave = () => false;
	await until("it is delivered", async () => (await list("delivered"))[0]?.id === id, 10000);
});

test("a proxy is asked if one is named, and none that the environment names", async (t) => {
	const receiver = await new Receiver(t).open();
	const proxy = await new Receiver(t, (n, q, answer) => {
		const { hostname, port, pathname } = new URL(q.url);
		const on = http.request({ hostname: hostname === "hooks.example" ? "127.0.0.1" : hostname, port, path: pathname, method: q.method, headers: q.headers },
			(a) => answer.writeHead(a.statusCode).end());

		on.end(proxy.got.at(-1).body);
		return true;
	}).open();
	const server = await start(t, { env: { http_proxy: "http://127.0.0.1:9", HTTPS_PROXY: "http://127.0.0.1:9" },
		config: RULE + hook("by", `http://hooks.example:${receiver.port}/by`, `proxy = "http://127.0.0.1:${proxy.port}"`) + hook("direct", `${receiver.url}/direct`) });
	const socket = await connect(t, server);

	assert.equal((await ask(socket, "test channel", "by")).code, 204);
	assert.equal((await ask(socket, "test channel", "direct")).code, 204);
	assert.deepEqual(proxy.got.map(({ path: url }) => url), [`http://hooks.example:${receiver.port}/by`]);
	assert.deepEqual(receiver.got.map(({ path: url }) => url), ["/by", "/direct"]);
});

test("a receiver that wants a certificate of ours gets it, and must have one of its own that we trust", async (t) => {
	const file = certificates(t, "server", "client"), got = [];
	if (!file)
		return t.skip("this takes openssl");
	const receiver = https.createServer({ key: readFileSync(file("server.key")), cert: readFileSync(file("server.pem")), ca: readFileSync(file("ca.pem")),
		requestCert: true, rejectUnauthorized: true }, (q, answer) => {
		got.push(q.socket.getPeerCertificate().subject.CN);
		q.resume().on("end", () => answer.writeHead(204).end());
	});
	const port = await new Promise((done) => receiver.listen(0, "127.0.0.1", () => done(receiver.address().port)));
	t.after(() => receiver.close());
	const ca = `ca_file = "${file("ca.pem")}"`, mine = `cert_file = "${file("client.pem")}"  key_file = "${file("client.key")}"`;
	const server = await start(t, { config: (RULE + hook("both", `https://127.0.0.1:${port}/`, `${ca}  ${mine}`) + hook("no_cert", `https://127.0.0.1:${port}/`, ca) +
		hook("no_ca", `https://127.0.0.1:${port}/`, mine)).replaceAll("timeout = 1s", "timeout = 15s") }); // two handshakes on a busy host
	const socket = await connect(t, server);

	assert.equal((await ask(socket, "test channel", "both")).code, 204);
	for (const channel of ["no_cert", "no_ca"]) {
		const answer = await socket.timeout(patient(10000)).emitWithAck("test channel", channel);
		assert.equal(answer.status, "error", channel);
		assert.ok(answer.error.length > 5, answer.error);
		t.diagnostic(`${channel}: ${answer.error}`);
	}
	assert.deepEqual(got, ["client"]);
});

test("a disk that is full loses no alert", async (t) => {
	const place = mkdtempSync(path.join(tmpdir(), "vedette-full-"));
	try {
		execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", place], { stdio: "pipe" });
	} catch {
		rmSync(place, { recursive: true });
		return t.skip("this takes the right to mount a filesystem");
	}
	t.after(() => {
		execFileSync("umount", ["-l", place]);
		rmSync(place, { recursive: true });
	});
	const receiver = await new Receiver(t).open();
	const server = await start(t, { config: RULE + hook("hook", `${receiver.url}/hook`), args: ["--data-dir", `${place}/data`] });

	const ballast = path.join(place, "ballast");
	try {
		writeFileSync(ballast, Buffer.alloc(4 << 20));
	} catch (error) {
		assert.equal(error.code, "ENOSPC");
	}
	await episode(t, server);
	assert.equal(receiver.got.length, 0, "nothing is told that is not on disk");
	rmSync(ballast);
	assert.deepEqual(states(await receiver.wait("/hook", 2, 30000)), ["firing", "resolved"]);
});
