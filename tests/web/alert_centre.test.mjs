/* What an operator looks for when an alert is there: which channel fails, who
 * was told, what is kept quiet until when, and values that are those of now.
 * The tests go in order: what one does, the next one finds. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, pay_visit, small_targets, text, until } from './browser.mjs';
import { calm, start_daemon } from './daemon.mjs';
import { start_receiver } from './receiver.mjs';
import { interpose } from './wire.mjs';

let browser, daemon, receiver;

before(async () => {
	receiver = await start_receiver();
	[browser, daemon] = await Promise.all([launch(), start_daemon({ config: `anonymous = operator\n${calm}
alert "EVER_ON" { metric = "host.uptime"  above = 1  severity = critical }
alert "MEMORY_IN_USE" { metric = "memory.usage"  above = 0.01 }
alert "ASKED" { metric = "self.requests"  window = 4s  aggregate = avg  above = -1  severity = info }
alert "NO_EMAILS" { metric = "queue.waiting/emails"  absent = 2s  severity = info }
alert "TASKS" { metric = "proc.total"  above = 0.5  severity = info  inhibited_by = {"EVER_ON"} }
webhook "ops" { url = "${receiver.url}/ops" }
webhook "pager" { url = "${receiver.url}/broken"  severity = critical  retries = 1 }
` })]);
});

after(async () => {
	await browser?.close();
	await daemon?.stop();
	receiver?.stop();
});

const api = async (path) => (await fetch(`${daemon.url}api/v1/${path}`)).json();
const card = (page, rule) => page.locator('.pane .alert-card', { has: page.locator('.alert-rule', { hasText: rule }) });
const card_is = (page, rule, state) => until(page, `${rule} is ${state}`, ([name, wanted]) => [...document.querySelectorAll('.pane .alert-card')].find((el) => el.querySelector('.alert-rule').textContent === name)?.dataset.state === wanted, [rule, state]);
const channel = (page, name) => page.locator('.channel-row', { has: page.getByText(name, { exact: true }) });

function visit(title, hash, fn, { prepare, ...options } = {}) {
	test(title, { timeout: 60000 }, () => pay_visit(browser, daemon.url + hash, fn, options, prepare));
}

/* ---- channels ---- */

visit('a channel that fails is seen from everywhere', '#/processes', async (page) => {
	await until(page, 'a reason at the top', () => document.querySelector('.health-why').textContent !== '');
	await page.locator('.health').click();
	await until(page, 'the channel among the reasons', () => /Channel pager is failing/.test(document.querySelector('.reason-list')?.textContent));
	await page.locator('.reason-list a', { hasText: 'pager' }).click();
	await until(page, 'its row', () => document.querySelector('.channel-row[data-state="failing"]'));
	assert.match(await page.evaluate(() => location.hash), /tab=channels/);
	assert.equal(await text(page, '.tab[aria-current] .tab-count'), '1');
	assert.match(await channel(page, 'pager').innerText(), /pager\s+Failing.*For \d.*since \d{4}-.*answered 503: out of order; nothing ever arrived\s*1 was given up/s);
	assert.match(await channel(page, 'ops').innerText(), /ops\s+OK.*Last delivered /s);
	assert.equal(await channel(page, 'ops').getByRole('button').count(), 1, 'nothing to send again');
	await channel(page, 'pager').getByRole('button', { name: 'Send it again' }).click();
	await until(page, 'what was done', () => [...document.querySelectorAll('.resend-all .outcome')].some((el) => /1 in the queue again/.test(el.textContent)));
	await until(page, 'it is given up again', () => /1 was given up/.test(document.querySelector('.channel-row[data-state="failing"]').textContent));
	assert.ok(receiver.got.filter((one) => one.path === '/broken').length >= 2);
});

visit('deliveries by channel and state, in the address', '#/alerts?tab=channels&channel=pager', async (page) => {
	const channels = () => page.locator('.delivery-channel').allTextContents();

	await until(page, 'its delivery', () => document.querySelector('.delivery-row'));
	assert.deepEqual([...new Set(await channels())], ['pager']);
	await page.getByLabel('Channel', { exact: true }).selectOption('ops');
	await until(page, 'those of another', () => document.querySelector('.delivery-channel')?.textContent === 'ops');
	await page.getByRole('button', { name: 'Given up', exact: true }).click();
	await until(page, 'none', () => /No delivery is like that/.test(document.querySelector('.deliveries').textContent));
	assert.match(await page.evaluate(() => location.hash), /channel=ops.*state=dead|state=dead.*channel=ops/);
});

