/* faults.js: what the host says of its own faults, in words: units that failed,
 * storage that reports errors, a clock that nobody keeps. Pure. */

import { instance_of } from './series.js';
import { format } from './units.js';

export const fault_series = ['units.failed*', 'disk.errors/*', 'disk.timeouts/*', 'fs.errors/*', 'raid.missing/*', 'raid.errors/*', 'clock.*'];

const DRIFT_MS = 4000, OFF_MS = 50; /* as the rules that come with Vedette have them */

const times = (n, what) => `${format(n, '')} ${what}${n === 1 ? '' : 's'}`;

/* Families of storage: how bad any of it is, and what to say of it. What is only counted, since the disk or the array was found,
 * is a note for ever after; whether it grows is for the rules to tell. */
const storage = [
	['raid.missing', 'critical', (n) => `lacks ${times(n, 'disk')}`],
	['fs.errors', 'critical', (n) => `${times(n, 'error')} in the filesystem`],
	['disk.errors', 'info', (n) => `${times(n, 'command')} failed since it was found`],
	['disk.timeouts', 'info', (n) => `${times(n, 'command')} without an answer since it was found`],
	['raid.errors', 'info', (n) => `${times(n, 'read error')} made good`],
];

const row = (level, subject, text, id) => ({ level, subject, text, id });

function of_units(known) {
	const failed = known.filter(([id, value]) => id.startsWith('units.failed/') && value > 0);

	if (failed.length)
		return failed.map(([id]) => row('warning', instance_of(id), 'has failed', id));
	return known.some(([id]) => id === 'units.failed') ? [row('ok', 'Units', 'none has failed', 'units.failed')] : [];
}

function of_storage(known) {
	const told = storage.flatMap(([family, level, says]) => known
		.filter(([id]) => id.startsWith(`${family}/`))
		.map(([id, value]) => row(value > 0 ? level : 'ok', instance_of(id), says(value), id)));
	const bad = told.filter(({ level }) => level !== 'ok');

	if (bad.length || !told.length)
		return bad;
	return [row('ok', 'Storage', 'reports no faults', told[0].id)];
}

function of_clock(known) {
	const now = new Map(known), error = now.get('clock.max_error'), offset = now.get('clock.offset');

	if (!now.has('clock.synchronized'))
		return [];
	if (now.get('clock.synchronized') < 1)
		return [row('info', 'Clock', 'is kept by no time service', 'clock.synchronized')];
	if (error > DRIFT_MS)
		return [row('warning', 'Clock', `may be ${format(error, 'ms')} off: its time service is silent`, 'clock.max_error')];
	if (Math.abs(offset) > OFF_MS)
		return [row('warning', 'Clock', `is ${format(Math.abs(offset), 'ms')} off`, 'clock.offset')];
	return [row('ok', 'Clock', `kept, at most ${format(error, 'ms')} off`, 'clock.max_error')];
}

const weights = ['critical', 'warning', 'info', 'ok'];

/* values: [[id, value]] of fault_series, those known. → [{ level, subject, text, id }], the worst first. */
export function faults_of(values) {
	const known = values.filter(([, value]) => value != null);

	return [...of_units(known), ...of_storage(known), ...of_clock(known)]
		.sort((a, b) => weights.indexOf(a.level) - weights.indexOf(b.level));
}
