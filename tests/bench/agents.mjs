// The agents bench: what watching this host costs, ours beside Debian's netdata, node_exporter and Glances.
//
//   node tests/bench/agents.mjs [--seconds 60] [--quick] [--only TEXT] [--json FILE] [--series 500]
//
// A small host is made larger, for all of them alike, where that is allowed: with interfaces of its own, in namespaces that end with
// the bench, until it has so many series.
//
// One after the other, each alone: measuring at 1 s, on a free port of the loopback, in directories that go with it.
// CPU and memory are those of the process and of all its children, out of /proc.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { io } from 'socket.io-client';
import { median, table } from './table.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const vedette = process.env.VEDETTE_BIN ?? join(here, '../../build/vedette');

const { values: opt } = parseArgs({
	options: {
		seconds: { type: 'string' },
		quick: { type: 'boolean', default: false },
		only: { type: 'string' },
		json: { type: 'string' },
		series: { type: 'string', default: '500' },
	},
});
const seconds = Number(opt.seconds ?? (opt.quick ? 10 : 60));

const WARM_S = 5;          // what only happens at the start is over then
const CLIENTS = 5;
const DASHBOARD_SERIES = 60;
const STARTS = 5;          // of ours: the limit is for the slowest
const ANSWER_WITHIN_S = 30;

const limits = { rss: 25e6, cpu: 1, binary: 5e6, answer_ms: 200 };

// ---- HTTP ------------------------------------------------------------------------------------------------------------

function fetchText(port, path) {
	return new Promise((resolve, reject) => {
		const request = httpGet({ host: '127.0.0.1', port, path, agent: false, timeout: 10000 }, (response) => {
			let text = '';
			response.setEncoding('utf8').on('data', (part) => (text += part));
			response.on('end', () => (response.statusCode === 200 ? resolve(text) : reject(new Error(`HTTP ${response.statusCode} from ${path}`))));
		});
		request.on('timeout', () => request.destroy(new Error(`no answer from ${path}`)));
		request.on('error', reject);
	});
}

function freePort() {
	return new Promise((resolve, reject) => {
		const server = createServer().once('error', reject).listen(0, '127.0.0.1', () => {
			const { port } = server.address();
			server.close(() => resolve(port));
		});
	});
}

// Milliseconds from began to the first 200: a refused connection costs a few microseconds, so asking often is cheap.
async function firstAnswer(port, path, began, child) {
	for (;;) {
		try {
			await fetchText(port, path);
			return performance.now() - began;
		} catch (error) {
			if (child.exitCode !== null || child.signalCode) throw new Error('ended before it answered');
			if (performance.now() - began > ANSWER_WITHIN_S * 1000) throw error;
			await sleep(2);
		}
	}
}

// ---- /proc -----------------------------------------------------------------------------------------------------------

const TICK = Number(execFileSync('getconf', ['CLK_TCK']));

function readStat(pid) {
	try {
		const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
		const field = text.slice(text.lastIndexOf(')') + 2).split(' '); // proc(5), from the third on
		return { pid, ppid: Number(field[1]), ticks: field.slice(11, 15).reduce((sum, n) => sum + Number(n), 0), started: field[19] };
	} catch {
		return null; // it ended meanwhile
	}
}

// The process and all that descend from it.
function tree(root) {
	const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((name) => readStat(Number(name))).filter(Boolean);
	const members = new Set([root]);
	for (let before = 0; before !== members.size;) {
		before = members.size;
		for (const p of all) if (members.has(p.ppid)) members.add(p.pid);
	}
	return all.filter((p) => members.has(p.pid));
}

// Those of children that ended are in their parent's, so nothing is lost or counted twice.
const cpuSeconds = (root) => tree(root).reduce((sum, p) => sum + p.ticks, 0) / TICK;

function field(path, name) {
	try {
		return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(path, 'latin1'))?.[1] ?? 0);
	} catch {
		return 0;
	}
}

