// Receivers of alerts as the world has them: an HTTP server that can be told to misbehave, and a mail server.
import assert from "node:assert/strict";
import { createHmac, timingSafeEqual } from "node:crypto";
import http from "node:http";
import net from "node:net";
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

// A mail server that takes everything (RFC 5321, the part that a sender needs).
export async function mailbox(t) {
	const mails = [];
	const server = net.createServer((socket) => {
		let text = "", in_data = false, mail;

		socket.write("220 test ESMTP\r\n");
		socket.setEncoding("utf8").on("error", () => {}).on("data", (more) => {
			text += more;
			for (let end; (end = text.indexOf(in_data ? "\r\n.\r\n" : "\r\n")) >= 0;) {
				const line = text.slice(0, end);

				text = text.slice(end + (in_data ? 5 : 2));
				if (in_data) {
					in_data = false;
					mails.push({ ...mail, data: line });
					socket.write("250 kept\r\n");
				} else if (/^MAIL FROM:/i.test(line)) {
					mail = { from: line.slice(10), to: [] };
					socket.write("250 ok\r\n");
				} else if (/^RCPT TO:/i.test(line)) {
					mail.to.push(line.slice(8));
					socket.write("250 ok\r\n");
				} else if (/^DATA/i.test(line)) {
					in_data = true;
					socket.write("354 go on\r\n");
				} else if (/^QUIT/i.test(line)) {
					socket.end("221 bye\r\n");
				} else {
					socket.write("250 test\r\n");
				}
			}
		});
	});

	t.after(() => server.close());
	return { mails, port: await listening(server, 0) };
}
