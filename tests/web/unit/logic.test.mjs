/* The small pure modules: address, axis, colours, names, finding, tables. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calm_top, round_up } from '../../../web/js/lib/axis.js';
import { HUES, hue_of, place_instances, styles_of } from '../../../web/js/lib/colours.js';
import { rank, score } from '../../../web/js/lib/fuzzy.js';
import { rows_of } from '../../../web/js/lib/process-columns.js';
import { area_of, by_instance, by_name, family_of, instance_of, matcher } from '../../../web/js/lib/series.js';
import { signal } from '../../../web/js/lib/signal.js';
import { compare, hold_order, window_of } from '../../../web/js/lib/table.js';
import { read, read_list, write, write_list } from '../../../web/js/lib/urlstate.js';

test('an id falls into family and instance at the first slash', () => {
	for (const [id, family, instance, area] of [['cpu.usage', 'cpu.usage', null, 'cpu'], ['fs.used_percent//var', 'fs.used_percent', '/var', 'fs'], ['cpu.usage/0', 'cpu.usage', '0', 'cpu'], ['device.temperature/a/b', 'device.temperature', 'a/b', 'device']]) {
		assert.equal(family_of(id), family);
		assert.equal(instance_of(id), instance);
		assert.equal(area_of(id), area);
	}
});

test('patterns', () => {
	for (const [pattern, id, is] of [['cpu.*', 'cpu.usage/0', true], ['cpu.usage', 'cpu.usage/0', false], ['fs.*//var', 'fs.used_percent//var', true], ['*', 'x', true], ['cpu.usage', 'cpuxusage', false], ['a*b*c', 'a12b/c', true], ['disk.(x', 'disk.(x', true]])
		assert.equal(matcher(pattern)(id), is, `${pattern} ${id}`);
	assert.equal(matcher(['a', 'b'])('b'), true);
});

test('core 2 comes before core 10', () => assert.deepEqual(['c/10', 'c/2'].sort(by_name), ['c/2', 'c/10']));
test('instances side by side', () => assert.deepEqual(by_instance(['r/a', 'r/b', 'w/a', 'w/b']), ['r/a', 'w/a', 'r/b', 'w/b']));

test('an address says view and parameters, and comes back', () => {
	for (const [view, params] of [['overview', {}], ['explorer', { series: 'fs.used_percent//var,cpu.*', from: '1', to: '2' }], ['processes', { filter: 'a b&c=d#%' }]])
		assert.deepEqual(read(write(view, params)), { view, params });
	assert.equal(write('x', { a: '', b: null, c: undefined }), '#/x');
	assert.deepEqual(read(''), { view: '', params: {} });
	assert.deepEqual(read('#/%%%'), { view: '%%%', params: {} });
});

test('a list of series survives commas in names', () => {
	const ids = ['fs.used_percent//mnt/a,b', 'x/~', 'cpu.*'];

	assert.deepEqual(read_list(write_list(ids)), ids);
	assert.deepEqual(read_list(''), []);
	assert.deepEqual(read_list(undefined), []);
});

test('axes end on round numbers', () => {
	for (const [value, size, top] of [[0, 1000, 1], [0.3, 1000, 0.3], [7, 1000, 8], [11, 1000, 20], [1000, 1000, 1000], [1025, 1024, 2048], [3e6, 1024, 4 * 2 ** 20], [1024 * 1000, 1024, 1024 * 1024]])
		assert.ok(Math.abs(round_up(value, size) / top - 1) < 1e-9, `${value} ${size} ${round_up(value, size)}`);
});

test('an axis does not follow noise', () => {
	let top = 0;
	const tops = new Set();

	for (let i = 0; i < 200; i++)
		tops.add(top = calm_top(top, 60 + 20 * Math.sin(i / 5)));
	assert.equal(tops.size, 2, [...tops].join());
	assert.equal(calm_top(100, 20), 20);
	assert.equal(calm_top(100, 130), 200);
});

test('hues: fixed for families, by place for instances, never more than eight', () => {
	const places = place_instances(['disk.busy/sdb', 'disk.busy/sda', 'disk.read_bytes/sda', 'net.rx_bytes/eth0']);

	assert.equal(hue_of('disk.busy/sda', places), hue_of('disk.read_bytes/sda', places));
	assert.notEqual(hue_of('disk.busy/sda', places), hue_of('disk.busy/sdb', places));

	const before = hue_of('disk.busy/sda', places);

	place_instances(['disk.busy/aaa'], places);
	assert.equal(hue_of('disk.busy/sda', places), before, 'a new disk repaints nobody');
	assert.notEqual(hue_of('cpu.user'), hue_of('cpu.system'));
	for (const id of ['cpu.user', 'x.y', 'queue.waiting/emails', 'disk.busy/zzz'])
		assert.ok(hue_of(id, places) >= 0 && hue_of(id, places) < HUES);
});

test('two of one hue in a chart differ by their dash', () => {
	assert.deepEqual(styles_of(['cpu.usage', 'cpu.user']).map((style) => style.dash), [0, 1]);
	assert.deepEqual(styles_of(['rx_errors', 'tx_errors', 'rx_drops', 'tx_drops'].map((family) => `net.${family}/eth0`)).map((style) => style.dash), [0, 1, 2, 3]);
});

test('few letters find much', () => {
	const names = ['disk.busy/sda', 'disk.read_bytes/sda', 'cpu.usage', 'memory.usage', 'net.rx_bytes/eth0'];

	assert.equal(rank('sda busy', names, (name) => name)[0], 'disk.busy/sda');
	assert.equal(rank('cpu', names, (name) => name)[0], 'cpu.usage');
	assert.deepEqual(rank('zzz', names, (name) => name), []);
	assert.ok(score('rxb', 'net.rx_bytes/eth0') > 0);
	assert.equal(score('usage xyz', 'cpu.usage'), 0);
});

test('rows under a pointer keep their places', () => {
	const shown = [{ pid: 1, cpu: 9 }, { pid: 2, cpu: 8 }, { pid: 3, cpu: 1 }], fresh = [{ pid: 3, cpu: 50 }, { pid: 4, cpu: 20 }, { pid: 1, cpu: 2 }];

	assert.deepEqual(hold_order(shown, fresh, (row) => row.pid), [{ pid: 1, cpu: 2 }, { pid: 2, cpu: 8, gone: true }, { pid: 3, cpu: 50 }]);
});

test('only rows in sight', () => {
	assert.deepEqual(window_of(0, 340, 34, 5000, 0), { first: 0, last: 10 });
	assert.deepEqual(window_of(34 * 4990, 340, 34, 5000, 8), { first: 4982, last: 5000 });
	assert.deepEqual(window_of(9999, 340, 34, 0), { first: 0, last: 0 });
});

test('unknown sorts last either way', () => {
	assert.deepEqual([3, null, 1].sort((a, b) => compare(a, b, 1)), [1, 3, null]);
	assert.deepEqual([3, null, 1].sort((a, b) => compare(a, b, -1)), [3, 1, null]);
});

test('process rows come in columns or as objects', () => {
	assert.deepEqual(rows_of({ columns: ['pid', 'name'], rows: [[1, 'init']] }), [{ pid: 1, name: 'init' }]);
	assert.deepEqual(rows_of({ processes: [{ pid: 1 }] }), [{ pid: 1 }]);
});

test('a signal tells on change only, and stops when asked', () => {
	const told = [], one = signal(1), stop = one.on((value) => told.push(value));

	one.set(1);
	one.set(2);
	stop();
	one.set(3);
	assert.deepEqual(told, [2]);
});
