/* choices.js: of what there is a lot of (interfaces, disks, filesystems), the
 * few that are worth drawing.
 *
 * A wish with `top` is for so many instances. While there are no more than
 * that, its patterns are watched as they are; of more the server is asked
 * which were the busiest, of the last minute every so often while someone
 * looks, and of a fixed range once. */

import { keep_busiest, spell_out, weights_of } from './lib/busiest.js';
import { instance_of, matcher } from './lib/series.js';

const AGAIN_MS = 20000;
const SPARE = 4; /* ranked beyond what is drawn: a little less busy is no reason to go */

/* A choice: null (not known yet), or { all: true, instances: how many }, or
 * { all: false, instances, names: [the chosen] }. changed() is told of news. */
export function create_choices({ feed, changed }) {
	const wishes = new Set();

	const patterns_of = (wish, choice, patterns) => (choice === null ? [] : choice.all ? patterns : spell_out(patterns, choice.names));

	async function rank(wish, range) {
		const { instances, series } = await feed.request('get metrics', wish.rank, { top: wish.top + SPARE, ...range });

		if (instances <= wish.top)
			return { all: true, instances };
		return { all: false, instances, names: keep_busiest(weights_of(series), wish.live?.names ?? [], wish.top) };
	}

	const same = (a, b) => a !== null && a.all === b.all && a.instances === b.instances && a.names?.join('\n') === b.names?.join('\n');

	async function choose(wish) {
		if (wish.asking || feed.state.get().phase !== 'online')
			return;
		wish.asking = true;

		const before = [wish.live, wish.problem];

		try {
			const choice = await rank(wish, {});

			wish.problem = null;
			if (!same(wish.live, choice))
				wish.live = choice;
		} catch (error) {
			wish.problem = error.message;
		}
		wish.asking = false;
		/* Others may have waited for it, whatever came of it. */
		if (wish.live === null || wish.live !== before[0] || wish.problem !== before[1])
			changed();
	}

	const is_due = (wish) => wish.wanted && (wish.live === null || (!wish.live.all && wish.near));

	function choose_all() {
		for (const wish of wishes)
			if (is_due(wish))
				choose(wish);
	}

	feed.state.on(({ phase }) => phase === 'online' && choose_all());
	setInterval(() => !document.hidden && choose_all(), AGAIN_MS);

	return {
		/* rank: the patterns whose sum counts; wanted false: not before it is near. */
		add({ rank: of, top, wanted }) {
			const wish = { rank: of, top, wanted, near: false, live: null, past: null, past_of: '', problem: null, asking: false };

			wishes.add(wish);
			if (wanted)
				choose(wish);
			return wish;
		},
		drop: (wish) => wishes.delete(wish),
		/* Someone looks, or no more. */
		set_near(wish, near) {
			wish.near = near;
			if (near && (!wish.wanted || wish.live === null)) {
				wish.wanted = true;
				choose(wish);
			}
		},
		patterns_of,
		/* First choices are on their way: what they are about is asked for at once. */
		is_busy: () => [...wishes].some((wish) => wish.asking && wish.live === null),
		/* The busiest of a fixed range, gone ones among them. */
		async choose_past(list, { from, to }) {
			const range = `${from} ${to}`;

			await Promise.all(list.filter((wish) => wish.past_of !== range).map(async (wish) => {
				try {
					wish.past = await rank(wish, { from: Math.round(from), to: Math.round(to), gone: true });
					wish.past_of = range;
				} catch {
					wish.past = wish.live;
				}
			}));
		},
		/* What is watched as a pattern may have grown beyond what can be drawn. */
		count(ids) {
			for (const wish of wishes) {
				if (!wish.live?.all)
					continue;

				const instances = new Set(ids.filter(matcher(wish.rank)).map((id) => instance_of(id) ?? id)).size;

				wish.live = { all: true, instances };
				if (instances > wish.top)
					choose(wish);
			}
		},
	};
}
