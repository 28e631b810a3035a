/* popover.js: a button and the panel that it opens. Escape and a click
 * elsewhere close it, focus goes back to the button. */

import { h, new_id } from '../dom.js';

export function popover(button, make, { label } = {}) {
	const id = new_id('popover');
	let panel = null;

	button.setAttribute('aria-expanded', 'false');
	button.setAttribute('aria-haspopup', 'dialog');

	function outside(event) {
		if (panel && !panel.contains(event.target) && !button.contains(event.target))
			close(false);
	}

	function on_key(event) {
		if (event.key !== 'Escape')
			return;
		event.stopPropagation();
		close(true);
	}

	/* Under its button, and inside the window whatever its width. */
	function place() {
		const box = button.getBoundingClientRect(), room = document.documentElement.clientWidth;
		const left = Math.max(8, Math.min(box.right - panel.offsetWidth, room - panel.offsetWidth - 8));

		panel.style.left = `${left}px`;
		panel.style.top = `${box.bottom + 6}px`;
		panel.style.maxHeight = `${innerHeight - box.bottom - 14}px`;
	}

	function open() {
		panel = h('div.popover', { id, role: 'dialog', 'aria-label': label ?? button.getAttribute('aria-label'), tabindex: -1, onkeydown: on_key }, make(close));
		document.body.append(panel);
		button.setAttribute('aria-expanded', 'true');
		button.setAttribute('aria-controls', id);
		place();
		document.addEventListener('pointerdown', outside, true);
		addEventListener('resize', close_quietly);
		(panel.querySelector('[aria-checked="true"], [aria-current="true"], input, button, a') ?? panel).focus({ preventScroll: true });
	}

	const close_quietly = () => close(false);

	function close(focus = true) {
		if (!panel)
			return;
		panel.remove();
		panel = null;
		button.setAttribute('aria-expanded', 'false');
		document.removeEventListener('pointerdown', outside, true);
		removeEventListener('resize', close_quietly);
		if (focus)
			button.focus({ preventScroll: true });
	}

	button.addEventListener('click', () => (panel ? close() : open()));
	return { open: () => panel ?? open(), close, is_open: () => panel !== null };
}
