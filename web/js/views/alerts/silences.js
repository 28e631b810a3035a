/* silences.js: what is kept quiet, by whom, why and until when. */

import { fill, h, keyed, set_text } from '../../dom.js';
import { ask_again } from '../../ask-again.js';
import { full_text, span_words } from '../../lib/time.js';
import { deed_button, end_silence } from '../../parts/deeds.js';
import { icon } from '../../parts/icons.js';
import { state_box } from '../../parts/states.js';

const EVERY_MS = 5000;

export function mount(el, ctx) {
	let silences = [];
	const list = h('ul.silence-list'), state = state_box(list);

	el.append(h('div.panel-box', {}, list, state.el));

	const asking = ask_again(ctx, {
		every_ms: EVERY_MS, state,
		ask: () => ctx.feed.request('get silences'),
		show(answer) {
			silences = answer.silences.filter((one) => one.until === null || one.until > ctx.clock.now());
			if (!silences.length)
				state.empty('Nothing is silenced.', 'An alert\'s card or a rule has a button for it: for an hour, for a day, until a time you choose, or until the alert is resolved.');
			update();
		},
	});

	function make_row(one) {
		const row = h('li.silence-row');

		row.left = h('strong');
		row.until = h('span');
		row.since = h('span');
		row.deed = deed_button(ctx, { label: 'End now', sign: 'close', what: 'Ending a silence', run: () => end_silence(ctx, one, asking.now) });
		row.append(icon('silence'), h('div.silence-what', {}, h('code', {}, one.matcher), one.alert ? h('a.link-like', { href: ctx.address.to('alerts', { tab: 'silences', alert: one.alert }) }, 'this alert alone') : null, h('span.silence-who', {}, h('strong', {}, one.by), one.note ? `: ${one.note}` : '', row.since)),
			h('div.silence-when', {}, row.left, row.until), row.deed);
		return row;
	}

	function update() {
		keyed(list, silences, (one) => `${one.id} ${one.until} ${one.note}`, make_row, (row, one) => {
			set_text(row.left, one.until === null ? 'until resolved' : `${span_words(Math.max(0, one.until - ctx.clock.now()))} left`);
			set_text(row.since, ` · since ${full_text(one.from, ctx.zone())}`);
			set_text(row.until, one.until === null ? '' : `until ${full_text(one.until, ctx.zone())}`);
			row.deed.refresh();
		});
	}

	const stop = ctx.alerts.changed.on(() => asking.now());

	return {
		update,
		destroy() {
			stop();
			asking.stop();
		},
	};
}
