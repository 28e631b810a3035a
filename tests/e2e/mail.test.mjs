// Mail: a server that offers TLS, one that does not, and one that refuses some of those who are to be told.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { ask, connect, json, start, until } from "./harness.mjs";
import { certificates, mailbox } from "./receiver.mjs";

const RULE = 'anonymous = operator\nurl = "https://v.example.org"\nalert "HIGH_CPU" { enabled = false }\nalert "HIGH_MEMORY" { enabled = false }\n' +
	'alert "ALWAYS" { metric = "self.rss"  above = 1  summary = "{value_text} of {limit_text}"  runbook = "https://example.org/always" }\n';
const mail = (name, port, more = "", rules = "NONE*") => `email "${name}" { smtp = "smtp://127.0.0.1:${port}"  from = "v@example.org"  to = {"good@example.org", "bad@example.org"}  ` +
	`rules = {"${rules}"}  max_wait = 200ms  timeout = 5s  ${more} }\n`;

const test_of = (socket, channel) => socket.timeout(15000).emitWithAck("test channel", channel);
const body_of = ({ data }) => Buffer.from(data.split("\r\n\r\n")[1], "base64").toString();

async function the_first(socket, state) {
	let one;

	await until(`one that is ${state}`, async () => {
		[one] = (await ask(socket, "get deliveries", { state })).deliveries;
		return one;
	}, 15000);
	return one;
}

function with_tls(t) {
	const file = certificates(t, "server");

	return file && { file, tls: { key: readFileSync(file("server.key")), cert: readFileSync(file("server.pem")) } };
}

function signed_in(server) {
	const place = path.join(server.dir, "password");

	writeFileSync(place, "open sesame\n", { mode: 0o600 });
	return `user = "ved"  password_file = "${place}"`;
}

test("a mail says in its own words how much, and where to go", async (t) => {
	const box = await mailbox(t);
	const server = await start(t, { config: RULE + mail("post", box.port, "", "ALWAYS") });

	await until("a mail", () => box.mails.length, 15000);
	const { alerts: [{ id }] } = await json(server, "/api/v1/alerts?rule=ALWAYS");
	const text = body_of(box.mails[0]);
	assert.match(text, /^[\d.]+ MiB of 1 B\n/);
	assert.match(text, /\nvalue: +[\d.]+ MiB\nthreshold: 1 B\n/);
	assert.ok(text.includes(`\nalert:     https://v.example.org/#/alerts?alert=${id}\n`) && text.includes("\nrunbook:   https://example.org/always\n"), text);
});

test("where the server offers STARTTLS it is used, and no password goes in clear text unless that is written out", async (t) => {
	const it = with_tls(t);
	if (!it)
		return t.skip("this takes openssl");
	const offers = await mailbox(t, it.tls), plain = await mailbox(t), denies = await mailbox(t, { ...it.tls, answer: (line) => line === "STARTTLS" && "454 not today" });
	const server = await start(t, { config: RULE });
	const login = signed_in(server), ca = `ca_file = "${it.file("ca.pem")}"`;

	await server.reload(RULE + mail("tried", offers.port) + mail("none", offers.port, "tls = false") + mail("clear", plain.port) + mail("denied", denies.port) +
		mail("login", offers.port, `${login}  ${ca}`) + mail("stranger", offers.port, login) + mail("bare", plain.port, login) + mail("asked", plain.port, "tls = true") +
		mail("authority", plain.port, ca) + mail("refused", denies.port, login) + mail("careless", plain.port, `${login}  tls = false`) +
		mail("address", plain.port).replace("smtp://", "smtp://ved:word@"));
	const socket = await connect(t, server);

	// Nobody asked for it: as safe as the server is able to, whoever it is.
	for (const [channel, box, secure] of [["tried", offers, true], ["none", offers, false], ["clear", plain, false], ["denied", denies, false]]) {
		assert.equal((await test_of(socket, channel)).status, "ok", channel);
		assert.equal(box.mails.at(-1).secure, secure, channel);
	}
	assert.equal((await test_of(socket, "login")).code, 250);
	const words = Buffer.from("\0ved\0open sesame").toString("base64");
	assert.deepEqual(offers.said.filter(({ line }) => line.startsWith("AUTH") || line === words), [{ line: "AUTH PLAIN", secure: true }, { line: words, secure: true }]);

	const before = [offers, plain, denies].map((box) => box.mails.length);
	for (const [channel, want] of [["stranger", /certificate.*ca_file/i], ["bare", /offers no STARTTLS.*tls = false/], ["address", /offers no STARTTLS/], ["asked", /offers no STARTTLS/],
		["authority", /offers no STARTTLS/], ["refused", /tls = false/]]) {
		const { status, error } = await test_of(socket, channel);

		assert.equal(status, "error", channel);
		assert.match(error, want);
	}
	assert.deepEqual([offers, plain, denies].map((box) => box.mails.length), before);
	assert.equal([...plain.said, ...denies.said].filter(({ line }) => line.startsWith("AUTH")).length, 0);

	assert.equal((await test_of(socket, "careless")).status, "ok");
	assert.ok(plain.said.some(({ line }) => line === words), "he wrote it out");
});