function memory(root) {
	const pids = tree(root).map((p) => p.pid);
	const sum = (file, name) => pids.reduce((total, pid) => total + field(`/proc/${pid}/${file}`, name), 0);
	return { rss: sum('status', 'VmRSS') * 1024, pss: sum('smaps_rollup', 'Pss') * 1024, threads: sum('status', 'Threads'), processes: pids.length };
}

// ---- starting and ending ---------------------------------------------------------------------------------------------

async function start(agent) {
	const dir = mkdtempSync(join(tmpdir(), 'vedette-bench-'));
	const port = await freePort();
	const { command, env } = agent.prepare(dir, port);
	const began = performance.now();
	const child = spawn(command[0], command.slice(1), { stdio: 'ignore', detached: true, cwd: dir, env: { ...process.env, ...env } });
	const gone = new Promise((resolve) => child.once('close', resolve).once('error', resolve));
	const running = { agent, dir, port, child, gone };
	try {
		running.answer_ms = await firstAnswer(port, agent.path, began, child);
	} catch (error) {
		await stop(running);
		throw error;
	}
	return running;
}

const signal = (pid, name) => {
	try {
		process.kill(pid, name);
	} catch {
		// already gone
	}
};

// Its own group first; then what of its tree had left the group and outlived it.
async function stop({ dir, child, gone }) {
	const members = child.pid ? tree(child.pid) : [];
	if (child.pid) signal(-child.pid, 'SIGTERM');
	const patience = new AbortController();
	await Promise.race([gone, sleep(15000, null, { signal: patience.signal }).catch(() => {})]);
	patience.abort();
	for (const p of members) if (readStat(p.pid)?.started === p.started) signal(p.pid, 'SIGKILL');
	await gone;
	rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
}

// ---- the agents ------------------------------------------------------------------------------------------------------
// binary: what must be there; prepare: how to start it; path: its first answer, and what is asked each second if each is set;
// series: how many numbers it keeps or shows; clients: who is connected meanwhile

const numbersIn = (value) => (typeof value === 'number' ? 1 : value && typeof value === 'object' ? Object.values(value).reduce((n, v) => n + numbersIn(v), 0) : 0);

function netdataFiles(dir, port) {
	const place = (name) => {
		mkdirSync(join(dir, name), { recursive: true });
		return join(dir, name);
	};
	writeFileSync(join(dir, 'netdata.conf'), `
[global]
	run as user = ${userInfo().username}
	update every = 1
[directories]
	config = ${place('etc')}
	cache = ${place('cache')}
	lib = ${place('lib')}
	log = ${place('log')}
	lock = ${place('lock')}
	home = ${place('home')}
[web]
	bind to = 127.0.0.1
	default port = ${port}
[statsd]
	enabled = no
`);
	writeFileSync(join(dir, 'etc/.opt-out-from-anonymous-statistics'), '');
	return { command: ['netdata', '-D', '-c', join(dir, 'netdata.conf'), '-P', join(dir, 'pid')], env: { DO_NOT_TRACK: '1' } };
}

const ours = (name, clients) => ({
	name,
	binary: vedette,
	ours: true,
	prepare: (dir, port) => ({ command: [vedette, '--listen', `127.0.0.1:${port}`, '--data-dir', dir] }),
	path: '/healthz',
	series: async (port) => JSON.parse(await fetchText(port, '/api/v1/status')).series,
	clients,
});

const agents = [
	ours('vedette, nobody looks', null),
	ours(`vedette, ${CLIENTS} dashboards`, watchSome),
	ours(`vedette, ${CLIENTS} clients of everything`, subscribeAll),
	{
		name: 'netdata',
		binary: 'netdata',
		prepare: netdataFiles,
		path: '/api/v1/info',
		series: async (port) => Object.values(JSON.parse(await fetchText(port, '/api/v1/charts')).charts).reduce((n, chart) => n + Object.keys(chart.dimensions).length, 0),
	},
	{
		name: 'node_exporter, scraped',
		binary: 'prometheus-node-exporter',
		prepare: (dir, port) => ({ command: ['prometheus-node-exporter', `--web.listen-address=127.0.0.1:${port}`] }),
		path: '/metrics',
		each: true,
		series: async (port) => (await fetchText(port, '/metrics')).split('\n').filter((line) => line && line[0] !== '#').length,
	},
	{
		name: 'glances -w, asked',
		binary: 'glances',
		prepare: (dir, port) => ({
			command: ['glances', '-w', '-B', '127.0.0.1', '-p', String(port), '-t', '1', '--disable-check-update', '--disable-autodiscover'],
			env: { HOME: dir, XDG_CONFIG_HOME: dir },
		}),
		path: '/api/3/all',
		each: true,
		series: async (port) => numbersIn(JSON.parse(await fetchText(port, '/api/3/all'))),
	},
];

