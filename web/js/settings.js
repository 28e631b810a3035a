/* settings.js: what a reader chose for this browser, kept in its storage.
 * The range and the selection are not here: they belong to the address. */

import { signal } from './lib/signal.js';

const KEY = 'vedette';

const defaults = {
	theme: 'auto',     /* auto | light | dark */
	zone: 'browser',   /* browser | utc | server */
	base: 1024,        /* 1024 (KiB) | 1000 (kB) */
	notify: false,     /* notes of the browser for alerts */
	columns: null,     /* of the process table; null is the default set */
};

function load() {
	try {
		return { ...defaults, ...JSON.parse(localStorage.getItem(KEY) ?? '{}') };
	} catch {
		return { ...defaults };
	}
}

export function create_settings() {
	const state = signal(load());

	return {
		...state,
		change(part) {
			state.set({ ...state.get(), ...part });
			try {
				localStorage.setItem(KEY, JSON.stringify(state.get()));
			} catch { /* private window: the choice lasts as long as the tab */ }
		},
	};
}
