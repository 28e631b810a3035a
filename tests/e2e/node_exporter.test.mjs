// /metrics beside a real node_exporter (Debian 12's, with its processes collector switched on), on the same host: the
// same families, types, help texts and labels, and values between two of its scrapes. So a board or an alert rule that
// was written for node_exporter works unchanged.
//
//   VEDETTE_BIN        the program (build/vedette)
//   NODE_EXPORTER_BIN  the other one (prometheus-node-exporter)
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "../conformance/harness.mjs";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const VEDETTE = path.resolve(ROOT, process.env.VEDETTE_BIN ?? "build/vedette");
const NODE_EXPORTER = process.env.NODE_EXPORTER_BIN ?? "prometheus-node-exporter";

const MIB = 1 << 20;

// The families that are promised, and how far a gauge may be from what node_exporter says a moment before or after:
// `share` of its value and `more` beside it. Where the host lacks the file that it `needs`, there is none. Counters must lie between the two scrapes, but for `more`.
const PROMISED = [
	{ name: /^node_cpu_(guest_)?seconds_total$/, more: 0.05 }, // iowait and idle are known to step back
	{ name: /^node_memory_/, share: 0.1, more: 96 * MIB },
	{ name: /^node_vmstat_/, needs: "/proc/vmstat" },
	{ name: /^node_load(1|5|15)$/, more: 1 },
	{ name: /^node_disk_/, more: 64, needs: "/proc/diskstats" },
	{ name: /^node_filesystem_files/, share: 0.02, more: 5000 },
	{ name: /^node_filesystem_/, share: 0.02, more: 256 * MIB },
	{ name: /^node_network_/ },
	{ name: /^node_netstat_Tcp_CurrEstab$/, share: 0.5, more: 100 },
	{ name: /^node_netstat_/ },
	{ name: /^node_sockstat_.*_bytes$/, needs: "/proc/net/sockstat", share: 0.5, more: 4 * MIB },
	{ name: /^node_sockstat_/, needs: "/proc/net/sockstat", share: 0.5, more: 1000 },
	{ name: /^node_pressure_.*_seconds_total$/, needs: "/proc/pressure/cpu", more: 0.001 },
	{ name: /^node_(uname|os)_info$|^node_os_version$/ },
	{ name: /^node_boot_time_seconds$/, more: 1 },
	{ name: /^node_time_seconds$/, more: 0.01 },
	{ name: /^node_(context_switches|intr|forks)_total$/ },
	{ name: /^node_procs_(running|blocked)$/, more: 64 },
	{ name: /^node_filefd_/, share: 0.5, more: 1000 },
	{ name: /^node_entropy_/, needs: "/proc/sys/kernel/random/entropy_avail", more: 256 },
	{ name: /^node_hwmon_/, needs: "/sys/class/hwmon/hwmon0/temp1_input", share: 0.5, more: 20 },
	{ name: /^node_processes_/, share: 0.5, more: 100 },
	{ name: /^node_timex_/, share: 0.1, more: 0.01 },
];

// What udev tells beside node_disk_info is node_exporter's own.
const ELSEWHERE = /^node_disk_(ata_|device_mapper_info|filesystem_info)/;
// Of letters that come and go, nobody can say which are there in the same moment.
const FLEETING = /^node_processes_(threads_)?state$/;

const rule = (family) => (ELSEWHERE.test(family) ? undefined : PROMISED.find((row) => row.name.test(family)));

// --- Prometheus' text format, read as strictly as promtool does ---

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;

function labelsOf(text) {
	const labels = [];
	for (LABEL.lastIndex = 0; LABEL.lastIndex < text.length; ) {
		const found = LABEL.exec(text);
		assert.ok(found, `labels {${text}}`);
		labels.push(`${found[1]}="${found[2]}"`);
	}
	assert.equal(new Set(labels.map((l) => l.split("=")[0])).size, labels.length, `a label twice in {${text}}`);
	return labels.sort().join(",");
}

