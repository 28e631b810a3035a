/* What the checklist does not ask, and an operator would notice: names that
 * are not markup, keys that go where they should, values that agree. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { launch, next_tick, open, pay_visit, text, until, until_badge } from './browser.mjs';
import { calm, start_daemon } from './daemon.mjs';
import { interpose } from './wire.mjs';

let browser, daemon;

before(async () => {
	[browser, daemon] = await Promise.all([launch(), start_daemon({ config: `${calm}alert "NEVER" { metric = "host.uptime"  above = 1e12 }\n` })]);
});

after(async () => {
	await browser?.close();
	await daemon?.stop();
});

const tests = [];

function visit(title, hash, fn, options, prepare) {
	tests.push([title, () => pay_visit(browser, daemon.url + hash, fn, options, prepare)]);
}

visit('the header names the host, and the tab does too', '', async (page) => {
	const { host } = await (await fetch(`${daemon.url}api/v1/status`)).json();

	await until(page, 'the host', (name) => document.querySelector('.host-name').textContent === name, host.hostname);
	assert.ok((await page.title()).includes(host.hostname));
});

visit('the memory tile agrees with the server', '', async (page) => {
	await next_tick(page);

	const { series } = await (await fetch(`${daemon.url}api/v1/history?series=memory.usage&from=-5000&shape=columns`)).json();
	const shown = parseFloat(await text(page, '[data-tile="memory"] .tile-value'));

	assert.ok(Math.abs(shown - series[0].values.filter((value) => value !== null).at(-1)) < 5, `${shown}`);
});

tests.push(['a process named like markup stays text', async () => {
	const name = '<img src=x onerror=breaches.push(1)>';
	const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)', name], { argv0: name, stdio: 'ignore' });
	const page = await open(browser, `${daemon.url}#/processes?filter=onerror`);

	try {
		await until(page, 'the process', () => [...document.querySelectorAll('.grid-body .grid-row')].some((row) => row.textContent.includes('<img src=x')), null, 15000);
		assert.equal(await page.locator('#main img').count(), 0);
		await page.locator('.grid-body .grid-row', { hasText: '<img src=x' }).first().click();
		await until(page, 'its details', () => document.querySelector('.details-command')?.textContent.includes('<img src=x'));
		assert.equal(await page.locator('#main img').count(), 0);
		assert.deepEqual(await page.evaluate(() => window.breaches), []);
		assert.deepEqual(page.faults, []);
	} finally {
		child.kill();
		await page.context().close();
	}
}]);

visit('keys walk the process table and open a process', '#/processes', async (page) => {
	await until(page, 'rows', () => document.querySelectorAll('.grid-body .grid-row').length > 3);
	await page.locator('.grid').focus();
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('ArrowDown');
	await until(page, 'the second row', () => document.querySelector('.grid-row.active')?.getAttribute('aria-rowindex') === '3');
	await page.keyboard.press('Enter');
	await until(page, 'details', () => !document.querySelector('.details').hidden);
	assert.match(await text(page, '.details'), /PID \d+.*parent/);
});

visit('explorer: pick, pattern, alone, remove, save', '#/explorer', async (page) => {
	await page.getByText('CPU by core').click();
	await until(page, 'two chips', () => document.querySelectorAll('.selection .chip').length === 2);
	await until(page, 'numbers', () => document.querySelectorAll('.stats tbody tr').length >= 2);
	await page.getByLabel('Search series').fill('load.*');
	await page.keyboard.press('Enter');
	await until(page, 'a second chart', () => document.querySelectorAll('.explorer-card').length === 2);
	await page.locator('.explorer-card .legend-entry').first().click({ modifiers: ['Alt'] });
	assert.equal(await page.locator('.explorer-card').first().locator('li:not(.off)').count(), 1);
	await page.locator('.series-row[title^="load.15\\a "]:visible').click(); /* not by its text: a load.1 of 5.26 reads load.15.26 */
	await until(page, 'the pattern spelled out', () => /series=[^&]*load\.5/.test(location.hash) && !/series=[^&]*load\.(\*|15)/.test(location.hash));
	await page.getByRole('button', { name: 'Clear' }).click();
	await until(page, 'nothing', () => !document.querySelector('.explorer-empty').hidden);
});

