/* The alert centre against the built binary: rules that fire at once, a real
 * receiver for what is sent, a viewer and an operator. The tests go in order:
 * what one does, the next one finds. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Emitter } from '@socket.io/redis-emitter';
import { launch, next_tick, open, pay_visit, small_targets, text, until, until_drawn, until_pixels, until_ready } from './browser.mjs';
import { OwnRedis } from '../conformance/redis_peer.mjs';
import { calm, start_daemon } from './daemon.mjs';
import { start_receiver } from './receiver.mjs';
import { interpose } from './wire.mjs';

let browser, daemon, receiver, rules;

const late_rule = 'alert "LATE" { metric = "load.threads"  above = 0.5  severity = critical  summary = "{metric} is {value}" }\n';

before(async () => {
	receiver = await start_receiver();
	rules = `anonymous = viewer\n${calm}
alert "EVER_ON" {
	metric = "host.uptime"  above = 1  severity = critical
	summary = "Up for {value}, <b>above</b> {threshold}"
	runbook = "https://wiki.example/ever-on"
	labels = {"team=core"}
}
alert "MEMORY_IN_USE" { metric = "memory.usage"  above = 0.01 }
alert "TASKS" { metric = "proc.total"  above = 0.5  severity = info }
alert "QUEUE" { metric = "queue.waiting/emails"  above = 5 }
alert "NEVER" { metric = "load.1"  above = 1e6  clear = 900000  for = 30s }
webhook "ops" { url = "${receiver.url}/ops"  severity = warning }
webhook "pager" { url = "${receiver.url}/broken"  severity = critical  retries = 1 }
`;
	[browser, daemon] = await Promise.all([launch(), start_daemon({ config: rules, tokens: { olga: 'operator', vic: 'viewer' } })]);
});

after(async () => {
	await browser?.close();
	await daemon?.stop();
	receiver?.stop();
});

const api = async (path) => (await fetch(`${daemon.url}api/v1/${path}`)).json();
const alert_of = async (rule) => (await api('alerts')).alerts.find((alert) => alert.rule === rule);
const sign_in = (context, who, server = daemon) => context.request.post(`${server.url}api/v1/session`, { data: { token: server.tokens[who] } });
const card = (page, rule) => page.locator('.pane .alert-card', { has: page.locator('.alert-rule', { hasText: rule }) });
const card_is = (page, rule, state) => until(page, `${rule} is ${state}`, ([name, wanted]) => [...document.querySelectorAll('.pane .alert-card')].find((el) => el.querySelector('.alert-rule').textContent === name)?.dataset.state === wanted, [rule, state]);

async function until_true(page, what, check) {
	for (let i = 0; i < 500 && !check(); i++)
		await page.waitForTimeout(50);
	assert.ok(check(), what);
}

const visit = (title, ...rest) => test(title, { timeout: 300000 }, visiting(...rest));

function visiting(hash, fn, { who = null, prepare = () => {}, ...options } = {}) {
	return () => pay_visit(browser, daemon.url + hash, fn, options, async (page, context) => {
		if (who)
			await sign_in(context, who);
		await prepare(page, context);
	});
}

/* ---- what fires ---- */

