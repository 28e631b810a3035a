/* range-picker.js: the button that names the range, and its panel: presets,
 * dates, and the zone in which they are meant. */

import { h, set_attr, set_text } from '../dom.js';
import { ago_words, clock_text, date_text, local_text, parse_local, presets, span_words, zone_text } from '../lib/time.js';
import { icon } from './icons.js';
import { popover } from './popover.js';

export function create_range_picker(ctx) {
	const { clock, settings } = ctx;
	const text = h('span.range-text');
	const button = h('button.button.range', { type: 'button', 'aria-label': 'Time range' }, icon('clock'), text, icon('chevron'));

	popover(button, panel, { label: 'Time range' });

	function words() {
		const { mode, span } = clock.state.get();

		if (mode === 'live')
			return presets.find((preset) => preset.span === span)?.label ?? `Last ${span_words(span)}`;

		const { from, to } = clock.view(), zone = ctx.zone();
		const today = date_text(clock.now(), zone), day = (t) => (date_text(t, zone) === today ? '' : `${date_text(t, zone).slice(5)} `);

		return `${day(from)}${clock_text(from, zone)} – ${day(to) === day(from) ? '' : day(to)}${clock_text(to, zone)}`;
	}

	function panel(close) {
		const { mode, span } = clock.state.get(), { from, to } = clock.view();
		const field = (name, t) => h('input.input', { type: 'datetime-local', step: 1, name, value: local_text(t, ctx.zone()), 'aria-label': name === 'from' ? 'From' : 'To', required: true });
		const from_field = field('from', from), to_field = field('to', to), wrong = h('div.form-error', { role: 'alert' });
		const title = h('div.menu-title');
		let zone = ctx.zone();

		/* Another zone says the same moments, those too that were typed. */
		function speak() {
			const before = zone;

			zone = ctx.zone();
			for (const one of [from_field, to_field]) {
				const t = parse_local(one.value, before);

				if (t !== null)
					one.value = local_text(t, zone);
			}
			set_text(title, `Times are ${zone_text(clock.now(), zone)}`);
		}

		speak();

		function apply(event) {
			event.preventDefault();

			const start = parse_local(from_field.value, zone), end = parse_local(to_field.value, zone);

			if (start === null || end === null)
				set_text(wrong, 'Both need a date and a time.');
			else if (start >= end)
				set_text(wrong, 'From must lie before To.');
			else if (start >= clock.now())
				set_text(wrong, 'That has not happened yet.');
			else {
				close();
				clock.show(start, end);
			}
		}

		return [
			h('div.menu-title', {}, 'Live'),
			h('div.preset-list', { role: 'radiogroup', 'aria-label': 'Live' }, presets.map((preset) => h('button.menu-item', {
				type: 'button', role: 'radio', 'aria-checked': String(mode === 'live' && span === preset.span), 'data-preset': preset.id,
				onclick: () => { close(); clock.live(preset.span); },
			}, preset.label))),
			h('div.menu-title', {}, 'From, to'),
			h('form.range-form', { onsubmit: apply, novalidate: true }, h('label', {}, h('span', {}, 'From'), from_field), h('label', {}, h('span', {}, 'To'), to_field), wrong,
				h('button.button.primary', { type: 'submit' }, 'Show')),
			title,
			h('div.menu-row', {}, zone_choice(ctx, speak)),
			h('p.menu-note', {}, reach()),
		];
	}

	/* How far back there is anything. */
	function reach() {
		const status = ctx.status.get();

		if (!status)
			return '';
		return `Kept: every sample for ${span_words(status.store.raw_s * 1000)}, minutes for ${span_words(status.store.minute_s * 1000)}. Vedette started ${ago_words(Math.max(0, clock.now() - status.started))}.`;
	}

	function update() {
		const said = words();

		set_text(text, said);
		set_attr(button, 'aria-label', `Time range: ${said}`);
	}

	return { el: button, update };
}

/* The zones: this browser's, UTC, and the server's where it says which. */
export function zone_choice(ctx, then = () => {}) {
	const zones = [['browser', 'Browser'], ['utc', 'UTC'], ctx.server_zone() && ['server', 'Server']].filter(Boolean);

	return segments('Time zone', zones, ctx.settings.get().zone, (zone) => {
		ctx.settings.change({ zone });
		then();
	});
}

export function segments(label, choices, now, choose) {
	const box = h('div.segments', { role: 'group', 'aria-label': label }, choices.map(([value, name]) => h('button', {
		type: 'button', 'aria-pressed': String(value === now), 'data-value': value,
		onclick(event) {
			for (const button of box.children)
				button.setAttribute('aria-pressed', String(button === event.currentTarget));
			choose(value);
		},
	}, name)));

	return box;
}
