/* ask-again.js: a panel whose answer is asked for now and every few seconds,
 * while someone looks and the server is there; when it fails, the panel says
 * why and offers to try again. */

/* ask() → a promise of the answer. show(answer). state: of parts/states.js. */
export function ask_again(ctx, { every_ms, ask, show, state }) {
	let timer = 0, number = 0, alive = true, failed = false, known = false;

	async function go() {
		const mine = ++number;

		clearTimeout(timer);
		if (!alive || document.hidden)
			return;
		try {
			const answer = await ask();

			if (!alive || mine !== number)
				return;
			failed = false;
			known = true;
			state.none();
			show(answer);
		} catch (error) {
			if (!alive || mine !== number)
				return;
			failed = true;
			if (ctx.feed.state.get().phase === 'online')
				state.failed(error.message, go);
			else if (ctx.feed.state.get().phase === 'offline' && !known)
				state.failed('Vedette is not connected.', ctx.feed.retry_now);
		}
		timer = setTimeout(go, every_ms);
	}

	const stops = [
		ctx.feed.state.on(({ phase }) => phase === 'online' && go()),
		ctx.visible.on((on) => on && go()),
		ctx.session.state.on(go),
	];

	state.loading();
	go();
	return {
		now: go,
		failed: () => failed,
		stop() {
			alive = false;
			clearTimeout(timer);
			for (const stop of stops)
				stop();
		},
	};
}
