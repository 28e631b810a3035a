/* notices.js: notes of the browser itself for alerts that begin while nobody
 * looks at the page. Allowed by a click, never asked for by itself. */

import { severity_words } from './lib/alerts.js';

const can = () => 'Notification' in window && isSecureContext;

export function create_notices(ctx) {
	const { settings, alerts, address } = ctx;

	alerts.fired((alert) => {
		if (!is_on() || alert.state !== 'firing' || (!document.hidden && document.hasFocus()))
			return;

		const note = new Notification(`${severity_words[alert.severity]}: ${alert.rule}`, { body: `${alert.summary}\n${alert.series} on ${alert.host}`, tag: alert.id });

		note.onclick = () => {
			window.focus();
			address.go('alerts', { alert: alert.id });
			note.close();
		};
	});

	const is_on = () => can() && settings.get().notify && Notification.permission === 'granted';

	return {
		is_on,
		/* What the switch is called, and why it may be of no use. */
		words() {
			if (!can())
				return { text: 'Notifications need HTTPS or localhost', off: true };
			if (Notification.permission === 'denied')
				return { text: 'Notifications are blocked in this browser\'s settings', off: true };
			return { text: is_on() ? 'Notifications are on' : 'Notify me', off: false };
		},
		async flip() {
			if (is_on()) {
				settings.change({ notify: false });
			} else if (can()) {
				const answer = await Notification.requestPermission();

				settings.change({ notify: answer === 'granted' });
				ctx.toast(answer === 'granted' ? 'You will be told of alerts while this page is open' : 'The browser does not allow it');
			}
		},
	};
}
