/* feed.js: the only file that knows Socket.IO.
 *
 * Keeps one connection to the server in which it asks questions (request) and
 * watches series (watch → on_frame). Reconnecting is done here and not by the
 * library, because the page shows when the next attempt is due and can bring
 * it forward. */

import { io } from 'socket.io-client';
import { signal } from './lib/signal.js';

const waits_s = [1, 2, 4, 8, 15];
const OPEN_TIMEOUT_MS = 8000, ANSWER_TIMEOUT_MS = 10000, WATCH_AGAIN_MS = 5000;

/* What waits for others on its way, and may take longer than the server does. */
const patience_ms = { 'test channel': 90000 };

export function create_feed() {
	/* phase: connecting | online | offline | refused (sign in first).
	 * retry_at, lost_at: Date.now() times. deaf: why the server sends no values,
	 * though it is there. */
	const state = signal({ phase: 'connecting', transport: null, reason: null, retry_at: null, lost_at: null, deaf: null });
	const frame_listeners = new Set(), event_listeners = new Set(), alert_listeners = new Set(), list_listeners = new Set();
	let wanted = [], rate_ms = 1000, gen = null, ids = [], attempts = 0, timer = 0, was_online = false;

	const socket = io({
		path: new URL('socket.io/', document.baseURI).pathname,
		/* WebSocket first saves three requests; polling is there for proxies that
		 * refuse it. */
		transports: ['websocket', 'polling'],
		tryAllTransports: true,
		reconnection: false,
		autoConnect: false,
		timeout: OPEN_TIMEOUT_MS,
	});

	const transport = () => socket.io.engine?.transport?.name ?? null;
	const change = (part) => state.set({ ...state.get(), ...part });

	function connect() {
		clearTimeout(timer);
		timer = 0;
		change({ retry_at: null });
		socket.connect();
	}

	function wait(reason) {
		const seconds = waits_s[Math.min(attempts++, waits_s.length - 1)];
		const wait_ms = seconds * 1000 * (0.9 + Math.random() * 0.2);

		clearTimeout(timer);
		timer = setTimeout(connect, wait_ms);
		change({ phase: 'offline', transport: null, reason, retry_at: Date.now() + wait_ms, lost_at: state.get().lost_at ?? Date.now() });
	}

	/* Trying again would be refused again: who looks has to sign in. */
	function refuse() {
		clearTimeout(timer);
		timer = 0;
		change({ phase: 'refused', transport: null, reason: 'access was refused', retry_at: null });
	}

	/* The role is fixed when the connection is made: another one, another role. */
	function reconnect() {
		attempts = 0;
		change({ phase: 'connecting' });
		if (socket.connected)
			socket.disconnect();
		else
			connect();
	}

	function retry_now() {
		if (!socket.connected && timer) {
			attempts = 0;
			connect();
		}
	}

	socket.on('connect', () => {
		attempts = 0;
		change({ phase: 'online', transport: transport(), reason: null, retry_at: null, lost_at: null, deaf: null });
		socket.io.engine.on('upgrade', () => change({ transport: transport() }));
		send_watch();
		was_online = true;
	});
	socket.on('disconnect', (reason) => {
		/* We hung up, to come back as somebody else. */
		if (reason === 'io client disconnect')
			connect();
		else
			wait(reason === 'ping timeout' ? 'the server fell silent' : 'the connection was lost');
	});
	socket.on('connect_error', (error) => {
		/* A proxy that swallows the upgrade never says no: ask the other way round. */
		if (error.message === 'timeout')
			socket.io.opts.transports = ['polling', 'websocket'];
		if (error.message === 'unauthorized')
			refuse();
		else
			wait('the server does not answer');
	});

	/* gone: what a list of the same wishes no longer holds, since it vanished. */
	function use_list(answer, gone = []) {
		gen = answer.gen;
		ids = answer.series.map((series) => series.id);
		for (const tell of list_listeners)
			tell(answer.series, gone, listed);
	}

	let asked = 0, listed = [], watch_timer = 0;

	/* A list that is refused, and not only late, is no list: no frame will come. */
	async function send_watch() {
		const number = ++asked, patterns = wanted;

		clearTimeout(watch_timer);
		if (!socket.connected)
			return;
		try {
			const answer = await request('watch', { series: patterns, rate: rate_ms });

			/* Answers come in order, and frames of this list until the next is in force. */
			listed = patterns;
			use_list(answer);
			if (state.get().deaf)
				change({ deaf: null });
		} catch (error) {
			if (number !== asked || !socket.connected)
				return;
			watch_timer = setTimeout(send_watch, WATCH_AGAIN_MS);
			if (state.get().deaf !== error.message)
				change({ deaf: error.message });
		}
	}

	socket.on('watched', (answer) => {
		const kept = new Set(answer.series.map((series) => series.id));

		use_list(answer, ids.filter((id) => !kept.has(id)));
	});
	socket.on('frame', (of, t, values) => {
		if (of === gen)
			for (const tell of frame_listeners)
				tell(t, ids, values);
	});
	socket.on('event', (event) => {
		for (const tell of event_listeners)
			tell(event);
	});

	for (const [name, starts] of [['alert', true], ['alert update', false]])
		socket.on(name, (alert) => {
			for (const tell of alert_listeners)
				tell(alert, starts);
		});

	/* Resolves with the answer; rejects with an Error that says why in words. */
	function request(name, ...questions) {
		return new Promise((resolve, reject) => {
			if (!socket.connected) {
				reject(new Error('not connected'));
				return;
			}
			socket.timeout(patience_ms[name] ?? ANSWER_TIMEOUT_MS).emit(name, ...(questions.length ? questions : [{}]), (late, answer) => {
				if (late)
					reject(new Error('the server took too long to answer'));
				else if (answer?.status !== 'ok')
					reject(new Error(answer?.error ?? 'the server refused'));
				else
					resolve(answer);
			});
		});
	}

	addEventListener('online', retry_now);
	document.addEventListener('visibilitychange', () => !document.hidden && retry_now());

	return {
		state,
		request,
		retry_now, reconnect, watch_again: send_watch,
		start: connect,
		was_online: () => was_online,
		watch(patterns) {
			if (patterns.join('\n') === wanted.join('\n'))
				return;
			wanted = patterns;
			send_watch();
		},
		set_rate(ms) {
			if (ms === rate_ms)
				return;
			rate_ms = ms;
			send_watch();
		},
		on_frame: (tell) => { frame_listeners.add(tell); },
		/* tell(list, gone, patterns): what there is of the patterns, and no longer. */
		on_list: (tell) => { list_listeners.add(tell); },
		on_event: (tell) => { event_listeners.add(tell); },
		/* tell(alert, starts): starts when it begins to fire or grows worse. */
		on_alert: (tell) => { alert_listeners.add(tell); },
	};
}