visit('older deliveries, and rows whose columns stand still', '#/alerts?tab=channels', async (page) => {
	await until(page, 'a page', () => document.querySelectorAll('.delivery-row').length === 100);
	assert.equal(await page.getByRole('button', { name: 'Show older' }).isVisible(), true);
	await page.getByRole('button', { name: 'Show older' }).click();
	await until(page, 'all of them', () => document.querySelectorAll('.delivery-row').length === 130);
	assert.equal(await page.getByRole('button', { name: 'Show older' }).isVisible(), false);

	const left = await page.locator('.delivery-channel').evaluateAll((all) => [...new Set(all.map((el) => Math.round(el.getBoundingClientRect().left)))]);

	assert.equal(left.length, 1, `${left}`);
}, {
	prepare(page) {
		const all = Array.from({ length: 130 }, (_, i) => ({ id: 130 - i, channel: i % 2 ? 'ops' : 'pager', message_id: `m${i}`, alert: null, state: i % 3 ? 'delivered' : 'waiting', attempts: i % 3 ? 1 : 0, status: null, last_error: null, created: 1e12, next: null, finished: i % 3 ? 1e12 : null, bytes: 2, gone: null, until: null }));

		return interpose(page, { answer: (event, { limit = 100, before = Infinity } = {}) => (event === 'get deliveries' ? { status: 'ok', deliveries: all.filter((one) => one.id < before).slice(0, limit) } : undefined) });
	},
});

/* ---- who was told ---- */

visit('an alert says who was told of it, and is there once', '#/alerts', async (page) => {
	await card_is(page, 'EVER_ON', 'firing');
	await card(page, 'EVER_ON').locator('.alert-rule').click();
	await until(page, 'who was told', () => document.querySelectorAll('.told-box .delivery-row').length === 2);
	assert.match(await page.locator('.told-box .delivery-row[data-state="dead"]').innerText(), /Given up.*Firing, critical.*pager.*1 attempt, 503.*out of order/s);
	assert.match(await page.locator('.told-box .delivery-row[data-state="delivered"]').innerText(), /Delivered.*Firing, critical.*ops.*1 attempt, 204/s);
	assert.equal(await card(page, 'EVER_ON').count(), 0, 'not a second time below');

	const before_again = receiver.got.filter((one) => one.path === '/ops').length;

	await page.locator('.told-box .delivery-row[data-state="delivered"]').getByRole('button', { name: 'Send again' }).click();
	for (let i = 0; i < 160 && receiver.got.filter((one) => one.path === '/ops').length === before_again; i++)
		await page.waitForTimeout(50);
	assert.equal(receiver.got.filter((one) => one.path === '/ops').length, before_again + 1);
	await page.getByLabel('Close', { exact: true }).click();
	await card_is(page, 'EVER_ON', 'firing');
	await card(page, 'TASKS').locator('.alert-rule').click();
	await until(page, 'why nobody', () => /No channel was told of it: another alert holds it back/.test(document.querySelector('.told-box')?.textContent));
});

/* ---- values of now ---- */

visit('what a window and a silence are worth goes on without a push', '#/alerts', async (page) => {
	const value = (rule) => card(page, rule).locator('.alert-value').innerText();
	const seconds = (words) => [...words.matchAll(/([\d.]+)( min)?/g)].reduce((sum, [, n, minutes]) => sum + n * (minutes ? 60 : 1), 0);
	const grows = (rule, before_text) => until(page, `${rule} grows`, ([name, old]) => [...document.querySelectorAll('.pane .alert-card')].find((el) => el.querySelector('.alert-rule').textContent === name).querySelector('.alert-value').textContent !== old, [rule, before_text]);

	await card_is(page, 'ASKED', 'firing');
	await card_is(page, 'NO_EMAILS', 'firing');
	assert.match(await value('NO_EMAILS'), /^silent for \d/);
	for (const rule of ['NO_EMAILS', 'ASKED']) {
		const before_text = await value(rule);

		await grows(rule, before_text);
		assert.ok(seconds(await value(rule)) >= seconds(before_text), `${rule}: ${before_text}, then ${await value(rule)}`);
	}
});

/* ---- silence ---- */

