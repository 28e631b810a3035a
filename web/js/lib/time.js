/* time.js: moments and spans as people write and read them. Pure; times are
 * milliseconds since the epoch, a zone is an IANA name or undefined for the
 * browser's own. */

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

export const presets = [
	{ id: '5m', span: 5 * MINUTE, label: 'Last 5 minutes' },
	{ id: '15m', span: 15 * MINUTE, label: 'Last 15 minutes' },
	{ id: '1h', span: HOUR, label: 'Last hour' },
	{ id: '6h', span: 6 * HOUR, label: 'Last 6 hours' },
	{ id: '24h', span: DAY, label: 'Last 24 hours' },
];

const letters = { s: SECOND, m: MINUTE, h: HOUR, d: DAY };

/* "15m" → ms; null when it is not a span. */
export function parse_span(text) {
	const found = /^(\d+)([smhd])$/.exec(text ?? '');

	return found ? Number(found[1]) * letters[found[2]] : null;
}

export function write_span(ms) {
	for (const [letter, size] of [['d', DAY], ['h', HOUR], ['m', MINUTE]])
		if (ms >= size && ms % size === 0 && !(letter === 'd' && ms === DAY))
			return `${ms / size}${letter}`;
	return `${Math.max(1, Math.round(ms / SECOND))}s`;
}

/* "3 min 20 s": the two largest parts. */
export function span_words(ms) {
	const sizes = [['d', DAY], ['h', HOUR], ['min', MINUTE], ['s', SECOND]];
	const words = [];
	let rest = Math.max(0, Math.round(ms / SECOND) * SECOND);

	for (const [name, size] of sizes) {
		const n = Math.floor(rest / size);

		rest -= n * size;
		if (n > 0)
			words.push(`${n} ${name}`);
		if (words.length === 2 || (words.length === 1 && n === 0))
			break;
	}
	return words.join(' ') || (ms > 0 && ms < SECOND ? `${Math.round(ms)} ms` : '0 s');
}

export const ago_words = (ms) => `${span_words(ms)} ago`;

const formats = new Map();

function formatter(zone, shape) {
	const key = `${zone ?? ''}|${shape}`;
	const date = { year: 'numeric', month: '2-digit', day: '2-digit' };
	const time = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
	const shapes = {
		minute: time,
		second: { ...time, second: '2-digit' },
		full: { ...date, ...time, second: '2-digit' },
		date,
		zone: { timeZoneName: 'short', hour: '2-digit' },
	};

	if (!formats.has(key))
		formats.set(key, new Intl.DateTimeFormat('en-GB', { ...shapes[shape], timeZone: zone }));
	return formats.get(key);
}

function fields(t, zone, shape) {
	const found = {};

	for (const { type, value } of formatter(zone, shape).formatToParts(t))
		found[type] = value;
	return found;
}

export const clock_text = (t, zone) => formatter(zone, 'second').format(t);
export const minute_text = (t, zone) => formatter(zone, 'minute').format(t);

export function date_text(t, zone) {
	const f = fields(t, zone, 'date');

	return `${f.year}-${f.month}-${f.day}`;
}

export const day_text = (t, zone) => date_text(t, zone).slice(5);

/* 2026-11-23 14:05:09, for tooltips and tables: sorts as it reads. */
export function full_text(t, zone) {
	const f = fields(t, zone, 'full');

	return `${f.year}-${f.month}-${f.day} ${f.hour}:${f.minute}:${f.second}`;
}

export const zone_text = (t, zone) => fields(t, zone, 'zone').timeZoneName ?? 'UTC';

/* What a clock in the zone shows for t, read as if it were UTC. */
function wall(t, zone) {
	const f = fields(t, zone, 'full');

	return Date.UTC(f.year, f.month - 1, f.day, f.hour, f.minute, f.second);
}

/* "2026-11-23T14:05" (or with seconds, or a space) on the zone's clock → ms;
 * null when it is not a moment. */
export function parse_local(text, zone) {
	const found = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d))?$/.exec((text ?? '').trim());

	if (!found)
		return null;

	const [, year, month, day, hour, minute, second = 0] = found.map(Number);
	const asked = Date.UTC(year, month - 1, day, hour, minute, second || 0);
	let t = asked;

	/* Twice, because the offset itself may change between guess and answer. */
	for (let i = 0; i < 2; i++)
		t += asked - wall(t, zone);
	return Number.isNaN(t) ? null : t;
}

export const local_text = (t, zone) => full_text(t, zone).replace(' ', 'T');

/* Tick times for an axis of span ms: whole minutes, hours, days on the zone's
 * clock, at most `most` of them. */
const grid = [1, 2, 5, 10, 15, 30].map((n) => n * SECOND)
	.concat([1, 2, 5, 10, 15, 30].map((n) => n * MINUTE))
	.concat([1, 2, 3, 6, 12].map((n) => n * HOUR))
	.concat([1, 2, 7, 14, 30].map((n) => n * DAY));

export function ticks(from, to, most, zone) {
	const step = grid.find((size) => (to - from) / size <= most) ?? grid.at(-1);
	const shift = wall(from, zone) - Math.floor(from / SECOND) * SECOND;
	const found = [];

	/* The clock may change on the way: each tick is set right by itself. */
	for (let t = Math.ceil((from + shift) / step) * step - shift; t <= to; t += step) {
		const off = wall(t, zone) - Math.floor(t / SECOND) * SECOND - shift;

		found.push(step > Math.abs(off) ? t - off : t);
	}
	return { step, at: found };
}

export function tick_text(t, step, zone) {
	if (step >= DAY)
		return day_text(t, zone);
	if (step >= HOUR && minute_text(t, zone) === '00:00')
		return day_text(t, zone);
	return step < MINUTE ? clock_text(t, zone) : minute_text(t, zone);
}
