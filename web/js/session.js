/* session.js: who is looking, and what they may. A token is traded for a
 * cookie; the server reads that when a socket connects, so it connects anew. */

import { get_json, send_json } from './http.js';
import { signal } from './lib/signal.js';

export function create_session({ feed }) {
	/* role: none | viewer | operator, null before the server has said. */
	const state = signal({ name: null, role: null });

	function take({ name, role }) {
		const now = state.get();

		if (now.name !== name || now.role !== role)
			state.set({ name, role });
	}

	/* The old connection is let go first: nobody should ask on it as who they no
	 * longer are. */
	function become(who) {
		feed.reconnect();
		take(who);
	}

	return {
		state,
		is_operator: () => state.get().role === 'operator',
		is_somebody: () => state.get().name !== null && state.get().name !== 'anonymous',
		async learn() {
			try {
				take(await get_json('api/v1/session'));
			} catch { /* as before */ }
		},
		async sign_in(token) {
			become(await send_json('POST', 'api/v1/session', { token }));
		},
		async sign_out() {
			become(await send_json('DELETE', 'api/v1/session'));
		},
	};
}
