/* alerts.js: the alert centre: what fires, what did, by which rules, what is
 * silenced, and how word of it gets out. Each part is a pane, a row of the
 * table; the pane and its filters are in the address, so is a single alert
 * that is looked at. */

import { fill, h, set_attr, set_text } from '../dom.js';
import { ask_again } from '../ask-again.js';
import { get_json } from '../http.js';
import { judges_samples } from '../lib/alerts.js';
import { failing_channels } from '../lib/channels.js';
import { role_note } from '../parts/deeds.js';
import { icon } from '../parts/icons.js';
import { state_box } from '../parts/states.js';
import { mount as audit } from './alerts/audit.js';
import { mount as channels } from './alerts/channels.js';
import { mount_detail } from './alerts/detail.js';
import { mount as history } from './alerts/history.js';
import { mount as now } from './alerts/now.js';
import { mount as rules } from './alerts/rules.js';
import { mount as silences } from './alerts/silences.js';

const VALUES_MS = 3000;

/* mount(el, ctx) → { update, destroy, address_changed?, step?, deed? } */
const panes = [
	{ id: 'now', label: 'Now', mount: now },
	{ id: 'history', label: 'History', mount: history },
	{ id: 'rules', label: 'Rules', mount: rules },
	{ id: 'silences', label: 'Silences', mount: silences },
	{ id: 'channels', label: 'Channels', mount: channels },
	{ id: 'audit', label: 'Audit', mount: audit },
];

export function mount(el, ctx) {
	const { address, alerts } = ctx;
	const links = new Map(panes.map((pane) => [pane.id, h('a.tab', { href: address.to('alerts', pane.id === 'now' ? {} : { tab: pane.id }) }, pane.label)]));
	const count = h('span.tab-count'), failing = h('span.tab-count.failing'), notify_words = h('span');
	const notify = h('button.button.small.notify', { type: 'button', onclick: () => ctx.notices.flip().then(draw_notify) }, icon('alerts'), notify_words);
	const note = role_note(ctx), detail_box = h('div.detail-box'), body = h('div.pane');
	let pane = null, shown = null, detail = null, detail_of = null;

	links.get('now').append(count);
	links.get('channels').append(failing);
	el.append(
		h('div.toolbar.alerts-top', {}, h('h1.view-title', {}, 'Alerts'), h('nav.tabs', { 'aria-label': 'Alerts' }, [...links.values()]), notify),
		note, detail_box, body);

	/* Units of series that nobody watches: for values in lists. */
	get_json('api/v1/series', {}).then((answer) => ctx.plane.learn(answer.series)).catch(() => {});
	alerts.load();
	alerts.load_rules().catch(() => {});

	/* Pushes tell changes. What rules make of a window is known to the server alone, and asked for while it is looked at. */
	const values = ask_again(ctx, {
		every_ms: VALUES_MS, state: state_box(),
		ask: async () => alerts.present().some((alert) => alerts.rule_of(alert) && !judges_samples(alerts.rule_of(alert))) && alerts.load(),
		show: () => {},
	});

	function show() {
		const { tab, alert } = address.params(), wanted = panes.find((one) => one.id === tab) ?? panes[0];

		if (wanted.id !== shown) {
			pane?.destroy();
			fill(body);
			shown = wanted.id;
			body.dataset.pane = shown;
			pane = wanted.mount(body, ctx);
		} else {
			pane.address_changed?.();
		}
		for (const [id, link] of links)
			set_attr(link, 'aria-current', id === shown ? 'page' : null);
		show_detail(alert ?? null);
	}

	function show_detail(id) {
		if (id === detail_of)
			return;
		detail?.destroy();
		fill(detail_box);
		detail_of = id;
		detail = id ? mount_detail(detail_box, ctx, id) : null;
	}

	function draw_notify() {
		const { text, off } = ctx.notices.words();

		set_text(notify_words, text);
		notify.disabled = off;
		set_attr(notify, 'aria-pressed', String(ctx.notices.is_on()));
	}

	function update() {
		const loud = alerts.loud().length, mute = failing_channels(ctx.plane.latest).length;

		set_text(count, loud ? String(loud) : '');
		set_text(failing, mute ? String(mute) : '');
		set_attr(failing, 'title', mute ? `${mute} ${mute === 1 ? 'fails' : 'fail'}` : null);
		note.refresh();
		draw_notify();
		detail?.update();
		pane.update();
	}

	const stops = [alerts.changed.on(ctx.redraw), ctx.session.state.on(ctx.redraw)];

	show();
	return {
		update,
		address_changed() {
			show();
			update();
		},
		/* Keys: the next card or the one before, and what to do with it. */
		step: (by) => pane.step?.(by),
		deed: (name) => (detail ?? pane)[name]?.(),
		destroy() {
			for (const stop of stops)
				stop();
			values.stop();
			detail?.destroy();
			pane.destroy();
		},
	};
}
