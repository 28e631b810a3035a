/* The word at the top: thresholds, smoothing, hysteresis, reasons. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create_judge, failing_of, level_of, with_reasons } from '../../../web/js/lib/health.js';
import { limits_of, subject_of, vitals } from '../../../web/js/lib/vitals.js';

const vital = (id) => vitals.find((one) => one.id === id);

for (const [id, value, cpus, previous, expected] of [
	['cpu', 79, 1, 'ok', 'ok'], ['cpu', 80, 1, 'ok', 'warning'], ['cpu', 95, 1, 'ok', 'critical'],
	['cpu', 77, 1, 'warning', 'warning'], ['cpu', 75, 1, 'warning', 'ok'], ['cpu', 91, 1, 'critical', 'critical'], ['cpu', 90, 1, 'critical', 'warning'],
	['load', 5.9, 4, 'ok', 'ok'], ['load', 6, 4, 'ok', 'warning'], ['load', 16, 4, 'ok', 'critical'],
	['disk', 100, 1, 'ok', 'warning'], ['fs', 95, 1, 'ok', 'critical'],
])
	test(`${id} at ${value} on ${cpus} after ${previous} is ${expected}`, () => assert.equal(level_of(vital(id), value, cpus, previous), expected));

test('a second of full CPU is no news, a quarter of a minute is', () => {
	const judge = create_judge();
	let seen = [];

	judge(new Map([['cpu.usage', 10]]), 0);
	seen.push(judge(new Map([['cpu.usage', 100]]), 1000).level);
	seen.push(judge(new Map([['cpu.usage', 10]]), 2000).level);
	for (let t = 3; t < 40; t++)
		seen.push(judge(new Map([['cpu.usage', 90]]), t * 1000).level);
	assert.deepEqual(seen.slice(0, 2), ['ok', 'ok']);
	assert.equal(seen.at(-1), 'warning');
	assert.ok(seen.indexOf('warning') >= 8 && seen.indexOf('warning') <= 18, seen.join());
	assert.equal(new Set(seen).size, 2);
});

test('reasons name what and where, the worst first', () => {
	const found = create_judge()(new Map([['fs.used_percent//var', 96], ['fs.used_percent//', 40], ['memory.usage', 92], ['cpu.usage', null]]), 0, { failing: ['disk'] });

	assert.equal(found.level, 'critical');
	assert.deepEqual(found.reasons.map((reason) => reason.text), ['Filesystem /var', 'Memory', 'Collector disk is failing']);
	assert.equal(found.of.get('fs'), 'critical');
	assert.equal(found.of.has('cpu'), false);
});

test('a channel that fails is a reason, until a rule says the same', () => {
	const found = create_judge()(new Map([['memory.usage', 92]]), 0, { mute: ['pager'] });
	const ruled = { level: 'warning', text: 'CHANNEL_FAILS on self.channel_failing/pager', id: 'self.channel_failing/pager', vital: null };
	const texts = ({ reasons }) => reasons.map((reason) => reason.text);

	assert.deepEqual([found.level, texts(found), found.reasons[1].tab], ['warning', ['Memory', 'Channel pager is failing'], 'channels']);
	assert.deepEqual(texts(with_reasons(found, [ruled])), [ruled.text, 'Memory']);
	assert.deepEqual(texts(with_reasons(found, [{ ...ruled, id: 'memory.usage', text: 'BUSY' }])), ['BUSY', 'Memory', 'Channel pager is failing'], 'a scale says more than a rule');
});

test('the first sample of a page is judged with what was before', () => {
	const quiet = Array.from({ length: 15 }, (_, i) => ({ t: i * 1000, value: 5 })), busy = quiet.map(({ t }) => ({ t, value: 99 }));

	for (const [past, expected] of [[[], 'ok'], [quiet, 'ok'], [busy, 'critical']])
		assert.equal(create_judge()(new Map([['cpu.usage', 100]]), 15000, { past: () => past.slice() }).level, expected);
});

test('the reason says the mean that was judged', () => {
	const judge = create_judge();
	let found;

	for (let t = 0; t < 30; t++)
		found = judge(new Map([['cpu.usage', t % 2 ? 100 : 80]]), t * 1000);
	assert.ok(Math.abs(found.reasons[0].value - 90) < 2);
});

test('nothing known is not well', () => assert.equal(create_judge()(new Map(), 0).level, 'unknown'));
test('all well', () => assert.equal(create_judge()(new Map([['cpu.usage', 3]]), 0).level, 'ok'));

test('failing collectors, by their series', () => {
	assert.deepEqual(failing_of(new Map([['self.collector_failing/fs', 1], ['self.collector_failing/cpu', 0], ['self.collector_failing/net', null]])), ['fs']);
});

test('subjects', () => {
	assert.equal(subject_of('pressure.io.some'), 'io');
	assert.equal(subject_of('fs.used_percent//'), '/');
	assert.equal(subject_of('cpu.usage'), '');
});

test('lines on charts follow the processors', () => assert.deepEqual(limits_of(vital('load'), 2), [{ at: 3, level: 'warning' }, { at: 8, level: 'critical' }]));
