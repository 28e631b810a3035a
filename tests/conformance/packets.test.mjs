// Socket.IO packets by hand, over both transports: every form that is valid with its answer,
// every form that is not with the end that it brings, and the states in between.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CALM, better, connected, patient, serve, sleep } from "./harness.mjs";
import { SID, decode, echo, join, joinBase, link } from "./raw.mjs";

const server = serve(CALM);
const CONNECT_MS = 1500;
const strict = serve([...CALM, "--connect-timeout", String(CONNECT_MS)]);
const together = { concurrency: 8 };
const HOLE = (num) => `{"_placeholder":true,"num":${num}}`;
const A = Buffer.from([1, 2, 3]);
const B = Buffer.from([255, 0, 254]);

const nested = (depth) => "[".repeat(depth) + "]".repeat(depth);

// What is sent after joining `/`, and the packets that answer it: [data, ...attachments] or a
// text that is compared as it is. Nothing else may come.
const VALID = [
	// what, sent, answers
	["an event", ['42["message",1,"a"]'], [["message-back", 1, "a"]]],
	["an event without arguments", ['42["message"]'], [["message-back"]]],
	["the main namespace by name", ['42/,["message",1]'], [["message-back", 1]]],
	["spaces inside the JSON", ['42[ "message" ,\t{ "a" : [ 1 , 2 ] } ]'], [["message-back", { a: [1, 2] }]]],
	["an escaped event name", ['42["m\\u0065ssage",1]'], [["message-back", 1]]],
	["escapes", ['42["message","\\u20ac\\ud83d\\ude00\\u0000\\n\\/\\\\\\""]'], [["message-back", "€😀\0\n/\\\""]]],
	["a lone surrogate in an escape", ['42["message","\\ud800"]'], [["message-back", "\ud800"]]],
	["raw UTF-8", ['42["message","ж€😀"]'], [["message-back", "ж€😀"]]],
	["every kind of number", ['42["message",0,-1,1.5,1e3,1E-2,9007199254740991]'], [["message-back", 0, -1, 1.5, 1000, 0.01, 9007199254740991]]],
	["a number for a name, ignored", ["42[5,1]"], []],
	["an event that nobody handles, ignored", ['42["nobody",1]'], []],
	["an event that nobody handles, with an ack id: no ack", ['427["nobody",1]'], []],
	["an empty event name, ignored", ['42[""]'], []],
	["names that matter to JavaScript, ignored", ['42["__proto__"]', '42["constructor",1]', '42["toString"]', '42["hasOwnProperty",1]'], []],
	["an acknowledgement", ['421["message-with-ack",1,"b"]'], ['431[1,"b"]']],
	["an acknowledgement of nothing", ['422["message-with-ack"]'], ["432[]"]],
	["ack id 0", ['420["message-with-ack",1]'], ["430[1]"]],
	["ack id 2^53-1", ['429007199254740991["message-with-ack",1]'], ["439007199254740991[1]"]],
	["leading zeros of an ack id are dropped", ['42007["message-with-ack",1]'], ["437[1]"]],
	["the same ack id twice", ['421["message-with-ack",1]', '421["message-with-ack",2]'], ["431[1]", "431[2]"]],
	["an ack that was not asked for, ignored", ["430[1]", "43999[]", '431["a"]', '4399999999999999999999[1]'], []],
	["a binary event", [`451-["message",${HOLE(0)}]`, A], [["message-back", A]]],
	["an empty attachment", [`451-["message",${HOLE(0)}]`, Buffer.alloc(0)], [["message-back", Buffer.alloc(0)]]],
	["two attachments", [`452-["message",${HOLE(0)},{"x":[${HOLE(1)}]}]`, A, B], [["message-back", A, { x: [B] }]]],
	["attachments out of order", [`452-["message",${HOLE(1)},${HOLE(0)}]`, A, B], [["message-back", B, A]]],
	["the same attachment twice", [`451-["message",${HOLE(0)},${HOLE(0)}]`, A], [["message-back", A, A]]],
	["an attachment that nothing refers to", [`451-["message","x"]`, A], [["message-back", "x"]]],
	["keys of a placeholder in another order", ['451-["message",{"num":0,"_placeholder":true}]', A], [["message-back", A]]],
	["a placeholder with spaces", ['451-["message",{ "_placeholder" : true , "num" : 0 }]', A], [["message-back", A]]],
	["what only looks like a placeholder", ['451-["message",{"_placeholder":"true","num":0},{"_placeholder":false,"num":0}]', A],
		[["message-back", { _placeholder: "true", num: 0 }, { _placeholder: false, num: 0 }]]],
	["ten attachments", [`4510-["message",${Array.from({ length: 10 }, (_, i) => HOLE(i))}]`, ...Array.from({ length: 10 }, (_, i) => Buffer.from([i]))],
		[["message-back", ...Array.from({ length: 10 }, (_, i) => Buffer.from([i]))]]],
	["a placeholder in a plain event is plain data", [`42["message",${HOLE(0)}]`], [`42["message-back",${HOLE(0)}]`]],
	["a binary acknowledgement", [`451-8["message-with-ack",${HOLE(0)}]`, A], [[8, A]]],
	["a binary ack that was not asked for, ignored", [`461-8[${HOLE(0)}]`, A], []],
	["pongs and noops between an event and its attachments", [`452-["message",${HOLE(0)},${HOLE(1)}]`, "3", A, "6", "3", B], [["message-back", A, B]]],
	["500 levels", [`42["message",${nested(500)}]`], [`42["message-back",${nested(500)}]`]],
	["a long event name, ignored", [`42["${"n".repeat(10000)}"]`], []],
];

