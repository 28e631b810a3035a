/* index.js: the table of views. To add one: write a file that exports
 * mount(el, ctx) → { update, destroy } and give it a row; navigation, the
 * palette and the shortcuts follow. key: the letter after g. badge(ctx) → the
 * alerts that its link counts. */

import { mount as alerts } from './alerts.js';
import { mount as explorer } from './explorer.js';
import { mount as overview } from './overview.js';
import { mount as processes } from './processes.js';
import { mount as self } from './self.js';

export const views = [
	{ id: 'overview', label: 'Overview', icon: 'overview', key: 'o', mount: overview },
	{ id: 'alerts', label: 'Alerts', icon: 'alerts', key: 'a', mount: alerts, badge: (ctx) => ctx.alerts.loud() },
	{ id: 'processes', label: 'Processes', icon: 'processes', key: 'p', mount: processes },
	{ id: 'explorer', label: 'Explorer', icon: 'explorer', key: 'e', mount: explorer },
	{ id: 'self', label: 'Vedette', icon: 'self', key: 'v', mount: self },
];
