/* busiest.js: which of many instances a chart draws. Pure. */

import { by_name, instance_of } from './series.js';

/* What is drawn stays until another has so much more: of two that are about
 * as busy neither comes and goes. */
const STAYS = 1.5;

/* The series of a `get metrics` with top → [{ instance, weight }], in its order. */
export function weights_of(series) {
	const found = new Map();

	for (const { id, mean } of series) {
		const instance = instance_of(id) ?? id;

		found.set(instance, (found.get(instance) ?? 0) + Math.abs(mean ?? 0));
	}
	return [...found].map(([instance, weight]) => ({ instance, weight }));
}

/* The `most` instances to draw, by name. shown: those drawn so far, which go
 * first among equals; one that is not even ranked any more goes. */
export function keep_busiest(ranked, shown, most) {
	const is_shown = ({ instance }) => shown.includes(instance), heavy = (one) => one.weight * (is_shown(one) ? STAYS : 1);

	return [...ranked]
		.sort((a, b) => heavy(b) - heavy(a) || is_shown(b) - is_shown(a))
		.slice(0, most)
		.map(({ instance }) => instance)
		.sort(by_name);
}

/* family/* of these instances → their ids. */
export const spell_out = (patterns, instances) => patterns.flatMap((pattern) => instances.map((instance) => pattern.replace('*', () => instance)));
