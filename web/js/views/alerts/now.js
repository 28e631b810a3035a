/* now.js: what lasts, the worst first: what fires, who has what, what is silenced. */

import { h, keyed, set_text } from '../../dom.js';
import { ask_again } from '../../ask-again.js';
import { is_loud } from '../../lib/alerts.js';
import { ago_words } from '../../lib/time.js';
import { alert_card } from '../../parts/alert-card.js';
import { icon } from '../../parts/icons.js';
import { state_box } from '../../parts/states.js';

const groups = [
	{ id: 'firing', title: 'Firing', has: is_loud },
	{ id: 'acknowledged', title: 'Acknowledged', has: (alert) => alert.state === 'acknowledged' },
	{ id: 'silenced', title: 'Silenced or held back', has: (alert) => alert.state === 'silenced' || (alert.state === 'firing' && alert.inhibited) },
];

const MOST = 60, EVERY_MS = 30000;

export function mount(el, ctx) {
	const { alerts } = ctx, cards = new Map();
	let last = null; /* the newest that is over */
	const state = state_box(), more = h('p.menu-note', { hidden: true });
	const calm = h('div.calm', { hidden: true }), calm_last = h('span');
	const sections = groups.map((group) => {
		const count = h('span.group-count'), list = h('div.alert-list');

		return { ...group, count, list, el: h('section.alert-group', { 'aria-label': group.title, hidden: true }, h('h2.section-title', {}, group.title, ' ', count), list) };
	});

	el.append(state.el, calm, ...sections.map((section) => section.el), more);

	function card_of(alert) {
		if (!cards.has(alert.id))
			cards.set(alert.id, alert_card(ctx));
		return cards.get(alert.id);
	}

	function draw_calm(list) {
		const firing = list.some(is_loud), rules = alerts.rules.get(), watching = rules.reduce((sum, rule) => sum + rule.matched, 0);

		calm.hidden = firing || !alerts.known();
		if (calm.hidden)
			return;

		const text = `${rules.length}|${watching}|${list.length}`;

		set_text(calm_last, last ? `; the last alert was ${last.rule}, which ended ${ago_words(Math.max(0, ctx.clock.now() - last.endsAt))}` : '');
		if (calm.said === text)
			return;
		calm.said = text;
		calm.textContent = '';
		calm.append(icon(rules.length ? 'ok' : 'info'), h('strong', {}, list.length ? 'Nothing asks for you.' : rules.length ? 'All is calm.' : 'Nothing can fire.'),
			h('span', {}, rules.length
				? [`${rules.length} ${rules.length === 1 ? 'rule watches' : 'rules watch'} ${watching} series`, calm_last, '.']
				: 'There are no rules: write one in the configuration.'),
			h('span.calm-links', {}, h('a.button.small', { href: ctx.address.to('alerts', { tab: 'rules' }) }, rules.length ? 'See the rules' : 'How to write a rule'), h('a.button.small', { href: ctx.address.to('alerts', { tab: 'history' }) }, 'See the history')));
	}

	function update() {
		/* One that is open above is not shown a second time. */
		const present = alerts.present(), open = ctx.address.params().alert, all = present.filter((alert) => alert.id !== open), list = all.slice(0, MOST), here = new Set(list.map((alert) => alert.id));

		if (!alerts.known() && alerts.problem())
			state.failed(alerts.problem(), alerts.load);
		else if (!alerts.known())
			state.loading();
		else
			state.none();
		for (const [id, card] of cards)
			if (!here.has(id)) {
				card.destroy();
				cards.delete(id);
			}
		for (const section of sections) {
			const inside = list.filter(section.has);

			section.el.hidden = !inside.length;
			set_text(section.count, String(all.filter(section.has).length));
			keyed(section.list, inside, (alert) => alert.id, (alert) => card_of(alert).el, (_, alert) => card_of(alert).update(alert));
		}
		more.hidden = all.length <= MOST;
		set_text(more, `and ${all.length - MOST} more, milder or older`);
		draw_calm(present);
	}

	const asking = ask_again(ctx, {
		every_ms: EVERY_MS, state: state_box(),
		ask: () => ctx.feed.request('get alerts', { state: 'resolved', limit: 1 }),
		show(answer) {
			last = answer.alerts[0] ?? null;
			update();
		},
	});

	/* ---- keyboard ---- */

	const in_order = () => [...el.querySelectorAll('.alert-card')];
	const focused = () => in_order().find((card) => card.contains(document.activeElement)) ?? in_order()[0];
	const chosen = () => cards.get(focused()?.dataset.id);

	return {
		update,
		step(by) {
			const list = in_order(), at = list.findIndex((card) => card.contains(document.activeElement));

			list[Math.max(0, Math.min(list.length - 1, at + by))]?.focus();
		},
		acknowledge: () => chosen()?.acknowledge(),
		silence: () => chosen()?.silence(),
		destroy() {
			asking.stop();
			for (const card of cards.values())
				card.destroy();
		},
	};
}
