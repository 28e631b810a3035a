/* main.js: starts the dashboard and connects its parts.
 *
 *   feed ──samples──▶ plane ──tick──▶ one animation frame ──▶ view.update()
 *   clock (time range) and address (the link) change the plane, never a view
 *
 * ctx is what cards, views and parts are given; they know nothing else. */

import { listen_for_keys, make_actions } from './actions.js';
import { create_address } from './address.js';
import { create_alerts } from './alerts.js';
import { create_clock } from './clock.js';
import { each_frame, h, set_text } from './dom.js';
import { create_feed } from './feed.js';
import { failing_channels } from './lib/channels.js';
import { create_judge, failing_of, with_reasons, words } from './lib/health.js';
import { signal } from './lib/signal.js';
import { vitals } from './lib/vitals.js';
import { create_notices } from './notices.js';
import { create_plane } from './plane.js';
import { create_session } from './session.js';
import { create_settings } from './settings.js';
import { create_theme } from './theme.js';
import { create_alert_banner } from './parts/alert-banner.js';
import { create_ask } from './parts/ask.js';
import { create_banner } from './parts/banner.js';
import { create_header } from './parts/header.js';
import { create_help } from './parts/help.js';
import { create_nav } from './parts/nav.js';
import { create_palette } from './parts/palette.js';
import { create_sign_in } from './parts/sign-in.js';
import { create_tip } from './parts/tip.js';
import { create_toast } from './parts/toast.js';
import { views } from './views/index.js';

const RATE_MS = 1000, HIDDEN_RATE_MS = 30000;
const STALE_MS = 2600;            /* within three intervals, and past one late sample */
const FRESH_CHECK_MS = 500;
const HOLD_MS = 300, RELEASE_MS = 250;
const STATUS_AGAIN_MS = 5000;
const MOST_EVENTS = 200;

const settings = create_settings();
const theme = create_theme(settings);
const clock = create_clock();
const feed = create_feed();
const plane = create_plane({ feed, clock });
const address = create_address({ clock, views });
const status = signal(null);
const alerts = create_alerts({ feed, clock, is_here: (alert) => !status.get() || alert.host === status.get().host.hostname });
const session = create_session({ feed });
const crosshair = signal(null);                       /* { t, source, placed } */
const health = signal({ level: 'unknown', reasons: [], of: new Map() });
const freshness = signal({ stale: false, age_ms: 0 });
const visible = signal(!document.hidden);
const judge = create_judge();
const toast = create_toast();

function zone() {
	const choice = settings.get().zone;

	if (choice === 'utc')
		return 'UTC';
	return (choice === 'server' && server_zone()) || undefined;
}

/* The server's, if it names one that this browser knows too. */
function server_zone() {
	const name = status.get()?.host.timezone;

	try {
		return name ? new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone : null;
	} catch {
		return null;
	}
}

/* ---- events of the host and of Vedette: annotations on the charts ---- */

let happened = [];
const events = { list: () => happened };

feed.on_event((event) => {
	happened = [...happened, event].slice(-MOST_EVENTS);
	toast(event.text);
	ask_status();
	draw();
});

/* ---- what everyone is given ---- */

const ctx = {
	address, alerts, clock, crosshair, events, feed, freshness, health, plane, server_zone, session, settings, status, theme, toast, visible, zone,
	chart_tools: { clock, crosshair, colours: theme.colours, zone, base: () => settings.get().base, open_alert: (id) => address.go('alerts', { alert: id }) },
	cpus: () => status.get()?.host.cpus ?? plane.match(['cpu.usage/*']).length,
	async copy_link() {
		try {
			await navigator.clipboard.writeText(address.link());
			toast('Link copied');
		} catch {
			toast('The address bar holds the link: copying needs HTTPS or localhost');
		}
	},
	/* What is mounted now, for keys that mean something on one view. */
	view: () => mounted,
	redraw: () => draw(),
	show_section: (id) => reveal(`section-${id}`),
	show_card: (id) => reveal(`card-${id}`),
};

ctx.ask = create_ask(ctx);
ctx.notices = create_notices(ctx);
ctx.tip = create_tip(ctx);

