/* channels.js: how word of alerts gets out: the channels, a test for each, and
 * every delivery with its attempts and what went wrong. */

import { fill, h, keyed, set_text } from '../../dom.js';
import { ask_again } from '../../ask-again.js';
import { severity_words } from '../../lib/alerts.js';
import { ago_words, full_text, span_words } from '../../lib/time.js';
import { quick_deed } from '../../parts/deeds.js';
import { icon } from '../../parts/icons.js';
import { segments } from '../../parts/range-picker.js';
import { state_box } from '../../parts/states.js';

const EVERY_MS = 3000, MOST = 100;

const kinds = { webhook: 'Webhook', exec: 'Program', email: 'Mail' };

const delivery_states = {
	waiting: { word: 'Waiting', icon: 'clock' },
	delivered: { word: 'Delivered', icon: 'ok' },
	dead: { word: 'Given up', icon: 'warning' },
};

const example = 'webhook "ops" { url = "https://…"  format = json }';

export function mount(el, ctx) {
	const { address } = ctx;
	let channels = [], gone = [], deliveries = [];
	const list = h('ul.channel-list'), state = state_box(list);
	const rows = h('ul.delivery-list'), rows_state = state_box(rows), filter = h('div.delivery-filter');

	el.append(
		h('section.panel-box', { 'aria-label': 'Channels' }, list, state.el),
		h('section.deliveries', { 'aria-label': 'Deliveries' }, h('div.toolbar', {}, h('h2.section-title', {}, 'Deliveries'), filter), h('div.panel-box', {}, rows, rows_state.el)));
	filter.append(segments('State of deliveries', [['', 'All'], ...Object.entries(delivery_states).map(([id, one]) => [id, one.word])], address.params().state ?? '', (value) => address.change({ state: value || null }, { replace: true })));

	const asking_channels = ask_again(ctx, {
		every_ms: EVERY_MS * 5, state,
		ask: () => ctx.feed.request('get channels'),
		show(answer) {
			channels = answer.channels;
			gone = answer.gone;
			if (!channels.length && !gone.length)
				state.empty('Nobody is told of alerts.', ['They are shown here and nowhere else. Name a webhook, a program or a mailbox in the configuration, such as ', h('code', {}, example), ', and reload (SIGHUP).']);
			update();
		},
	});

	const asking = ask_again(ctx, {
		every_ms: EVERY_MS, state: rows_state,
		ask: () => ctx.feed.request('get deliveries', { limit: MOST, ...(address.params().state ? { state: address.params().state } : {}) }),
		show(answer) {
			deliveries = answer.deliveries;
			if (!deliveries.length)
				rows_state.empty(address.params().state ? 'No delivery is in this state.' : 'Nothing was sent yet.', 'Each change of an alert is sent once to every channel, and kept until it has arrived.');
			update();
		},
	});

	function make_channel(one) {
		const row = h('li.channel-row');

		row.test = quick_deed(ctx, {
			label: 'Send a test', sign: 'send', what: 'Sending a test', doing: 'Sending…',
			async run() {
				const answer = await ctx.feed.request('test channel', one.name);

				return answer.code ? `Delivered, answered ${answer.code}` : 'Delivered';
			},
		});
		row.append(icon('send'), h('div.channel-what', {}, h('strong', {}, one.name), h('span', {}, `${kinds[one.kind] ?? one.kind}, told of ${one.severity === 'info' || one.severity === 'none' ? 'every severity' : `${severity_words[one.severity].toLowerCase()}${one.severity === 'warning' ? ' and critical' : ''}`}`)), row.test);
		return row;
	}

	function draw_channel(row, one) {
		if (row.test)
			row.test.refresh();
		else
			set_text(row.words, `Not in the configuration since ${full_text(one.since, ctx.zone())}: ${one.waiting} ${one.waiting === 1 ? 'message waits' : 'messages wait'} until ${full_text(one.until, ctx.zone())}`);
	}

	/* Taken out of the configuration: what waits for it is kept for some days. */
	function make_gone(one) {
		const row = h('li.channel-row');

		row.words = h('span');
		row.append(icon('warning'), h('div.channel-what', {}, h('strong', {}, one.name), row.words));
		return row;
	}

	function make_delivery(one) {
		const row = h('li.delivery-row');

		row.state = h('span.delivery-state');
		row.what = h('a.delivery-what', { href: address.to('alerts', { tab: 'history', alert: one.alert }) });
		row.when = h('span.delivery-when');
		row.tries = h('span.delivery-tries');
		row.error = h('span.delivery-error');
		row.again = quick_deed(ctx, { label: 'Send again', sign: 'retry', what: 'Sending again', doing: 'Sending…', run: () => send_again(one) });
		row.append(row.state, row.what, h('span.delivery-channel', {}, one.channel), row.when, row.tries, row.again, row.error);
		return row;
	}

	async function send_again(one) {
		await ctx.feed.request('resend delivery', one.id);
		asking.now();
		return 'In the queue again';
	}

	function draw_delivery(row, one) {
		const { word, icon: name } = delivery_states[one.state] ?? { word: one.state, icon: 'unknown' }, now = ctx.clock.now(), alert = ctx.alerts.find(one.alert);

		if (row.dataset.state !== one.state) {
			row.dataset.state = one.state;
			fill(row.state, icon(name), h('span', {}, word));
		}
		set_text(row.what, alert ? `${alert.rule} on ${alert.series}` : `Delivery ${one.id}`);
		set_text(row.when, one.finished ? full_text(one.finished, ctx.zone()) : `made ${ago_words(Math.max(0, now - one.created))}`);
		set_text(row.tries, `${one.attempts} ${one.attempts === 1 ? 'attempt' : 'attempts'}${one.status ? `, ${one.status}` : ''}`);
		set_text(row.error, [one.last_error, one.gone ? 'its channel is not in the configuration' : '', one.next && one.attempts ? `next attempt ${one.next > now ? `in ${span_words(one.next - now)}` : 'now'}` : ''].filter(Boolean).join('; '));
		row.error.hidden = row.error.textContent === '';
		row.again.hidden = one.state === 'waiting' && one.attempts === 0;
		row.again.refresh();
	}

	function update() {
		keyed(list, [...channels, ...gone], (one) => `${one.since ? 'gone' : 'here'} ${one.name}`, (one) => (one.since ? make_gone(one) : make_channel(one)), draw_channel);
		keyed(rows, deliveries, (one) => one.id, make_delivery, draw_delivery);
	}

	return {
		update,
		address_changed: asking.now,
		destroy() {
			asking.stop();
			asking_channels.stop();
		},
	};
}