visit('dates that were typed mean the same moment in another zone', '', async (page) => {
	const zone = (value) => page.locator(`.popover [data-value="${value}"]`).click();
	const title = () => page.locator('.popover .menu-title').last().textContent();

	await next_tick(page);
	await page.getByLabel('Time range').click();
	await page.locator('.popover [name="from"]').fill('2026-01-15T10:00');
	await page.locator('.popover [name="to"]').fill('2026-01-15T10:30:30');
	await zone('utc');
	assert.equal(await page.locator('.popover [name="from"]').inputValue(), '2026-01-15T04:30');
	assert.equal(await page.locator('.popover [name="to"]').inputValue(), '2026-01-15T05:00:30');
	assert.equal(await title(), 'Times are UTC');
	await page.locator('.popover [name="to"]').fill('');
	await zone('browser');
	assert.equal(await page.locator('.popover [name="from"]').inputValue(), '2026-01-15T10:00');
	await page.locator('.popover [name="to"]').fill('2026-01-15T10:30');
	await zone('utc');
	await page.getByRole('button', { name: 'Show', exact: true }).click();
	assert.match(await page.evaluate(() => location.hash), new RegExp(`from=${Date.UTC(2026, 0, 15, 4, 30)}&to=${Date.UTC(2026, 0, 15, 5)}`));
}, { timezoneId: 'Asia/Kolkata' });

visit('the row that the keys are on has a name of its own', '#/explorer', async (page) => {
	await until(page, 'rows', () => document.querySelectorAll('.series-row').length > 5);
	await page.locator('.series-list').focus();
	for (let i = 0; i < 4; i++) {
		await page.keyboard.press('ArrowDown');

		const { spoken, active, twice } = await page.evaluate(() => {
			const ids = [...document.querySelectorAll('.series-row[id]')].map((row) => row.id);

			return {
				spoken: document.getElementById(document.querySelector('.series-list').getAttribute('aria-activedescendant'))?.title,
				active: document.querySelector('.series-row.active').title, twice: ids.length - new Set(ids).size,
			};
		});

		assert.equal(spoken, active);
		assert.equal(twice, 0);
	}
});

visit('how long ago the last alert ended grows', '#/alerts', async (page) => {
	await until(page, 'the age', () => /LAST, which ended \d+ s ago/.test(document.querySelector('.calm').textContent));

	const link = await page.locator('.calm a').first().elementHandle(), before = await text(page, '.calm');

	await until(page, 'another age', (old) => document.querySelector('.calm').textContent !== old, before, 10000);
	assert.equal(await link.evaluate((el) => el.isConnected), true, 'what may have the focus stays');
}, {}, (page) => {
	const last = { id: 'x', rule: 'LAST', series: 'cpu.usage', severity: 'warning', state: 'resolved', startsAt: Date.now() - 9000, endsAt: Date.now() - 3000, timestamp: Date.now() - 3000 };

	return interpose(page, { answer: (event, question) => (event === 'get alerts' && question.state === 'resolved' ? { status: 'ok', alerts: [last] } : undefined) });
});

/* A proxy that swallows WebSocket: the past is there long before the first connection is. */
visit('what happened before the first connection is no gap', '#/explorer?series=memory.usage', async (page) => {
	await until(page, 'polling', () => /polling/i.test(document.querySelector('.top').innerText + document.querySelector('.banner')?.innerText));
	await until_badge(page, 'LIVE');
	for (let i = 0; i < 4; i++)
		await next_tick(page);

	const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save CSV' }).click()]);
	const values = readFileSync(await file.path(), 'utf8').trim().split('\n').slice(1).map((line) => line.split(',')[1]);
	const known = values.slice(values.findIndex(Boolean), values.findLastIndex(Boolean) + 1);
	let gap = 0, widest = 0;

	for (const value of known)
		widest = Math.max(widest, gap = value ? 0 : gap + 1);
	assert.ok(widest < 5, `${widest} s of ${known.length} are missing`);
}, {}, (page) => page.routeWebSocket(/socket\.io/, () => {}));

visit('times of the server, wherever one looks from', '', async (page) => {
	const zone = async (value) => {
		await page.getByLabel('Time range').click();
		await page.locator(`.popover [data-value="${value}"]`).click();
		await page.keyboard.press('Escape');
		await page.getByLabel('Time range').click();

		const said = await page.locator('.popover .menu-title').last().textContent();

		await page.keyboard.press('Escape');
		return said;
	};
	const { host } = await (await fetch(`${daemon.url}api/v1/status`)).json();

	await next_tick(page);
	assert.match(await zone('browser'), /IST|GMT\+5:30/);
	assert.equal(await zone('server'), `Times are ${new Intl.DateTimeFormat('en-GB', { timeZone: host.timezone, timeZoneName: 'short' }).formatToParts().find((part) => part.type === 'timeZoneName').value}`);
}, { timezoneId: 'Asia/Kolkata' });

visit('space on a button is the button\'s own', '', async (page) => {
	await page.getByLabel('Settings').focus();
	await page.keyboard.press(' ');
	await until(page, 'the panel', () => document.querySelector('.popover'));
	assert.equal(await text(page, '.badge-word'), 'LIVE');
	await page.keyboard.press('Escape');
	await until(page, 'no panel, and the button again', () => !document.querySelector('.popover') && document.activeElement.getAttribute('aria-label') === 'Settings');
});

