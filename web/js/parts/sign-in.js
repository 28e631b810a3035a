/* sign-in.js: the page for a Vedette that shows nothing to strangers. */

import { h, set_text } from '../dom.js';
import { icon } from './icons.js';
import { token_field, token_help, trade_token } from './deeds.js';

export function create_sign_in(ctx, shell) {
	const input = token_field(), wrong = h('div.form-error', { role: 'alert' });
	const go = h('button.button.primary', { type: 'submit' }, 'Sign in');
	const form = h('form.sign-in-card', { onsubmit: submit, 'aria-label': 'Sign in', novalidate: true },
		h('div.brand', {}, icon('overview'), h('span', {}, 'Vedette')),
		h('h1', {}, 'Sign in'),
		h('p', {}, `${location.hostname} shows itself to those it knows. A token lets you in.`),
		h('label.field', {}, h('span', {}, 'Token'), input), wrong, go,
		h('p.field-note', {}, token_help('viewer')));
	const el = h('main.sign-in', { hidden: true }, form);

	async function submit(event) {
		event.preventDefault();
		set_text(wrong, '');
		go.disabled = true;
		set_text(go, 'Signing in…');
		try {
			await trade_token(ctx, input);
		} catch (error) {
			set_text(wrong, error.message);
		} finally {
			go.disabled = false;
			set_text(go, 'Sign in');
		}
	}

	/* Between the token's acceptance and the new connection the page stays. */
	function draw({ phase }) {
		const refused = phase === 'refused';

		if (phase === 'connecting' || refused === !el.hidden)
			return;
		el.hidden = !refused;
		shell.hidden = refused;
		if (refused) {
			document.title = 'Sign in · Vedette';
			input.focus();
		}
	}

	ctx.feed.state.on(draw);
	return el;
}
