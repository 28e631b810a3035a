/* toast.js: one short sentence that goes away by itself. */

import { h, set_text } from '../dom.js';

const STAYS_MS = 3500;

export function create_toast() {
	const el = h('div.toast', { hidden: true });
	let timer = 0;

	document.body.append(el);
	return function say(text) {
		clearTimeout(timer);
		set_text(el, text);
		el.hidden = false;
		timer = setTimeout(() => { el.hidden = true; }, STAYS_MS);
	};
}
