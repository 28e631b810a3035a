/* nav.js: the views, from their table, and what the present one holds. */

import { h, keyed, set_attr } from '../dom.js';
import { icon } from './icons.js';

export function create_nav(ctx, views) {
	const links = new Map(views.map((view) => [view.id, h('a.nav-link', { href: `#/${view.id}`, 'data-view': view.id, title: `${view.label} (g ${view.key})` }, icon(view.icon), h('span', {}, view.label))]));
	const contents = h('ul.nav-contents', { 'aria-label': 'On this page' });
	const brand = h('a.brand', { href: '#/overview', 'aria-label': 'Vedette, overview' }, icon('overview'), h('span', {}, 'Vedette'));
	const el = h('nav.side', { 'aria-label': 'Views' }, brand, h('div.nav-links', {}, [...links.values()]), contents);

	return {
		el,
		update(view, sections) {
			for (const [id, link] of links)
				set_attr(link, 'aria-current', id === view ? 'page' : null);
			keyed(contents, sections, (section) => section.id, (section) => h('li', {}, h('button.nav-section', { type: 'button', onclick: () => ctx.show_section(section.id) }, section.title)));
		},
	};
}
