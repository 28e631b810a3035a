/* address.js: keeps the page's address and the page in step, so that a copied
 * link shows the same thing and back goes back.
 *
 *   range=15m        a moving range (left out when it is the usual one)
 *   from=…&to=…      a fixed one, ms since the epoch
 *   anything else    belongs to the view */

import { DEFAULT_SPAN } from './clock.js';
import { signal } from './lib/signal.js';
import { parse_span, write_span } from './lib/time.js';
import { read, write } from './lib/urlstate.js';

const range_keys = ['range', 'from', 'to'];

export function create_address({ clock, views }) {
	const first = views[0].id;
	const state = signal(parse());
	let applying = false;

	function parse() {
		const { view, params } = read(location.hash);

		return { view: views.some((one) => one.id === view) ? view : first, params };
	}

	function range_params() {
		const { mode, span, from, to } = clock.state.get();

		if (mode === 'live')
			return span === DEFAULT_SPAN ? {} : { range: write_span(span) };
		return { from: Math.round(from), to: Math.round(to) };
	}

	const own = (params) => Object.fromEntries(Object.entries(params).filter(([key, value]) => !range_keys.includes(key) && value != null));

	function put(view, params, replace) {
		const next = write(view, { ...own(params), ...range_params() });

		if (next !== location.hash)
			history[replace ? 'replaceState' : 'pushState'](null, '', next);
		state.set({ view, params: own(params) });
	}

	function apply_range({ range, from, to }) {
		applying = true;
		if (from && to && Number(to) > Number(from))
			clock.show(Number(from), Number(to));
		else
			clock.live(parse_span(range) ?? DEFAULT_SPAN);
		applying = false;
	}

	/* The address was changed by the browser: back, forward, typed, pasted. */
	function arrived() {
		const { view, params } = parse();

		apply_range(params);
		state.set({ view, params: own(params) });
	}

	/* A zoom is a step to go back from; a pause or a preset is not. */
	clock.state.on(({ mode }) => {
		if (!applying)
			put(state.get().view, state.get().params, mode !== 'history');
	});
	addEventListener('popstate', arrived);
	addEventListener('hashchange', arrived);

	/* Links inside the page carry the range that is shown when they are used. */
	document.addEventListener('click', (event) => {
		const link = event.target.closest?.('a[href^="#/"]');

		if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0)
			return;
		event.preventDefault();

		const { view, params } = read(link.getAttribute('href'));

		put(view, params, false);
	});

	return {
		state,
		start: arrived,
		params: () => state.get().params,
		to: (view, params) => write(view, params),
		go: (view, params = {}) => put(view, params, false),
		change(params, { replace = false } = {}) {
			put(state.get().view, { ...state.get().params, ...params }, replace);
		},
		/* The whole address with the range fixed, whatever it is now. */
		link() {
			const { from, to } = clock.view(), { view, params } = state.get();
			const range = clock.state.get().mode === 'live' ? range_params() : { from: Math.round(from), to: Math.round(to) };

			return new URL(write(view, { ...own(params), ...range }), location.href).href;
		},
	};
}
