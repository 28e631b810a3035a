/* help.js: the list of shortcuts and gestures behind "?". */

import { fill, h } from '../dom.js';
import { key_name } from '../actions.js';
import { icon } from './icons.js';

const gestures = [
	['Drag over a chart', 'Zoom in on that time'],
	['Shift and drag, or sideways wheel', 'Pan'],
	['Ctrl and wheel, or pinch', 'Zoom'],
	['Double-click', 'Back to now'],
	['← → on a chart', 'Move the crosshair, with Shift ten steps'],
	['Enter or − on a chart', 'Zoom in or out at the crosshair'],
	['Alt-click in a legend', 'That series alone'],
];

export function create_help(actions_of) {
	const dialog = h('dialog.help', { 'aria-label': 'Shortcuts', onclick: (event) => event.target === dialog && dialog.close() });
	const keys = (names) => names.map((name, i) => [i ? ' or ' : null, name.split(' ').length > 1 && name !== ' ' ? name.split(' ').map((part) => h('kbd', {}, part)) : h('kbd', {}, key_name(name))]);
	const rows = (list) => h('dl.help-list', {}, list.map(([what, does]) => h('div', {}, h('dt', {}, what), h('dd', {}, does))));

	document.body.append(dialog);
	return function open() {
		const actions = actions_of().filter((one) => one.keys.length);
		const groups = [...new Set(actions.map((one) => one.group))];

		fill(dialog,
			h('header.help-head', {}, h('h2', {}, 'Shortcuts'), h('button.icon-button.quiet', { type: 'button', 'aria-label': 'Close', onclick: () => dialog.close() }, icon('close'))),
			h('div.help-columns', {},
				groups.map((group) => h('section', {}, h('h3', {}, group), rows(actions.filter((one) => one.group === group).map((one) => [keys(one.keys), one.label])))),
				h('section', {}, h('h3', {}, 'Charts'), rows(gestures))));
		dialog.showModal();
	};
}
