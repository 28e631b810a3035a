// Who was let in and may no longer be: a token revoked, a browser signed out, a reload that shuts the anonymous ones
// out. It is told once, by a disconnect, and nothing more is pushed to it; nor does it come back by recovery.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { describe, test } from "node:test";
import { decode, join, link } from "../conformance/raw.mjs";
import { BIN, WAYS, ask, connect, get, json, next, record, refusal, refused, request, start, take, until, within } from "./harness.mjs";

const CLOSED = "anonymous = none\npush_interval = 200ms\n";
const OPEN = "anonymous = viewer\npush_interval = 200ms\n";
const BOTH = Object.values(WAYS);
const LOOK_MS = 5000; // the server looks that often for tokens that another process changed

const command = (server, ...words) => execFileSync(BIN, ["--data-dir", `${server.dir}/data`, "--config", server.file, ...words],
	{ encoding: "utf8", stdio: "pipe" }).trim();
const bearer = (token) => ({ authorization: `Bearer ${token}` });
const role = async (server, headers) => (await json(server, "/api/v1/session", headers)).role;

async function token_of(server, name, what) {
	const token = command(server, "token", "add", name, what);

	await until("the token", async () => (await role(server, bearer(token))) === what, LOOK_MS + 3000);
	return token;
}

async function sign_in(server, token) {
	const { status, headers } = await request(server.port, "/api/v1/session", { method: "POST", body: JSON.stringify({ token }) });

	assert.equal(status, 200);
	return { cookie: [headers["set-cookie"]].flat()[0].split(";")[0] };
}

// How it ended, and what was pushed to it until then and after.
function watched(socket) {
	const pushes = record(socket, "metrics update");
	const end = new Promise((done) => socket.on("disconnect", (reason) => done({ reason, pushed: pushes.length })));

	return { socket, pushes, end };
}

async function put_out(list, other) {
	for (const { end, pushes, socket } of list) {
		const { reason, pushed } = await within(LOOK_MS + 2000, "the disconnect", end);
		assert.equal(reason, "io server disconnect");
		await take(other, "metrics update", 2);
		assert.equal(pushes.length, pushed, "nothing is pushed to it any more");
		assert.equal(socket.connected, false);
	}
}

