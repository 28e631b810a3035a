/* What alerts and rules say: words, lines on charts, order, matchers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { by_weight, conditions_of, crossed_words, during, filtered, is_loud, judges_samples, lasted_ms, limit_words, lines_of, manner_of, matcher_of, merge_lines, reasons_of, safe_link, source_of, value_words } from '../../../web/js/lib/alerts.js';
import { with_reasons } from '../../../web/js/lib/health.js';

const alert = (part) => ({ id: 'a', rule: 'R', series: 'cpu.usage', severity: 'warning', state: 'firing', startsAt: 1000, endsAt: null, inhibited: false, ...part });
const rule = (part) => ({ name: 'R', metric: 'cpu.usage', compare: 'above', limits: { warning: { limit: 80, clear: 75 } }, aggregate: 'last', window: 0, for: 0, keep: 0, series: [], file: 'a.conf', line: 3, ...part });

test('the worst comes first, of equals the newest', () => {
	const list = [alert({ id: 'old' }), alert({ id: 'new', startsAt: 2000 }), alert({ id: 'bad', severity: 'critical', startsAt: 1 }), alert({ id: 'mild', severity: 'info', startsAt: 9000 })];

	assert.deepEqual(list.sort(by_weight).map((one) => one.id), ['bad', 'new', 'old', 'mild']);
});

test('only what fires and is not explained away asks for someone', () => {
	for (const [part, loud] of [[{}, true], [{ state: 'acknowledged' }, false], [{ state: 'silenced' }, false], [{ state: 'resolved' }, false], [{ inhibited: true }, false]])
		assert.equal(is_loud(alert(part)), loud, JSON.stringify(part));
});

for (const [part, unit, value, words, limit] of [
	[{}, 'percent', 91.23, '91.2 %', 'above 80 %'],
	[{ compare: 'below' }, 'bytes', 3 << 20, '3.00 MiB', 'below 80 B'],
	[{ compare: 'outside' }, 'celsius', 90, '90.0 °C', 'outside 80 °C to 95 °C'],
	[{ compare: 'equals' }, '', 0, '0', 'at exactly 80'],
	[{ compare: 'absent' }, 'percent', 61000, 'silent for 1 min 1 s', 'silent for 80 ms'],
	[{ compare: 'full_in' }, 'percent', 7200000, 'full in 2 h', 'full within 80 ms'],
	[{ aggregate: 'rate' }, 'bytes', 10, '10.0 B/s', 'above 80 B/s'],
	[{}, undefined, null, '–', 'above 80'],
])
	test(`${part.compare ?? part.aggregate ?? 'above'} of ${value} ${unit}`, () => {
		assert.equal(value_words(rule(part), value, unit, 1024), words);
		assert.equal(limit_words(rule(part), 80, unit, 1024, part.compare === 'outside' ? 95 : null), limit);
	});

test('what is seen in the last sample, and what is not', () => {
	for (const [part, is] of [[{}, true], [{ compare: 'below' }, true], [{ aggregate: 'avg' }, false], [{ aggregate: 'p95' }, false], [{ compare: 'absent' }, false], [{ compare: 'full_in' }, false]])
		assert.equal(judges_samples(rule(part)), is, JSON.stringify(part));
});

for (const [part, threshold, words] of [
	[{}, 80, 'above 80 %'],
	[{ compare: 'outside', limits: { warning: { limit: -1, high: 6 } } }, 6, 'above 6 %'],
	[{ compare: 'outside', limits: { warning: { limit: -1, high: 6 } } }, -1, 'below -1 %'],
	[{ compare: 'absent', limits: { warning: { limit: 20000 } } }, 20000, 'limit 20 s'],
	[{ compare: 'full_in', limits: { warning: { limit: 7200000 } } }, 7200000, 'full within 2 h'],
])
	test(`an alert's limit behind its value: ${words}`, () => assert.equal(crossed_words(rule(part), alert({ threshold }), 'percent', 1024), words));

test('limits read as they were written', () => {
	for (const [value, unit, words] of [[1e6, '', 'above 1M'], [0.001, 'percent', 'above 0.001 %'], [2.5, 'percent', 'above 2.5 %'], [2.05, '', 'above 2.05'], [100, 'percent', 'above 100 %'], [0, '', 'above 0']])
		assert.equal(limit_words(rule({}), value, unit, 1024), words);
});

test('a rule in a sentence', () => {
	assert.deepEqual(conditions_of(rule({ limits: { warning: { limit: 80, clear: 75 }, critical: { limit: 95, clear: 95 } } }), 'percent', 1024), [{ severity: 'critical', text: 'above 95 %' }, { severity: 'warning', text: 'above 80 %, until 75 %' }]);
	assert.deepEqual(manner_of(rule({ window: 300000, aggregate: 'avg', for: 30000, keep: 60000 })), ['average of 5 min', 'for 30 s', 'ends after 1 min of calm']);
	assert.deepEqual(manner_of(rule({})), []);
	assert.equal(source_of(rule({})), 'a.conf:3');
	assert.equal(source_of(rule({ file: 'built in', line: 0 })), 'built in');
});

test('lines on a chart: of its series, and only where they are heights', () => {
	const rules = [
		rule({}), rule({ name: 'ALIAS', metric: 'cpu', series: [{ id: 'cpu.usage' }], limits: { critical: { limit: 95 } } }), rule({ name: 'SAME', metric: 'cpu.*' }),
		rule({ name: 'RATE', aggregate: 'rate', limits: { warning: { limit: 5 } } }), rule({ name: 'GONE', compare: 'absent', limits: { warning: { limit: 6 } } }), rule({ name: 'OTHER', metric: 'load.1', limits: { warning: { limit: 7 } } }),
		rule({ name: 'BOTH', compare: 'outside', limits: { info: { limit: 1, high: 2 } } }),
	];

	assert.deepEqual(lines_of(rules, ['cpu.usage'], 9).map(({ at, level, label }) => `${label} ${level} ${at}`), ['ALIAS critical 95', 'R warning 80', 'BOTH info 1', 'BOTH info 2']);
	assert.deepEqual(lines_of(rules, ['disk.busy/sda']), []);
	assert.equal(lines_of(rules, ['cpu.usage'], 2).length, 2);
	assert.deepEqual(merge_lines([{ at: 80, level: 'warning' }, { at: 90, level: 'critical' }], [{ at: 70, level: 'warning', label: 'R' }]).map((line) => line.at), [90, 70]);
});

test('which alerts touch a span', () => {
	const list = [alert({ id: 'over', endsAt: 2000, state: 'resolved' }), alert({ id: 'lasts', startsAt: 1500 }), alert({ id: 'later', startsAt: 9000 }), alert({ id: 'not yet', state: 'pending' })];

	assert.deepEqual(during(list, 1800, 5000).map((one) => one.id), ['over', 'lasts']);
	assert.deepEqual(during(list, 2001, 5000).map((one) => one.id), ['lasts']);
});

test('how long', () => {
	assert.equal(lasted_ms(alert({ endsAt: 61000 }), 0), 60000);
	assert.equal(lasted_ms(alert({}), 31000), 30000);
	assert.equal(lasted_ms(alert({}), 900), 1000);
});

test('a matcher survives a comma in a name', () => {
	assert.equal(matcher_of({ rule: 'R' }), 'rule=R');
	assert.equal(matcher_of({ rule: 'R', series: 'fs.used//mnt/a,b' }), 'rule=R,series=fs.used//mnt/a*b');
});

test('filters', () => {
	const list = [alert({}), alert({ rule: 'S', severity: 'critical', state: 'resolved' })];

	for (const [filter, n] of [[{}, 2], [{ rule: 'S' }, 1], [{ severity: 'warning' }, 1], [{ state: 'resolved', rule: 'R' }, 0]])
		assert.equal(filtered(list, filter).length, n, JSON.stringify(filter));
});

test('only web addresses are links', () => {
	for (const [text, is] of [['https://a/b', true], ['HTTP://a', true], ['javascript:alert(1)', false], ['see the wiki', false], [null, false]])
		assert.equal(safe_link(text) !== null, is, String(text));
});

test('the header says the worse of what is judged and what fires', () => {
	const judged = { level: 'warning', reasons: [{ level: 'warning', text: 'CPU' }], of: new Map() };

	assert.equal(with_reasons(judged, []), judged);
	assert.deepEqual(with_reasons(judged, reasons_of([alert({ severity: 'critical' }), alert({ id: 'b', severity: 'info' }), alert({ id: 'c', state: 'acknowledged' })])).reasons.map((one) => one.text), ['R on cpu.usage', 'CPU']);
	assert.equal(with_reasons({ level: 'ok', reasons: [], of: new Map() }, reasons_of([alert({})])).level, 'warning');
});
