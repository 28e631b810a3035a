/* split.js: one question too large for the server becomes several. Pure. */

/* Items in their order, in parts of at most most_items that weigh at most
 * most_weight together; an item that weighs more stands alone. */
export function split(items, { most_items, most_weight, weigh }) {
	const parts = [];
	let weight = 0;

	for (const item of items) {
		const more = weigh(item), last = parts.at(-1);

		if (last && last.length < most_items && weight + more <= most_weight) {
			last.push(item);
			weight += more;
		} else {
			parts.push([item]);
			weight = more;
		}
	}
	return parts;
}
