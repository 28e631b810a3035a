/* Numbers as people read them: rows of value, unit, expectation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonical, format, on_scale, scale_for, tick } from '../../../web/js/lib/units.js';

const rows = [
	[0, 'bytes', '0 B'], [512, 'bytes', '512 B'], [1023, 'bytes', '1.00 KiB'], [1536, 'bytes', '1.50 KiB'],
	[999.6 * 1024, 'bytes', '0.98 MiB'], [16 * 2 ** 30, 'bytes', '16.0 GiB'], [1e6, 'bytes/s', '977 KiB/s'],
	[12.345, 'percent', '12.3 %'], [22, 'percent', '22.0 %'], [100, 'percent', '100 %'], [99.96, 'percent', '100 %'], [0.001, 'percent', '~0 %'],
	[142, '', '142'], [9300, '', '9.30k'], [1234567, '/s', '1.23M /s'], [999.7, '', '1.00k'], [0.5, '/s', '0.50 /s'], [3, 'per second', '3 /s'],
	[0.0004, 's', '400 µs'], [0.25, 'ms', '250 µs'], [12, 'ms', '12.0 ms'], [1500, 'ms', '1.50 s'], [90, 's', '1.50 min'], [86400 * 3, 'seconds', '3.00 d'], [0, 'ms', '0 ms'],
	[54.2, 'celsius', '54.2 °C'], [890, 'rpm', '890 rpm'], [1e9, 'bits/s', '1.00 Gbit/s'], [-2048, 'bytes/s', '-2.00 KiB/s'],
	[7, 'widgets', '7.00 widgets'], [null, 'bytes', '–'], [NaN, 'percent', '–'],
];

for (const [value, unit, expected] of rows)
	test(`${value} ${unit} reads ${expected}`, () => assert.equal(format(value, unit), expected));

test('SI sizes where they were chosen', () => assert.equal(format(1.5e6, 'bytes', 1000), '1.50 MB'));

test('never more than three significant digits', () => {
	for (let power = -2; power < 11; power++)
		for (const digit of [1, 2.5, 9.994, 9.996, 9.9999])
			for (const unit of ['bytes', 'bytes/s', '', '/s']) {
				const text = format(digit * 10 ** power, unit).split(' ')[0].replace(/[kMGTP~]/, '').replace(/^[0.]+/, '').replace('.', '');

				assert.ok(text.length <= 3, `${digit}e${power} ${unit}: ${text}`);
			}
});

test('a chart speaks one unit', () => {
	const scale = scale_for('bytes/s', 8 * 2 ** 20);

	assert.equal(scale.unit, 'MiB/s');
	assert.equal(on_scale(2 ** 19, scale), '0.50');
	assert.equal(on_scale(null, scale), '–');
});

test('ticks say no more than they must', () => {
	for (const [value, unit, top, text] of [[50, 'percent', 100, '50'], [1.5, '', 3, '1.5'], [0, '', 3, '0'], [2000, '', 4000, '2k'], [2 ** 20, 'bytes', 2 ** 21, '1'], [7.8 * 2 ** 30, 'bytes', 15.6 * 2 ** 30, '7.8']])
		assert.equal(tick(value, scale_for(unit, top)), text);
});

test('the same unit by other names', () => {
	for (const [name, is] of [['%', 'percent'], ['B/s', 'bytes/s'], ['1/s', '/s'], ['count', ''], [undefined, ''], ['seconds', 's']])
		assert.equal(canonical(name), is);
});