visit('silenced until it is resolved, from the card and back', '#/alerts', async (page) => {
	await card_is(page, 'MEMORY_IN_USE', 'firing');
	await card(page, 'MEMORY_IN_USE').getByRole('button', { name: 'Silence' }).click();
	await page.getByRole('button', { name: 'Until resolved' }).click();
	assert.match(await text(page, 'dialog.ask'), /until it is resolved.*Matches this alert alone/s);
	assert.equal(await page.getByRole('button', { name: 'The whole rule' }).isVisible(), false);
	await page.getByLabel('Note').fill('known leak');
	await page.keyboard.press('Enter');
	await card_is(page, 'MEMORY_IN_USE', 'silenced');
	assert.match(await card(page, 'MEMORY_IN_USE').innerText(), /Silenced.*anonymous: known leak\s*until it is resolved/s);

	const [said] = (await api('silences')).silences;

	assert.deepEqual([said.until, said.note, said.alert], [null, 'known leak', (await api('alerts?rule=MEMORY_IN_USE')).alerts[0].id]);
	assert.equal(await card(page, 'MEMORY_IN_USE').getByRole('button', { name: 'Silence', exact: true }).isVisible(), false);
	await page.getByRole('link', { name: 'Silences' }).click();
	await until(page, 'it in the list', () => /this alert alone.*known leak.*until resolved/s.test(document.querySelector('.silence-list')?.textContent));
	await page.getByRole('link', { name: /^Now/ }).click();
	await card_is(page, 'MEMORY_IN_USE', 'silenced');
	await card(page, 'MEMORY_IN_USE').getByRole('button', { name: 'End silence' }).click();
	await page.locator('dialog').getByRole('button', { name: 'End silence' }).click();
	await card_is(page, 'MEMORY_IN_USE', 'firing');
	assert.deepEqual((await api('silences')).silences, []);
});

visit('a silenced alert can be acknowledged, and says since when', '#/alerts', async (page) => {
	await fetch(`${daemon.url}api/v1/silences`, { method: 'POST', body: JSON.stringify({ rule: 'MEMORY_IN_USE', until: Date.now() + 4 * 3600e3, note: 'moving' }) });
	await card_is(page, 'MEMORY_IN_USE', 'silenced');
	assert.match(await card(page, 'MEMORY_IN_USE').innerText(), /anonymous: moving\s*until \d{4}-\d\d-\d\d [\d:]+, 3 h 59 min left|4 h left/);
	await card(page, 'MEMORY_IN_USE').getByRole('button', { name: 'Acknowledge' }).click();
	await page.keyboard.press('Enter');
	await card_is(page, 'MEMORY_IN_USE', 'acknowledged');
	assert.match(await card(page, 'MEMORY_IN_USE').innerText(), /anonymous\s*since \d{4}-\d\d-\d\d [\d:]+/);
});

visit('the audit list says what each did', '#/alerts?tab=audit', async (page) => {
	await until(page, 'the deeds', () => document.querySelectorAll('.audit tbody tr').length >= 5);

	const said = await text(page, '.audit tbody');

	assert.match(said, /acknowledge alertMEMORY_IN_USE on memory\.usage.*silencerule=MEMORY_IN_USE, until \d{4}-.* UTC: moving.*end silencealert MEMORY_IN_USE on memory\.usage, rule=MEMORY_IN_USE,series=memory\.usage: known leak.*silencealert MEMORY_IN_USE on memory\.usage, .*, until it is resolved: known leak/s);
	assert.match(said, /send againdelivery \d+ to ops, alert EVER_ON on host\.uptime.*send again1 given up by pager/s);

	const time = async () => Date.parse(`${await text(page, '.audit tbody td')}Z`), here = await time();

	await page.getByLabel('Settings').click();
	await page.locator('.popover [data-value="utc"]').click();
	assert.equal(await time(), here - 5.5 * 3600e3);
}, { timezoneId: 'Asia/Kolkata' });

visit('the history says what is held back', '#/alerts?tab=history', async (page) => {
	await until(page, 'the rows', () => document.querySelectorAll('.history-row').length >= 5);
	assert.match(await page.locator('.history-row', { hasText: 'TASKS' }).innerText(), /Firing\s*Held back/);
	assert.doesNotMatch(await page.locator('.history-row', { hasText: 'EVER_ON' }).innerText(), /Held back/);
});

/* ---- phones ---- */

async function fits(page) {
	await until(page, 'its content', () => document.querySelector('.told-box .delivery-row, .channel-row[data-state="failing"] ~ *, .delivery-row'));
	assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
	assert.deepEqual(await small_targets(page), []);
}

const phone = { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true };

visit('channels at 360 px', '#/alerts?tab=channels', fits, phone);

visit('one alert and the question how long at 360 px', '#/alerts', async (page) => {
	await card_is(page, 'EVER_ON', 'firing');
	await card(page, 'EVER_ON').locator('.alert-rule').click();
	await fits(page);
	await page.locator('.alert-detail .alert-card').getByRole('button', { name: 'Silence' }).click();
	await page.getByRole('button', { name: 'Until resolved' }).click();
	assert.deepEqual(await small_targets(page), []);
	assert.ok(await page.locator('dialog .segments').last().evaluate((el) => el.scrollWidth <= el.clientWidth));
}, phone);
