/* notices.js: notes of the browser itself for alerts that begin while nobody
 * looks at the page. Allowed by a click, never asked for by itself. */

import { severity_words } from './lib/alerts.js';

const can = () => 'Notification' in window && isSecureContext;

/* Chrome on Android has the constructor, and throws when it is used: it wants a service worker. */
let refused = false;

function note_of(title, options) {
	try {
		return new Notification(title, options);
	} catch {
		refused = true;
		return null;
	}
}

export function create_notices(ctx) {
	const { settings, alerts, address } = ctx;

	alerts.fired((alert) => {
		if (!is_on() || alert.state !== 'firing' || (!document.hidden && document.hasFocus()))
			return;

		/* renotify: one that grows worse takes the place of its former note, and not in silence. */
		const note = note_of(`${severity_words[alert.severity]}: ${alert.rule}`, { body: `${alert.summary}\n${alert.series} on ${alert.host}`, tag: alert.id, renotify: true });

		if (!note)
			return;
		note.onclick = () => {
			window.focus();
			address.go('alerts', { alert: alert.id });
			note.close();
		};
	});

	const is_on = () => can() && !refused && settings.get().notify && Notification.permission === 'granted';

	return {
		is_on,
		/* What the switch is called, and why it may be of no use. */
		words() {
			if (!can())
				return { text: 'Notifications need HTTPS or localhost', off: true };
			if (refused)
				return { text: 'This browser shows no notifications of pages', off: true };
			if (Notification.permission === 'denied')
				return { text: 'Notifications are blocked in this browser\'s settings', off: true };
			return { text: is_on() ? 'Notifications are on' : 'Notify me', off: false };
		},
		async flip() {
			if (is_on()) {
				settings.change({ notify: false });
			} else if (can()) {
				const allowed = await Notification.requestPermission() === 'granted';

				/* Nobody should count on notes that never come. */
				if (allowed)
					note_of('Vedette', { silent: true })?.close();
				settings.change({ notify: allowed && !refused });
				ctx.toast(is_on() ? 'You will be told of alerts while this page is open' : 'The browser does not allow it');
			}
		},
	};
}
