// The Socket.IO bench: our library beside the reference server, and beside what the kernel lets through at all.
//
//   node tests/bench/socketio.mjs [--rounds 3] [--seconds 2] [--quick] [--only TEXT] [--json FILE]
//
// Every figure is a server that has just started, on core 0, and load.c on core 1. The servers take turns within a round,
// and a ratio is made of two figures of the same round, so that what the host does meanwhile hits both.

import { spawn, execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { median, table } from './table.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const built = process.env.BENCH_DIR ?? join(here, '../../build/bench');
const run = promisify(execFile);

const { values: opt } = parseArgs({
	options: {
		rounds: { type: 'string', default: '3' },
		seconds: { type: 'string' },
		quick: { type: 'boolean', default: false },
		only: { type: 'string' },
		json: { type: 'string' },
	},
});
const seconds = Number(opt.seconds ?? (opt.quick ? 1 : 2));
const rounds = Number(opt.rounds);
const warm = opt.quick ? 0.5 : 1;

const NOISY = 0.15; // of a core: more than that taken by others in a window, and it is measured again
const TRIES = 3;

// ---- who is measured: the base of every ratio comes first ------------------------------------------------------------

const node = [process.execPath, '--expose-gc', join(here, 'peer.mjs')];
const servers = [
	{ name: 'Node', command: node },
	{ name: 'ours', command: [join(built, 'server')] },
	{ name: 'eiows', command: node, env: { WS_ENGINE: 'eiows' } },
	{ name: 'send', command: [join(built, 'ceiling')], ceiling: true },
	{ name: 'joined', command: [join(built, 'ceiling'), 'joined'], ceiling: true },
];

async function present(server) {
	if (server.env) return import(server.env.WS_ENGINE).then(() => true, () => false);
	return existsSync(server.command[0]);
}

// ---- what is measured ------------------------------------------------------------------------------------------------
// key: the figure in load's answer; least, most: what its ratio to Node shall be; mostBytes: what the figure itself shall be;
// ceiling: the bare send loops can do it too; long: left out by --quick

const broadcast = (clients, size, least, perTurn = 8) => ({
	name: `broadcast, ${clients} clients, ${size} B${perTurn === 8 ? '' : `, ${perTurn} a turn`}`,
	unit: 'messages/s',
	load: ['broadcast', '--clients', clients, '--size', size, '--per-turn', perTurn, '--burst', clients < 5000 ? 32 : 16],
	shows: [{ key: 'rate', least }],
	ceiling: true,
});
const latency = (rate, most) => ({
	name: `fan-out to 1000, ${rate}/s`,
	unit: 'ms',
	load: ['latency', '--clients', 1000, '--size', 200, '--rate', rate],
	shows: [{ label: 'p50', key: 'p50_ms' }, { label: 'p99', key: 'p99_ms', most }],
	ceiling: true,
});
const acks = (clients, inFlight, least) => ({
	name: `acks, ${clients} connection${clients > 1 ? 's' : ''}${inFlight > 1 ? `, ${inFlight} in flight` : ''}`,
	unit: 'acks/s',
	load: ['acks', '--clients', clients, '--in-flight', inFlight, '--size', 32],
	shows: [{ key: 'rate', least }],
	ceiling: true,
});
const polling = (name, scenario, ...more) => ({
	name: `long polling, ${name}`,
	unit: 'requests/s',
	load: [scenario, '--clients', 50, '--transport', 'polling', ...more],
	shows: [{ key: 'requests', least: 1.5 }],
});
const arrivals = (scenario, clients, transport, least) => ({
	name: `connects, ${transport}, ${scenario === 'storm' ? `${clients} come and stay` : 'coming and going'}`,
	unit: 'connects/s',
	load: [scenario, '--clients', clients, '--transport', transport],
	shows: [{ key: 'rate', least }],
	ceiling: transport === 'websocket',
});
const idle = (clients) => ({
	name: `resident memory, ${clients} idle`,
	unit: 'bytes each',
	load: ['idle', '--clients', clients],
	shows: [{ key: 'bytes_each', mostBytes: 4096 }],
});

const work = [
	broadcast(100, 200, 5),
	broadcast(1000, 200, 4.5),
	broadcast(5000, 200, 3.5),
	broadcast(100, 2048, 5),
	broadcast(1000, 2048, 4.5),
	broadcast(5000, 2048, 3.5),
	broadcast(1000, 200, undefined, 1),
	latency(50, 0.7),
	latency(10, undefined),
	acks(1, 1),
	acks(50, 1, 2.2),
	acks(50, 16),
	arrivals('storm', 1000, 'websocket', 6),
	arrivals('storm', 1000, 'polling', 4),
	arrivals('churn', 32, 'websocket'),
	arrivals('churn', 32, 'polling'),
	polling('acks', 'acks', '--size', 32),
	polling('broadcasts', 'polls', '--burst', 1, '--window', 1),
	idle(1000),
	idle(5000),
	{
		name: 'push 2 KB each second to 1000',
		unit: '% of a core',
		load: ['push', '--clients', 1000, '--size', 2048],
		seconds: opt.quick ? 5 : 10,
		shows: [{ key: 'cpu_percent', most: 0.7 }],
		ceiling: true,
	},
];

// ---- measuring -------------------------------------------------------------------------------------------------------

const cores = availableParallelism();

async function start(server) {
	const command = cores > 1 ? ['taskset', '-c', '0', ...server.command] : server.command;
	const child = spawn(command[0], command.slice(1), {
		stdio: ['ignore', 'pipe', 'inherit'],
		env: { ...process.env, ...server.env },
	});
	const gone = new Promise((resolve) => child.once('close', resolve));
	for await (const line of createInterface({ input: child.stdout })) {
		const port = /^port (\d+)$/.exec(line)?.[1];
		if (port) return { child, gone, port };
	}
	throw new Error(`${server.name} ended before it listened`);
}

async function measureOnce(server, item) {
	const { child, gone, port } = await start(server);
	try {
		const args = [...item.load, '--port', port, '--pid', child.pid, '--core', cores > 1 ? 1 : -1,
			'--seconds', item.seconds ?? seconds, '--warm', warm];
		return JSON.parse((await run(join(built, 'load'), args.map(String))).stdout);
	} finally {
		child.kill();
		await gone;
	}
}

// The quietest of a few tries, the first quiet one mostly.
async function measure(server, item) {
	let best;
	for (let i = 0; i < TRIES; i++) {
		const got = await measureOnce(server, item).catch((error) => ({ error: error.stderr?.trim() || error.message }));
		if (got.error) return got;
		if (!best || got.others_cpu < best.others_cpu) best = got;
		if (!(best.others_cpu > NOISY)) break;
	}
	return best;
}

const number = (value) => (value >= 1000 ? String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ' ') : value.toPrecision(3));

