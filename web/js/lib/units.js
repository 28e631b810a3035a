/* units.js: a number and its unit as a person reads them.
 *
 * At most three significant digits, and a scale that is chosen once for a
 * chart, so that its axis and its legend speak the same unit. */

const iec = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'];
const si = ['', 'k', 'M', 'G', 'T', 'P'];

/* size 1024 follows the reader's choice of IEC or SI. inline: things that are
 * counted carry their k or M each, so that 12 beside 1.9k stays 12. */
const steps = (suffix, size = 1000) => ({ suffix, size });
const spans = (unit_ms) => ({ spans: true, unit_ms });
const plain = (suffix) => ({ suffix, size: 0 });

const kinds = {
	percent: plain('%'),
	bytes: steps('B', 1024),
	'bytes/s': steps('B/s', 1024),
	'bits/s': steps('bit/s'),
	'/s': { ...steps('/s'), inline: true },
	'': { ...steps(''), inline: true },
	ms: spans(1),
	s: spans(1000),
	celsius: plain('°C'),
	rpm: plain('rpm'),
	volts: plain('V'),
	watts: plain('W'),
	bits: plain('bit'),
};

/* What collectors and devices call the same thing. */
const aliases = {
	'%': 'percent', B: 'bytes', byte: 'bytes', 'B/s': 'bytes/s', 'bytes per second': 'bytes/s',
	'bit/s': 'bits/s', bps: 'bits/s', '1/s': '/s', 'per second': '/s', 'ops/s': '/s', 'count/s': '/s',
	count: '', none: '', number: '', bool: '', boolean: '', seconds: 's', second: 's', milliseconds: 'ms',
	'°C': 'celsius', C: 'celsius', degrees: 'celsius', V: 'volts', volt: 'volts', W: 'watts', RPM: 'rpm',
};

const durations = [
	[86400e3, 'd'], [3600e3, 'h'], [60e3, 'min'], [1e3, 's'], [1, 'ms'], [1e-3, 'µs'],
];

export function canonical(unit) {
	const name = unit ?? '';

	return aliases[name] ?? name;
}

function kind_of(unit) {
	const name = canonical(unit);

	return kinds[name] ?? (name.endsWith('/s') ? { ...steps(name), inline: true } : plain(name));
}

/* The scale that shows magnitude best: values are divided by div and carry
 * unit. base is 1024 (KiB) or 1000 (kB), for bytes only. */
export function scale_for(unit, magnitude, base = 1024) {
	const kind = kind_of(unit), size = Math.abs(magnitude) || 0;

	if (kind.spans) {
		const ms = size * kind.unit_ms;
		const [div, name] = durations.find(([at]) => ms >= at * 0.9995) ?? (ms > 0 ? durations.at(-1) : [kind.unit_ms, kind.unit_ms === 1 ? 'ms' : 's']);

		return { div: div / kind.unit_ms, unit: name, size: 0 };
	}
	if (kind.inline)
		return { div: 1, unit: kind.suffix, size: kind.size, inline: true };
	if (!kind.size)
		return { div: 1, unit: kind.suffix, size: 0 };

	const step = kind.size === 1024 ? base : 1000;
	const prefixes = step === 1024 ? iec : si;
	let power = 0;

	/* 1000 and not 1024: "1012 KiB" has a digit too many. */
	while (power < prefixes.length - 1 && size / step ** power >= 999.5)
		power++;
	return { div: step ** power, unit: prefixes[power] + kind.suffix, size: step };
}

/* Three significant digits, no exponent, steady width for steady values. */
export function digits(value) {
	const size = Math.abs(value);

	if (size === 0)
		return '0';
	if (size >= 99.95)
		return value.toFixed(0);
	if (size >= 9.995)
		return value.toFixed(1);
	return size >= 0.005 ? value.toFixed(2) : '~0';
}

/* A number on a scale that was already chosen. */
export function on_scale(value, scale) {
	if (value == null || Number.isNaN(value))
		return '–';
	return scale.inline ? counted(value) : digits(value / scale.div);
}

function counted(value) {
	let power = 0;

	while (power < si.length - 1 && Math.abs(value) / 1000 ** power >= 999.5)
		power++;
	return power === 0 && Number.isInteger(value) ? String(value) : digits(value / 1000 ** power) + si[power];
}

/* A tick of an axis: no zeros that say nothing. */
export function tick(value, scale) {
	const [, number, prefix] = /^(.*?)([a-zA-Z]*)$/.exec(on_scale(value, scale));

	return Number.isNaN(Number(number)) ? number + prefix : Number(number) + prefix;
}

export function parts(value, unit, base) {
	if (value == null || Number.isNaN(value))
		return { text: '–', unit: '' };

	const scale = scale_for(unit, value, base);

	return { text: on_scale(value, scale), unit: scale.unit };
}

export function format(value, unit, base) {
	const { text, unit: name } = parts(value, unit, base);

	return name === '' ? text : `${text} ${name}`;
}
