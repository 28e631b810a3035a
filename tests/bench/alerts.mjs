// The alerts bench: what it costs to judge ten thousand rules × series each second. alerts.c is what judges.
//
//   node tests/bench/alerts.mjs [--seconds 60] [--quick] [--only TEXT] [--json FILE]

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { table } from './table.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const program = join(process.env.BENCH_DIR ?? join(here, '../../build/bench'), 'alerts');
const LIMIT = 2; // % of a core

const { values: opt } = parseArgs({
	options: {
		seconds: { type: 'string' },
		quick: { type: 'boolean', default: false },
		only: { type: 'string' },
		json: { type: 'string' },
	},
});
const seconds = Number(opt.seconds ?? (opt.quick ? 10 : 60));

console.log(`Alerts: ten thousand rules × series, judged each second, ${seconds} simulated seconds`);
const lines = execFileSync(program, [String(seconds)], { encoding: 'utf8' }).trim().split('\n');
const results = lines.map((line) => {
	const [, plain, windows, cpu, worst, changes] = /^ *(\d+) plain, *(\d+) over 5 min: *([\d.]+) % of a core, worst second ([\d.]+) ms, (\d+) changes\/s$/.exec(line).map(Number);
	return { plain, windows, cpu, worst_ms: worst, changes };
}).filter(({ plain, windows }) => `${plain} of the last value, ${windows} over 5 min`.includes(opt.only ?? ''));

console.log(table(results.map(({ plain, windows, cpu, worst_ms, changes }) => ({
	'of the last value': plain, 'over 5 min': windows, 'CPU, % of a core': cpu.toFixed(2), 'at most': LIMIT, ' ': cpu <= LIMIT ? 'met' : 'MISSED',
	'worst second, ms': worst_ms.toFixed(1), 'changes a second': changes,
}))));
if (opt.json) writeFileSync(opt.json, JSON.stringify({ seconds, limit: LIMIT, results }, null, '\t'));
