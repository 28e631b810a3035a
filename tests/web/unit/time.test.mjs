/* Moments and spans, in zones with whole and with odd offsets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ago_words, full_text, local_text, parse_local, parse_span, presets, span_words, tick_text, ticks, write_span, zone_text } from '../../../web/js/lib/time.js';

const T = Date.UTC(2026, 10, 23, 3, 4, 5);

for (const [text, ms] of [['5m', 300e3], ['24h', 86400e3], ['30d', 30 * 86400e3], ['90s', 90e3], ['', null], ['5', null], ['m', null], ['-5m', null], ['5m ', null]])
	test(`span ${text}`, () => assert.equal(parse_span(text), ms));

for (const preset of presets)
	test(`preset ${preset.id} survives the address`, () => assert.equal(write_span(parse_span(preset.id)), preset.id));

for (const [ms, words] of [[0, '0 s'], [300, '300 ms'], [999, '1 s'], [12e3, '12 s'], [60e3, '1 min'], [200e3, '3 min 20 s'], [3600e3, '1 h'], [3601e3, '1 h'], [86400e3 * 2 + 9 * 3600e3 + 5e3, '2 d 9 h']])
	test(`${ms} ms is ${words}`, () => assert.equal(span_words(ms), words));

test('ago', () => assert.equal(ago_words(12e3), '12 s ago'));

for (const [zone, text] of [['UTC', '2026-11-23 03:04:05'], ['Asia/Kolkata', '2026-11-23 08:34:05'], ['America/New_York', '2026-11-22 22:04:05'], ['Asia/Kathmandu', '2026-11-23 08:49:05']]) {
	test(`full text in ${zone}`, () => assert.equal(full_text(T, zone), text));
	test(`a moment typed in ${zone} comes back`, () => assert.equal(parse_local(local_text(T, zone), zone), T));
}

test('typed moments: around a change of the clock', () => {
	const zone = 'Europe/Berlin';

	for (const text of ['2026-03-29T01:59:59', '2026-03-29T03:00:00', '2026-10-25T04:00:00'])
		assert.equal(local_text(parse_local(text, zone), zone), text);
});

for (const text of ['', 'now', '2026-11-23', '2026-11-23T3:04', '23.11.2026 03:04', null])
	test(`not a moment: ${text}`, () => assert.equal(parse_local(text, 'UTC'), null));

test('ticks are whole on the zone\'s own clock, and few', () => {
	for (const zone of ['UTC', 'Asia/Kathmandu', 'America/St_Johns'])
		for (const span of [30e3, 300e3, 3600e3, 6 * 3600e3, 86400e3, 30 * 86400e3]) {
			const { step, at } = ticks(T - span, T, 6, zone);

			assert.ok(at.length >= 1 && at.length <= 7, `${zone} ${span}: ${at.length}`);
			for (const t of at) {
				const [hour, minute, second] = full_text(t, zone).slice(11).split(':').map(Number);

				assert.equal((((hour * 60 + minute) * 60 + second) * 1000) % Math.min(step, 86400e3), 0, `${zone} ${span} ${full_text(t, zone)}`);
			}
		}
});

test('midnight is named by its day', () => {
	assert.equal(tick_text(Date.UTC(2026, 10, 23), 6 * 3600e3, 'UTC'), '11-23');
	assert.equal(tick_text(Date.UTC(2026, 10, 23, 6), 6 * 3600e3, 'UTC'), '06:00');
	assert.equal(tick_text(T, 5e3, 'UTC'), '03:04:05');
});

test('a zone has a name', () => assert.equal(zone_text(T, 'UTC'), 'UTC'));
