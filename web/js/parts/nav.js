/* nav.js: the views, from their table, and what the present one holds. */

import { h, keyed, set_attr, set_text } from '../dom.js';
import { icon } from './icons.js';

export function create_nav(ctx, views) {
	const links = new Map(views.map((view) => [view.id, make_link(view)]));
	const contents = h('ul.nav-contents', { 'aria-label': 'On this page' });
	const brand = h('a.brand', { href: '#/overview', 'aria-label': 'Vedette, overview' }, icon('overview'), h('span', {}, 'Vedette'));
	const el = h('nav.side', { 'aria-label': 'Views' }, brand, h('div.nav-links', {}, [...links.values()]), contents);

	function make_link(view) {
		const count = h('span.nav-badge', { hidden: true }), comma = h('span.vh', { hidden: true }, ', '), what = h('span.vh', { hidden: true }, ' firing');
		const link = h('a.nav-link', { href: `#/${view.id}`, 'data-view': view.id, title: `${view.label} (g ${view.key})` }, icon(view.icon), h('span', {}, view.label), comma, count, what);

		Object.assign(link, { count, spoken: [comma, count, what] });
		return link;
	}

	/* How many ask for someone, in the colour of the worst; said as well. */
	function draw_badge(link, view) {
		const list = view.badge?.(ctx) ?? [];

		for (const part of link.spoken)
			part.hidden = !list.length;
		set_text(link.count, list.length > 99 ? '99+' : String(list.length || ''));
		link.count.dataset.severity = list[0]?.severity ?? '';
	}

	return {
		el,
		update(view, sections) {
			for (const one of views) {
				set_attr(links.get(one.id), 'aria-current', one.id === view ? 'page' : null);
				draw_badge(links.get(one.id), one);
			}
			keyed(contents, sections, (section) => section.id, (section) => h('li', {}, h('button.nav-section', { type: 'button', onclick: () => ctx.show_section(section.id) }, section.title)));
		},
	};
}
