/* process-cells.js: how a cell of a process table reads. */

import { span_words } from '../lib/time.js';
import { state_words } from '../lib/process-columns.js';
import { format } from '../lib/units.js';

export function cell_text(column, value, ctx) {
	if (column.id === 'state')
		return state_words[value] ?? value ?? '–';
	if (value == null)
		return '–';
	if (column.unit === 'age')
		return span_words(Math.max(0, ctx.clock.now() - value));
	if (column.raw)
		return String(value);
	if (column.unit !== undefined)
		return column.unit.startsWith('bytes/') && value === 0 ? '0' : format(value, column.unit, ctx.settings.get().base);
	return String(value);
}

/* How long the bar behind a share is, in percent of the cell. */
export const bar_share = (value) => Math.max(0, Math.min(100, value ?? 0));
