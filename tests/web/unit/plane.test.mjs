/* What the charts are drawn from, while the server's clock is set. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { create_clock } from '../../../web/js/clock.js';
import { signal } from '../../../web/js/lib/signal.js';
import { create_plane } from '../../../web/js/plane.js';

const HOUR = 3600e3, T0 = Date.UTC(2026, 10, 23, 12);
const settled = () => new Promise((done) => setTimeout(done, 60));
const { fetch, setInterval: every } = globalThis;
let now, asked;

/* A server that has known a series for ever, and holds nothing that lies ahead of its clock. */
beforeEach(() => {
	now = T0;
	asked = 0;
	globalThis.document = { baseURI: 'http://host/' };
	globalThis.setInterval = (...args) => every(...args).unref();
	globalThis.fetch = async (url) => {
		const span = -Number(url.searchParams.get('from')), length = span / 1000;

		asked++;
		return { ok: true, json: async () => ({ status: 'ok', from: now - span, to: now, step: 1000, series: [{ id: 'cpu.usage', unit: 'percent', values: new Array(length).fill(1) }] }) };
	};
});
afterEach(() => {
	Object.assign(globalThis, { fetch, setInterval: every });
	delete globalThis.document;
});

async function watched() {
	const tell = {};
	const feed = { state: signal({ phase: 'online' }), on_list: (fn) => { tell.list = fn; }, on_frame: (fn) => { tell.frame = fn; }, watch() {} };
	const clock = create_clock(), plane = create_plane({ feed, clock });
	const sample = (value) => tell.frame(now += 1000, ['cpu.usage'], [value]);

	clock.advance(now);
	plane.want(['cpu.usage']);
	tell.list([{ id: 'cpu.usage', unit: 'percent', interval: 1000, help: '' }], [], ['cpu.usage']);
	await settled();
	return { clock, plane, sample };
}

const newest = (plane) => plane.past_of('cpu.usage', 3500).map(({ value }) => value);

for (const [way, by] of [['back', -HOUR], ['on', HOUR]])
	test(`when the server's clock is set ${way}, charts go on`, async () => {
		const { plane, sample } = await watched();

		for (const value of [5, 6, 7])
			sample(value);
		assert.deepEqual(newest(plane).slice(-3), [5, 6, 7]);
		now += by;
		sample(8);
		await settled();
		for (const value of [9, 10])
			sample(value);
		await settled();
		assert.deepEqual(newest(plane).slice(-2), [9, 10]);

		const { length, step, from } = plane.shown();

		assert.ok(from + length * step <= now + 2 * step, 'nothing lies ahead');
		assert.ok(length * step <= 310e3, `${length}`);
	});

test('a sample that is a little late is no other time', async () => {
	const { plane, sample } = await watched();

	for (const value of [5, 6, 7])
		sample(value);
	const before = asked;
	now -= 1500;
	sample(8);
	await settled();
	assert.equal(asked, before);
	assert.ok(plane.shown().length > 290);
});
