/* alert-banner.js: says aloud and in a corner that an alert fired while the
 * page was open. It stays until it was seen, ended or sent away, and it lies
 * over the page: nothing moves under a hand. */

import { fill, h, set_attr, set_text } from '../dom.js';
import { by_weight, severity_words } from '../lib/alerts.js';
import { icon } from './icons.js';

export function create_alert_banner(ctx) {
	const { alerts, address } = ctx;
	const sign = h('span.alert-banner-sign'), word = h('strong'), what = h('span'), summary = h('span.alert-banner-summary'), more = h('span.alert-banner-more');
	const show = h('a.button.small', {}, 'Show');
	const el = h('section.alert-banner', { 'aria-label': 'Alert', hidden: true },
		sign, h('div.alert-banner-text', {}, h('div', {}, word, ' ', what), summary, more),
		show, h('button.icon-button.quiet', { type: 'button', 'aria-label': 'Dismiss', onclick: dismiss }, icon('close')));
	const spoken = h('div.vh', { 'aria-live': 'polite', id: 'spoken-alerts' });
	const fresh = new Set();
	let said = '';

	alerts.fired((alert) => {
		fresh.add(alert.id);
		set_text(spoken, `${severity_words[alert.severity]} alert: ${alert.rule}. ${alert.summary ?? alert.series}`);
		draw();
	});

	function dismiss() {
		fresh.clear();
		draw();
	}

	/* Where all alerts are on screen, one more on top says nothing. */
	const is_seen = () => address.state.get().view === 'alerts' && (address.params().tab ?? 'now') === 'now';

	function draw() {
		if (is_seen())
			fresh.clear();

		const list = alerts.loud().filter((alert) => fresh.has(alert.id)).sort(by_weight), worst = list[0];

		el.hidden = !worst;
		if (!worst)
			return;

		const key = `${worst.id} ${worst.severity} ${worst.summary} ${list.length}`;

		if (key === said)
			return;
		said = key;
		el.dataset.severity = worst.severity;
		fill(sign, icon(worst.severity));
		set_text(word, severity_words[worst.severity]);
		set_text(what, worst.rule);
		set_text(summary, worst.summary ?? worst.series);
		set_text(more, list.length > 1 ? `and ${list.length - 1} more` : '');
		set_attr(show, 'href', list.length > 1 ? '#/alerts' : address.to('alerts', { alert: worst.id }));
	}

	alerts.changed.on(draw);
	address.state.on(draw);
	return [el, spoken];
}