// Each of these, sent after joining `/`, ends the connection.
const RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];
const FATAL = [
	["no Socket.IO packet at all", "4"],
	["packet type 7", "47"],
	["packet type 9", '49["message"]'],
	["a letter for a type", "4a"],
	["a minus for a type", "4-1"],
	["an object for an event", '42{"0":"message"}'],
	["a string for an event", '42"message"'],
	["a number for an event", "42/,1.5"],
	["an empty event", "42[]"],
	["null for a name", "42[null]"],
	["true for a name", "42[true]"],
	["an object for a name", '42[{"a":1}]'],
	["a list for a name", '42[["message"]]'],
	...RESERVED.map((name) => [`the reserved name ${name}`, `42["${name}"]`]),
	...RESERVED.slice(0, 3).map((name) => [`the reserved name ${name} with an ack id`, `421["${name}",1]`]),
	["a reserved name in escapes", '42["\\u0063onnect"]'],
	["JSON cut short", '42["message"'],
	["a comma too much", '42["message",]'],
	["text behind the JSON", '42["message"]x'],
	["two values", '42["message"]["message"]'],
	["a raw line feed in a string", '42["message","a\nb"]'],
	["a leading zero", '42["message",01]'],
	["a number without digits", '42["message",1.]'],
	["a plus sign", '42["message",+1]'],
	["NaN", '42["message",NaN]'],
	["a bad escape", '42["message","\\x41"]'],
	["a short escape", '42["message","\\u12"]'],
	["single quotes", "42['message']"],
	["a comment", '42["message"/**/]'],
	["unquoted keys", '42["message",{a:1}]'],
	["an object for an ack", "431{}"],
	["a string for an ack", '431"x"'],
	["null for an ack", "431null"],
	["a DISCONNECT with a payload", "41{}"],
	["a DISCONNECT with a list", "41[]"],
	["a second CONNECT", "40"],
	["a second CONNECT with auth", '40{"a":1}'],
	["a CONNECT with a list", "40/custom,[]"],
	["a CONNECT with a string", '40/custom,"x"'],
	["a CONNECT with null", "40/custom,null"],
	["a CONNECT with a number", "40/custom,-1"],
	["a CONNECT with broken JSON", '40/custom,{"a":'],
	["CONNECT_ERROR from a client", '44{"message":"x"}'],
	["CONNECT_ERROR with a string", '44"x"'],
	["CONNECT_ERROR for another namespace", '44/custom,{"message":"x"}'],
	["an event for a namespace not joined", '42/custom,["message"]'],
	["an event for a namespace that is not there", '42/nowhere,["message"]'],
	["an ack for a namespace not joined", "43/custom,1[]"],
	["a DISCONNECT for a namespace not joined", "41/custom,"],
	["a binary event for a namespace not joined", [`451-/custom,["message",${HOLE(0)}]`, A]],
	["binary that nothing announced", A],
	["no attachment count", '45["message"]'],
	["an empty attachment count", '45-["message"]'],
	["attachment count 0", '450-["message"]'],
	["a broken attachment count", '451.5-["message"]'],
	["a word for an attachment count", '45one-["message"]'],
	["a negative attachment count", '45-1-["message"]'],
	["no minus behind the count", `451["message",${HOLE(0)}]`],
	["eleven attachments", `4511-["message",${HOLE(0)}]`],
	["very many attachments", `45999999999999999999-["message",${HOLE(0)}]`],
	["a binary event that is an object", "451-{}"],
	["a binary event with a reserved name", '451-["connect"]'],
	["a binary ack that is an object", "461-1{}"],
	["text while attachments are due", [`451-["message",${HOLE(0)}]`, '42["message"]']],
	["another header while attachments are due", [`451-["message",${HOLE(0)}]`, `451-["message",${HOLE(0)}]`]],
	["text between two attachments", [`452-["message",${HOLE(0)},${HOLE(1)}]`, A, '42["message"]']],
	["a placeholder that counts too far", [`451-["message",${HOLE(1)}]`, A]],
	["a negative placeholder", [`451-["message",${HOLE(-1)}]`, A]],
	["a text for a placeholder's number", [`451-["message",${HOLE('"0"')}]`, A]],
	["a placeholder without a number", ['451-["message",{"_placeholder":true}]', A]],
	["a bad placeholder deep inside", [`451-["message",{"a":[{"b":${HOLE(7)}}]}]`, A]],
	["a bad placeholder in an ack", [`461-1[${HOLE(3)}]`, A]],
];

