/* plane.js: the data behind everything that is drawn.
 *
 * Cards say which series they want; the plane watches their union, asks for
 * history of what is on screen in one request, folds live samples into the
 * same grid, and tells once a tick. What comes from the server is drawn from
 * here and nowhere else, so all charts agree.
 *
 *   live  the moving range, kept up while the page shows something else
 *   held  a copy of live for as long as it is paused
 *   past  the fixed range of history mode */

import { Columns, stats } from './lib/columns.js';
import { by_name, matcher } from './lib/series.js';
import { place_instances } from './lib/colours.js';
import { signal } from './lib/signal.js';
import { get_json } from './http.js';

const POINTS = 300;

/* From this step on a point stands for so many samples that its extremes
 * matter: the range is asked for, and drawn as a band. */
const BAND_STEP_MS = 2000;

const MOST_ANSWERS = 200;
const KEEP_FRAMES_MS = 15000, SETTLE_MS = 25;

const step_for = (span) => Math.max(1000, Math.ceil(span / POINTS / 1000) * 1000);

export function create_plane({ feed, clock }) {
	const loaded = new Set(), wants = new Set(), catalog = new Map(), latest = new Map(), seen = new Map(), places = new Map();
	const tick = signal(0);
	let live = null, held = null, past = null, live_span = 0;
	let loaded_for = 'live', listed = false, recent = [], last_frame_at = 0, problem = null, loading = 0, abort = null, wired = false, version = 0;

	const tell = () => tick.set(tick.get() + 1);
	const is_history = () => clock.state.get().mode === 'history';
	const active = () => [...wants].filter((want) => want.history);
	/* What the shown columns already hold, by pattern; a band is asked for apart. */
	const keys_of = (want) => want.patterns.map((pattern) => `${want.band ? 'band ' : ''}${pattern}`);
	const missing = () => active().filter((want) => keys_of(want).some((key) => !loaded.has(key)));
	const patterns_of = (list) => [...new Set(list.flatMap((want) => want.patterns))];

	/* ---- history ---- */

	function question() {
		const { from, to } = clock.state.get();

		if (is_history())
			return { from, to, span: to - from };
		return { from: -clock.state.get().span, span: clock.state.get().span };
	}

	/* One request for lines, and where points are wide one more for their bands. */
	async function ask(list, { from, to, span }, signal_) {
		const wide = step_for(span) >= BAND_STEP_MS;
		const banded = patterns_of(list.filter((want) => wide && want.band));
		const plain = patterns_of(list).filter((pattern) => !banded.includes(pattern));
		const one = (series, aggregate) => get_json('api/v1/history', { from, to, points: POINTS, shape: 'columns', aggregate, series }, signal_);
		const answers = await Promise.all([
			plain.length && one(plain, 'avg'),
			banded.length && one(banded, 'range'),
		].filter(Boolean));
		const columns = answers.length ? Columns.from_history(answers[0]) : null;

		for (const answer of answers.slice(1))
			columns.add_history(answer);
		if (columns)
			columns.banded = wide;
		return { columns, answers };
	}

	/* Everything on screen anew, or only what newly came on screen. */
	async function load(only = null) {
		const list = only ?? active(), target = is_history() ? 'past' : 'live', asked = question();

		if (!list.length)
			return;
		if (!only) {
			abort?.abort();
			abort = new AbortController();
		}
		loading++;
		tell();
		try {
			const { columns, answers } = await ask(list, asked, abort?.signal);
			const old = target === 'past' ? past : live;

			problem = null;
			if (!only) {
				loaded.clear();
				loaded_for = target;
			}
			for (const key of list.flatMap(keys_of))
				loaded.add(key);
			if (only && old && answers.every((answer) => old.add_history(answer)))
				replay(old);
			else if (only && old)
				load();
			else
				take(target, columns, asked);
			learn_places();
			if (missing().length)
				rewire();
		} catch (error) {
			if (error.name !== 'AbortError')
				problem = error.message;
		} finally {
			loading--;
			tell();
		}
	}

	function take(target, columns, asked) {
		if (target === 'past') {
			past = columns;
			return;
		}
		const end = columns.from + columns.length * columns.step;

		if (live)
			columns.keep_from(live);
		live = columns;
		live_span = asked.span;
		if (!last_frame_at)
			clock.advance(Math.max(end - columns.step, columns.from));
		replay(live);
		if (held && clock.state.get().mode === 'live')
			held = live.clone();
	}

	/* Samples that came while the question was on its way. */
	function replay(columns) {
		for (const { t, ids, values } of recent)
			columns.push(t, ids, values);
	}

	/* ---- live ---- */

	feed.on_list((list, gone) => {
		const watched = new Set(list.map((series) => series.id));

		listed = true;
		for (const series of list)
			catalog.set(series.id, series);
		for (const id of gone)
			catalog.delete(id);
		for (const id of [...latest.keys()].filter((known) => !watched.has(known))) {
			latest.delete(id);
			seen.delete(id);
		}
		version++;
		learn_places();
		tell();
	});

	feed.on_frame((t, ids, values) => {
		last_frame_at = Date.now();
		clock.advance(t);
		recent.push({ t, ids, values });
		while (recent[0].t < t - KEEP_FRAMES_MS)
			recent.shift();
		for (let i = 0; i < ids.length; i++) {
			latest.set(ids[i], values[i]);
			if (values[i] != null)
				seen.set(ids[i], { t, value: values[i] });
		}
		if (!live) {
			const span = clock.state.get().span, step = step_for(span);

			live = new Columns(Math.floor((t - span) / step) * step, step);
			live_span = span;
		}
		live.push(t, ids, values);
		live.trim(t - live_span - live.step * 2);
		tell();
	});

	function learn_places() {
		place_instances(catalog.keys(), places);
		for (const columns of [live, past])
			if (columns)
				place_instances(columns.rows.keys(), places);
		version++;
	}

	/* ---- wishes ---- */

	/* Cards come and go together, and learn a moment later whether they are in
	 * sight: one watch and one question for all of them. */
	function rewire() {
		if (wired)
			return;
		wired = true;
		setTimeout(() => {
			wired = false;
			feed.watch(patterns_of([...wants]));

			const fresh = missing();

			if (fresh.length)
				load(loaded.size && (is_history() ? past : live) ? fresh : null);
		}, SETTLE_MS);
	}

	clock.state.on(({ mode, span }) => {
		if (mode === 'paused') {
			held = held ?? live?.clone() ?? null;
		} else if (mode === 'history') {
			load();
		} else {
			held = null;
			past = null;
			if (!live || live_span !== span || loaded_for !== 'live')
				load();
		}
		tell();
	});
	clock.hold.on((on) => {
		if (clock.state.get().mode === 'live')
			held = on ? live?.clone() ?? null : null;
		tell();
	});
	clock.preview.on(tell);

	const found = new Map(); /* patterns → { version, ids }: asked for many times a tick */

	return {
		tick, latest, seen, places, catalog,
		/* patterns: what to watch. history false: only the latest values. band:
		 * whether wide points should come with their extremes. */
		want(patterns, { history = true, band = false } = {}) {
			const want = { patterns, history, band };

			wants.add(want);
			rewire();
			return {
				/* A card that scrolls into view begins to need its past. */
				need_history() {
					if (!want.history) {
						want.history = true;
						rewire();
					}
				},
				release() {
					wants.delete(want);
					rewire();
				},
			};
		},
		shown() {
			if (is_history())
				return past;
			return held ?? live;
		},
		live: () => live,
		/* Known ids in the order of the patterns, by name within one. */
		match(patterns) {
			const key = patterns.join('\n');

			if (found.size > MOST_ANSWERS)
				found.clear();
			if (found.get(key)?.version !== version) {
				const known = new Set([...catalog.keys(), ...(live?.rows.keys() ?? []), ...(past?.rows.keys() ?? [])]);
				const ids = patterns.flatMap((pattern) => [...known].filter(matcher(pattern)).sort(by_name));

				found.set(key, { version, ids: [...new Set(ids)] });
			}
			return found.get(key).ids;
		},
		about: (id) => catalog.get(id) ?? { id, unit: live?.rows.get(id)?.unit ?? past?.rows.get(id)?.unit ?? '', interval: 1000, help: '' },
		/* Unknown because its collector says nothing any more, and not because
		 * there was nothing to say (the wait of a disk without requests). */
		is_silent(id) {
			const { collector } = catalog.get(id) ?? {};

			return ![...latest].some(([other, value]) => value != null && catalog.get(other)?.collector === collector);
		},
		/* What is known of a series' last ms: [{ t, value }]. */
		past_of(id, ms) {
			const values = live?.rows.get(id)?.values ?? [], found = [];

			for (let i = values.length - 1; i >= 0 && (live.from + i * live.step) > clock.now() - ms; i--)
				if (values[i] != null)
					found.unshift({ t: live.from + i * live.step, value: values[i] });
			return found;
		},
		learn(list) {
			for (const series of list)
				if (!catalog.has(series.id))
					catalog.set(series.id, series);
			learn_places();
		},
		reload: () => load(),
		/* Whether the server has said what there is: before, nothing is "empty". */
		ready: () => listed || Boolean(live?.rows.size && !loading),
		problem: () => problem,
		loading: () => loading > 0,
		/* Date.now() of the last sample's arrival; 0 before the first. */
		last_frame_at: () => last_frame_at,
		stats_of(id, window = clock.view()) {
			const columns = is_history() ? past : held ?? live;

			return columns ? stats(columns.rows.get(id), columns.index_at(window.from), columns.index_at(window.to)) : stats(null);
		},
	};
}
