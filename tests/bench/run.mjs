// `make bench`: all benches, one after the other; with a name (alerts, socketio, agents) that one. Options go to each.

import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [first, ...rest] = process.argv.slice(2);
const benches = ['alerts', 'socketio', 'agents'];
const named = benches.filter((name) => name === first);
const options = named.length ? rest : process.argv.slice(2);

for (const name of named.length ? named : benches) {
	const { status } = spawnSync(process.execPath, [join(here, `${name}.mjs`), ...options], { stdio: 'inherit' });
	if (status) process.exitCode = status;
	console.log();
}
