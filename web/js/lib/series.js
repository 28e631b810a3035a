/* series.js: what the name of a series says. An id is family or
 * family/instance; the instance is everything after the first slash. */

export function family_of(id) {
	const at = id.indexOf('/');

	return at < 0 ? id : id.slice(0, at);
}

export function instance_of(id) {
	const at = id.indexOf('/');

	return at < 0 ? null : id.slice(at + 1);
}

/* cpu of cpu.usage/0: the area that a list groups by. */
export const area_of = (id) => family_of(id).split('.')[0];

/* A pattern is an id in which * stands for any run of characters. */
export function matcher(patterns) {
	const tests = [].concat(patterns).map((pattern) => {
		const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));

		return new RegExp(`^${parts.join('.*')}$`, 's');
	});

	return (id) => tests.some((test) => test.test(id));
}

/* Numbers inside names sort as numbers: core 2 before core 10. */
const order = new Intl.Collator('en', { numeric: true });

export const by_name = (a, b) => order.compare(a, b);

/* The ids of one instance next to each other, instances in the order they
 * first appear, so that a cut-off list holds whole instances. */
export function by_instance(ids) {
	const order = [...new Set(ids.map(instance_of))];

	return [...ids].sort((a, b) => order.indexOf(instance_of(a)) - order.indexOf(instance_of(b)));
}
