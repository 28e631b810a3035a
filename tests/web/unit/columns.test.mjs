/* The grid under every chart: folding, gaps, backfill. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Columns, stack, stats, with_gaps } from '../../../web/js/lib/columns.js';

const history = (values, more = {}) => ({ from: 10000, step: 1000, series: [{ id: 'a', unit: '', values, ...more }] });

test('samples of one bucket become its mean, with its extremes', () => {
	const columns = Columns.from_history({ from: 0, step: 10000, series: [{ id: 'a', values: [1], min: [0], max: [2] }] });

	columns.push(10000, ['a'], [10]);
	columns.push(11000, ['a'], [20]);
	columns.push(12000, ['a'], [90]);
	assert.deepEqual(columns.rows.get('a').values, [1, 40]);
	assert.deepEqual(columns.rows.get('a').min, [0, 10]);
	assert.deepEqual(columns.rows.get('a').max, [2, 90]);
});

test('live samples go on where history ends', () => {
	const columns = Columns.from_history(history([1, 2]));

	columns.push(12000, ['a', 'b'], [3, 7]);
	assert.deepEqual(columns.rows.get('a').values, [1, 2, 3]);
	assert.equal(columns.rows.get('b').values[2], 7);
	assert.equal(columns.rows.get('b').values[0], undefined);
	assert.deepEqual(columns.seconds, [10, 11, 12]);
});

test('a sample from long ago changes nothing', () => {
	const columns = Columns.from_history(history([1, 2, 3, 4, 5]));

	columns.push(10000, ['a'], [99]);
	columns.push(5000, ['a'], [99]);
	assert.deepEqual(columns.rows.get('a').values, [1, 2, 3, 4, 5]);
});

test('unknown stays unknown until something is known', () => {
	const columns = Columns.from_history(history([1]));

	columns.push(11000, ['a'], [null]);
	assert.equal(columns.rows.get('a').values[1], null);
	columns.push(11500, ['a'], [4]);
	assert.equal(columns.rows.get('a').values[1], 4);
	columns.push(11900, ['a'], [null]);
	assert.equal(columns.rows.get('a').values[1], 4);
});

test('what is before the range is forgotten', () => {
	const columns = Columns.from_history(history([1, 2, 3, 4]));

	columns.trim(12500);
	assert.equal(columns.from, 12000);
	assert.deepEqual(columns.rows.get('a').values, [3, 4]);
	assert.deepEqual(columns.seconds, [12, 13]);
	columns.trim(0);
	assert.equal(columns.length, 2);
});

test('rows that arrive later fit the grid, or say that they do not', () => {
	const columns = Columns.from_history(history([1, 2, 3]));

	assert.equal(columns.add_history({ from: 11000, step: 1000, series: [{ id: 'b', values: [8, 9, 10] }] }), true);
	assert.deepEqual(columns.rows.get('b').values.slice(1), [8, 9, 10]);
	assert.equal(columns.length, 4);
	assert.equal(columns.add_history({ from: 9000, step: 1000, series: [{ id: 'c', values: [0, 5] }] }), true);
	assert.equal(columns.rows.get('c').values[0], 5);
	assert.equal(columns.add_history({ from: 10500, step: 1000, series: [] }), false);
	assert.equal(columns.add_history({ from: 10000, step: 2000, series: [] }), false);
});

test('a server that forgot does not make the page forget', () => {
	const old = Columns.from_history(history([1, 2, 3, 4])), fresh = Columns.from_history({ from: 11000, step: 1000, series: [{ id: 'a', values: [null, null, 40, 50] }] });

	fresh.keep_from(old);
	assert.deepEqual(fresh.rows.get('a').values, [2, 3, 40, 50]);
});

test('a copy is a copy', () => {
	const columns = Columns.from_history(history([1, 2], { min: [0, 1], max: [2, 3] })), copy = columns.clone();

	columns.push(12000, ['a'], [3]);
	assert.deepEqual(copy.rows.get('a').values, [1, 2]);
	assert.deepEqual(copy.seconds, [10, 11]);
});

test('value at a moment', () => {
	const columns = Columns.from_history(history([1, 2, null]));

	assert.equal(columns.value_at('a', 10999), 1);
	assert.equal(columns.value_at('a', 12500), 2);
	assert.equal(columns.value_at('a', 9000), null);
	assert.equal(columns.value_at('nobody', 11000), null);
});

const N = null, U = undefined;

for (const [name, values, step, interval, expected] of [
	['one late sample at its own interval goes on', [1, N, 3], 1000, 1000, [1, U, 3]],
	['two missing are a gap', [1, N, N, 4], 1000, 1000, [1, N, N, 4]],
	['a slow collector is no row of gaps', [1, N, N, N, N, 6], 1000, 5000, [1, U, U, U, U, 6]],
	['but its absence is', [1, N, N, N, N, N, N, N, N, 6], 1000, 5000, [1, N, N, N, N, N, N, N, N, 6]],
	['one wide point missing is a gap', [1, N, 3], 288000, 1000, [1, N, 3]],
	['nothing is drawn before the first or after the last', [N, 2, N], 1000, 1000, [N, 2, N]],
	['nothing at all', [N, U], 1000, 1000, [N, N]],
])
	test(name, () => assert.deepEqual(with_gaps(values, step, interval), expected));

test('numbers under a chart', () => {
	assert.deepEqual(stats({ values: [1, null, 3, 8] }), { min: 1, avg: 4, max: 8, last: 8, n: 3 });
	assert.deepEqual(stats({ values: [5, 6], min: [1, 2], max: [9, 7] }), { min: 1, avg: 5.5, max: 9, last: 6, n: 2 });
	assert.deepEqual(stats({ values: [1, 2, 3, 4] }, 1, 2), { min: 2, avg: 2.5, max: 3, last: 3, n: 2 });
	assert.deepEqual(stats(undefined), { min: null, avg: null, max: null, last: null, n: 0 });
});

test('a stack adds what is known and keeps gaps', () => {
	assert.deepEqual(stack([[1, 2, null], [10, null, null], [100, 100, undefined]]), [[1, 2, null], [11, 2, null], [111, 102, undefined]]);
});

test('parts of a whole never stand above it', () => {
	/* The kernel may call more free than it says is available. */
	for (const [used, reclaimable, free] of [[40, 30, 30], [70, 0, 40], [100, 0, 0]])
		for (const layer of stack([[used, null], [reclaimable, 1], [free, undefined]], 100))
			assert.ok((layer[0] ?? 0) <= 100, `${used} ${reclaimable} ${free}: ${layer[0]}`);
	assert.deepEqual(stack([[1], [2]]), [[1], [3]]);
});

test('rows of what went away are forgotten when nothing of them is left', () => {
	const columns = new Columns(0, 1000);

	columns.push(0, ['gone', 'idle', 'here'], [1, null, 1]);
	columns.push(5000, ['idle', 'here'], [null, 2]);
	columns.forget((id) => id === 'gone');
	assert.deepEqual([...columns.rows.keys()], ['gone', 'idle', 'here']);
	columns.trim(4000);
	columns.forget((id) => id === 'gone');
	assert.deepEqual([...columns.rows.keys()], ['idle', 'here']);
});
