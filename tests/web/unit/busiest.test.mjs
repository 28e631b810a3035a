/* Which of many instances are drawn, and how a large question is parted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keep_busiest, spell_out, weights_of } from '../../../web/js/lib/busiest.js';
import { split } from '../../../web/js/lib/split.js';

const ranked = (weights) => Object.entries(weights).map(([instance, weight]) => ({ instance, weight }));

test('what goes in and out of an instance counts together', () => {
	assert.deepEqual(weights_of([{ id: 'net.rx_bytes/b', mean: 5 }, { id: 'net.tx_bytes/b', mean: 7 }, { id: 'net.rx_bytes/a', mean: null }, { id: 'load.1', mean: -1 }]),
		[{ instance: 'b', weight: 12 }, { instance: 'a', weight: 0 }, { instance: 'load.1', weight: 1 }]);
});

for (const [what, weights, shown, expected] of [
	['the busiest, by name', { eth9: 50, eth10: 40, eth1: 30, eth2: 20 }, [], ['eth1', 'eth9', 'eth10']],
	['what is drawn stays while it is about as busy', { d: 12, b: 11, c: 10.5, a: 9 }, ['a', 'b', 'c'], ['a', 'b', 'c']],
	['what has much more takes its place', { d: 20, b: 11, c: 10.5, a: 9 }, ['a', 'b', 'c'], ['b', 'c', 'd']],
	['of idle ones those that are drawn', { a: 0, b: 0, c: 0, d: 0, e: 0 }, ['c', 'd', 'e'], ['c', 'd', 'e']],
	['what is not ranked any more goes', { a: 3, b: 2 }, ['x', 'y', 'z'], ['a', 'b']],
	['none', {}, ['a'], []],
])
	test(what, () => assert.deepEqual(keep_busiest(ranked(weights), shown, 3), expected));

test('a noisy pair does not flicker', () => {
	let shown = ['a'], changes = 0;

	for (let i = 0; i < 50; i++) {
		const now = keep_busiest(ranked({ a: 100 + 18 * Math.sin(i), b: 100 + 18 * Math.cos(i * 1.3) }), shown, 1);

		changes += now[0] !== shown[0];
		shown = now;
	}
	assert.ok(changes <= 1, String(changes));
});

test('patterns of instances, whatever their names hold', () => {
	assert.deepEqual(spell_out(['fs.free/*', 'fs.size/*'], ['/', '/$&']), ['fs.free//', 'fs.free//$&', 'fs.size//', 'fs.size//$&']);
});

test('parts keep within both limits, in order', () => {
	const weigh = (n) => n, parted = (items, most_items, most_weight) => split(items, { most_items, most_weight, weigh });

	assert.deepEqual(parted([], 3, 10), []);
	assert.deepEqual(parted([1, 1, 1, 1], 3, 10), [[1, 1, 1], [1]]);
	assert.deepEqual(parted([4, 4, 4], 3, 10), [[4, 4], [4]]);
	assert.deepEqual(parted([99, 1, 99], 3, 10), [[99], [1], [99]]);
});
