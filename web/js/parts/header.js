/* header.js: the strip that answers "which host, is it well, and is this now?"
 * before anything else is read. */

import { fill, h, set_attr, set_text, toggle } from '../dom.js';
import { words } from '../lib/health.js';
import { ago_words, span_words } from '../lib/time.js';
import { format } from '../lib/units.js';
import { sign_in, sign_out } from './deeds.js';
import { icon } from './icons.js';
import { popover } from './popover.js';
import { create_range_picker, segments, zone_choice } from './range-picker.js';

/* What the badge says, by what is true. Its word is the mode and nothing else. */
const badges = {
	live: { word: 'LIVE', icon: 'play', hint: 'Live: press to pause (Space)' },
	paused: { word: 'PAUSED', icon: 'pause', hint: 'Paused: press to go on (Space)' },
	history: { word: 'HISTORY', icon: 'clock', hint: 'A fixed range: press to go to now (n)' },
	stale: { word: 'STALE', icon: 'warning', hint: 'No new values are coming' },
	deaf: { word: 'NO VALUES', icon: 'warning', hint: 'The server sends no values' },
	offline: { word: 'OFFLINE', icon: 'offline', hint: 'Not connected' },
	refused: { word: 'SIGN IN', icon: 'user', hint: 'Sign in first' },
	connecting: { word: 'CONNECTING', icon: 'retry', hint: 'Connecting' },
};

