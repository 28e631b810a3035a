/* channels.js: how word of alerts gets out: the channels and how they do, a
 * test for each, and every delivery with its attempts and what went wrong. */

import { fill, h, keyed, set_attr, set_text } from '../../dom.js';
import { ask_again } from '../../ask-again.js';
import { severity_words } from '../../lib/alerts.js';
import { channel_words, waiting_words } from '../../lib/channels.js';
import { full_text } from '../../lib/time.js';
import { quick_deed } from '../../parts/deeds.js';
import { delivery_states, draw_delivery, make_delivery } from '../../parts/delivery-row.js';
import { icon } from '../../parts/icons.js';
import { segments } from '../../parts/range-picker.js';
import { state_box } from '../../parts/states.js';

const EVERY_MS = 3000, PAGE = 100, MOST_AT_ONCE = 1000;

const kinds = { webhook: 'Webhook', exec: 'Program', email: 'Mail' };
const signs = { ok: 'ok', failing: 'warning', unused: 'send' };

const example = 'webhook "ops" { url = "https://…"  format = json }';

export function mount(el, ctx) {
	const { address } = ctx;
	let channels = [], gone = [], deliveries = [], most = PAGE, asked_for = '';
	const list = h('ul.channel-list'), state = state_box(list);
	const rows = h('ul.delivery-list'), rows_state = state_box(rows), filter = h('div.delivery-filter');
	const which = h('select.input', { 'aria-label': 'Channel', name: 'channel', onchange: (event) => address.change({ channel: event.target.value || null }, { replace: true }) });
	const more = h('button.button', { type: 'button', hidden: true, onclick: () => { most += PAGE; asking.now(); } }, 'Show older');

	el.append(
		h('section.panel-box', { 'aria-label': 'Channels' }, list, state.el),
		h('section.deliveries', { 'aria-label': 'Deliveries' }, h('div.toolbar', {}, h('h2.section-title', {}, 'Deliveries'), filter), h('div.panel-box', {}, rows, rows_state.el), h('div.more-row', {}, more)));
	filter.append(which, segments('State of deliveries', [['', 'All'], ...Object.entries(delivery_states).map(([id, one]) => [id, one.word])], address.params().state ?? '', (value) => address.change({ state: value || null }, { replace: true })));

	const chosen = () => ({ ...(address.params().state && { state: address.params().state }), ...(address.params().channel && { channel: address.params().channel }) });

	const asking_channels = ask_again(ctx, {
		every_ms: EVERY_MS, state,
		ask: () => ctx.feed.request('get channels'),
		show(answer) {
			channels = answer.channels;
			gone = answer.gone;
			if (!channels.length && !gone.length)
				state.empty('Nobody is told of alerts.', ['They are shown here and nowhere else. Name a webhook, a program or a mailbox in the configuration, such as ', h('code', {}, example), ', and reload (SIGHUP).']);
			update();
		},
	});

	/* As much as is shown, however many answers that takes. */
	async function ask() {
		const found = [];

		while (found.length < most) {
			const limit = Math.min(MOST_AT_ONCE, most - found.length);
			const { deliveries: page } = await ctx.feed.request('get deliveries', { ...chosen(), limit, ...(found.length && { before: found.at(-1).id }) });

			found.push(...page);
			if (page.length < limit)
				break;
		}
		return found;
	}

	const asking = ask_again(ctx, {
		every_ms: EVERY_MS, state: rows_state, ask,
		show(found) {
			const filtered = Object.keys(chosen()).length > 0;

			deliveries = found;
			more.hidden = found.length < most;
			if (!found.length)
				rows_state.empty(filtered ? 'No delivery is like that.' : 'Nothing was sent yet.', filtered ? 'Another state or channel has some, or nothing was sent yet.' : 'Each change of an alert is sent once to every channel, and kept until it has arrived.');
			update();
		},
	});

	function look_again() {
		asking_channels.now();
		asking.now();
	}

	/* ---- channels ---- */

	function make_channel(one) {
		const row = h('li.channel-row'), deeds = h('div.channel-deeds');

		row.test = quick_deed(ctx, {
			label: 'Send a test', sign: 'send', what: 'Sending a test', doing: 'Sending…',
			async run() {
				try {
					const answer = await ctx.feed.request('test channel', one.name);

					return answer.code ? `Delivered, answered ${answer.code}` : 'Delivered';
				} finally {
					asking_channels.now();
				}
			},
		});
		row.again = quick_deed(ctx, {
			label: 'Send it again', sign: 'retry', what: 'Sending again', doing: 'Sending…',
			async run() {
				const { sent, left } = await ctx.feed.request('resend given up', one.name);

				look_again();
				return `${sent} in the queue again${left ? `, ${left} left` : ''}`;
			},
		});
		row.again.classList.add('resend-all');
		row.sign = h('span.channel-sign');
		row.word = h('span.channel-state');
		row.words = h('span.channel-words');
		row.counts = h('span.channel-counts');
		deeds.append(row.again, row.test);
		row.append(row.sign, h('div.channel-what', {}, h('div.channel-head', {}, h('strong', {}, one.name), ' ', row.word), h('span', {}, `${kinds[one.kind] ?? one.kind}, told of ${one.severity === 'info' || one.severity === 'none' ? 'every severity' : `${severity_words[one.severity].toLowerCase()}${one.severity === 'warning' ? ' and critical' : ''}`}`), row.words, row.counts), deeds);
		return row;
	}

	function draw_channel(row, one) {
		if (!row.test) {
			set_text(row.words, `Not in the configuration since ${full_text(one.since, ctx.zone())}: ${one.waiting} ${one.waiting === 1 ? 'message waits' : 'messages wait'} until ${full_text(one.until, ctx.zone())}`);
			return;
		}

		const { word, text } = channel_words(one, ctx.clock.now(), (t) => full_text(t, ctx.zone()));

		if (row.dataset.state !== one.state) {
			row.dataset.state = one.state;
			fill(row.sign, icon(signs[one.state] ?? 'unknown'));
			set_text(row.word, word);
		}
		set_text(row.words, text);
		set_text(row.counts, waiting_words(one));
		row.again.hidden = !one.dead && !row.again.querySelector('.outcome').textContent;
		set_text(row.again.querySelector('.deed > span'), one.dead > 1 ? `Send all ${one.dead} again` : 'Send it again');
		row.again.querySelector('.deed').hidden = !one.dead;
		row.test.refresh();
		row.again.refresh();
	}

	/* Taken out of the configuration: what waits for it is kept for some days. */
	function make_gone(one) {
		const row = h('li.channel-row');

		row.words = h('span');
		row.append(h('span.channel-sign', {}, icon('warning')), h('div.channel-what', {}, h('strong', {}, one.name), row.words));
		return row;
	}

	/* ---- deliveries ---- */

	function draw_filter() {
		const now = address.params().channel ?? '', names = [...new Set([...channels, ...gone].map((one) => one.name).concat(now || []))], key = `${names} ${now}`;

		if (which.said === key)
			return;
		which.said = key;
		fill(which, h('option', { value: '' }, 'Every channel'), names.map((name) => h('option', { value: name }, name)));
		which.value = now;
	}

	const make_row = (one) => make_delivery(ctx, one, { what: h('a.delivery-what', one.alert ? { href: address.to('alerts', { tab: 'history', alert: one.alert }) } : {}), sent_again: look_again });

	function draw_row(row, one) {
		const alert = ctx.alerts.find(one.alert);

		set_text(row.what, alert ? `${alert.rule} on ${alert.series}` : `Delivery ${one.id}`);
		set_attr(row.what, 'title', row.what.textContent);
		draw_delivery(ctx, row, one);
	}

	function update() {
		draw_filter();
		keyed(list, [...channels, ...gone], (one) => `${one.until ? 'gone' : 'here'} ${one.name}`, (one) => (one.until ? make_gone(one) : make_channel(one)), draw_channel);
		keyed(rows, deliveries, (one) => one.id, make_row, draw_row);
	}

	return {
		update,
		address_changed() {
			const now = JSON.stringify(chosen());

			if (now !== asked_for)
				most = PAGE;
			asked_for = now;
			asking.now();
		},
		destroy() {
			asking.stop();
			asking_channels.stop();
		},
	};
}
