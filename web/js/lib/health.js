/* health.js: the one word at the top of the page, and why.
 *
 * A value counts by its running average over the vital's smooth seconds, and
 * a level once reached is kept until the value is 5 % below its threshold, so
 * that the word does not flicker. Pure: time comes with the values. */

import { instance_of } from './series.js';
import { limits_of, subject_of, vitals } from './vitals.js';

export const levels = ['ok', 'warning', 'critical'];

export const words = { ok: 'OK', warning: 'Warning', critical: 'Critical', unknown: 'Unknown' };

const worse = (a, b) => (levels.indexOf(a) >= levels.indexOf(b) ? a : b);

/* The level of a value on a vital's scale; previous is the level it had. */
export function level_of(vital, value, cpus = 1, previous = 'ok') {
	let found = 'ok';

	for (const { at, level } of limits_of(vital, cpus)) {
		const held = levels.indexOf(previous) >= levels.indexOf(level);

		if (value >= (held ? at * 0.95 : at))
			found = level;
	}
	return found;
}

export function create_judge() {
	const running = new Map(); /* series id → { avg, t, level } */

	function smooth(vital, id, value, t) {
		const old = running.get(id);
		const share = old ? 1 - Math.exp(-Math.max(0, t - old.t) / 1000 / vital.smooth) : 1;
		const avg = old ? old.avg + (value - old.avg) * share : value;

		running.set(id, { avg, t, level: old?.level ?? 'ok' });
		return running.get(id);
	}

	/* latest: Map of id → value (null is unknown). failing: names of
	 * collectors. → { level, reasons: [{ level, text, id, value, vital }], of: Map vital id → level } */
	return function judge(latest, t, { cpus = 1, failing = [] } = {}) {
		const reasons = [], of = new Map();

		for (const vital of vitals) {
			for (const [id, value] of latest) {
				if (!vital.matches(id) || value == null)
					continue;

				const state = smooth(vital, id, value, t);

				state.level = level_of(vital, state.avg, cpus, state.level);
				of.set(vital.id, worse(of.get(vital.id) ?? 'ok', state.level));
				if (state.level !== 'ok')
					reasons.push({ level: state.level, id, vital, value, text: `${vital.says} ${subject_of(id)}`.trim() });
			}
		}
		for (const name of failing)
			reasons.push({ level: 'warning', id: `self.collector_failing/${name}`, vital: null, value: null, text: `Collector ${name} is failing` });

		reasons.sort((a, b) => levels.indexOf(b.level) - levels.indexOf(a.level));
		return { level: reasons[0]?.level ?? (latest.size ? 'ok' : 'unknown'), reasons, of };
	};
}

export const failing_of = (latest) => [...latest]
	.filter(([id, value]) => value === 1 && id.startsWith('self.collector_failing/'))
	.map(([id]) => instance_of(id));
