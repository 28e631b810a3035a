/* clock.js: the one time range that everything on the page shows.
 *
 *   live     the last `span` ms, moving
 *   paused   what live showed when it was stopped; the data goes on behind it
 *   history  a fixed range, from a zoom, a pan, or dates
 *
 * hold is a pause of the passing kind: the charts stand still while the reader
 * points at one. preview is a range being dragged, not yet asked for. */

import { signal } from './lib/signal.js';

export const MIN_SPAN = 5000, MAX_SPAN = 366 * 86400e3, DEFAULT_SPAN = 300e3;

export function create_clock() {
	const state = signal({ mode: 'live', span: DEFAULT_SPAN, from: null, to: null });
	const hold = signal(false), preview = signal(null);
	let latest = Date.now(), held_at = 0;

	const span_of = (span) => Math.min(MAX_SPAN, Math.max(MIN_SPAN, Math.round(span)));

	/* What the charts show now. */
	function view() {
		const { mode, span, from, to } = state.get();

		if (preview.get())
			return preview.get();
		if (mode !== 'live')
			return { from, to };

		const end = hold.get() ? held_at : latest;

		return { from: end - span, to: end };
	}

	function set(next) {
		preview.set(null);
		state.set({ ...state.get(), ...next });
	}

	/* A fixed range. Nothing lies after now. */
	function show(from, to) {
		const span = span_of(to - from), end = Math.min(Math.round(to), latest);

		set({ mode: 'history', from: Math.round(end - span), to: end });
	}

	function live(span = state.get().span) {
		hold.set(false);
		set({ mode: 'live', span: span_of(span), from: null, to: null });
	}

	function pause() {
		const { from, to } = view();

		if (state.get().mode === 'live')
			set({ mode: 'paused', from, to });
	}

	function zoom(factor, at) {
		const { from, to } = view(), span = span_of((to - from) * factor);
		const middle = at ?? (from + to) / 2;
		const left = middle - ((middle - from) / (to - from)) * span;

		show(left, left + span);
	}

	function pan(share) {
		const { from, to } = view(), by = (to - from) * share;

		if (to + by > latest && state.get().mode === 'live')
			return;
		show(Math.min(from + by, latest - (to - from)), Math.min(to + by, latest));
	}

	return {
		state, hold, preview, view, show, live, pause, zoom, pan,
		now: () => latest,
		/* The server's time, from its samples: its clock counts, not the browser's. */
		advance(t) { latest = t; },
		toggle: () => (state.get().mode === 'live' ? pause() : live()),
		set_hold(on) {
			if (on && (state.get().mode !== 'live' || hold.get()))
				return;
			held_at = latest;
			hold.set(on);
		},
		/* live, or standing still for whatever reason: what the badge says. */
		shown_mode: () => (state.get().mode === 'live' && hold.get() ? 'paused' : state.get().mode),
	};
}
