/* deeds.js: what an operator can do about alerts. Each asks first (what, how
 * long, why), says what came of it, and is kept in the audit list by the
 * server. Whoever may not is shown why, and how to sign in. */

import { fill, h, set_attr, set_text } from '../dom.js';
import { matcher_of } from '../lib/alerts.js';
import { full_text, local_text, parse_local, zone_text } from '../lib/time.js';
import { icon } from './icons.js';
import { segments } from './range-picker.js';

const HOUR = 3600e3;
const lengths = [[HOUR, '1 h'], [4 * HOUR, '4 h'], [24 * HOUR, '24 h'], ['until', 'Until…']];
const to_its_end = ['resolved', 'Until resolved'];

const note_field = (placeholder) => h('input.input', { name: 'note', maxlength: 1000, placeholder, autocomplete: 'off' });
const field = (label, control) => h('label.field', {}, h('span', {}, label), control);

/* A button that stays visible, and says why it is off, for those who may not. */
export function deed_button(ctx, { label, sign, what, run, primary = false }) {
	const button = h(`button.button.small.deed${primary ? '.primary' : ''}`, { type: 'button', onclick: () => (ctx.session.is_operator() ? run(button) : sign_in(ctx, `${what} takes the operator role.`)) }, sign ? icon(sign) : null, h('span', {}, label));

	function update() {
		const may = ctx.session.is_operator();

		set_attr(button, 'aria-disabled', may ? null : 'true');
		set_attr(button, 'title', may ? null : `${what} takes the operator role: sign in with a token of an operator`);
	}

	update();
	button.refresh = update;
	return button;
}

/* For deeds without a question: the outcome stands beside the button. */
export function quick_deed(ctx, { label, sign, what, doing, run }) {
	const said = h('span.outcome', { role: 'status' });
	const button = deed_button(ctx, { label, sign, what, run: act });
	const el = h('span.quick-deed', {}, button, said);

	async function act() {
		button.disabled = true;
		tell('pending', 'clock', doing);
		try {
			tell('done', 'ok', await run());
		} catch (error) {
			tell('failed', 'warning', error.message);
		}
		button.disabled = false;
	}

	function tell(state, name, words) {
		said.dataset.state = state;
		fill(said, icon(name), ` ${words}`);
	}

	el.refresh = button.refresh;
	return el;
}

export function acknowledge(ctx, alert) {
	const note = note_field('What you know, what you do');

	ctx.ask({
		title: `Acknowledge ${alert.rule}`,
		why: `${alert.summary}. It goes on being watched, and everyone sees that you have it.`,
		body: [field('Note', note)],
		label: 'Acknowledge', doing: 'Acknowledging…', done: `${alert.rule} is acknowledged`,
		run: () => ctx.feed.request('acknowledge alert', alert.id, { note: note.value.trim() }),
	});
}

/* what: { rule, series?, id? }. With a series one may choose between it and the whole rule; an alert, known by its id, may be silent
 * to its own end. */