visit('letters typed in a box are letters', '#/processes', async (page) => {
	await page.getByLabel('Filter processes').focus();
	await page.keyboard.type('t?n/g o');
	assert.equal(await page.getByLabel('Filter processes').inputValue(), 't?n/g o');
	assert.equal(await page.evaluate(() => document.documentElement.dataset.theme ?? 'none'), 'none');
	assert.equal(await page.locator('dialog[open]').count(), 0);
});

visit('paused keeps its range and loses nothing', '', async (page) => {
	await next_tick(page);
	await page.keyboard.press(' ');
	await until_badge(page, 'PAUSED');

	const words = await text(page, '.range-text');

	await page.waitForTimeout(1500);
	assert.equal(await text(page, '.range-text'), words);
	assert.match(await text(page, '[data-tile="cpu"] .tile-sub'), /^at \d\d:\d\d:\d\d$/);
	await page.keyboard.press(' ');
	await until_badge(page, 'LIVE');
});

visit('a health change is spoken once', '', async (page) => {
	await until(page, 'Critical', () => document.querySelector('.health-word').textContent === 'Critical');
	assert.match(await text(page, '[aria-live]'), /^Health is Critical: /);
	await page.locator('.health').click();
	await until(page, 'the reasons', () => /Memory/.test(document.querySelector('.reason-list')?.textContent));
}, {}, (page) => interpose(page, { change: (id, value) => (id === 'memory.usage' ? 99 : value) }));

/* What a screen reader gets: one heading of the first level and no level left out, landmarks that differ by name, links that lead
 * somewhere, and names that begin with what is seen. */
const spoken = () => {
	const shown = (css) => [...document.querySelectorAll(css)].filter((el) => el.checkVisibility()), levels = shown('h1, h2, h3, h4').map((el) => Number(el.localName[1]));
	const regions = shown('section[aria-label]:not([role]), nav[aria-label], aside[aria-label], [role=region]').map((el) => `${el.localName} ${el.getAttribute('aria-label')}`);
	const seen = (el) => el.innerText.replace(/\s+/g, ' ').trim();

	return {
		first: levels.filter((level) => level === 1).length,
		leaps: levels.filter((level, i) => level > (levels[i - 1] ?? 0) + 1),
		twice: regions.filter((name, i) => regions.indexOf(name) !== i),
		nowhere: shown('a:not([href])').map((el) => el.className),
		misnamed: shown('a[aria-label], button[aria-label]').filter((el) => !el.getAttribute('aria-label').includes(seen(el))).map(seen),
	};
};

for (const view of ['overview', 'alerts', 'alerts?tab=channels', 'processes', 'explorer?series=cpu.usage', 'self'])
	visit(`${view} is well told`, `#/${view}`, async (page) => {
		assert.deepEqual(await page.evaluate(spoken), { first: 1, leaps: [], twice: [], nowhere: [], misnamed: [] });
	});

visit('a collector that is off took no time', '#/self', async (page) => {
	await until(page, 'collectors', () => document.querySelectorAll('.collector-state').length >= 8);
	const rows = await page.locator('tr:has(.collector-state[data-state="disabled"])').allTextContents();

	for (const row of rows)
		assert.match(row, /––0never$/);
});

visit('a failing collector is named', '', async (page) => {
	await until(page, 'it', () => {
		/* Other reasons of a busy host may stand before it: the list has all. */
		if (!document.querySelector('.reason-list'))
			document.querySelector('.health').click();
		else if (!/Collector load is failing/.test(document.querySelector('.reason-list').textContent))
			document.querySelector('.health').click();
		return /Collector load is failing/.test(document.querySelector('.reason-list')?.textContent);
	});
}, {}, (page) => interpose(page, { change: (id, value) => (id === 'self.collector_failing/load' ? 1 : /^(cpu|memory|swap|load|disk|fs|pressure)\./.test(id ?? '') && typeof value === 'number' ? Math.min(value, 1) : value) }));

visit('a value that stops says how old it is', '', async (page) => {
	await until(page, 'the age', () => /\d s ago/.test(document.querySelector('[data-tile="load"] .tile-sub').textContent));
	await until(page, 'it dimmed', () => document.querySelector('[data-tile="load"].stale'));
	assert.equal(await page.locator('[data-tile="cpu"].stale').count(), 0);
}, {}, (page) => {
	let seen = 0;

	return interpose(page, { change: (id, value) => (id?.startsWith('load.') && ++seen > 6 ? null : value) });
});

describe('besides', { concurrency: 3 }, () => {
	for (const [title, fn] of tests)
		test(title, { timeout: 300000 }, fn);
});