test("smtps is TLS from the start, and its certificate is checked whatever tls says", async (t) => {
	const it = with_tls(t);
	if (!it)
		return t.skip("this takes openssl");
	const box = await mailbox(t, { ...it.tls, smtps: true });
	const smtps = (name, more) => mail(name, box.port, more).replace("smtp://", "smtps://");
	const server = await start(t, { config: RULE + smtps("good", `ca_file = "${it.file("ca.pem")}"`) + smtps("stranger", "") + smtps("off", "tls = false") });
	const socket = await connect(t, server);

	assert.equal((await test_of(socket, "good")).code, 250);
	for (const channel of ["stranger", "off"])
		assert.match((await test_of(socket, channel)).error, /certificate.*ca_file/i);
	assert.deepEqual(box.mails.map(({ secure }) => secure), [true]);
});

test("who is refused keeps the mail from nobody else", async (t) => {
	const box = await mailbox(t, { answer: (line) => /^RCPT TO:<bad@/.test(line) && "550 5.1.1 no such user" });
	const server = await start(t, { config: RULE + mail("post", box.port, "", "ALWAYS") });
	const socket = await connect(t, server);

	const one = await the_first(socket, "delivered");
	assert.deepEqual([one.attempts, one.last_error], [1, "bad@example.org: 550 5.1.1 no such user (the others have it)"]);
	await server.logged(/channel post: refused: bad@example\.org: 550 5\.1\.1 no such user/);
	assert.deepEqual(box.mails.map(({ to }) => to), [["<good@example.org>"]]);
	assert.match((await test_of(socket, "post")).error, /bad@example\.org: 550/, "who tries it is told");
});

test("who is refused for now gets it later, and nobody gets it twice", async (t) => {
	let left = 2;
	const box = await mailbox(t, { answer: (line) => /^RCPT TO:<bad@/.test(line) && left-- > 0 && "451 4.7.1 greylisted" });
	const server = await start(t, { config: RULE + mail("post", box.port, "", "ALWAYS") });
	const socket = await connect(t, server);
	await server.logged(/channel post: fails: bad@example\.org: 451 4\.7\.1 greylisted \(the others have it\)/);
	const one = await the_first(socket, "delivered");
	assert.deepEqual([one.attempts, one.last_error], [3, null]);
	assert.deepEqual(box.mails.map(({ to }) => to), [["<good@example.org>"], ["<bad@example.org>"]]);
});

test("who is refused for now and then for good holds nothing up", async (t) => {
	let n = 0;
	const box = await mailbox(t, { answer: (line) => /^RCPT TO:<bad@/.test(line) && (n++ ? "550 no" : "450 busy") });
	const server = await start(t, { config: RULE + mail("post", box.port, "", "ALWAYS") });
	const socket = await connect(t, server);

	const one = await the_first(socket, "delivered");
	assert.deepEqual([one.attempts, one.last_error], [2, "bad@example.org: 550 no (the others have it)"]);
	assert.deepEqual(box.mails.map(({ to }) => to), [["<good@example.org>"]]);
});

test("where all are refused it is tried again for all, and given up in the end", async (t) => {
	const box = await mailbox(t, { answer: (line) => line.startsWith("RCPT") && (/good@/.test(line) ? "451 later" : "550-no\r\n550 such user") });
	const server = await start(t, { config: RULE + mail("post", box.port, "retries = 2", "ALWAYS") });
	const socket = await connect(t, server);

	const one = await the_first(socket, "dead");
	assert.deepEqual([one.attempts, one.last_error], [2, "good@example.org: 451 later; bad@example.org: 550 such user"]);
	assert.equal(box.said.filter(({ line }) => line.startsWith("RCPT")).length, 4);
	assert.equal(box.mails.length, 0);
});

test("a mail that breaks off after its recipients were named goes to all of them again", async (t) => {
	const box = await mailbox(t, { answer: (line, n) => line === "DATA" && n === 1 && "451 disk full" });
	const server = await start(t, { config: RULE + mail("post", box.port, "", "ALWAYS") });

	await until("a mail", () => box.mails.length, 15000);
	assert.deepEqual(box.mails[0].to, ["<good@example.org>", "<bad@example.org>"]);
	await until("it is kept", async () => (await json(server, "/api/v1/deliveries?state=delivered")).deliveries.length === 1, 10000);
});