// The same before any namespace is joined.
const EARLY = ['42["message"]', "43[1]", "41", '42/custom,["message"]', "44{}", '44"x"', "40[]", "40null", '40"x"', "4", A];

async function receive(session, count) {
	const list = [];
	while (list.length < count)
		list.push(await session.next());
	return list;
}

// Puts the attachments of a binary packet back where its placeholders are.
async function assemble(session) {
	const header = await session.next();
	const packet = decode(header);
	const parts = await receive(session, packet.attachments ?? 0);
	const fill = (value) => {
		if (value?._placeholder === true && packet.attachments)
			return parts[value.num];
		if (Array.isArray(value))
			return value.map(fill);
		return value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item)])) : value;
	};
	const data = fill(packet.data);
	return { header, data: packet.id === undefined ? data : [Number(packet.id), ...data] };
}

// Reads on until the session has ended or its last message is answered.
async function drain(session) {
	for (let packet = await session.next(); packet !== null && packet !== '42["message-back","end"]';)
		packet = await session.next();
}

for (const kind of ["polling", "websocket"]) {
	const opened = (t, name = "base") => link(t, kind, server.port(name));

	describe(`valid packets over ${kind}`, together, () => {
		for (const [what, sent, answers] of VALID) {
			it(what, async (t) => {
				const session = await opened(t);
				await joinBase(session);
				for (const packet of sent)
					await session.send(packet);
				for (const answer of answers) {
					const got = await assemble(session);
					if (typeof answer === "string")
						assert.equal(got.header, answer);
					else
						assert.deepEqual(got.data, answer);
				}
				await echo(session);
			});
		}

		it("all of them in one connection, in one go", async (t) => {
			const session = await opened(t);
			await joinBase(session);
			const sent = VALID.flatMap(([, packets]) => packets);
			await session.send(...sent);
			for (const [what, , answers] of VALID) {
				for (const answer of answers) {
					const got = await assemble(session);
					assert.deepEqual(typeof answer === "string" ? got.header : got.data, answer, what);
				}
			}
			await echo(session);
		});
	});

	describe(`packets over ${kind} that end the connection`, together, () => {
		for (const [what, sent] of FATAL) {
			it(what, async (t) => {
				const session = await opened(t);
				await joinBase(session);
				for (const packet of [sent].flat())
					await session.send(packet);
				await session.end();
				assert.ok(!session.closeCode, `close code ${session.closeCode}`);
			});
		}

		for (const sent of EARLY) {
			it(`${sent} before any namespace is joined`, async (t) => {
				const session = await opened(t);
				await session.send(sent);
				await session.end(700);
			});
		}
	});

	describe(`joining and leaving over ${kind}`, together, () => {
		it("the answer has the sid alone, and it is not the session's", async (t) => {
			const session = await opened(t);
			const data = await join(session);
			assert.deepEqual(Object.keys(data), ["sid"]);
			assert.match(data.sid, SID);
			assert.notEqual(data.sid, session.sid);
		});

		for (const auth of [undefined, {}, { token: "a,b", "é": ["€", null, { n: 1 }] }]) {
			it(`auth ${JSON.stringify(auth)}`, async (t) => {
				const session = await opened(t);
				await joinBase(session, "/", auth);
				await joinBase(session, "/custom", auth);
			});
		}

		it("a namespace without its comma", async (t) => {
			const session = await opened(t);
			await session.send("40/custom");
			const answer = await session.next();
			assert.match(answer, /^40\/custom,\{"sid":"[\w-]{20}"\}$/);
			assert.equal(await session.next(), '42/custom,["auth",{}]');
		});

		for (const nsp of ["/nowhere", "/custom?token=1", "/Custom", "/custom/", "//custom", "/ custom", "/é", "/__proto__", "/constructor", `/${"x".repeat(5000)}`]) {
			it(`namespace ${nsp.slice(0, 20)} is refused, the connection stays`, async (t) => {
				const session = await opened(t);
				await joinBase(session);
				await session.send(`40${nsp},{"a":1}`);
				assert.equal(await session.next(), `44${nsp},{"message":"Invalid namespace"}`);
				await echo(session);
			});
		}

		it("there is no main namespace without a CONNECT", async (t) => {
			const session = await opened(t);
			await joinBase(session, "/custom");
			await session.send('42["message"]');
			await session.end();
		});

		it("a DISCONNECT is not answered and frees the name", async (t) => {
			const session = await opened(t);
			const first = await joinBase(session);
			const custom = await joinBase(session, "/custom");
			assert.notEqual(first.sid, custom.sid);
			await session.send("41/custom,");
			await echo(session);
			const again = await joinBase(session, "/custom");
			assert.notEqual(again.sid, custom.sid);
		});

		it("leaving the last namespace keeps the connection", async (t) => {
			const session = await opened(t);
			const first = await joinBase(session);
			await session.send("41");
			await sleep(50);
			const second = await joinBase(session);
			assert.notEqual(first.sid, second.sid);
			await echo(session);
		});

		it("leaving and joining again in one breath", better, async (t) => {
			const session = await opened(t);
			const first = await joinBase(session);
			await session.send("41", "40");
			const answer = decode(await session.next());
			assert.equal(answer.type, 0);
			assert.notEqual(answer.data.sid, first.sid);
		});

		it("an event after a DISCONNECT ends the connection", async (t) => {
			const session = await opened(t);
			await joinBase(session);
			await session.send("41");
			await sleep(50);
			await session.send('42["message"]');
			await session.end();
		});

		it("who joins nothing in time is closed; a refusal is no joining", async (t) => {
			const began = Date.now();
			const session = await link(t, kind, strict.port("opts"), { path: "/opt" });
			await session.send("40/nowhere,");
			assert.match(await session.next(), /^44\/nowhere,/);
			await session.end(4000);
			const lived = Date.now() - began;
			assert.ok(lived >= CONNECT_MS - 10 && lived <= patient(CONNECT_MS * 2), `lived ${lived} ms`);
		});

		it("who joined once is not closed, even after leaving", async (t) => {
			const session = await link(t, kind, strict.port("opts"), { path: "/opt" });
			await joinBase(session);
			await session.send("41");
			await sleep(CONNECT_MS + 200);
			await joinBase(session);
		});
	});

	describe(`hostile packets over ${kind}`, { concurrency: 2 }, () => {
		const GIANTS = [
			["an ack id beyond 2^53", `42${"9".repeat(30)}["message-with-ack",1]`],
			["an ack id of 400 digits", `42${"9".repeat(400)}["message-with-ack",1]`],
			["an ack id of 900000 digits", `42${"9".repeat(900000)}["message-with-ack",1]`],
			["a namespace of 900000 characters", `40/${"n".repeat(900000)},`],
			["an event name of 900000 characters", `42["${"n".repeat(900000)}"]`],
			["300000 arguments", `42["message"${",1".repeat(300000)}]`, better],
			["one string of escapes", `42["message","${"\\u0000".repeat(150000)}"]`],
			["an object of 50000 keys", `42["message",{${Array.from({ length: 50000 }, (_, i) => `"k${i}":1`)}}]`],
		];
		for (const [what, packet, options = {}] of GIANTS) {
			it(`${what} harms nobody`, options, async (t) => {
				const session = await opened(t);
				await joinBase(session);
				await session.send(packet, '42["message","end"]');
				await drain(session);
				await connected(t, server.url("base"));
			});
		}

		for (const depth of [1000, 20000, 200000]) {
			for (const [open, close] of [["[", "]"], ['{"a":', "}"]]) {
				it(`${depth} levels of ${open} harm nobody`, better, async (t) => {
					const session = await opened(t);
					await joinBase(session);
					const count = Math.min(depth, Math.floor(900000 / (open.length + close.length)));
					const deep = `${open.repeat(count)}${open === "[" ? "" : 0}${close.repeat(count)}`;
					await session.send(`42["message",${deep}]`, '42["message","end"]');
					await drain(session);
					const auth = await opened(t);
					await auth.send(`40{"a":${deep}}`);
					await auth.next();
					await connected(t, server.url("base"));
				});
			}
		}

		it("attachments that never come hold up nobody else", async (t) => {
			const session = await opened(t);
			await joinBase(session);
			await session.send(`4510-["message",${HOLE(0)}]`, A);
			const other = await opened(t);
			await joinBase(other);
			await echo(other);
		});
	});
}
