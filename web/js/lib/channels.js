/* channels.js: how the channels do, in words. Pure. */

import { instance_of } from './series.js';
import { ago_words, span_words } from './time.js';

/* Those that fail now, by the last values. */
export const failing_channels = (latest) => [...latest]
	.filter(([id, value]) => value === 1 && id.startsWith('self.channel_failing/'))
	.map(([id]) => instance_of(id));

/* say: how a moment is written. → { word, text } */
export function channel_words({ state, since, last_success, last_error }, now, say) {
	const arrived = last_success ? `last delivered ${say(last_success)}` : 'nothing ever arrived';

	if (state === 'failing')
		return { word: 'Failing', text: `For ${span_words(Math.max(1000, now - since))}, since ${say(since)}: ${last_error}; ${arrived}` };
	if (state === 'ok')
		return { word: 'OK', text: `Last delivered ${ago_words(Math.max(0, now - last_success))}` };
	return { word: 'Unused', text: 'Nothing was sent yet: a test shows whether it would arrive' };
}

/* "3 wait, 1 was given up"; nothing where there is nothing. */
export const waiting_words = ({ waiting, dead }) => [
	waiting > 0 && `${waiting} ${waiting === 1 ? 'waits' : 'wait'}`,
	dead > 0 && `${dead} ${dead === 1 ? 'was' : 'were'} given up`,
].filter(Boolean).join(', ');
