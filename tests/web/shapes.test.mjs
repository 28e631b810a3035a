/* Hosts of other shapes than the one at hand, and its bad days: no sensors, a
 * watch that is refused, processes that are hidden, a line that is lost before
 * a view was loaded. tests/web/many.test.mjs has those with a lot of everything. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, next_tick, open, pay_visit, text, until, until_badge, until_ready } from './browser.mjs';
import { start_daemon } from './daemon.mjs';
import { interpose } from './wire.mjs';

let browser, daemon;

before(async () => {
	[browser, daemon] = await Promise.all([launch(), start_daemon()]);
});

after(async () => {
	await browser?.close();
	await daemon?.stop();
});

const tests = [];

function visit(title, hash, fn, options, prepare) {
	tests.push([title, () => pay_visit(browser, daemon.url + hash, fn, options, prepare)]);
}

const complaints = (page) => page.evaluate(() => [...document.querySelectorAll('.card-note.shown, .state-box:not([hidden])')].map((el) => el.textContent).filter((said) => /missing|not be loaded/.test(said)));

visit('nothing is missing on a host without sensors, and nothing promised', '', async (page) => {
	await next_tick(page);

	const { series } = await (await fetch(`${daemon.url}api/v1/series?match=sensor.*`)).json();
	const sections = () => page.locator('.nav-section').allTextContents(), before_ = await sections();

	assert.equal(before_.includes('Sensors'), series.length > 0);
	for (const card of await page.locator('.section:not([hidden]) .card:not([hidden])').all())
		await card.evaluate((el) => el.scrollIntoView());
	await next_tick(page);
	await next_tick(page);
	assert.deepEqual(await complaints(page), []);
	assert.deepEqual(await sections(), before_);
}, { viewport: { width: 360, height: 780 } });

/* The window lets the list through, once the test has seen what its refusal looks like. */
tests.push(['a watch that is refused is never LIVE', async () => {
	let refused = true;
	const page = await open(browser, daemon.url, {}, (one) => interpose(one, {
		answer: (event) => (event === 'watch' && refused ? { status: 'error', error: 'too many series: a watch list may hold at most 1000' } : undefined),
	}));

	try {
		await until_badge(page, 'NO VALUES');
		await until(page, 'the reason', () => /sends no values: too many series/.test(document.querySelector('.banner:not([hidden])')?.textContent));
		refused = false;
		await page.locator('.banner button').evaluate((button) => button.click()); /* it may have tried by itself */
		await until_badge(page, 'LIVE');
		assert.equal(await page.locator('.banner:not([hidden])').count(), 0);
		assert.deepEqual(page.faults, []);
	} finally {
		await page.context().close();
	}
}]);

visit('the word of a tile comes with the mean that was judged, and cuts nothing', '', async (page) => {
	await until(page, 'Critical', () => document.querySelector('[data-tile="cpu"]').dataset.level === 'critical');
	await until(page, 'the mean', () => /^9\d(\.\d)? % over 15 s$/.test(document.querySelector('[data-tile="cpu"] .tile-sub').textContent));
	for (const width of [1440, 1366, 1024]) {
		await page.setViewportSize({ width, height: 900 });
		await next_tick(page);
		assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('.tile-label')].filter((el) => el.scrollWidth > el.clientWidth + 1).map((el) => el.textContent)), [], `cut at ${width}`);
	}
}, {}, (page) => interpose(page, { change: (id, value) => (id === 'cpu.usage' || /^(disk\.busy|pressure\.)/.test(id ?? '') ? 97 : value) }));

visit('the layers of memory are the whole, no more', '', async (page) => {
	await next_tick(page);

	const { series } = await (await fetch(`${daemon.url}api/v1/history?series=memory.used&series=memory.reclaimable&series=memory.free&series=memory.total&from=-5000&shape=columns`)).json();
	const last = Object.fromEntries(series.map((one) => [one.id.split('.')[1], one.values.filter((value) => value !== null).at(-1)]));

	assert.ok(Math.abs(last.used + last.reclaimable + last.free - last.total) < last.total * 0.02, JSON.stringify(last));
	assert.deepEqual(await page.locator('#card-memory .legend-name').allTextContents(), ['used', 'reclaimable', 'free']);
});

visit('explorer: all there is, and nothing of that name', '#/explorer?series=*', async (page) => {
	await until(page, 'numbers', () => document.querySelectorAll('.stats tbody tr').length === 64);
	await until(page, 'their past', () => [...document.querySelectorAll('.stats tbody tr td:nth-child(3)')].filter((el) => /\d/.test(el.textContent)).length > 32);
	assert.match(await text(page, '.explorer-cut'), /^The first 64 of \d+ series/);
	assert.deepEqual(await complaints(page), []);
	await page.evaluate(() => { location.hash = '#/explorer?series=no.such/*'; });
	await until(page, 'the reason', () => /No series matches “no.such\/\*”/.test(document.querySelector('.explorer-main > .state-box:not([hidden])')?.textContent));
	assert.equal(await page.locator('.explorer-card').count(), 0);
});

visit('hidden processes are said to be hidden', '#/processes', async (page) => {
	await until(page, 'the hint', () => document.querySelector('.toolbar-hint')?.checkVisibility());
	assert.match(await page.locator('.toolbar-hint').getAttribute('title'), /hidepid/);
}, {}, (page) => interpose(page, {
	answer: (event, { columns } = {}) => (event === 'get processes' ? { status: 'ok', timestamp: Date.now(), total: 1, matched: 1, hidden: true, columns, rows: [columns.map((name) => (name === 'pid' ? 42 : null))] } : undefined),
}));

tests.push(['what was not loaded before the line was lost says so', async () => {
	const own = await start_daemon(), page = await open(browser, own.url);

	try {
		await until_ready(page);
		await own.kill();
		await until_badge(page, 'OFFLINE');
		await page.evaluate(() => { location.hash = '#/processes'; });
		await until(page, 'the reason', () => /not connected/.test(document.querySelector('.grid-box .state-box:not([hidden])')?.textContent));
		await own.start();
		await until(page, 'rows', () => document.querySelectorAll('.grid-body .grid-row').length > 3);
	} finally {
		await page.context().close();
		await own.stop();
	}
}]);

describe('shapes', { concurrency: 2 }, () => {
	for (const [title, fn] of tests)
		test(title, { timeout: 90000 }, fn);
});
