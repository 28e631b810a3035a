/* health.js: the one word at the top of the page, and why.
 *
 * A value counts by its mean over the vital's last `smooth` seconds, and a
 * level once reached is kept until the mean is 5 % below its threshold, so
 * that the word does not flicker. Pure: time and past come with the values. */

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
	const windows = new Map(); /* series id → { samples: [{ t, value }], level } */

	/* The mean of the window, or null while less than half of it is known: a
	 * page that was just opened must not cry at its first sample. */
	function mean_of(vital, id, value, t, past) {
		const known = windows.get(id) ?? { samples: past(id, vital.smooth * 1000), level: 'ok' };
		const { samples } = known;

		windows.set(id, known);
		if (samples.at(-1)?.t !== t)
			samples.push({ t, value });
		while (samples[0].t <= t - vital.smooth * 1000 && samples.length > 1)
			samples.shift();
		if (vital.smooth > 1 && t - samples[0].t < vital.smooth * 500)
			return null;
		return samples.reduce((sum, sample) => sum + sample.value, 0) / samples.length;
	}

	/* latest: Map of id → value (null is unknown). failing: names of collectors.
	 * mute: names of channels that nothing gets through.
	 * past(id, ms) → [{ t, value }] of what was before the first sample.
	 * → { level, reasons: [{ level, text, id, value, vital }], of: Map vital id → level } */
	return function judge(latest, t, { cpus = 1, failing = [], mute = [], past = () => [] } = {}) {
		const reasons = [], of = new Map();

		for (const vital of vitals) {
			for (const [id, value] of latest) {
				if (!vital.matches(id) || value == null)
					continue;

				const mean = mean_of(vital, id, value, t, past), state = windows.get(id);

				state.level = mean === null ? 'ok' : level_of(vital, mean, cpus, state.level);
				of.set(vital.id, worse(of.get(vital.id) ?? 'ok', state.level));
				if (state.level !== 'ok')
					reasons.push({ level: state.level, id, vital, value: mean, text: `${vital.says} ${subject_of(id)}`.trim() });
			}
		}
		for (const name of failing)
			reasons.push({ level: 'warning', id: `self.collector_failing/${name}`, vital: null, value: null, text: `Collector ${name} is failing` });
		for (const name of mute)
			reasons.push({ level: 'warning', id: `self.channel_failing/${name}`, vital: null, value: null, text: `Channel ${name} is failing`, tab: 'channels' });

		reasons.sort((a, b) => levels.indexOf(b.level) - levels.indexOf(a.level));
		return { level: reasons[0]?.level ?? (latest.size ? 'ok' : 'unknown'), reasons, of };
	};
}

/* What was judged, and what rules say on top: the worst word counts. What a rule says of a thing without a scale is not said twice. */
export function with_reasons(found, more) {
	if (!more.length)
		return found;

	const told = new Set(more.map((reason) => reason.id));
	const reasons = [...more, ...found.reasons.filter((reason) => reason.vital || !told.has(reason.id))].sort((a, b) => levels.indexOf(b.level) - levels.indexOf(a.level));

	return { ...found, level: reasons[0].level, reasons };
}

export const failing_of = (latest) => [...latest]
	.filter(([id, value]) => value === 1 && id.startsWith('self.collector_failing/'))
	.map(([id]) => instance_of(id));
