/* banner.js: says that the server is away, since when, and when the next
 * attempt is due; or that it is there and refuses to send values, and why. The
 * page below keeps what it has. */

import { fill, h, set_text } from '../dom.js';
import { clock_text } from '../lib/time.js';
import { icon } from './icons.js';

export function create_banner(ctx) {
	const { feed } = ctx;
	const text = h('span.banner-text'), countdown = h('span.banner-countdown');
	const button = h('button.button.small', { type: 'button', onclick: () => (feed.state.get().deaf ? feed.watch_again() : feed.retry_now()) }, 'Try now');
	const sign = h('span.banner-sign');
	const el = h('div.banner', { role: 'region', 'aria-label': 'Connection', hidden: true }, sign, text, countdown, button);
	let timer = 0;

	function draw() {
		const { phase, reason, retry_at, lost_at, deaf } = feed.state.get(), away = phase === 'offline', refused = phase === 'online' && deaf;

		el.hidden = !away && !refused;
		clearInterval(timer);
		if (el.hidden)
			return;
		fill(sign, icon(refused ? 'warning' : 'offline'));
		if (refused) {
			set_text(text, `The server sends no values: ${deaf}. What you see is the last that is known.`);
			set_text(countdown, '');
			return;
		}
		set_text(text, feed.was_online()
			? `Offline since ${clock_text(lost_at, ctx.zone())}: ${reason}. What you see is the last that is known.`
			: `Not connected: ${reason}.`);
		count();
		timer = setInterval(count, 250);

		function count() {
			const left = Math.ceil((retry_at - Date.now()) / 1000);

			set_text(countdown, retry_at === null || left <= 0 ? 'Trying…' : `Next attempt in ${left} s`);
		}
	}

	feed.state.on(draw);
	draw();
	return el;
}
