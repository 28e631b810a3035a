/* audit.js: who did what, newest first. For operators. */

import { fill, h, keyed } from '../../dom.js';
import { ask_again } from '../../ask-again.js';
import { full_text } from '../../lib/time.js';
import { sign_in } from '../../parts/deeds.js';
import { state_box } from '../../parts/states.js';

const EVERY_MS = 5000, MOST = 200;

export function mount(el, ctx) {
	let rows = [];
	const body = h('tbody');
	const table = h('div.mini-scroll', { tabindex: 0, role: 'region', 'aria-label': 'Audit list' }, h('table.mini.audit', {}, h('thead', {}, h('tr', {}, ['Time', 'Who', 'Role', 'Did', 'What'].map((name) => h('th', { scope: 'col' }, name)))), body));
	const state = state_box(table);

	el.append(h('div.panel-box.audit-box', {}, table, state.el));

	const asking = ask_again(ctx, {
		every_ms: EVERY_MS, state,
		/* Not even asked for by those who may not see it. */
		ask: async () => (ctx.session.is_operator() ? ctx.feed.request('get audit', { limit: MOST }) : null),
		show(answer) {
			rows = answer?.audit ?? [];
			if (!answer)
				state.empty('Who did what is for operators to see.', h('button.button', { type: 'button', onclick: () => sign_in(ctx) }, 'Sign in as operator'));
			else if (!rows.length)
				state.empty('Nobody has done anything yet.', 'Acknowledging, silencing, tests and sending again are written down here.');
			update();
		},
	});

	function way_to(id) {
		const alert = ctx.alerts.find(id);

		return h('a.link-like', { href: ctx.address.to('alerts', { tab: 'audit', alert: id }) }, alert ? `${alert.rule} on ${alert.series}` : id);
	}

	/* An alert by its name, with the way to it. */
	function what({ action, detail }) {
		const [before, id, after] = /^((?:.*?, )?alert )([A-Za-z0-9_-]{20})(.*)$/s.exec(detail)?.slice(1) ?? [];

		if (action === 'acknowledge alert')
			return way_to(detail);
		return id ? [before, way_to(id), after] : detail ?? '';
	}

	function update() {
		keyed(body, rows, (row) => `${row.timestamp} ${row.who} ${row.action} ${row.detail}`, () => h('tr'), (el, row) => {
			const time = full_text(row.timestamp, ctx.zone());

			if (el.said === time)
				return;
			el.said = time;
			fill(el, h('td', {}, time), h('th', { scope: 'row' }, row.who), h('td', {}, row.role), h('td', {}, row.action), h('td.audit-detail', {}, what(row)));
		});
	}

	return { update, destroy: asking.stop };
}
