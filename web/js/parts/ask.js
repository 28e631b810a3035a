/* ask.js: the one dialog for everything that changes something: what will be
 * done, what it needs to know, a button that says so. While it is done the
 * button says that too; a refusal stays on screen with what was typed. */

import { fill, h, set_text } from '../dom.js';

export function create_ask(ctx) {
	const title = h('h2'), why = h('p.ask-why'), fields = h('fieldset.ask-fields'), wrong = h('div.form-error', { role: 'alert' });
	const go = h('button.button.primary', { type: 'submit' });
	const cancel = h('button.button', { type: 'button', onclick: () => dialog.close() }, 'Cancel');
	const form = h('form', { onsubmit: submit, novalidate: true }, title, why, fields, wrong, h('div.ask-buttons', {}, cancel, go));
	const dialog = h('dialog.ask', { 'aria-modal': 'true', onclick: (event) => event.target === dialog && !asked.busy && dialog.close(), oncancel: (event) => asked.busy && event.preventDefault() }, form);
	let asked = {};

	document.body.append(dialog);

	function set_busy(on) {
		asked.busy = on;
		fields.disabled = on;
		go.disabled = on;
		cancel.disabled = on;
		set_text(go, on ? asked.doing : asked.label);
	}

	async function submit(event) {
		const mine = asked;

		event.preventDefault();
		set_text(wrong, '');
		set_busy(true);
		try {
			await mine.run();
			dialog.close();
			ctx.toast(mine.done);
		} catch (error) {
			set_text(wrong, error.message);
		} finally {
			if (mine === asked)
				set_busy(false);
		}
	}

	/* question: { title, why, body: [elements], label, doing, done, run() }. run
	 * rejects with the reason in words. */
	return function ask(question) {
		asked = question;
		set_text(title, question.title);
		dialog.setAttribute('aria-label', question.title);
		fill(why, question.why ?? null);
		why.hidden = !question.why;
		fill(fields, question.body ?? []);
		set_text(wrong, '');
		set_busy(false);
		dialog.showModal();
		(fields.querySelector('[autofocus], input, textarea, button') ?? go).focus();
	};
}
