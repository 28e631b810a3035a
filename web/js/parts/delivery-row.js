/* delivery-row.js: one message for one channel: what became of it, and a way
 * to send it again. */

import { fill, h, set_text } from '../dom.js';
import { ago_words, full_text, span_words } from '../lib/time.js';
import { quick_deed } from './deeds.js';
import { icon } from './icons.js';

export const delivery_states = {
	waiting: { word: 'Waiting', icon: 'clock' },
	delivered: { word: 'Delivered', icon: 'ok' },
	dead: { word: 'Given up', icon: 'warning' },
};

/* what: the element that says what it tells. sent_again(): the list is another. */
export function make_delivery(ctx, one, { what, sent_again }) {
	const row = h('li.delivery-row');

	async function send_again() {
		await ctx.feed.request('resend delivery', one.id);
		sent_again();
		return 'In the queue again';
	}

	row.state = h('span.delivery-state');
	row.what = what;
	row.when = h('span.delivery-when');
	row.tries = h('span.delivery-tries');
	row.error = h('span.delivery-error');
	row.again = quick_deed(ctx, { label: 'Send again', sign: 'retry', what: 'Sending again', doing: 'Sending…', run: send_again });
	row.append(row.state, what, h('span.delivery-channel', {}, one.channel), row.when, row.tries, row.again, row.error);
	return row;
}

export function draw_delivery(ctx, row, one) {
	const { word, icon: name } = delivery_states[one.state] ?? { word: one.state, icon: 'unknown' }, now = ctx.clock.now();

	if (row.dataset.state !== one.state) {
		row.dataset.state = one.state;
		fill(row.state, icon(name), h('span', {}, word));
	}
	set_text(row.when, one.finished ? full_text(one.finished, ctx.zone()) : `made ${ago_words(Math.max(0, now - one.created))}`);
	set_text(row.tries, `${one.attempts} ${one.attempts === 1 ? 'attempt' : 'attempts'}${one.status ? `, ${one.status}` : ''}`);
	set_text(row.error, [one.last_error, one.gone ? 'its channel is not in the configuration' : '', one.next && one.attempts ? `next attempt ${one.next > now ? `in ${span_words(one.next - now)}` : 'now'}` : ''].filter(Boolean).join('; '));
	row.error.hidden = row.error.textContent === '';
	row.again.hidden = one.state === 'waiting' && one.attempts === 0;
	row.again.refresh();
}
