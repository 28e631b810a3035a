// A host that has nothing but what every host has: the program starts, speaks WebSocket, and says what it lacks only where
// it is needed.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import { ask, connect, json, start, until } from "./harness.mjs";

const SCARCE = /^\s*(libwslay|libcurl|libcurl-gnutls|libsystemd)\.so\.\d+ .* => (\S+)$/gm;
const files = [...execFileSync("/sbin/ldconfig", ["-p"], { encoding: "utf8" }).matchAll(SCARCE)].map(([, , file]) => file);

// In a mount namespace of its own, where an empty file stands in place of each.
const hide = ["unshare", "--mount", "sh", "-c", `for f in ${files.join(" ")}; do mount --bind /dev/null $f; done; exec "$@"`, "sh"];
const allowed = spawnSync(hide[0], [...hide.slice(1), "true"]).status === 0;

test("without libwslay, libcurl and libsystemd", { skip: allowed ? false : "no mount namespace can be made here: be root" }, async (t) => {
	assert.ok(files.some((file) => /wslay/.test(file)) && files.some((file) => /curl/.test(file)), "there was nothing to hide");
	const server = await start(t, {
		under: hide,
		config: `
alert "HIGH_CPU" { enabled = false }
alert "HIGH_MEMORY" { enabled = false }
alert "CROWD" { metric = "self.clients"  above = 0 }
webhook "ops" { url = "http://127.0.0.1:9/"  max_wait = 100ms }
`,
	});
	const missing = /libcurl is not on this host: install Debian's libcurl3-gnutls or libcurl4/;
	const socket = await connect(t, server, { transports: ["websocket"] });

	assert.match(server.stderr, new RegExp(`webhooks and mail wait: ${missing.source}`));
	assert.equal((await ask(socket, "get metrics", "cpu")).status, "ok");
	await until("a delivery that fails", async () => {
		const { deliveries } = await json(server, "/api/v1/deliveries");
		return deliveries.length > 0 && missing.test(deliveries[0].last_error);
	}, 5000);
	const { collectors } = await json(server, "/api/v1/status");
	assert.equal(collectors.find(({ name }) => name === "units").state, "disabled");
});