function parseSample(line, family) {
	const [, name, , labels, value] = /^([^{ ]+)(\{(.*)\})? (\S+)$/.exec(line) ?? assert.fail(`not a sample: ${line}`);
	assert.match(name, NAME, line);
	const own = family.type === "summary" || family.type === "histogram" ? /_(sum|count|bucket)$/ : /$^/;
	assert.equal(name.replace(own, ""), family.name, `${line} stands in ${family.name}`);
	const number = value === "NaN" ? NaN : value === "+Inf" ? Infinity : Number(value);
	assert.ok(value === "NaN" || !Number.isNaN(number), `value of ${line}`);
	return [labelsOf(labels ?? "") + name.slice(family.name.length), number];
}

function parse(text) {
	const families = new Map();
	let family;
	assert.ok(text.endsWith("\n"), "the last line has no end");
	for (const line of text.slice(0, -1).split("\n")) {
		const [, word, name, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
		if (word === "HELP") {
			assert.ok(!families.has(name), `${name} twice`);
			families.set(name, (family = { name, help: rest, samples: new Map() }));
		} else if (word === "TYPE") {
			assert.equal(name, family?.name, `${line} without its help`);
			assert.match(rest, /^(counter|gauge|untyped|summary|histogram)$/, line);
			family.type = rest;
		} else {
			assert.ok(family?.type, `${line} before its type`);
			const [key, value] = parseSample(line, family);
			assert.ok(!family.samples.has(key), `${line} twice`);
			family.samples.set(key, value);
		}
	}
	for (const { name, samples } of families.values())
		assert.ok(samples.size > 0, `${name} has no sample`);
	return families;
}

// --- the two programs ---

const running = [];
const folder = mkdtempSync(path.join(tmpdir(), "vedette-exporter-"));

// Resolves to what `ready` catches of the program's standard error.
function start(program, args, ready) {
	const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
	running.push(child);
	return new Promise((resolve, reject) => {
		let said = "";
		child.once("error", reject);
		child.once("exit", (code) => reject(new Error(`${program} ended with ${code}: ${said}`)));
		child.stderr.setEncoding("utf8").on("data", (text) => {
			said += text;
			const found = ready.exec(said);
			if (found) resolve(found[1]);
		});
	});
}

async function scrape(address) {
	const response = await fetch(`http://${address}/metrics`);
	assert.equal(response.status, 200);
	const bytes = Buffer.from(await response.arrayBuffer());
	assert.ok(!bytes.toString("utf8").includes("\ufffd"), "no UTF-8");
	return parse(bytes.toString("utf8"));
}

let theirs, ours, first, mine, second;

before(async () => {
	// It says its address as it was told it, so port 0 would stay a secret: find a free one, and another if that is taken meanwhile.
	for (let tries = 5; ; tries--) {
		theirs = `127.0.0.1:${await freePort()}`;
		try {
			await start(NODE_EXPORTER, ["--collector.processes", `--web.listen-address=${theirs}`], /(TLS is disabled)/);
			break;
		} catch (error) {
			if (tries === 1 || !/address already in use/.test(error.message))
				throw error;
		}
	}
	ours = await start(VEDETTE, ["--listen", "127.0.0.1:0", "--data-dir", folder], /listening on http:\/\/(\S+)/);
	// The collectors with threads of their own show what they read last: let them read once.
	for (let i = 0; i < 100 && !(await scrape(ours)).has("node_processes_pids"); i++)
		await new Promise((resolve) => setTimeout(resolve, 50));
	await Promise.all([scrape(theirs), scrape(ours)]); // both warm: the three that count come close together
	first = await scrape(theirs);
	mine = await scrape(ours);
	second = await scrape(theirs);
});

after(async () => {
	for (const child of running)
		if (child.exitCode === null && child.signalCode === null) {
			child.removeAllListeners("exit");
			child.kill("SIGTERM");
			await once(child, "exit");
		}
	rmSync(folder, { recursive: true, force: true });
});

// Some files are there and cannot be read, or are empty, in a container.
function has(file) {
	try {
		return !file || readFileSync(file, "utf8") !== "";
	} catch {
		return false;
	}
}

const shared = () => [...first.values()].filter(({ name }) => rule(name) && second.has(name));

test("every family that is promised is there, with its type and its help", () => {
	const missing = [];
	for (const { name, type, help } of shared()) {
		const family = mine.get(name);
		if (!family) missing.push(name);
		else assert.deepEqual({ name, type: family.type, help: family.help }, { name, type, help });
	}
	assert.deepEqual(missing, []);
	for (const { name, needs } of PROMISED)
		if (has(needs))
			assert.ok(shared().some((family) => name.test(family.name)), `${name} matches nothing here`);
});

test("there is nothing under node_exporter's names that it does not have", () => {
	const own = [...mine.keys()].filter((name) => name.startsWith("node_") && !first.has(name) && !second.has(name));
	assert.deepEqual(own, []);
});

test("the labels are the same", () => {
	for (const { name, samples } of shared()) {
		const got = [...mine.get(name).samples.keys()];
		const before = [...samples.keys()];
		const behind = second.get(name).samples;
		if (FLEETING.test(name)) {
			for (const key of got) assert.match(key, /^(thread_)?state="[A-Za-z]"$/, name);
			continue;
		}
		// What came or went in between may be there or not.
		assert.deepEqual(before.filter((key) => behind.has(key) && !got.includes(key)), [], `${name} lacks`);
		assert.deepEqual(got.filter((key) => !samples.has(key) && !behind.has(key)), [], `${name} has more`);
	}
});

test("values lie between two of its scrapes, or close by", () => {
	const wrong = [];
	for (const { name, type, samples } of shared()) {
		if (FLEETING.test(name)) continue;
		const { share = 0, more = 0 } = rule(name);
		for (const [key, before] of samples) {
			const behind = second.get(name).samples.get(key);
			const value = mine.get(name).samples.get(key);
			if (behind === undefined || value === undefined) continue;
			const size = Math.max(Math.abs(before), Math.abs(behind));
			const rounding = 1e-12 * size + 1e-9;
			const room = rounding + more + (type === "gauge" ? share * size : 0);
			const low = Math.min(before, behind) - room, high = Math.max(before, behind) + room;
			if (!(value >= low && value <= high))
				wrong.push(`${name}{${key}} is ${value}, not within ${before} and ${behind}`);
		}
	}
	assert.deepEqual(wrong, []);
});

test("Vedette's own families are under vedette_ and process_", () => {
	const own = [...mine.keys()].filter((name) => !name.startsWith("node_"));
	assert.deepEqual(own.filter((name) => !/^(vedette|process)_/.test(name)), []);
	assert.ok(own.includes("vedette_build_info") && own.includes("process_resident_memory_bytes"));
	const here = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).length;
	assert.ok(Math.abs(mine.get("node_processes_pids").samples.get("") - here) < 100);
});
