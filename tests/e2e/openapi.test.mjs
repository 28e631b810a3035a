// /api/v1/openapi.json: what it says is what there is, and answers are what it says.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import Ajv from "ajv/dist/2020.js";
import { BIN, ROOT, get, json, request, serve, until } from "./harness.mjs";
import { Receiver } from "./receiver.mjs";

const hook = await new Receiver({ after }).open();
const server = serve({
	config: `anonymous = operator\nalert "ALWAYS" { metric = "cpu"  above = -1 }\nwebhook "hook" { url = "${hook.url}/a" }`,
}, begin);
let api, ajv, alert, delivery;

async function begin() {
	api = await json(server, "/api/v1/openapi.json");
	ajv = new Ajv({ strict: false }).addSchema(api, "api");
	await until("a delivery", async () => ({ deliveries: [delivery] } = await json(server, "/api/v1/deliveries?state=delivered")).deliveries.length > 0);
	({ alerts: [alert] } = await json(server, "/api/v1/alerts"));
}

const escaped = (name) => name.replaceAll("~", "~0").replaceAll("/", "~1");

// The schema of an answer holds it: the first thing that does not.
function holds(at, method, body) {
	const ref = `api#/paths/${escaped(at)}/${method}/responses/200/content/application~1json/schema`;
	const validate = ajv.getSchema(ref.replaceAll("{", "%7B").replaceAll("}", "%7D")) ?? ajv.compile({ $ref: ref });

	assert.ok(validate(body), `${method} ${at}: ${ajv.errorsText(validate.errors)} ${JSON.stringify(body).slice(0, 300)}`);
}

const needed = { "/api/v1/history": "series=cpu" };
const filled = (at) => at.replace("/alerts/{id}", `/alerts/${alert.id}`).replace("/deliveries/{id}", `/deliveries/${delivery.id}`)
	.replace("/rules/{name}", "/rules/ALWAYS").replace("/channels/{name}", "/channels/hook");
const operations = (wanted) => Object.entries(api.paths).flatMap(([at, methods]) => Object.entries(methods)
	.filter(([method]) => wanted.includes(method)).map(([method, operation]) => ({ at, method, operation })));

test("it has this version, and every route of the program", () => {
	const source = readFileSync(path.join(ROOT, "src/app/routes.c"), "utf8");
	const rows = [...source.matchAll(/\{"(GET|POST|DELETE)",\s*"([^"]+)"/g)].map(([, method, at]) => ({ method: method.toLowerCase(), at })).filter(({ at }) => at !== "/*");
	const is_of = (row, said) => row.method === said.method && (row.at.endsWith("*") ? said.at.startsWith(row.at.slice(0, -1)) : row.at === said.at);
	const all = operations(["get", "post", "delete"]);

	assert.match(execFileSync(BIN, ["--version"], { encoding: "utf8" }), new RegExp(`\\b${api.info.version.replaceAll(".", "\\.")}\\b`));
	assert.ok(rows.length > 20);
	for (const row of rows)
		assert.ok(all.some((said) => is_of(row, said)), `${row.method} ${row.at} is not in it`);
	for (const said of all)
		assert.ok(rows.some((row) => is_of(row, said)), `${said.method} ${said.at} is not there`);
});

test("what is asked without parameters gets what it says", async () => {
	for (const { at } of operations(["get"])) {
		const { status, headers, text } = await get(server, `${filled(at)}?${needed[at] ?? ""}`);

		assert.equal(status, 200, `${at}: ${text.slice(0, 200)}`);
		if (at !== "/metrics")
			holds(at, "get", JSON.parse(text));
		else
			assert.match(headers["content-type"], /^text\/plain/);
	}
});

test("every parameter takes what it says, and nothing else", async () => {
	let good = 0, bad = 0;

	for (const { at, operation } of operations(["get"])) {
		for (const { name, in: where, schema } of (operation.parameters ?? []).filter((one) => one.name)) {
			const ask = async (value) => {
				const answer = await get(server, `${filled(at)}?${name === "series" ? "" : needed[at] ?? ""}&${name}=${encodeURIComponent(value)}`);
				return { ...answer, body: JSON.parse(answer.text) };
			};
			const values = schema.enum ?? [schema.minimum, schema.maximum, schema.type === "boolean" ? "true" : undefined, schema.default].filter((value) => value !== undefined);

			if (where !== "query")
				continue;
			for (const value of values) {
				const { status, body } = await ask(value);

				assert.equal(status, 200, `${at} ${name}=${value}: ${body.error}`);
				holds(at, "get", body);
				good++;
			}
			const wrong = [schema.minimum - 1, schema.maximum + 1].filter((value) => !Number.isNaN(value));

			if (schema.enum)
				wrong.push("nonsense");
			if (schema.type === "boolean")
				wrong.push("perhaps");
			if (schema.maxLength)
				wrong.push("x".repeat(schema.maxLength + 1));
			for (const value of wrong) {
				const { status, body } = await ask(value);

				assert.deepEqual([status, body.status], [400, "error"], `${at} ${name}=${value}`);
				assert.match(body.error, new RegExp(`\\b${name}\\b`));
				bad++;
			}
		}
	}
	assert.ok(good > 30 && bad > 20, `${good}, ${bad}`);
});

describe("what does something", () => {
	const bodies = { "/api/v1/silences": () => ({ rule: "NONE", until: Date.now() + 60000, note: "a test" }), "/api/v1/alerts/{id}/acknowledge": () => ({ note: "seen" }) };

	test("answers as it says", async () => {
		for (const { at, operation } of operations(["post"]).filter((one) => one.at !== "/api/v1/session")) {
			const { status, text } = await request(server.port, filled(at), { method: "POST", body: JSON.stringify(bodies[at]?.() ?? {}), headers: { "content-type": "application/json" } });

			assert.equal(status, 200, `${at}: ${text}`);
			assert.deepEqual(operation.security, [{ token: [] }, { session: [] }]);
			holds(at, "post", JSON.parse(text));
		}
		holds("/api/v1/audit", "get", await json(server, "/api/v1/audit"));
		holds("/api/v1/silences", "get", await json(server, "/api/v1/silences"));
	});

	test("a name that nobody has is a 404", async () => {
		for (const { at, method } of operations(["get", "post"]).filter((one) => one.at.includes("{"))) {
			const { status, text } = await request(server.port, at.replace(/\{\w+\}/, "999999"), { method: method.toUpperCase(), ...(method === "post" && { body: "{}" }) });

			assert.deepEqual([status, JSON.parse(text).status], [404, "error"], `${at}: ${text}`);
		}
	});
});