// Most of the time each waits for the server's next look.
describe("who may no longer be in", { concurrency: true }, () => {
	test("a reload that shuts the anonymous ones out disconnects those who are in", async (t) => {
		const server = await start(t, { config: OPEN });
		const token = await token_of(server, "desk", "viewer");
		const named = await connect(t, server, { ...WAYS.websocket, auth: { token } });
		const anonymous = await Promise.all(BOTH.map(async (way) => watched(await connect(t, server, way))));

		await Promise.all(anonymous.map(({ socket }) => next(socket, "metrics update")));
		await server.reload(CLOSED);
		await put_out(anonymous, named);
		assert.match((await refused(t, server.url, WAYS.websocket)).message, /^unauthorized$/);
		assert.equal((await ask(named, "get status")).clients, 1);
		assert.match(server.stderr, /2 clients were disconnected: what they came with is valid no more/);

		await server.reload(OPEN);
		const back = await connect(t, server, WAYS.websocket);
		await server.reload(OPEN);
		await take(back, "metrics update", 2);
		assert.ok(named.connected, "a reload that changes nothing of that disturbs nobody");
	});

	test("who came with a token that is revoked is put out, and its session with it", async (t) => {
		const server = await start(t, { config: CLOSED });
		const [leaves, stays] = [await token_of(server, "ops", "operator"), await token_of(server, "desk", "viewer")];
		const session = await sign_in(server, leaves);
		const desk = await connect(t, server, { ...WAYS.websocket, auth: { token: stays } });
		const came_with = [{ auth: { token: leaves } }, { extraHeaders: bearer(leaves) }, { extraHeaders: session }];
		const list = await Promise.all(BOTH.flatMap((way) => came_with.map(async (how) => watched(await connect(t, server, { ...way, ...how })))));

		assert.equal(await role(server, session), "operator");
		command(server, "token", "revoke", "ops");
		const begin = Date.now();
		await Promise.all(list.map(({ end }) => within(LOOK_MS + 2000, "the disconnect", end)));
		t.diagnostic(`after ${Date.now() - begin} ms`);
		await put_out(list, desk);
		assert.equal((await get(server, "/api/v1/status", session)).status, 401);
		assert.equal((await get(server, "/api/v1/status", bearer(leaves))).status, 401);
		for (const how of came_with)
			assert.equal((await refused(t, server.url, { ...WAYS.websocket, ...how })).message, "unauthorized");

		const again = await token_of(server, "ops", "operator");
		assert.equal(await role(server, session), "none", "a new token of that name is another");
		assert.equal(await role(server, bearer(again)), "operator");
	});

	test("where anyone may look, a signed-in browser stays as a viewer, and a revoked token is still put out", async (t) => {
		const server = await start(t, { config: OPEN });
		const token = await token_of(server, "ops", "operator");
		const browser = await connect(t, server, { ...WAYS.websocket, extraHeaders: await sign_in(server, token) });
		const script = watched(await connect(t, server, { ...WAYS.websocket, auth: { token } }));

		await ask(browser, "get audit");
		command(server, "token", "revoke", "ops");
		await put_out([script], browser);
		assert.match(await refusal(browser, "get audit"), /operator role/);
	});

	test("signing out puts out this browser's pages, and no others", async (t) => {
		const server = await start(t, { config: CLOSED });
		const token = await token_of(server, "desk", "viewer");
		const [mine, other] = [await sign_in(server, token), await sign_in(server, token)];
		const pages = await Promise.all(BOTH.map(async (way) => watched(await connect(t, server, { ...way, extraHeaders: mine }))));
		const elsewhere = await connect(t, server, { ...WAYS.websocket, extraHeaders: other });
		const leave = (headers) => request(server.port, "/api/v1/session", { method: "DELETE", headers });

		assert.equal((await leave({ ...mine, "sec-fetch-site": "cross-site" })).status, 403);
		assert.equal((await leave({ cookie: "vedette_session=guessed" })).status, 200);
		await Promise.all(pages.map(({ socket }) => take(socket, "metrics update", 2)));
		assert.equal((await leave(mine)).status, 200);
		await put_out(pages, elsewhere);
	});

	test("nobody comes back by recovery whose token was revoked meanwhile", async (t) => {
		const server = await start(t, { config: CLOSED });
		const token = await token_of(server, "desk", "viewer");
		const away = async () => {
			const session = await link(t, "websocket", server.port);
			const { pid, sid } = await join(session, "/", { token });
			const offset = async () => {
				await session.send('42["subscribe metric","cpu"]');
				for (let packet; (packet = decode(await session.next()));)
					if (packet.data[0] === "subscribed")
						return packet.data[2];
			};
			const at = await offset();
			session.drop();
			return { token, pid, sid, offset: at };
		};
		const back = async ({ sid, ...auth }) => {
			const session = await link(t, "websocket", server.port);
			await session.send(`40${JSON.stringify(auth)}`);
			for (let packet; (packet = decode(await session.next()));)
				if (packet.type === 0 || packet.type === 4)
					return [packet.type, packet.data.message ?? (packet.data.sid === sid)];
		};

		assert.deepEqual(await back(await away()), [0, true]);
		const late = await away();
		command(server, "token", "revoke", "desk");
		await until("the end of the token", async () => (await role(server, bearer(token))) === "none", LOOK_MS + 3000);
		assert.deepEqual(await back(late), [4, "unauthorized"]);
	});
});

test("whoever sends wrong tokens keeps nobody out", async (t) => {
	const server = await start(t, { config: CLOSED });
	const token = await token_of(server, "desk", "viewer");
	const wrong = async () => (await request(server.port, "/api/v1/session", { method: "POST", body: '{"token":"vdt_wrong"}' })).status;
	const answers = [];

	for (let i = 0; i < 15; i++)
		answers.push(await wrong());
	assert.deepEqual([answers[0], answers.at(-1)], [401, 429]);
	assert.equal(await role(server, await sign_in(server, token)), "viewer");
});

// Somebody else who writes for as long as close() is not called, as the command line does for a moment; null where there is no sqlite3.
async function writer(t, server) {
	const child = spawn("sqlite3", [`${server.dir}/data/vedette.db`], { stdio: ["pipe", "pipe", "ignore"] });
	const began = new Promise((done) => {
		child.stdout.once("data", () => done(true));
		child.once("error", () => done(false));
	});

	t.after(() => child.kill());
	child.stdin.on("error", () => {}).write("BEGIN IMMEDIATE;\n.shell echo begun\n");
	return (await within(5000, "the other's transaction", began)) ? { close: () => child.stdin.end("COMMIT;\n") } : null;
}

// A client that is refused does not try again: one that comes back the moment the server is there must not be.
test("who has a token is known from the first answer on, though the database is slow", async (t) => {
	const server = await start(t, { config: CLOSED });
	const token = await token_of(server, "desk", "viewer");

	await server.end();
	const other = await writer(t, server);
	if (!other)
		t.diagnostic("no sqlite3 here: the database was quick");
	setTimeout(() => other?.close(), 1000);
	await server.start();
	await connect(t, server, { ...WAYS.websocket, auth: { token } });
	assert.equal((await get(server, "/api/v1/status", bearer(token))).status, 200);
});