export function create_header(ctx, { open_palette, open_help }) {
	const { clock, feed, settings } = ctx;
	const host = h('span.host-name', {}, 'Vedette');
	const health_word = h('span.health-word'), health_icon = h('span.health-icon'), health_why = h('span.health-why');
	const health = h('button.health', { type: 'button' }, h('span.vh', {}, 'Health: '), health_icon, health_word, ' ', health_why);
	const badge_icon = h('span.badge-icon'), badge_word = h('span.badge-word'), badge_note = h('span.badge-note');
	const badge = h('button.badge', { type: 'button', onclick: clock.toggle }, badge_icon, badge_word);
	const now = h('button.button.now', { type: 'button', onclick: () => clock.live(), title: 'Go to now (n)' }, icon('now'), h('span', {}, 'Go to now'));
	const range = create_range_picker(ctx);
	const find = h('button.button.find', { type: 'button', onclick: open_palette, title: 'Search for anything (Ctrl K or /)' }, icon('search'), h('span', {}, 'Search', h('span.vh', {}, ' for anything ')), h('kbd', {}, 'Ctrl K'));
	const menu = h('button.icon-button', { type: 'button', 'aria-label': 'Settings', title: 'Settings' }, icon('more'));
	const help = h('button.icon-button', { type: 'button', 'aria-label': 'Shortcuts', title: 'Shortcuts (?)', onclick: open_help }, icon('help'));
	const el = h('header.top', { role: 'banner' },
		h('div.top-who', {}, host, health),
		h('div.top-when', {}, badge, badge_note, now, range.el),
		h('div.top-tools', {}, find, help, menu));
	let said = '', badge_said = '';

	/* What a reason leads to. */
	function way_to(reason) {
		if (reason.alert || reason.tab)
			return h('a.link-like', { href: ctx.address.to('alerts', reason.alert ? { alert: reason.alert } : { tab: reason.tab }) }, reason.text);
		return h('span', {}, reason.text);
	}

	popover(health, reasons, { label: 'Why' });
	popover(menu, settings_panel, { label: 'Settings' });

	function reasons() {
		const { level, reasons: list } = ctx.health.get(), status = ctx.status.get();

		return [
			h('div.menu-title', {}, words[level]),
			list.length
				? h('ul.reason-list', {}, list.map((reason) => h('li', { 'data-level': reason.level }, icon(reason.level), way_to(reason), h('strong', {}, reason.vital ? format(reason.value, ctx.plane.about(reason.id).unit) : ''))))
				: h('p.menu-note', {}, level === 'unknown' ? 'There are no values to judge by.' : 'All vitals are below their thresholds, no alert fires, every collector runs, and no channel fails.'),
			status ? h('p.menu-note', {}, `${status.host.os}, ${status.host.kernel}, up for ${span_words(status.now - status.host.boot)}`) : null,
		];
	}

	function settings_panel(close) {
		const row = (label, control) => h('div.menu-row', {}, h('span', {}, label), control);

		const { name, role } = ctx.session.state.get(), known = ctx.session.is_somebody();

		return [
			h('div.menu-who', {}, icon('user'), h('span.menu-name', {}, known ? name : 'Not signed in'), h('span.role', { 'data-role': role }, role ?? 'unknown')),
			known
				? h('button.menu-item', { type: 'button', onclick: () => { close(); sign_out(ctx); } }, icon('close'), ' Sign out')
				: h('button.menu-item', { type: 'button', onclick: () => { close(false); sign_in(ctx); } }, icon('user'), ' Sign in'),
			row('Theme', segments('Theme', [['auto', 'Auto'], ['light', 'Light'], ['dark', 'Dark']], settings.get().theme, (theme) => settings.change({ theme }))),
			row('Times', zone_choice(ctx)),
			row('Sizes', segments('Sizes', [[1024, 'KiB'], [1000, 'kB']], settings.get().base, (base) => settings.change({ base }))),
			h('button.menu-item', { type: 'button', onclick: () => { close(); ctx.copy_link(); } }, icon('link'), ' Copy link'),
			h('button.menu-item', { type: 'button', onclick: () => { close(); open_help(); } }, icon('help'), ' Shortcuts'),
		];
	}

	function badge_state() {
		const { phase } = feed.state.get();

		if (phase === 'offline' || phase === 'refused' || (phase === 'connecting' && !ctx.plane.last_frame_at()))
			return phase;
		if (clock.shown_mode() !== 'live')
			return clock.shown_mode();
		if (feed.state.get().deaf)
			return 'deaf';
		return ctx.freshness.get().stale ? 'stale' : 'live';
	}

	function draw_badge() {
		const state = badge_state(), { age_ms } = ctx.freshness.get(), age = ctx.freshness.get().stale && age_ms > 0;

		if (state !== badge_said) {
			badge_said = state;
			badge.dataset.state = state;
			fill(badge_icon, icon(badges[state].icon));
			set_text(badge_word, badges[state].word);
			set_attr(badge, 'title', badges[state].hint);
			set_attr(badge, 'aria-label', `${badges[state].word}. ${badges[state].hint}`);
		}

		const polling = feed.state.get().transport === 'polling';
		const note = age ? `last value ${ago_words(age_ms)}` : polling && state === 'live' ? 'live over long-polling' : state === 'paused' && clock.hold.get() ? 'while you point' : '';

		set_text(badge_note, note);
		badge_note.hidden = note === '';
		now.hidden = clock.state.get().mode === 'live';
	}

	function draw_health() {
		const { level, reasons: list } = ctx.health.get(), worst = list[0];
		const why = worst ? `${worst.text}${worst.vital ? ` ${format(worst.value, ctx.plane.about(worst.id).unit)}` : ''}${list.length > 1 ? `, +${list.length - 1}` : ''}` : '';
		const key = `${level}|${why}`;

		toggle(health, 'stale', ctx.freshness.get().stale);
		if (key === said)
			return;
		said = key;
		if (health.dataset.level !== level) {
			health.dataset.level = level;
			fill(health_icon, icon(level));
			set_text(health_word, words[level]);
		}
		set_text(health_why, why);
	}

	return {
		el,
		update() {
			const status = ctx.status.get();

			set_text(host, status?.host.hostname ?? 'Vedette');
			set_attr(host, 'title', status ? `${status.host.hostname}, ${status.host.os}` : null);
			draw_badge();
			draw_health();
			range.update();
		},
	};
}
