/* alerts.js: the alerts and rules that the page knows of.
 *
 *   present  what lasts now, kept up by the server's pushes
 *   past     what else touched the shown range: the bands on charts
 *   rules    for the lines on charts and the words on cards
 *
 * Others read lists; `changed` tells when they are different, `fired` when one
 * begins or grows worse. */

import { by_weight, during, is_loud, lines_of, reasons_of } from './lib/alerts.js';
import { signal } from './lib/signal.js';

const MOST_EPISODES = 300, MOST_LINES = 100, SETTLE_MS = 120, AGAIN_MS = 5000;

/* is_here: does an alert speak of this host? In a fleet those of all hosts are pushed to everyone; this page is about one, which
 * alone can be asked to acknowledge or to silence. */
export function create_alerts({ feed, clock, is_here = () => true }) {
	const present = new Map(), past = new Map(), listeners = new Set();
	const changed = signal(0), rules = signal([]);
	let known = false, problem = null, timer = 0, again = 0, asked = 0;

	/* Charts ask for both with every tick: made once for each change. */
	let everything = null;
	const lines = new Map(); /* ids → the lines of the rules about them */

	function tell() {
		everything = null;
		changed.set(changed.get() + 1);
	}

	/* Rows of the database do not say by which silence it is covered: what was known stays. */
	const put = (map, alert) => map.set(alert.id, { ...map.get(alert.id), ...alert });

	feed.on_alert((alert, starts) => {
		if (!is_here(alert))
			return;
		if (alert.state === 'resolved') {
			put(past, { ...present.get(alert.id), ...alert });
			present.delete(alert.id);
		} else {
			put(present, alert);
		}
		tell();
		if (starts)
			for (const hear of listeners)
				hear(present.get(alert.id));
	});

	async function load() {
		clearTimeout(again);
		try {
			const answer = await feed.request('get alerts', { limit: 1000 });

			present.clear();
			for (const alert of answer.alerts)
				put(present, alert);
			known = true;
			problem = null;
		} catch (error) {
			problem = error.message;
			if (feed.state.get().phase === 'online')
				again = setTimeout(load, AGAIN_MS);
		}
		tell();
	}

	async function load_rules() {
		const answer = await feed.request('get alert rules');

		lines.clear();
		rules.set(answer.rules);
		tell();
		return answer.rules;
	}

	/* ---- what else was, in the shown range ---- */

	async function load_past() {
		const { from, to } = clock.view(), number = ++asked;

		try {
			const answer = await feed.request('get alerts', { state: 'all', from: Math.round(from), to: Math.round(to), limit: MOST_EPISODES });

			if (number !== asked)
				return;
			past.clear();
			for (const alert of answer.alerts)
				put(past, alert);
			tell();
		} catch { /* charts without bands are still charts */ }
	}

	function soon() {
		clearTimeout(timer);
		timer = setTimeout(load_past, SETTLE_MS);
	}

	clock.state.on(() => feed.state.get().phase === 'online' && soon());
	feed.on_event((event) => event.kind === 'reload' && load_rules().catch(() => {}));

	const all = () => (everything ??= [...new Map([...past, ...present]).values()]);

	function lines_for(ids) {
		const key = ids.join('\n');

		if (lines.size > MOST_LINES)
			lines.clear();
		if (!lines.has(key))
			lines.set(key, lines_of(rules.get(), ids));
		return lines.get(key);
	}

	return {
		changed, rules, load, load_rules,
		/* The server can be asked (again). */
		start() {
			load();
			load_rules().catch(() => {});
			soon();
		},
		fired: (hear) => { listeners.add(hear); },
		known: () => known,
		problem: () => problem,
		present: () => [...present.values()].filter((alert) => alert.state !== 'pending').sort(by_weight),
		loud: () => [...present.values()].filter(is_loud).sort(by_weight),
		reasons: () => reasons_of([...present.values()]),
		find: (id) => present.get(id) ?? past.get(id) ?? null,
		rule_of: (alert) => rules.get().find((rule) => rule.name === alert.rule) ?? null,
		/* The alerts of these series that touch the shown range. */
		around(ids) {
			const { from, to } = clock.view();

			return during(all().filter((alert) => ids.includes(alert.series)), from, to);
		},
		lines: lines_for,
	};
}
