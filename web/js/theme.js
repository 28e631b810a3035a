/* theme.js: applies the chosen theme and tells canvases its colours, which
 * live in css/tokens.css and nowhere else. */

import { signal } from './lib/signal.js';
import { HUES } from './lib/colours.js';

const names = ['surface', 'text', 'dim', 'grid', 'axis', 'accent', 'ok', 'warning', 'critical'];

function read_colours() {
	const style = getComputedStyle(document.documentElement);
	const value = (name) => style.getPropertyValue(name).trim();
	const found = { hues: Array.from({ length: HUES }, (_, i) => value(`--hue-${i}`)) };

	for (const name of names)
		found[name] = value(`--${name}`);
	found.info = found.accent;
	found.heat = Array.from({ length: 6 }, (_, i) => value(`--heat-${i}`));
	return found;
}

/* #rrggbb with an alpha of 0–1. */
export const faded = (colour, alpha) => colour + Math.round(alpha * 255).toString(16).padStart(2, '0');

export function create_theme(settings) {
	const colours = signal(null);
	const system = matchMedia('(prefers-color-scheme: dark)');

	function apply() {
		const { theme } = settings.get();

		if (theme === 'auto')
			delete document.documentElement.dataset.theme;
		else
			document.documentElement.dataset.theme = theme;
		colours.set(read_colours());
	}

	apply();
	settings.on(apply);
	system.addEventListener('change', apply);
	return { colours, is_dark: () => (settings.get().theme === 'auto' ? system.matches : settings.get().theme === 'dark') };
}
