/* states.js: what a panel says when it has nothing to show: that it waits,
 * that there is nothing (and what to do about it), or that it failed (and why,
 * with a way to try again). */

import { fill, h } from '../dom.js';
import { icon } from './icons.js';

/* covers: the element that is hidden while the box says something. */
export function state_box(covers) {
	const el = h('div.state-box', { hidden: true });
	let said = '';

	function say(key, make) {
		if (said === key)
			return;
		said = key;
		el.hidden = key === '';
		if (covers)
			covers.classList.toggle('covered', key !== '');
		fill(el, key === '' ? [] : make());
	}

	return {
		el,
		none: () => say('', () => []),
		loading: () => say('loading', () => [h('span.state-why', {}, 'Loading…')]),
		empty: (why, what) => say(`empty ${why}`, () => [h('strong.state-why', {}, why), what ? h('span.state-what', {}, what) : null]),
		failed: (why, retry) => say(`failed ${why}`, () => [
			h('strong.state-why', {}, icon('warning'), ' Could not be loaded'),
			h('span.state-what', {}, why),
			h('button.button', { type: 'button', onclick: retry }, icon('retry'), ' Retry'),
		]),
	};
}