function figure(results, show) {
	const values = results.map((r) => r?.[show.key]).filter(Number.isFinite);
	return values.length ? number(median(values)) : results.some((r) => r?.error) ? 'failed' : '-';
}

function ratios(results, base, show) {
	return results.map((r, i) => r?.[show.key] / base[i]?.[show.key]).filter(Number.isFinite);
}

const spread = (list) => (list.length ? `${median(list).toFixed(2)} (${Math.min(...list).toFixed(2)}-${Math.max(...list).toFixed(2)})` : '-');

function verdict(show, ours, own) {
	const { least, most, mostBytes } = show;
	if (least === undefined && most === undefined && mostBytes === undefined) return ['', ''];
	const target = least ? `>= ${least}` : most ? `<= ${most}` : `<= ${mostBytes}`;
	const value = mostBytes ? median(own) : median(ours);
	if (!Number.isFinite(value)) return [target, '-'];
	return [target, (least ? value >= least : value <= (most ?? mostBytes)) ? 'met' : 'MISSED'];
}

function line(item, show, results) {
	const by = (name) => results[name] ?? [];
	const own = ratios(by('ours'), by('Node'), show);
	const mine = by('ours').map((r) => r?.[show.key]).filter(Number.isFinite);
	const [target, met] = verdict(show, own, mine);
	const noisy = Object.values(results).flat().some((r) => r?.others_cpu > NOISY);
	return {
		work: `${item.name}${show.label ? `: ${show.label}` : ''}, ${item.unit}${noisy ? ' ~' : ''}`,
		Node: figure(by('Node'), show),
		ours: figure(by('ours'), show),
		'ours / Node': spread(own),
		target,
		' ': met,
		...(results.eiows ? { 'eiows / Node': spread(ratios(by('eiows'), by('Node'), show)) } : {}),
		'send / Node': spread(ratios(by('send'), by('Node'), show)),
		'joined / Node': spread(ratios(by('joined'), by('Node'), show)),
	};
}

// ---- all of it -------------------------------------------------------------------------------------------------------

const here_ = await Promise.all(servers.map(present));
const taking = servers.filter((_, i) => here_[i]);
const missing = servers.filter((_, i) => !here_[i]).map((s) => s.name);
const chosen = work.filter((item) => !opt.only || item.name.includes(opt.only));

console.log(`Socket.IO: ${rounds} rounds of ${seconds} s, Node ${process.version}, ${cores} cores${cores > 1 ? '' : ' (all share one: ratios say little)'}`);
if (missing.length) console.log(`not here, not measured: ${missing.join(', ')}`);

const rows = [], raw = [];
let failed = false;
for (const item of chosen) {
	const results = Object.fromEntries(taking.filter((s) => !s.ceiling || item.ceiling).map((s) => [s.name, []]));
	for (let round = 0; round < rounds; round++) {
		const order = taking.filter((s) => results[s.name]);
		for (const server of round % 2 ? order.reverse() : order) {
			const got = await measure(server, item);
			if (got.error) {
				console.error(`${item.name}: ${server.name}: ${got.error}`);
				failed = true;
			}
			results[server.name].push(got);
		}
	}
	for (const show of item.shows) rows.push(line(item, show, results));
	raw.push({ name: item.name, unit: item.unit, results });
	if (process.stderr.isTTY) process.stderr.write(`\r${raw.length}/${chosen.length} `);
}
if (process.stderr.isTTY) process.stderr.write('\r');
console.log(table(rows));
console.log('Medians; ratios of one round each, median (least-most). ~ others took much of a core meanwhile.');
const missed = rows.filter((row) => row[' '] === 'MISSED').length;
const met = rows.filter((row) => row[' '] === 'met').length;
console.log(`${met} targets met, ${missed} missed.`);
if (opt.json) writeFileSync(opt.json, JSON.stringify({ node: process.version, cores, seconds, rows, raw }, null, '\t'));
process.exitCode = failed ? 1 : 0;