visit('a card says what, where, since when, how bad, by which rule', '#/alerts', async (page) => {
	await card_is(page, 'EVER_ON', 'firing');

	const one = card(page, 'EVER_ON');

	assert.equal(await one.getAttribute('data-severity'), 'critical');
	assert.match(await one.innerText(), /Critical.*EVER_ON.*for \d+ s/s);
	assert.match(await one.locator('.alert-summary').textContent(), /^Up for [\d.]+.*, <b>above<\/b> 1/);
	assert.match(await one.locator('.alert-numbers').innerText(), /[\d.]+ (s|min|h|d)\s+above 1 s\s+since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
	assert.match(await one.locator('.alert-facts').innerText(), /Where host\.uptime on \S+.*Rule .*vedette\.conf:\d+.*Runbook wiki\.example\/ever-on.*team=core/s);
	assert.equal(await one.locator('a[target="_blank"]').getAttribute('href'), 'https://wiki.example/ever-on');
	assert.equal(await one.locator('.icon-critical').count(), 1);
	await until(page, 'its shape', () => !document.querySelector('.alert-card[data-severity="critical"] .alert-spark').classList.contains('empty'));
	await until(page, 'who was asked for', () => document.querySelector('[data-view="alerts"] .nav-badge').textContent === '3');
	assert.equal(await page.locator('[data-view="alerts"] .nav-badge').getAttribute('data-severity'), 'critical');
	await until(page, 'the word at the top', () => /Critical.*EVER_ON on host\.uptime/.test(document.querySelector('.health').textContent));
	assert.match(await page.title(), /^\(3\) Critical: /);
	assert.deepEqual(await page.locator('.pane .alert-card').evaluateAll((all) => all.map((el) => el.dataset.severity)), ['critical', 'warning', 'info'], 'the worst first');
	await page.locator('.health').click();
	await page.locator('.reason-list a', { hasText: 'EVER_ON' }).click();
	await until(page, 'it alone, with its past', () => /Firing, critical/.test(document.querySelector('.alert-detail .changes')?.textContent));
	await page.getByLabel('Close', { exact: true }).click();
	await until(page, 'the list again', () => !document.querySelector('.alert-detail') && !location.hash.includes('alert='));
});

visit('the link in a message leads to its alert', '', async (page) => {
	const told = () => receiver.got.find(({ path, body }) => path === '/ops' && JSON.parse(body).rule === 'EVER_ON');

	await until_true(page, 'a message', told);
	const { id, url } = JSON.parse(told().body), { hash } = new URL(url);

	assert.equal(hash, `#/alerts?alert=${id}`);
	await page.goto(daemon.url + hash);
	await page.reload();
	await until_ready(page);
	await until(page, 'it alone, with its past', () => /EVER_ON/.test(document.querySelector('.alert-detail')?.textContent) && /Firing, critical/.test(document.querySelector('.alert-detail .changes')?.textContent));
});

/* ---- who may ---- */

visit('a viewer sees why buttons are off, signs in, and signs out', '#/alerts', async (page) => {
	page.expected.push(/401/);
	await card_is(page, 'EVER_ON', 'firing');
	assert.match(await text(page, '.role-note'), /viewer.*take an operator.*Sign in/s);

	const button = card(page, 'EVER_ON').getByRole('button', { name: 'Acknowledge' });

	assert.equal(await button.getAttribute('aria-disabled'), 'true');
	assert.match(await button.getAttribute('title'), /operator role/);
	await page.evaluate(() => { window.same = true; });
	await button.focus();
	await page.keyboard.press('Enter');
	await until(page, 'why', () => /takes the operator role/.test(document.querySelector('dialog.ask[open]')?.textContent));
	await page.keyboard.type('vdt_nonsense');
	await page.keyboard.press('Enter');
	await until(page, 'a refusal', () => /no such token/.test(document.querySelector('dialog.ask .form-error').textContent));
	await page.locator('dialog').getByLabel('Token').fill(daemon.tokens.olga);
	await page.keyboard.press('Enter');
	await until(page, 'a live button', () => !document.querySelector('.alert-deeds .deed').hasAttribute('aria-disabled') && document.querySelector('.role-note').hidden);
	await until(page, 'LIVE', () => document.querySelector('.badge-word').textContent === 'LIVE');
	await page.getByLabel('Settings').click();
	assert.match(await text(page, '.menu-who'), /olga.*operator/);
	await page.getByRole('button', { name: 'Sign out' }).click();
	await until(page, 'a viewer', () => !document.querySelector('.role-note').hidden);
	assert.equal(await page.evaluate(() => window.same), true);
});

test('the server itself refuses a viewer', async () => {
	const { id } = await alert_of('EVER_ON');
	const answer = await fetch(`${daemon.url}api/v1/alerts/${id}/acknowledge`, { method: 'POST', headers: { authorization: `Bearer ${daemon.tokens.vic}` }, body: '{}' });

	assert.equal(answer.status, 403);
	assert.equal((await alert_of('EVER_ON')).state, 'firing');
});

/* ---- deeds ---- */

visit('acknowledged with a note: everyone sees it', '#/alerts', async (page) => {
	const other = await open(browser, `${daemon.url}#/alerts`);

	await card_is(page, 'EVER_ON', 'firing');
	await card_is(other, 'EVER_ON', 'firing');
	await page.keyboard.press('j');
	await page.keyboard.press('a');
	await until(page, 'the question', () => /Acknowledge EVER_ON/.test(document.querySelector('dialog.ask[open]')?.textContent));
	await page.keyboard.type('on it, ticket 7');
	await page.keyboard.press('Enter');
	await card_is(page, 'EVER_ON', 'acknowledged');
	assert.match(await text(page, '.toast'), /EVER_ON is acknowledged/);
	await card_is(other, 'EVER_ON', 'acknowledged');
	assert.match(await card(other, 'EVER_ON').innerText(), /Acknowledged.*olga: on it, ticket 7/s);
	await until(other, 'two left', () => document.querySelector('[data-view="alerts"] .nav-badge').textContent === '2');
	await until(other, 'another word at the top', () => !document.querySelector('.health').textContent.includes('EVER_ON'));
	assert.deepEqual(other.faults, []);
	await other.context().close();
	await card(page, 'EVER_ON').locator('.alert-rule').click();
	await until(page, 'the change', () => /Acknowledged.*olga: on it, ticket 7/.test(document.querySelector('.changes')?.textContent));
}, { who: 'olga' });

visit('a deed that fails says why and keeps what was typed', '#/alerts', async (page) => {
	await card_is(page, 'MEMORY_IN_USE', 'firing');
	await card(page, 'MEMORY_IN_USE').getByRole('button', { name: 'Acknowledge' }).click();
	await page.getByLabel('Note').fill('mine');
	await page.keyboard.press('Enter');
	await until(page, 'why', () => /the disk is full/.test(document.querySelector('dialog.ask .form-error').textContent));
	assert.equal(await page.getByLabel('Note').inputValue(), 'mine');
	await page.keyboard.press('Escape');
	await card_is(page, 'MEMORY_IN_USE', 'firing');
}, { who: 'olga', prepare: (page) => interpose(page, { answer: (event) => (event === 'acknowledge alert' ? { status: 'error', error: 'the disk is full' } : undefined) }) });

visit('silenced for four hours, listed, ended', '#/alerts', async (page) => {
	await card_is(page, 'MEMORY_IN_USE', 'firing');
	await card(page, 'MEMORY_IN_USE').getByRole('button', { name: 'Silence' }).click();
	assert.match(await text(page, 'dialog.ask'), /rule=MEMORY_IN_USE,series=memory\.usage/);
	await page.getByRole('button', { name: 'Until…' }).click();
	await page.getByLabel('Until').fill('2020-01-01T00:00:01');
	await page.getByLabel('Note').press('Enter');
	await until(page, 'why not', () => /yet to come/.test(document.querySelector('dialog.ask .form-error').textContent));
	await page.getByRole('button', { name: '4 h', exact: true }).click();
	await page.getByRole('button', { name: 'The whole rule' }).click();
	await page.getByLabel('Note').fill('known leak');
	await page.keyboard.press('Enter');
	await card_is(page, 'MEMORY_IN_USE', 'silenced');
	assert.match(await card(page, 'MEMORY_IN_USE').innerText(), /Silenced.*olga: known leak.*until 2\d{3}-\d\d-\d\d .*, (4 h|3 h 59 min) left/s);

	const [said] = (await api('silences')).silences;

	assert.equal(said.matcher, 'rule=MEMORY_IN_USE');
	assert.ok(Math.abs(said.until - said.from - 4 * 3600e3) < 60e3);
	await page.getByRole('link', { name: 'Silences' }).click();
	await until(page, 'it in the list', () => /rule=MEMORY_IN_USE.*olga: known leak.*left/s.test(document.querySelector('.silence-list')?.textContent));
	await page.getByRole('button', { name: 'End now' }).click();
	await page.getByRole('button', { name: 'End silence' }).click();
	await until(page, 'none', () => /Nothing is silenced/.test(document.querySelector('.pane').textContent));
	await page.getByRole('link', { name: /^Now/ }).click();
	await card_is(page, 'MEMORY_IN_USE', 'firing');
}, { who: 'olga' });

/* ---- one begins ---- */

visit('a new alert: banner, voice, note of the browser, way to it', '#/processes', async (page) => {
	await page.evaluate(() => { window.same = true; });
	await page.evaluate(() => { location.hash = '#/alerts'; });
	await page.getByRole('button', { name: 'Notify me' }).click();
	await until(page, 'allowed', () => document.querySelector('.notify').getAttribute('aria-pressed') === 'true');
	await page.evaluate(() => { location.hash = '#/processes'; });
	daemon.configure(rules + late_rule);
	await until(page, 'the banner', () => !document.querySelector('.alert-banner').hidden);
	assert.match(await page.locator('.alert-banner').innerText(), /Critical LATE\n.*load\.threads is/);
	assert.equal(await page.locator('.alert-banner[data-severity="critical"] .icon-critical').count(), 1);
	assert.match(await text(page, '#spoken-alerts[aria-live="polite"]'), /^Critical alert: LATE\. /);
	assert.match(await page.evaluate(() => window.notes.join()), /Critical: LATE, told again when it grows worse/);
	await page.locator('.alert-banner').getByRole('link', { name: 'Show' }).click();
	await until(page, 'the alert', () => document.querySelector('.alert-detail .alert-rule')?.textContent === 'LATE');
	await until(page, 'no banner', () => document.querySelector('.alert-banner').hidden);
	daemon.configure(rules);
	await until(page, 'its end', () => document.querySelector('.alert-detail .alert-card')?.dataset.state === 'resolved' && /Resolved/.test(document.querySelector('.changes').textContent));
	assert.equal(await page.evaluate(() => window.same), true);
}, {
	prepare: (page) => page.addInitScript(() => {
		window.notes = [];
		window.Notification = class {
			static permission = 'default';
			static async requestPermission() { return (this.permission = 'granted'); }
			constructor(title, { tag, renotify, silent }) { if (!silent) window.notes.push(`${title}${tag && renotify ? ', told again when it grows worse' : ''}`); }
			close() {}
		};
		document.hasFocus = () => false;
	}),
});

/* ---- rules, channels, history, audit ---- */

visit('rules: state, values, file and line, and why', '#/alerts?tab=rules', async (page) => {
	await until(page, 'five rules', () => document.querySelectorAll('.rule-row').length === 5);

	const states = await page.locator('.rule-row').evaluateAll((all) => Object.fromEntries(all.map((el) => [el.querySelector('.rule-name').textContent, `${el.dataset.state} | ${el.querySelector('.rule-state').textContent} | ${el.querySelector('.rule-asks').textContent} | ${el.querySelector('.rule-values').textContent}`])));

	assert.match(states.EVER_ON, /^firing \| Firing \| host\.uptime above 1 s \| [\d.]+ (s|min|h|d)$/);
	assert.match(states.QUEUE, /^waiting \| Waiting \| .*above 5 \| no such series yet$/);
	assert.match(states.NEVER, /^ok \| OK \| load\.1 above 1M, until 900k \| [\d.]+$/);
	await page.locator('.rule-head', { hasText: 'NEVER' }).click();
	await until(page, 'why not', () => /NEVER: load\.1.*does not fire/s.test(document.querySelector('.rule-row.open .explanation')?.textContent));
	assert.match(await text(page, '.rule-row.open .rule-body'), /Warning when above 1M.*for 30 s.*vedette\.conf:\d+/s);
	assert.match(await page.evaluate(() => location.hash), /name=NEVER/);
	await page.keyboard.press('Control+k');
	await page.keyboard.type('rule queue');
	await until(page, 'it in the palette', () => document.querySelector('.palette-row[aria-selected="true"]')?.textContent.includes('Rule QUEUE'));
	await page.keyboard.press('Enter');
	await until(page, 'that rule', () => document.querySelector('.rule-row.open .rule-name')?.textContent === 'QUEUE');
});

visit('channels: a test, deliveries with their errors, sent again', '#/alerts?tab=channels', async (page) => {
	/* Messages, not attempts, and none of an alert that happens to come meanwhile. */
	const tests = (path) => new Set(receiver.got.filter((one) => one.path === path && JSON.parse(one.body).rule === 'TEST').map(({ id }) => id)).size;
	const row = (name) => page.locator('.channel-row', { has: page.getByText(name, { exact: true }) });

	await until(page, 'two channels', () => document.querySelectorAll('.channel-row').length === 2);

	const before_test = tests('/ops');

	await row('ops').getByRole('button', { name: 'Send a test' }).click();
	await until(page, 'done', () => /Delivered, answered 204/.test(document.querySelector('.channel-list').textContent));
	assert.equal(tests('/ops'), before_test + 1);
	await row('pager').getByRole('button', { name: 'Send a test' }).click();
	await until(page, 'failed', () => /answered 503: out of order/.test(document.querySelector('.channel-list').textContent));
	assert.equal(await row('pager').locator('.outcome').last().getAttribute('data-state'), 'failed');

	await until(page, 'one that was given up', () => document.querySelector('.delivery-row[data-state="dead"]'));
	assert.match(await page.locator('.delivery-row[data-state="dead"]').first().innerText(), /Given up.*pager.*1 attempt, 503.*out of order/s);
	await page.getByRole('button', { name: 'Delivered', exact: true }).click();
	await until(page, 'only delivered', () => document.querySelector('.delivery-row') && [...document.querySelectorAll('.delivery-row')].every((el) => el.dataset.state === 'delivered'));
	assert.match(await page.evaluate(() => location.hash), /state=delivered/);

	const repeats = () => {
		const ids = receiver.got.filter(({ path }) => path === '/ops').map(({ id }) => id);

		return ids.length - new Set(ids).size;
	};
	const before_again = repeats();

	await page.locator('.delivery-row').first().getByRole('button', { name: 'Send again' }).click();
	await until_true(page, 'the same once more', () => repeats() > before_again);
}, { who: 'olga' });

visit('a panel that fails says why, and tries again', '#/alerts?tab=channels', async (page) => {
	await until(page, 'why', () => /Could not be loaded.*the books are closed/s.test(document.querySelector('.pane').textContent));
	await until(page, 'the other panel all the same', () => document.querySelector('.delivery-row'));
	await page.getByRole('button', { name: 'Retry' }).click(); /* while it goes on failing: else it may be gone before the click */
	page.broken = false;
	await until(page, 'channels', () => document.querySelectorAll('.channel-row').length === 2);
}, {
	prepare(page) {
		page.broken = true;
		return interpose(page, { answer: (event) => (event === 'get channels' && page.broken ? { status: 'error', error: 'the books are closed' } : undefined) });
	},
});

visit('a channel that was taken out of the configuration, and what waits for it', '#/alerts?tab=channels', async (page) => {
	await until(page, 'three rows', () => document.querySelectorAll('.channel-row').length === 3);

	const row = page.locator('.channel-row', { has: page.getByText('former', { exact: true }) });

	assert.match(await row.innerText(), /former\s*Not in the configuration since 2026-01-02 .*: 2 messages wait until 2026-01-09 /);
	assert.equal(await row.getByRole('button').count(), 0, 'nothing to test');
	await until(page, 'why it waits', () => /former.*no route; its channel is not in the configuration$/s.test(document.querySelector('.delivery-row')?.textContent));
}, {
	prepare(page) {
		const since = Date.UTC(2026, 0, 2, 12), until_then = since + 7 * 86400e3;
		const waiting = { id: 9, channel: 'former', message_id: 'm', alert: 'a', state: 'waiting', attempts: 1, status: null, last_error: 'no route', created: since, next: null, finished: null, bytes: 2, gone: since, until: until_then };
		const answers = {
			'get channels': { status: 'ok', channels: [{ name: 'ops', kind: 'webhook', severity: 'warning' }, { name: 'pager', kind: 'webhook', severity: 'critical' }], gone: [{ name: 'former', waiting: 2, since, until: until_then }] },
			'get deliveries': { status: 'ok', deliveries: [waiting] },
		};

		return interpose(page, { answer: (event) => answers[event] });
	},
});

visit('history, filtered, in the address', '#/alerts?tab=history', async (page) => {
	const shown = () => page.locator('.history-row').evaluateAll((all) => all.map((el) => el.querySelector('strong').textContent).sort());
	const are = (names) => until(page, names.join(), (wanted) => [...document.querySelectorAll('.history-row strong')].map((el) => el.textContent).sort().join() === wanted, names.join());

	await are(['EVER_ON', 'LATE', 'MEMORY_IN_USE', 'TASKS']);
	await page.getByLabel('State').selectOption('resolved');
	await are(['LATE']);
	await page.getByLabel('State').selectOption('');
	await page.getByLabel('Severity').selectOption('critical');
	await are(['EVER_ON', 'LATE']);
	await page.getByLabel('Rule').selectOption('EVER_ON');
	await are(['EVER_ON']);
	assert.match(await page.evaluate(() => location.hash), /severity=critical.*rule=EVER_ON|rule=EVER_ON.*severity=critical/);
	assert.match(await page.locator('.history-row').innerText(), /Critical.*EVER_ON.*Acknowledged.*olga: on it/s);
	await page.reload();
	await are(['EVER_ON']);
	await page.goBack();
	await are(['EVER_ON', 'LATE']);
	await page.evaluate(() => { location.hash = '#/alerts?tab=history&within=shown&from=1767322800000&to=1767326400000'; });
	await until(page, 'none then', () => /No alert of the past matches/.test(document.querySelector('.pane').textContent));
	await page.getByRole('button', { name: 'Clear filters' }).click();
	await are(['EVER_ON', 'LATE', 'MEMORY_IN_USE', 'TASKS']);
	assert.equal((await shown()).length, 4);
	await page.locator('.history-row', { hasText: 'LATE' }).click();
	await until(page, 'what happened', () => /Resolved.*Firing, critical/s.test(document.querySelector('.changes')?.textContent));
	await until(page, 'its shape then', () => !document.querySelector('.alert-detail .alert-spark').classList.contains('empty'));
});

visit('the audit list is for operators', '#/alerts?tab=audit', async (page) => {
	await until(page, 'why not', () => /for operators to see/.test(document.querySelector('.pane').textContent));
	await sign_in(page.context(), 'olga');
	await page.reload();
	await until(page, 'what was done', () => /olga\s*operator\s*test channel\s*ops/.test(document.querySelector('.audit')?.textContent));
	assert.match(await text(page, '.audit'), /send again\s*delivery \d+ to ops, alert .*end silence\s*rule=MEMORY_IN_USE: known leak.*silence\s*rule=MEMORY_IN_USE, until 2\d{3}-.* UTC: known leak.*acknowledge alert\s*EVER_ON on host\.uptime/s);
});

/* ---- on charts ---- */

visit('an alert is a band on its charts, and a way to it', '#/explorer?series=host.uptime', async (page) => {
	await until_drawn(page).catch(() => {});
	await until(page, 'its name on the card', () => /EVER_ON/.test(document.querySelector('.explorer-card .card-alert:not([hidden])')?.textContent));
	await next_tick(page);
	await until_pixels(page, '.explorer-card .plot canvas', '--critical', 20);

	const box = await page.locator('.explorer-card .u-over').boundingBox();

	await page.mouse.move(box.x + box.width - 4, box.y + 60);
	await until(page, 'its name under the crosshair', () => /EVER_ON, critical, acknowledged/.test(document.querySelector('.tip-alert')?.textContent));
	await page.mouse.click(box.x + box.width - 4, box.y + 2);
	await until(page, 'the alert', () => document.querySelector('.alert-detail .alert-rule')?.textContent === 'EVER_ON');
	await page.getByRole('button', { name: 'Charts of that time' }).click();
	await until(page, 'that time', () => location.hash.startsWith('#/explorer') && location.hash.includes('from='));
}, { colorScheme: 'dark' });

visit('the overview names alerts on the charts that speak of their series', '', async (page) => {
	await until(page, 'memory', () => /MEMORY_IN_USE/.test(document.querySelector('#card-memory .card-alert:not([hidden])')?.textContent));
	await until_pixels(page, '#card-memory .plot canvas', '--warning', 20);
	await page.locator('#card-memory .card-alert').focus();
	await page.keyboard.press('Enter');
	await until(page, 'the alert', () => document.querySelector('.alert-detail .alert-rule')?.textContent === 'MEMORY_IN_USE');
}, { colorScheme: 'dark' });

/* ---- phones, and closed doors ---- */

const phone = { who: 'olga', viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true };

describe('360 px', { concurrency: 3 }, () => {
	for (const tab of ['now', 'history', 'rules&name=EVER_ON', 'silences', 'channels', 'audit'])
		test(tab, { timeout: 300000 }, visiting(`#/alerts?tab=${tab}`, fits, phone));
});

async function fits(page) {
	await until(page, 'its content', () => document.querySelector('.pane .alert-card, .history-row, .rule-row.open .explanation, .delivery-row, .audit td, .state-box:not([hidden]) strong'));
	await next_tick(page);
	assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
	assert.deepEqual(await small_targets(page), []);
}

test('of a fleet, the alerts of this host are shown', { timeout: 300000 }, async (t) => {
	const redis = await OwnRedis.create();
	const one = await start_daemon({ config: `redis = "${redis.url}"\n${calm}` });
	const page = await open(browser, `${one.url}#/alerts`);

	try {
		await until_ready(page);
		const { host } = await (await fetch(`${one.url}api/v1/status`)).json();
		const alert = (id, where) => ({ id: id.repeat(20), rule: `RULE_${id}`, type: 'X', metric: 'cpu', series: 'cpu.usage', value: 90, threshold: 80, severity: 'warning', state: 'firing', startsAt: Date.now(), timestamp: Date.now(), host: where, summary: 'busy' });
		const emitter = new Emitter(redis.client(t));

		await until_true(page, 'the server is in its fleet', () => one.said().includes(`${redis.port}: connected`));
		emitter.emit('alert', alert('a', 'elsewhere'));
		emitter.emit('alert', alert('b', host.hostname));
		await until(page, 'the one of this host', () => [...document.querySelectorAll('.pane .alert-rule')].some((el) => el.textContent === 'RULE_b'));
		assert.equal(await page.locator('.pane .alert-card').count(), 1);
	} finally {
		await page.context().close();
		await one.stop();
		await redis.remove();
	}
});

/* As Chrome on Android is, which wants a service worker for them. */
visit('a browser that refuses notes says so, and the banner comes', '#/alerts', async (page) => {
	await page.getByRole('button', { name: 'Notify me' }).click();
	await until(page, 'why', () => /shows no notifications/.test(document.querySelector('.notify').textContent) && document.querySelector('.notify').disabled);
	await page.evaluate(() => localStorage.setItem('vedette', '{"notify":true}'));
	await page.evaluate(() => { location.hash = '#/processes'; });
	await page.reload();
	await until(page, 'LIVE', () => document.querySelector('.badge-word')?.textContent === 'LIVE');
	daemon.configure(rules + late_rule);
	await until(page, 'the banner', () => !document.querySelector('.alert-banner').hidden);
	daemon.configure(rules);
	await until(page, 'its end', () => document.querySelector('.alert-banner').hidden);
}, {
	prepare: (page) => page.addInitScript(() => {
		window.Notification = class {
			static permission = 'granted';
			static async requestPermission() { return this.permission; }
			constructor() { throw new TypeError("Failed to construct 'Notification': Illegal constructor."); }
		};
		document.hasFocus = () => false;
	}),
});

test('where nobody may look, there is a page to sign in, and back again', { timeout: 300000 }, async () => {
	const closed = await start_daemon({ config: `anonymous = none\n${calm}`, tokens: { olga: 'operator' } });
	const page = await open(browser, closed.url, {}, (one) => { one.expected.push(/401|WebSocket/); });

	try {
		await until(page, 'the page', () => document.querySelector('.sign-in:not([hidden])') && document.querySelector('.shell').hidden);
		assert.match(await text(page, '.sign-in'), /vedette token add/);
		assert.equal(await page.evaluate(() => document.activeElement.name), 'token');
		await page.keyboard.type('vdt_wrong');
		await page.keyboard.press('Enter');
		await until(page, 'a refusal', () => /no such token/.test(document.querySelector('.sign-in .form-error').textContent));
		await page.locator('.sign-in input').fill(closed.tokens.olga);
		await page.keyboard.press('Enter');
		await until(page, 'the dashboard', () => !document.querySelector('.shell').hidden && document.querySelector('.badge-word').textContent === 'LIVE');
		await until_drawn(page);
		await until(page, 'a calm empty centre', () => { location.hash = '#/alerts'; return /Nothing can fire.*How to write a rule/s.test(document.querySelector('.calm:not([hidden])')?.textContent ?? ''); });
		await page.getByRole('link', { name: 'How to write a rule' }).click();
		await until(page, 'how', () => /There are no rules.*alert "HIGH_CPU"/s.test(document.querySelector('.pane').textContent));
		await page.getByLabel('Settings').click();
		await page.getByRole('button', { name: 'Sign out' }).click();
		await until(page, 'the door again', () => document.querySelector('.shell').hidden && !document.querySelector('.sign-in').hidden);
		assert.deepEqual(page.faults, []);
		assert.deepEqual(await page.evaluate(() => window.breaches), []);
	} finally {
		await page.context().close();
		await closed.stop();
	}
});