// ---- our clients -----------------------------------------------------------------------------------------------------

async function connect(port) {
	const socket = io(`http://127.0.0.1:${port}`, { forceNew: true });
	await new Promise((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
	return socket;
}

async function request(socket, ...args) {
	const answer = await socket.timeout(5000).emitWithAck(...args);
	if (answer.status !== 'ok') throw new Error(`${args[0]}: ${answer.error}`);
	return answer;
}

// What a dashboard does: frames of a page's series once a second.
async function watchSome(port, received) {
	const socket = await connect(port);
	const { series } = await request(socket, 'get metrics');
	await request(socket, 'watch', { series: series.slice(0, DASHBOARD_SERIES).map((s) => s.id), rate: 1000 });
	socket.on('frame', () => received.count++);
	return socket;
}

// The dearest thing that one client can ask for.
async function subscribeAll(port, received) {
	const socket = await connect(port);
	await request(socket, 'subscribe metric', '*');
	await request(socket, 'set polling rate', 1000);
	socket.on('custom metrics', () => received.count++);
	return socket;
}

// ---- measuring -------------------------------------------------------------------------------------------------------

const where = (binary) => (binary.includes('/') ? (existsSync(binary) ? binary : null) : (process.env.PATH ?? '').split(':').concat('/usr/sbin').map((d) => join(d, binary)).find(existsSync) ?? null);

// Without debug information, as it is installed.
function binaryBytes(path, dir) {
	const copy = join(dir, 'stripped');
	copyFileSync(path, copy);
	try {
		execFileSync('strip', [copy], { stdio: 'ignore' });
	} catch {
		// a script: its own size
	}
	return statSync(copy).size;
}

function everySecond(work) {
	let errors = 0;
	const timer = setInterval(() => work().catch(() => errors++), 1000);
	return () => {
		clearInterval(timer);
		return errors;
	};
}

async function watchIt({ agent, port, child }, result) {
	const received = { count: 0 };
	const sockets = [];
	try {
		for (let i = 0; agent.clients && i < CLIENTS; i++) sockets.push(await agent.clients(port, received));
		const asking = agent.each ? everySecond(() => fetchText(port, agent.path)) : () => 0;
		await sleep(WARM_S * 1000);
		received.count = 0;
		const cpu = cpuSeconds(child.pid), began = performance.now();
		let most = memory(child.pid);
		while (performance.now() - began < seconds * 1000) {
			await sleep(Math.min(5000, began + seconds * 1000 - performance.now()));
			const now = memory(child.pid);
			if (now.rss >= most.rss) most = now;
		}
		const took = (performance.now() - began) / 1000;
		Object.assign(result, most, { cpu: (100 * (cpuSeconds(child.pid) - cpu)) / took, pushes: received.count / took, errors: asking() });
		result.series = await agent.series(port);
		result.us_each = (result.cpu * 1e4) / result.series;
	} finally {
		for (const socket of sockets) socket.disconnect();
	}
}

async function measure(agent) {
	const result = { name: agent.name, ours: Boolean(agent.ours) };
	const path = where(agent.binary);
	if (!path) return { ...result, missing: true };
	const running = await start(agent);
	try {
		result.answer_ms = [running.answer_ms];
		result.binary = binaryBytes(path, running.dir);
		await watchIt(running, result);
	} finally {
		await stop(running);
	}
	while (agent.ours && result.answer_ms.length < STARTS) {
		const again = await start(agent);
		result.answer_ms.push(again.answer_ms);
		await stop(again);
	}
	return result;
}

// ---- a larger host ---------------------------------------------------------------------------------------------------

const SERIES_OF_AN_INTERFACE = 10;

// Once more, in namespaces of its own; the exit status, or null where they are not allowed.
function again_apart() {
	const inside = 'mount -t sysfs sysfs /sys && ip link set lo up && exec "$@"';
	const apart = ['--net', '--mount', 'sh', '-c', inside, 'sh'];
	if (process.env.VEDETTE_BENCH_APART || spawnSync('unshare', [...apart, 'ip', 'link', 'add', 'br0', 'type', 'bridge']).status !== 0) return null;
	return spawnSync('unshare', [...apart, process.execPath, ...process.argv.slice(1)], { stdio: 'inherit', env: { ...process.env, VEDETTE_BENCH_APART: '1' } }).status ?? 1;
}

async function seriesHere() {
	const running = await start(agents[0]);
	try {
		await sleep(WARM_S * 1000);
		return await agents[0].series(running.port);
	} finally {
		await stop(running);
	}
}

async function enlarge(series) {
	const lacking = Math.ceil((series - await seriesHere()) / SERIES_OF_AN_INTERFACE);
	for (let i = 0; i < lacking; i++) {
		execFileSync('ip', ['link', 'add', `br${i}`, 'type', 'bridge']);
		execFileSync('ip', ['link', 'set', `br${i}`, 'up']);
	}
}

// ---- all of it -------------------------------------------------------------------------------------------------------

const mega = (bytes) => (bytes / 1e6).toFixed(1);

function row(r) {
	if (r.missing || r.failed) return [r.name, ...Array(9).fill(r.missing ? 'not here' : 'failed')];
	return [r.name, r.cpu.toFixed(2), mega(r.pss), mega(r.rss), r.threads, r.processes, r.series, r.us_each.toFixed(2), Math.round(median(r.answer_ms)), mega(r.binary)];
}

function judge(r) {
	const rows = [
		['RSS, MB', mega(r.rss), mega(limits.rss), r.rss <= limits.rss],
		['CPU, % of a core', r.cpu.toFixed(2), limits.cpu, r.cpu <= limits.cpu],
		['binary, MB', mega(r.binary), mega(limits.binary), r.binary <= limits.binary],
		[`first answer, ms, slowest of ${r.answer_ms.length}`, Math.round(Math.max(...r.answer_ms)), limits.answer_ms, Math.max(...r.answer_ms) <= limits.answer_ms],
	];
	return rows.map(([what, value, most, met]) => ({ [r.name]: what, value, 'at most': most, ' ': met ? 'met' : 'MISSED' }));
}

const columns = ['agent', 'CPU %', 'PSS MB', 'RSS MB', 'threads', 'processes', 'series', 'us/sample', 'answer ms', 'binary MB'];
if (Number(opt.series) > 0) {
	const status = again_apart();
	if (status !== null) process.exit(status);
	if (process.env.VEDETTE_BENCH_APART) await enlarge(Number(opt.series));
	else console.log('No namespaces here: the host is measured as it is, not with --series');
}
console.log(`Agents: ${seconds} s each at 1 s, one after the other`);
const results = [];
for (const agent of agents.filter((a) => !opt.only || a.name.includes(opt.only))) {
	try {
		results.push(await measure(agent));
	} catch (error) {
		console.error(`${agent.name}: ${error.message}`);
		results.push({ name: agent.name, failed: true });
		process.exitCode = 1;
	}
}
console.log(table(results.map((r) => Object.fromEntries(row(r).map((cell, i) => [columns[i], cell])))));
console.log('RSS and PSS: at the highest RSS seen, with all children. us/sample: CPU time of one series in one second.');
for (const r of results.filter((r) => r.ours && r.cpu !== undefined)) {
	console.log(`\n${table(judge(r))}`);
	if (r.pushes) console.log(`${r.pushes.toFixed(1)} messages a second reached the clients`);
}
if (opt.json) writeFileSync(opt.json, JSON.stringify({ seconds, limits, results }, null, '\t'));