function reveal(id) {
	const target = document.getElementById(id);

	target?.scrollIntoView({ block: 'start', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
	target?.focus?.({ preventScroll: true });
}

/* ---- the page ---- */

let actions = [];
const open_palette = create_palette(ctx, () => actions.filter((one) => one.when?.() ?? true));
const open_help = create_help(() => actions);

actions = make_actions(ctx, { views, open_palette, open_help });
listen_for_keys(actions);

const header = create_header(ctx, { open_palette, open_help });
const nav = create_nav(ctx, views);
const main = h('main.view', { id: 'main', tabindex: -1 });
const spoken = h('div.vh', { 'aria-live': 'polite', role: 'status' });
const skip = h('button.skip', { type: 'button', onclick: () => main.focus() }, 'Skip to the content');

const shell = h('div.shell', {}, nav.el, h('div.stage', {}, header.el, create_banner(ctx), main));

document.body.append(skip, shell, create_sign_in(ctx, shell), spoken, ...create_alert_banner(ctx));

let shown = null, mounted = null;

function show_view() {
	const { view } = address.state.get();

	if (view === shown) {
		mounted.address_changed?.();
		return;
	}
	mounted?.destroy();
	main.textContent = '';
	crosshair.set(null);
	shown = view;
	main.dataset.view = view;
	mounted = views.find((one) => one.id === view).mount(main, ctx);
	scrollTo(0, 0);
	draw();
}

const draw = each_frame(() => {
	if (document.hidden)
		return;
	judge_health();
	say_title();
	header.update();
	nav.update(shown, mounted.contents?.() ?? []);
	mounted.update();
	main.dataset.drawn = clock.now();
	mark_first_chart();
});

let marked = false;

/* How long the page took to say something: read by the tests, and by anyone
 * in the browser's own timeline. */
function mark_first_chart() {
	if (marked || !plane.shown()?.length || !main.querySelector('.plot canvas'))
		return;
	marked = true;
	performance.mark('vedette-first-chart');
}

/* ---- health ---- */

/* Of many instances the highest decide: a host may have hundreds. */
const JUDGED = 16;

plane.want([...vitals.filter((vital) => !vital.series.endsWith('/*')).map((vital) => vital.series), 'self.collector_failing/*', 'self.channel_failing/*'], { history: false });
for (const vital of vitals.filter(({ series }) => series.endsWith('/*')))
	plane.want([vital.series], { history: false, top: JUDGED, early: true }).need_values();

let failing_before = '';

function judge_health() {
	/* The first word waits for the past: one busy second is not a busy host. */
	if (!plane.last_frame_at() || (health.get().level === 'unknown' && plane.loading()))
		return;
	if (feed.state.get().phase === 'offline') {
		set_health({ level: 'unknown', reasons: [], of: new Map() });
		return;
	}

	const failing = failing_of(plane.latest);

	if (failing.join() !== failing_before) {
		failing_before = failing.join();
		ask_status();
	}
	set_health(with_reasons(judge(plane.latest, clock.now(), { cpus: ctx.cpus() || 1, failing, mute: failing_channels(plane.latest), past: plane.past_of }), alerts.reasons()));
}

/* Said aloud when the word changes, and only then. */
function set_health(next) {
	const before = health.get().level;

	health.set(next);
	if (next.level === before)
		return;
	set_text(spoken, `Health is ${words[next.level]}${next.reasons[0] ? `: ${next.reasons[0].text}` : ''}`);
}

/* What a tab among many says: how many alerts, how bad, which host. */
function say_title() {
	const { level } = health.get(), loud = alerts.loud().length;
	const title = `${loud ? `(${loud}) ` : ''}${['ok', 'unknown'].includes(level) ? '' : `${words[level]}: `}${status.get()?.host.hostname ?? 'Vedette'} · Vedette`;

	if (document.title !== title && !shell.hidden)
		document.title = title;
}

/* ---- connection, freshness, background ---- */

async function ask_status() {
	try {
		status.set(await feed.request('get status'));
	} catch {
		if (feed.state.get().phase === 'online')
			setTimeout(ask_status, STATUS_AGAIN_MS);
	}
	draw();
}

async function ask_events() {
	try {
		happened = (await feed.request('get events')).events.slice(-MOST_EVENTS);
		draw();
	} catch { /* charts without annotations are still charts */ }
}

let phase_before = 'connecting', away = null;

feed.state.on(({ phase }) => {
	if (phase === 'online' && phase_before !== 'online') {
		ask_status();
		ask_events();
		alerts.start();
		session.learn();
		if (away === 'offline' && plane.last_frame_at()) {
			plane.reload();
			toast('Connected again');
		} else if (away === 'refused') {
			plane.reload();
		}
	}
	if (['offline', 'refused'].includes(phase))
		away = phase;
	else if (phase === 'online')
		away = null;
	phase_before = phase;
	draw();
});

let visible_since = Date.now();

document.addEventListener('visibilitychange', () => {
	const on = !document.hidden;

	feed.set_rate(on ? RATE_MS : HIDDEN_RATE_MS);
	if (on) {
		visible_since = Date.now();
		if (plane.last_frame_at())
			plane.reload();
	} else {
		draw.cancel();
	}
	visible.set(on);
});

setInterval(() => {
	const last = plane.last_frame_at(), age_ms = last ? Date.now() - Math.max(last, visible_since) : 0;
	const stale = age_ms > STALE_MS;

	if (document.hidden || (!stale && !freshness.get().stale))
		return;
	freshness.set({ stale, age_ms: stale ? Date.now() - last : 0 });
	document.documentElement.classList.toggle('is-stale', stale);
	draw();
}, FRESH_CHECK_MS);

/* ---- pointing holds the charts still ---- */

let hold_timer = 0;

crosshair.on((point) => {
	clearTimeout(hold_timer);
	hold_timer = setTimeout(() => clock.set_hold(Boolean(point)), point ? HOLD_MS : RELEASE_MS);
});
document.addEventListener('pointerdown', (event) => {
	if (crosshair.get()?.placed && !event.target.closest?.('.plot'))
		crosshair.set(null);
}, true);

/* ---- go ---- */

plane.tick.on(draw);
settings.on(draw);
alerts.changed.on(() => {
	say_title();
	draw();
});
session.state.on(draw);
theme.colours.on(draw);
crosshair.on(() => clock.state.get().mode !== 'live' && draw());
address.state.on(show_view);
address.start();
feed.start();