export function silence(ctx, what) {
	const now = ctx.clock.now();
	const note = note_field('Why it may be quiet');
	const until = h('input.input', { type: 'datetime-local', step: 1, name: 'until', 'aria-label': 'Until', value: local_text(now + HOUR, ctx.zone()) });
	const shown = h('span.field-note'), matcher = h('code');
	const scope = what.series && h('div.field', {}, h('span', {}, 'What'), segments('What', [['series', 'This series'], ['rule', 'The whole rule']], 'series', (chosen) => { whole = chosen === 'rule'; update(); }));
	let length = HOUR, whole = !what.series;

	const end = () => (length === 'until' ? parse_local(until.value, ctx.zone()) : ctx.clock.now() + length);
	const which = () => matcher_of(whole ? { rule: what.rule } : what);

	function update() {
		const alone = length === 'resolved', t = alone ? 0 : end();

		until.hidden = length !== 'until';
		if (scope)
			scope.hidden = alone;
		set_text(matcher, alone ? 'this alert alone' : which());
		set_text(shown, alone ? 'until it is resolved: when it fires again, that is told' : t === null ? 'That is not a moment.' : `until ${full_text(t, ctx.zone())} ${zone_text(t, ctx.zone())}`);
	}

	until.addEventListener('input', update);
	update();
	ctx.ask({
		title: `Silence ${what.rule}`,
		why: 'Alerts that match are still judged and shown here, but nobody is told.',
		body: [
			scope,
			h('div.field', {}, h('span', {}, 'How long'), segments('How long', what.id ? [...lengths, to_its_end] : lengths, HOUR, (ms) => { length = ms; update(); }), until, shown),
			field('Note', note),
			h('p.field-note', {}, 'Matches ', matcher),
		],
		label: 'Silence', doing: 'Silencing…', done: `${what.rule} is silenced`,
		async run() {
			if (length === 'resolved')
				return ctx.feed.request('silence alert', { alert: what.id, note: note.value.trim() });

			const t = end();

			if (t === null || t <= ctx.clock.now())
				throw new Error('The end must be a moment that is yet to come.');
			return ctx.feed.request('silence alert', { matcher: which(), until: Math.round(t), note: note.value.trim() });
		},
	});
}

export function end_silence(ctx, one, then) {
	ctx.ask({
		title: 'End this silence', why: one.alert ? 'This alert is told again from now on.' : ['Alerts that match ', h('code', {}, one.matcher), ' are told again from now on.'],
		label: 'End silence', doing: 'Ending…', done: 'The silence has ended',
		async run() {
			await ctx.feed.request('silence alert', { id: one.id, until: Math.min(Date.now(), ctx.clock.now()) - 1000 });
			then?.();
		},
	});
}

/* The one that covers this alert, which may cover others too: it is asked for what it says. */
export async function end_silence_of(ctx, alert) {
	try {
		const one = (await ctx.feed.request('get silences')).silences.find((silence) => silence.id === alert.silence);

		if (one)
			end_silence(ctx, one);
		else
			ctx.toast('That silence has ended already');
	} catch (error) {
		ctx.toast(`The silence could not be ended: ${error.message}`);
	}
}

/* ---- signing in ---- */

export const token_field = () => h('input.input', { type: 'password', name: 'token', autocomplete: 'current-password', spellcheck: 'false', placeholder: 'vdt_…', required: true, autofocus: true });

export const token_help = (role) => ['On the host, ', h('code', {}, `vedette token add YOUR-NAME ${role}`), ' makes one and shows it once. This browser keeps a session, not the token.'];

export async function trade_token(ctx, input) {
	const token = input.value.trim();

	if (!token)
		throw new Error('Paste a token first.');
	await ctx.session.sign_in(token);
	input.value = '';
}

export function sign_in(ctx, why = null) {
	const input = token_field();

	ctx.ask({
		title: 'Sign in', why,
		body: [field('Token', input), h('p.field-note', {}, token_help('operator'))],
		label: 'Sign in', doing: 'Signing in…', done: 'You are signed in',
		run: () => trade_token(ctx, input),
	});
}

export async function sign_out(ctx) {
	try {
		await ctx.session.sign_out();
		ctx.toast('You are signed out');
	} catch (error) {
		ctx.toast(`Still signed in: ${error.message}`);
	}
}

/* A line for viewers above what only operators may do. */
export function role_note(ctx) {
	const who = h('span'), el = h('div.role-note', { hidden: true }, icon('user'), who, h('button.link', { type: 'button', onclick: () => sign_in(ctx) }, 'Sign in as operator'));

	el.refresh = () => {
		const { name, role } = ctx.session.state.get();

		el.hidden = role !== 'viewer';
		set_text(who, `You look on as ${name === 'anonymous' ? 'a viewer' : `${name}, a viewer`}. Acknowledging, silencing and sending take an operator.`);
	};
	el.refresh();
	return el;
}
