/* signal.js: a value that tells who listens when it changes. */

export function signal(value) {
	const listeners = new Set();

	return {
		get: () => value,
		set(next) {
			if (Object.is(next, value))
				return;
			value = next;
			for (const tell of [...listeners])
				tell(value);
		},
		/* Says the same value again: for things that change inside. */
		touch() {
			for (const tell of [...listeners])
				tell(value);
		},
		on(tell) {
			listeners.add(tell);
			return () => listeners.delete(tell);
		},
	};
}
