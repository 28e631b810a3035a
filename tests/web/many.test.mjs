/* A host with more interfaces than a chart can draw, a request may ask for or a
 * frame may hold: 130 bridges and one pair that carries something, in a network
 * namespace where browser, daemon and test run together. */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, next_tick, open, text, until, until_badge, until_ready } from './browser.mjs';
import { start_daemon } from './daemon.mjs';

const BRIDGES = 130;
const apart = ['-rnm', 'sh', '-c', 'mount -t sysfs sysfs /sys && ip link set lo up && exec "$@"', 'sh'];

function make_interfaces() {
	const more = Array.from({ length: BRIDGES }, (_, i) => `link add br${i} type bridge`);

	execFileSync('ip', ['-batch', '-'], { input: [
		...more, 'link add veth0 type veth peer name veth1', 'link set veth0 up', 'link set veth1 up',
		'addr add 10.9.0.1/24 dev veth0', 'neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev veth0',
	].join('\n') });
}

if (process.env.VEDETTE_WEB_APART) {
	let browser, daemon, sender, timer;

	before(async () => {
		make_interfaces();
		sender = createSocket('udp4');
		timer = setInterval(() => sender.send(Buffer.alloc(1000), 9, '10.9.0.2'), 20);
		[browser, daemon] = await Promise.all([launch(), start_daemon()]);
	});

	after(async () => {
		clearInterval(timer);
		sender?.close();
		await browser?.close();
		await daemon?.stop();
	});

	async function until_series(id, good) {
		for (;;) {
			const { series } = await (await fetch(`${daemon.url}api/v1/series?match=${id}`)).json();

			if (good(series[0]))
				return;
			await new Promise((done) => setTimeout(done, 100));
		}
	}

	async function visit(hash, fn, options) {
		const page = await open(browser, daemon.url + hash, options);

		try {
			await until_ready(page);
			await fn(page);
			assert.deepEqual(page.faults, []);
			assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('.card-note.shown, .state-box:not([hidden])')].map((el) => el.textContent).filter((said) => /missing|not be loaded/.test(said))), []);
		} finally {
			await page.context().close();
		}
	}

	describe('many interfaces', () => {
		test('the overview is live, and draws those that carry something', { timeout: 60000 }, async () => {
			await until_series('net.tx_bytes/veth0', (series) => series?.last > 0);
			await visit('', async (page) => {
				await until_badge(page, 'LIVE');
				await next_tick(page);
				assert.match(await text(page, '[data-tile="network"] .tile-sub'), /veth\d/);
				await page.locator('#card-network').scrollIntoViewIfNeeded();
				await until(page, 'the busy pair', () => {
					const names = [...document.querySelectorAll('#card-network .legend-name')].map((el) => el.textContent);

					return names.length === 8 && ['veth0 out', 'veth1 in'].every((name) => names.includes(name));
				});
				assert.match(await text(page, '#card-network .card-now'), /^busiest 4 of 13\d$/);
				await until(page, 'values', () => [...document.querySelectorAll('#card-network .legend-value')].every((el) => /\d/.test(el.textContent)));
				await until(page, 'health', () => document.querySelector('.health-word').textContent !== 'Unknown');
				for (const card of ['packets', 'network-trouble']) {
					await page.locator(`#card-${card}`).scrollIntoViewIfNeeded();
					await until(page, card, (id) => document.querySelectorAll(`#card-${id} .legend-name`).length > 0, card);
				}
			});
		});

		test('a fixed range draws those that were busy in it', { timeout: 60000 }, async () => {
			const to = Date.now();

			await visit(`#/overview?from=${to - 60000}&to=${to}`, async (page) => {
				await page.locator('#card-network').scrollIntoViewIfNeeded();
				await until(page, 'the busy pair', () => [...document.querySelectorAll('#card-network .legend-name')].some((el) => el.textContent === 'veth0 out'));
			});
		});

		test('the explorer shows what * holds, and says that there is more', { timeout: 60000 }, async () => {
			await visit('#/explorer?series=net.rx_bytes/*', async (page) => {
				await until(page, 'numbers', () => document.querySelectorAll('.stats tbody tr').length === 64);
				await until(page, 'values', () => [...document.querySelectorAll('.stats tbody tr td:nth-child(3)')].every((el) => /\d/.test(el.textContent)));
				assert.match(await text(page, '.explorer-cut'), /^The first 64 of 13\d series/);
			});
		});

		test('the explorer shows what went away, and that it did', { timeout: 60000 }, async () => {
			execFileSync('ip', ['link', 'del', 'br129']);
			await until_series('net.rx_bytes/br129', (series) => series === undefined);
			await visit('#/explorer?series=net.rx_bytes/br129', async (page) => {
				await until(page, 'its line', () => document.querySelector('.explorer-card .legend-name')?.textContent === 'net.rx_bytes/br129 (gone)');
				await until(page, 'its numbers', () => /\d/.test(document.querySelector('.stats tbody tr td:nth-child(3)')?.textContent));
			});
		});
	});
} else {
	const can = spawnSync('unshare', [...apart, 'ip', 'link', 'add', 'br0', 'type', 'bridge']).status === 0;

	test('hosts with many interfaces', { timeout: 240000, skip: !can && 'this host lets nobody make interfaces of his own' }, () => {
		/* Without the runner's variable the inner one prints its findings for people. */
		const { NODE_TEST_CONTEXT: _, ...env } = process.env;
		const { status, stdout, stderr } = spawnSync('unshare', [...apart, process.execPath, '--test', fileURLToPath(import.meta.url)], { encoding: 'utf8', env: { ...env, VEDETTE_WEB_APART: '1' } });

		assert.equal(status, 0, `${stdout}${stderr}`);
	});
}
