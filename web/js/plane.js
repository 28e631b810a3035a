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

import { create_choices } from './choices.js';
import { ask_history, POINTS } from './history.js';
import { spell_out } from './lib/busiest.js';
import { Columns, stats } from './lib/columns.js';
import { by_name, matcher } from './lib/series.js';
import { place_instances } from './lib/colours.js';
import { signal } from './lib/signal.js';

/* From this step on a point stands for so many samples that its extremes
 * matter: the range is asked for, and drawn as a band. */
const BAND_STEP_MS = 2000;

const MOST_ANSWERS = 200;
const KEEP_FRAMES_MS = 15000, SETTLE_MS = 25;

const step_for = (span) => Math.max(1000, Math.ceil(span / POINTS / 1000) * 1000);

export function create_plane({ feed, clock }) {
	const loaded = new Set(), wants = new Set(), catalog = new Map(), latest = new Map(), seen = new Map(), places = new Map();
	const departed = new Map(); /* what is known of series that went away */
	const problems = new Map(); /* pattern → why its history is missing */
	const flying = new Set();   /* questions on their way: { keys, anew } */
	const tick = signal(0);
	const choices = create_choices({ feed, changed: () => { rewire(); tell(); } });
	let live = null, held = null, past = null, live_span = 0;
	let loaded_for = 'live', listed = null, recent = [], last_frame_at = 0, abort = null, wired = false, version = 0;

	const tell = () => tick.set(tick.get() + 1);
	const is_history = () => clock.state.get().mode === 'history';
	const target_now = () => (is_history() ? 'past' : 'live');
	const active = () => [...wants].filter((want) => want.history);

	/* ---- what of a wish is asked for ---- */

	const choice_of = ({ wish }, target) => (target === 'past' ? wish.past ?? wish.live : wish.live);

	const asked_of = (want, target, patterns = want.patterns) => (want.wish ? choices.patterns_of(want.wish, choice_of(want, target), patterns) : patterns);

	/* What the list of the watched does not have is not there: asking for its past
	 * would be refused. A past range may have what is gone by now. */
	const is_there = (pattern, target) => !listed?.has(pattern) || (target === 'past' && pattern.includes('*')) || match([pattern]).length > 0;

	/* What the shown columns already hold, by key; a band is asked for apart. */
	const key_of = ({ pattern, band }) => `${band ? 'band ' : ''}${pattern}`;

	function items_of(target) {
		const items = new Map();

		for (const want of active())
			for (const pattern of asked_of(want, target))
				if (want.gone || is_there(pattern, target))
					items.set(key_of({ pattern, band: want.band }), { pattern, band: want.band });
		return [...items.values()];
	}

	const is_flying = (key) => [...flying].some(({ keys }) => keys.has(key));
	const missing = () => items_of(target_now()).filter((item) => !loaded.has(key_of(item)) && !is_flying(key_of(item)));

	/* ---- history ---- */

	function question() {
		const { from, to } = clock.state.get();

		if (is_history())
			return { from, to, span: to - from };
		return { from: -clock.state.get().span, span: clock.state.get().span };
	}

	/* One question for lines, and where points are wide one more for their bands. */
	async function ask(items, target, { from, to, span }, signal_) {
		const wide = step_for(span) >= BAND_STEP_MS;
		const banded = [...new Set(items.filter(({ band }) => wide && band).map(({ pattern }) => pattern))];
		const plain = [...new Set(items.map(({ pattern }) => pattern))].filter((pattern) => !banded.includes(pattern));
		const one = (patterns, aggregate) => ask_history({ from, to, aggregate, patterns, gone: target === 'past', count: (pattern) => match([pattern]).length, abort: signal_ });
		const found = await Promise.all([one(plain, 'avg'), one(banded, 'range')]);
		const answers = found.flatMap((part) => part.answers);
		const columns = answers.length ? Columns.from_history(answers[0]) : null;

		for (const answer of answers.slice(1))
			columns.add_history(answer);
		if (columns)
			columns.banded = wide;
		return { columns, answers, failed: new Map(found.flatMap((part) => [...part.problems])) };
	}

	/* Everything on screen anew, or only what newly came on screen. */
	async function load(anew = true) {
		const target = target_now(), asked = question();

		if (anew) {
			abort?.abort();
			abort = new AbortController();
			flying.clear();
		}

		const { signal: given_up } = abort ??= new AbortController(), flight = { keys: new Set(), anew };

		flying.add(flight);
		tell();
		try {
			if (target === 'past')
				await choices.choose_past(active().map(({ wish }) => wish).filter(Boolean), asked);
			if (given_up.aborted)
				return;

			const items = anew ? items_of(target) : missing();

			flight.keys = new Set(items.map(key_of));
			if (items.length)
				put(target, anew, items, asked, await ask(items, target, asked, given_up));
		} catch (error) {
			if (error.name !== 'AbortError')
				throw error;
		} finally {
			flying.delete(flight);
			if (!given_up.aborted && missing().length)
				rewire();
			tell();
		}
	}

	function put(target, anew, items, asked, { columns, answers, failed }) {
		const old = target === 'past' ? past : live;

		if (anew)
			problems.clear();
		for (const { pattern } of items)
			problems.delete(pattern);
		for (const [pattern, why] of failed)
			problems.set(pattern, why);
		if (anew && answers.length) {
			loaded.clear();
			loaded_for = target;
		}
		for (const item of items)
			loaded.add(key_of(item));
		if (!answers.length)
			return;
		if (anew || !old)
			take(target, columns, asked);
		else if (answers.every((answer) => old.add_history(answer)))
			replay(old);
		else
			load();
		learn_places();
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

	feed.on_list((list, gone, patterns) => {
		const watched = new Set(list.map((series) => series.id));

		listed = new Set(patterns);
		for (const series of list)
			catalog.set(series.id, series);
		for (const id of gone)
			catalog.delete(id);
		for (const id of [...latest.keys()].filter((known) => !watched.has(known))) {
			latest.delete(id);
			seen.delete(id);
		}
		learn_places();
		choices.count([...watched]);
		rewire();
		tell();
	});

	feed.on_frame((t, ids, values) => {
		/* The past came long before the connection did: what lies between is in neither. */
		if (!last_frame_at && live && !is_history() && t - (live.from + live.length * live.step) > 2 * live.step)
			load();
		last_frame_at = Date.now();
		clock.advance(t);
		if (recent.length && t < recent.at(-1).t - KEEP_FRAMES_MS)
			go_back();
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
		live.forget((id) => !latest.has(id));
		tell();
	});

	/* The server's clock was set back, by more than a sample is late: what was drawn lies ahead of it now, and would keep out what comes.
	 * A paused picture stays as it is. */
	function go_back() {
		recent = [];
		live = null;
		if (clock.state.get().mode === 'live')
			held = null;
		if (!is_history())
			load();
	}

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
			/* One list for all that is being chosen, and not one for each. */
			if (loaded.size === 0 || !choices.is_busy())
				feed.watch([...new Set([...wants].flatMap((want) => [...asked_of(want, 'live'), ...asked_of(want, 'live', want.along)]))]);

			const anew = !(loaded.size && (is_history() ? past : live));

			/* A question for everything asks for what is missing when it is back, and
			 * what is still being chosen comes with the rest. */
			if (missing().length && ![...flying].some((flight) => flight.anew) && (anew || !choices.is_busy()))
				load(anew);
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

	/* Known ids in the order of the patterns, by name within one: asked for many
	 * times a tick. */
	const found = new Map(); /* patterns → { version, ids } */

	function match(patterns) {
		const key = patterns.join('\n');

		if (found.size > MOST_ANSWERS)
			found.clear();
		if (found.get(key)?.version !== version) {
			const known = new Set([...catalog.keys(), ...(live?.rows.keys() ?? []), ...(past?.rows.keys() ?? [])]);
			const ids = patterns.flatMap((pattern) => (pattern.includes('*') ? [...known].filter(matcher(pattern)).sort(by_name) : known.has(pattern) || departed.has(pattern) ? [pattern] : []));

			found.set(key, { version, ids: [...new Set(ids)] });
		}
		return found.get(key).ids;
	}

	return {
		tick, latest, seen, places, catalog, match,
		/* patterns: what to watch. history false: only the latest values, until
		 * need_history. band: whether wide points should come with their extremes.
		 * gone: of what went away too, by its name. top: of the patterns, which must
		 * end in a slash and a star, only the so many busiest instances by the sum of rank, with
		 * the values of `along` beside; early: before someone looks. */
		want(patterns, { history = true, band = false, gone = false, top = 0, rank = patterns, along = [], early = history } = {}) {
			const want = { patterns, history, band, gone, along, wish: top ? choices.add({ rank, top, wanted: early }) : null };

			wants.add(want);
			rewire();
			return {
				/* The ids to draw. */
				match() {
					const choice = want.wish && choice_of(want, target_now());

					if (!want.wish || choice?.all)
						return match(patterns);
					return match(choice ? spell_out(patterns, choice.names) : []);
				},
				/* How many instances there are; 0 while that is not known. */
				instances: () => (want.wish && choice_of(want, target_now())?.instances) || 0,
				/* Whether it is known what to draw. */
				ready: () => (want.wish ? choice_of(want, target_now()) !== null : true),
				problem: () => (want.wish?.live === null && want.wish.problem) || asked_of(want, target_now()).map((pattern) => problems.get(pattern)).find(Boolean) || null,
				/* Someone looks at it now. */
				need_values: () => want.wish && choices.set_near(want.wish, true),
				/* A card that scrolls into view begins to need its past. */
				need_history() {
					if (want.wish)
						choices.set_near(want.wish, true);
					if (!want.history) {
						want.history = true;
						rewire();
					}
				},
				/* It is drawn for someone who does not look now. */
				rest: () => want.wish && choices.set_near(want.wish, false),
				release() {
					wants.delete(want);
					if (want.wish)
						choices.drop(want.wish);
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
		about: (id) => catalog.get(id) ?? departed.get(id) ?? { id, unit: live?.rows.get(id)?.unit ?? past?.rows.get(id)?.unit ?? '', interval: 1000, help: '' },
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
			for (const series of list) {
				const [to, from] = series.gone ? [departed, catalog] : [catalog, departed];

				from.delete(series.id);
				if (!to.has(series.id))
					to.set(series.id, series);
			}
			learn_places();
		},
		reload: () => load(),
		/* Whether the server has said what there is: before, nothing is "empty". */
		ready: () => listed !== null || Boolean(live?.rows.size && !flying.size),
		loading: () => flying.size > 0,
		/* Date.now() of the last sample's arrival; 0 before the first. */
		last_frame_at: () => last_frame_at,
		stats_of(id, window = clock.view()) {
			const columns = is_history() ? past : held ?? live;

			return columns ? stats(columns.rows.get(id), columns.index_at(window.from), columns.index_at(window.to)) : stats(null);
		},
	};
}
