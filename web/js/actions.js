/* actions.js: the table of everything that can be done from anywhere: the
 * shortcuts, the list behind "?", and the palette all read it.
 *
 * keys: as KeyboardEvent.key says, "g o" is one after the other. when: only
 * then does it apply. */

import { presets } from './lib/time.js';
import { sign_in, sign_out } from './parts/deeds.js';

const tab_labels = { history: 'History of alerts', rules: 'Alert rules', silences: 'Silences', channels: 'Alert channels and deliveries', audit: 'Audit list' };

export function make_actions(ctx, { views, open_palette, open_help }) {
	const { clock, settings } = ctx;
	const step_preset = (by) => {
		const at = presets.findIndex((preset) => preset.span >= clock.state.get().span);

		clock.live(presets[Math.max(0, Math.min(presets.length - 1, (at < 0 ? presets.length : at) + by))].span);
	};
	const in_alerts = () => ctx.address.state.get().view === 'alerts';
	const flip_theme = () => settings.change({ theme: ctx.theme.is_dark() ? 'light' : 'dark' });

	return [
		{ id: 'palette', label: 'Search for anything', keys: ['Ctrl+k', '/'], group: 'General', run: open_palette },
		{ id: 'help', label: 'Show shortcuts', keys: ['?'], group: 'General', icon: 'help', run: open_help },
		{ id: 'theme', label: 'Switch between light and dark', keys: ['t'], group: 'General', icon: 'theme', run: flip_theme },
		{ id: 'theme-auto', label: 'Follow the system\'s theme', keys: [], group: 'General', icon: 'theme', run: () => settings.change({ theme: 'auto' }) },
		{ id: 'copy', label: 'Copy a link to this page', keys: ['c'], group: 'General', icon: 'link', run: ctx.copy_link },
		{ id: 'pause', label: 'Pause, or go on', keys: [' '], group: 'Time', icon: 'pause', run: clock.toggle },
		{ id: 'now', label: 'Go to now', keys: ['n', 'Escape'], group: 'Time', icon: 'now', when: () => clock.state.get().mode !== 'live', run: () => clock.live() },
		{ id: 'earlier', label: 'Pan to earlier', keys: ['ArrowLeft'], group: 'Time', run: () => clock.pan(-0.25) },
		{ id: 'later', label: 'Pan to later', keys: ['ArrowRight'], group: 'Time', run: () => clock.pan(0.25) },
		{ id: 'in', label: 'Zoom in', keys: ['+', '='], group: 'Time', run: () => clock.zoom(0.5) },
		{ id: 'out', label: 'Zoom out', keys: ['-'], group: 'Time', run: () => clock.zoom(2) },
		{ id: 'shorter', label: 'Shorter live range', keys: ['['], group: 'Time', run: () => step_preset(-1) },
		{ id: 'longer', label: 'Longer live range', keys: [']'], group: 'Time', run: () => step_preset(1) },
		...presets.map((preset) => ({ id: `preset-${preset.id}`, label: preset.label, keys: [], group: 'Time', icon: 'clock', run: () => clock.live(preset.span) })),
		{ id: 'zone-browser', label: 'Times of this browser', keys: [], group: 'General', icon: 'clock', run: () => settings.change({ zone: 'browser' }) },
		{ id: 'zone-utc', label: 'Times in UTC', keys: [], group: 'General', icon: 'clock', run: () => settings.change({ zone: 'utc' }) },
		{ id: 'zone-server', label: 'Times of the server', keys: [], group: 'General', icon: 'clock', when: () => Boolean(ctx.server_zone()), run: () => settings.change({ zone: 'server' }) },
		{ id: 'sign-in', label: 'Sign in', keys: [], group: 'General', icon: 'user', when: () => !ctx.session.is_somebody(), run: () => sign_in(ctx) },
		{ id: 'sign-out', label: 'Sign out', keys: [], group: 'General', icon: 'user', when: ctx.session.is_somebody, run: () => sign_out(ctx) },
		{ id: 'alert-next', label: 'Next alert', keys: ['j'], group: 'Alerts', when: in_alerts, run: () => ctx.view().step(1) },
		{ id: 'alert-before', label: 'Alert before', keys: ['k'], group: 'Alerts', when: in_alerts, run: () => ctx.view().step(-1) },
		{ id: 'alert-acknowledge', label: 'Acknowledge the alert', keys: ['a'], group: 'Alerts', icon: 'seen', when: in_alerts, run: () => ctx.view().deed('acknowledge') },
		{ id: 'alert-silence', label: 'Silence the alert', keys: ['s'], group: 'Alerts', icon: 'silence', when: in_alerts, run: () => ctx.view().deed('silence') },
		...['history', 'rules', 'silences', 'channels', 'audit'].map((tab) => ({ id: `alerts-${tab}`, label: tab_labels[tab], keys: [], group: 'Alerts', icon: 'alerts', run: () => ctx.address.go('alerts', { tab }) })),
		...views.map((view) => ({ id: `view-${view.id}`, label: `Go to ${view.label}`, keys: [`g ${view.key}`], group: 'Views', icon: view.icon, run: () => ctx.address.go(view.id) })),
	];
}

const names = { ' ': 'Space', ArrowLeft: '←', ArrowRight: '→', Escape: 'Esc', 'Ctrl+k': 'Ctrl K' };

export const key_name = (key) => names[key] ?? key;

const takes_text = (el) => el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName);

/* Space and Enter on a button or link are the button's own. */
const owns_key = (el, key) => (key === ' ' || key === 'Enter') && el.closest?.('button, a, summary, label, [role=option]');

export function listen_for_keys(actions) {
	const PREFIX_MS = 1200;
	let prefix = '', prefix_at = 0;

	addEventListener('keydown', (event) => {
		const control = event.ctrlKey || event.metaKey;

		if (event.defaultPrevented || event.altKey || document.querySelector('dialog[open]'))
			return;
		if (!control && (takes_text(event.target) || owns_key(event.target, event.key)))
			return;

		const key = control ? `Ctrl+${event.key.toLowerCase()}` : event.key;
		const full = prefix && Date.now() - prefix_at < PREFIX_MS ? `${prefix} ${key}` : key;
		const action = actions.find((one) => one.keys.includes(full) && (one.when?.() ?? true));

		prefix = '';
		if (action) {
			event.preventDefault();
			action.run();
		} else if (actions.some((one) => one.keys.some((name) => name.startsWith(`${key} `)))) {
			prefix = key;
			prefix_at = Date.now();
		}
	});
}
