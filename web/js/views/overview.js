/* overview.js: the host on one page: vitals, then every card of cards/index.js
 * under its section. Cards out of sight neither draw nor ask for history. */

import { cards, sections } from '../cards/index.js';
import { h } from '../dom.js';
import { mount_tiles } from '../tiles.js';

const NEAR = '240px 0px';

export function mount(el, ctx) {
	const row = h('div.tiles', { 'aria-label': 'Vitals', role: 'group' });
	const places = new Map(); /* element → { card, near } */
	const tiles = mount_tiles(row, ctx);

	el.append(h('h1.vh', {}, 'Overview'), row);

	for (const section of sections) {
		const inside = cards.filter((card) => card.section === section.id);
		const grid = h('div.cards');
		const box = h('section.section', { 'aria-label': section.title, id: `section-${section.id}` }, h('h2.section-title', {}, section.title), grid);

		for (const card of inside) {
			const place = h(`section.card${card.wide ? '.wide' : ''}`, { id: `card-${card.id}`, role: 'group', 'aria-label': card.title, tabindex: -1 });

			grid.append(place);
			places.set(place, { card: card.mount(place, ctx), near: false });
		}
		el.append(box);
	}

	const watcher = new IntersectionObserver((entries) => {
		for (const { target, isIntersecting } of entries) {
			const place = places.get(target);

			place.near = isIntersecting;
			place.card[isIntersecting ? 'appear' : 'disappear']?.();
		}
		update();
	}, { rootMargin: NEAR });

	for (const place of places.keys())
		watcher.observe(place);

	function update() {
		tiles.update();
		for (const [place, { card, near }] of places) {
			place.hidden = card.is_here?.() === false;
			if (!place.hidden && (near || !place.firstChild))
				card.update();
		}
		for (const section of el.querySelectorAll('.section'))
			section.hidden = ![...section.querySelectorAll('.card')].some((place) => !place.hidden);
	}

	return {
		update,
		destroy() {
			watcher.disconnect();
			tiles.destroy();
			for (const { card } of places.values())
				card.destroy();
		},
		contents: () => sections.filter((section) => !el.querySelector(`#section-${section.id}`).hidden),
	};
}
