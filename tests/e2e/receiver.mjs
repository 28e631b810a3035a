// Receivers of alerts as the world has them: an HTTP server that can be told to misbehave, and a mail server.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac, timingSafeEqual } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import tls from "node:tls";
import { until } from "./harness.mjs";

const listening = (server, port) => new Promise((done, fail) =>
	server.once("error", fail).listen(port, "127.0.0.1", () => done(server.off("error", fail).address().port)));

// `behave(n, request, answer)` is asked for each request before it is answered with 204; true: it has seen to that itself.
export class Receiver {
	constructor(t, behave = () => false) {
		Object.assign(this, { got: [], port: 0, behave, sockets: new Set() });
		t.after(() => this.close());
	}

	async open() {
		this.server = http.createServer((q, answer) => {
			let body = "";

			q.setEncoding("utf8").on("data", (text) => { body += text; }).on("end", () => {
				this.got.push({ path: q.url, headers: q.headers, body, at: Date.now() });
				if (!this.behave(this.got.length, q, answer))
					answer.writeHead(204).end();
			});
		});
		this.server.on("connection", (s) => { this.sockets.add(s); s.on("close", () => this.sockets.delete(s)); });
		this.port = await listening(this.server, this.port);
		return this;
	}

	get url() {
		return `http://127.0.0.1:${this.port}`;
	}

	close() {
		for (const socket of this.sockets)
			socket.destroy();
		this.server?.close();
	}

	of(path) {
		return this.got.filter((one) => one.path === path);
	}

	// The first alert that it is told there of which this is true.
	async told(path, is, ms = 15000) {
		const find = () => this.of(path).map(({ body }) => JSON.parse(body)).find(is);

		await until(`such an alert at ${path}`, () => find() !== undefined, ms);
		return find();
	}

	// Resolves with what came to path once there are n of it.
	async wait(path, n = 1, ms = 15000) {
		await until(`${n} at ${path}`, () => this.of(path).length >= n, ms);
		return this.of(path);
	}
}

// Standard Webhooks 1.0, as a receiver checks it.
export function check_signature({ headers, body }, secret) {
	const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
	const want = createHmac("sha256", Buffer.from(secret.replace(/^whsec_/, ""), "base64")).update(signed).digest();
	const [version, signature] = headers["webhook-signature"].split(",");

	assert.equal(version, "v1");
	assert.ok(timingSafeEqual(Buffer.from(signature, "base64"), want), "the signature is not ours");
	assert.ok(Math.abs(Number(headers["webhook-timestamp"]) - Date.now() / 1000) < 60);
}

// A certificate authority of the test's own, and a certificate of it for 127.0.0.1 for each name: file("ca.pem"), file("server.key"),
// file("server.pem") …; null where there is no openssl.
export function certificates(t, ...names) {
	const dir = mkdtempSync(path.join(tmpdir(), "vedette-tls-"));
	const openssl = (...words) => execFileSync("openssl", words, { cwd: dir, stdio: "pipe" });

	t.after(() => rmSync(dir, { recursive: true }));
	try {
		openssl("version");
	} catch {
		return null;
	}
	writeFileSync(path.join(dir, "ext"), "subjectAltName = IP:127.0.0.1\n");
	openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=ca");
	for (const name of names) {
		openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
		openssl("x509", "-req", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", `${name}.pem`, "-days", "2", "-extfile", "ext");
	}
	return (name) => path.join(dir, name);
}

// A mail server (RFC 5321, the part that a sender needs; RFC 3207, RFC 4954). `said` is what the client said, each line with
// whether it was encrypted. key and cert: it offers STARTTLS, or with `smtps` speaks TLS from the start. answer(line, n) is asked for each line but those of a message before it
// is answered as usual: a reply of the test's own, or nothing; n counts lines that begin with the same word.
export async function mailbox(t, { key, cert, smtps = false, answer = () => null } = {}) {
	const mails = [], said = [], counts = {}, sockets = new Set();
	const keep = (socket) => { sockets.add(socket); socket.on("close", () => sockets.delete(socket)).on("error", () => {}); };

	function talk(socket, secure) {
		let text = "", in_data = false, in_auth = false, mail;
		const say = (line) => socket.write(`${line}\r\n`);

		function hear(line) {
			const word = line.slice(0, 4).toUpperCase(), own = answer(line, (counts[word] = (counts[word] ?? 0) + 1));

			said.push({ line, secure });
			if (own)
				return say(own);
			if (in_auth) {
				in_auth = false;
				return say("235 welcome");
			}
			switch (word) {
			case "EHLO":
				return say([key && !secure ? "STARTTLS" : null, "AUTH PLAIN", "8BITMIME"].filter(Boolean).reduce((all, one) => `${all}\r\n250-${one}`, "250-test") + "\r\n250 SIZE");
			case "STAR":
				say("220 go on");
				socket.removeAllListeners("data");
				return talk(new tls.TLSSocket(socket, { isServer: true, key, cert }), true);
			case "AUTH":
				in_auth = true;
				return say("334 ");
			case "MAIL":
				mail = { from: line.slice(10).split(" ")[0], to: [], secure };
				return say("250 ok");
			case "RCPT":
				mail.to.push(line.slice(8));
				return say("250 ok");
			case "DATA":
				in_data = true;
				return say("354 go on");
			case "QUIT":
				return socket.end("221 bye\r\n");
			default:
				return say("250 test");
			}
		}

		keep(socket);
		socket.setEncoding("utf8").on("data", (more) => {
			text += more;
			for (let end; (end = text.indexOf(in_data ? "\r\n.\r\n" : "\r\n")) >= 0;) {
				const line = text.slice(0, end);

				text = text.slice(end + (in_data ? 5 : 2));
				if (!in_data) {
					hear(line);
					continue;
				}
				in_data = false;
				mails.push({ ...mail, data: line });
				say("250 kept");
			}
		});
	}

	const greet = (socket) => { socket.write("220 test ESMTP\r\n"); talk(socket, smtps); };
	const server = smtps ? tls.createServer({ key, cert }, greet) : net.createServer(greet);

	t.after(() => {
		sockets.forEach((socket) => socket.destroy());
		server.close();
	});
	return { mails, said, port: await listening(server, 0) };
}
