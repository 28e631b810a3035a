import assert from 'node:assert/strict';
import { test } from 'node:test';
import { channel_words, failing_channels, waiting_words } from '../../../web/js/lib/channels.js';

const say = (t) => `@${t}`;

test('which channels fail', () => {
	assert.deepEqual(failing_channels(new Map([['self.channel_failing/ops', 0], ['self.channel_failing/pager', 1], ['self.channel_failing/chat', null], ['self.collector_failing/cpu', 1]])), ['pager']);
	assert.deepEqual(failing_channels(new Map()), []);
});

test('how a channel does, in words', () => {
	const rows = [
		[{ state: 'ok', since: null, last_success: 1000, last_error: null }, 'OK', /^Last delivered 5 s ago$/],
		[{ state: 'failing', since: 1000, last_success: 500, last_error: 'no route' }, 'Failing', /^For 5 s, since @1000: no route; last delivered @500$/],
		[{ state: 'failing', since: 1000, last_success: null, last_error: 'no route' }, 'Failing', /; nothing ever arrived$/],
		[{ state: 'failing', since: 9000, last_success: null, last_error: 'a clock set back' }, 'Failing', /^For 1 s/],
		[{ state: 'unused', since: null, last_success: null, last_error: null }, 'Unused', /^Nothing was sent yet/],
		[{}, 'Unused', /./],
	];

	for (const [channel, word, text] of rows) {
		const said = channel_words(channel, 6000, say);

		assert.equal(said.word, word);
		assert.match(said.text, text);
	}
});

test('what waits and what was given up', () => {
	assert.equal(waiting_words({ waiting: 0, dead: 0 }), '');
	assert.equal(waiting_words({ waiting: 1, dead: 0 }), '1 waits');
	assert.equal(waiting_words({ waiting: 3, dead: 1 }), '3 wait, 1 was given up');
	assert.equal(waiting_words({ waiting: 0, dead: 12 }), '12 were given up');
	assert.equal(waiting_words({}), '');
});
