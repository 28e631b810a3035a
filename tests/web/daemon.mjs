/* daemon.mjs: the built binary on a port and a data folder of its own, which
 * can be frozen, killed, and started again where it was. */

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const binary = resolve(root, process.env.VEDETTE_BIN ?? 'build/vedette');
const START_MS = 60000;

/* The rules that come with Vedette would fire whenever the test host is busy. */
export const calm = ['HIGH_CPU', 'HIGH_MEMORY'].map((name) => `alert "${name}" { enabled = false }\n`).join('');

/* config: the text of the file. tokens: { name: role }, made before the start;
 * daemon.tokens has their secrets. */
export async function start_daemon({ config = calm, tokens = {} } = {}) {
	const data = mkdtempSync(join(tmpdir(), 'vedette-web-')), file = join(data, 'vedette.conf');
	const secrets = {};
	let child = null, said = '', port = 0; /* the one that it gets first stays its own */

	writeFileSync(file, config);
	for (const [name, role] of Object.entries(tokens))
		secrets[name] = execFileSync(binary, ['--data-dir', data, 'token', 'add', name, role], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();

	function start() {
		return new Promise((done, fail) => {
			const late = setTimeout(() => fail(new Error(`the daemon did not start: ${said}`)), START_MS);

			said = '';
			child = spawn(binary, ['--config', file, '--listen', `127.0.0.1:${port}`, '--data-dir', data], { stdio: ['ignore', 'ignore', 'pipe'] });
			child.once('error', fail);
			child.once('exit', (code) => {
				clearTimeout(late);
				fail(new Error(`the daemon ended with ${code}: ${said}`));
			});
			child.stderr.on('data', (text) => {
				said = (said + text).slice(-4000);

				const found = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(said);

				if (!found)
					return;
				port = Number(found[1]);
				clearTimeout(late);
				done();
			});
		});
	}

	function end(signal) {
		return new Promise((done) => {
			if (!child || child.exitCode !== null || child.signalCode !== null) {
				done();
				return;
			}
			child.once('exit', () => done());
			child.kill(signal);
		});
	}

	await start();
	return {
		port,
		url: `http://127.0.0.1:${port}/`,
		start,
		kill: () => end('SIGKILL'),
		freeze: () => child.kill('SIGSTOP'),
		thaw: () => child.kill('SIGCONT'),
		reload: () => child.kill('SIGHUP'),
		tokens: secrets,
		said: () => said,
		/* Another configuration, taken over while it runs. */
		configure(text) {
			writeFileSync(file, text);
			child.kill('SIGHUP');
		},
		async stop() {
			child?.kill('SIGCONT');
			await end('SIGTERM');
			rmSync(data, { recursive: true, force: true });
		},
	};
}
