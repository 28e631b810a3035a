/* cores.js: each processor on its own: lines for a few, a heat strip each for
 * many, where lines would be a thicket. */
import { instance_of } from '../lib/series.js';
import { format } from '../lib/units.js';
import { chart_card } from '../parts/chart-card.js';

const series = ['cpu.usage/*'];
const LINES = 4, MOST = 256;
const common = {
	id: 'cores', title: 'Cores', section: 'processor', unit: 'percent', fixed: [0, 100], series, tall: true,
	busiest: MOST,
	help: 'How busy each processor is. One at 100 % while others idle is a program that uses one thread.',
	label: (id) => `core ${instance_of(id)}`, short: instance_of,
};

/* A strip has no number beside it: the busiest one's is worth saying. */
function busiest(ctx) {
	const ids = ctx.plane.match(series), value = (id) => ctx.plane.latest.get(id) ?? -1;
	const top = ids.reduce((best, id) => (value(id) > value(best) ? id : best), ids[0]);

	return top && value(top) >= 0 ? `busiest: core ${instance_of(top)} ${format(value(top), 'percent')}` : '';
}

const few = chart_card({ ...common, kind: 'line' });
const many = chart_card({ ...common, kind: 'heat', most: MOST, now: busiest });

export const cores = {
	...common,
	mount(el, ctx) {
		/* How many there are is known when the first answers are in. */
		const want = ctx.plane.want(series, { history: false, top: MOST, early: true });
		let inner = null, count = -1, visible = false;

		function update() {
			const now = want.match().length;

			if (count < 0 || (now > LINES) !== (count > LINES)) {
				inner?.destroy();
				el.textContent = '';
				el.classList.remove('tall');
				inner = (now > LINES ? many : few).mount(el, ctx);
				if (visible)
					inner.appear();
			}
			count = now;
			inner.update();
		}

		return {
			update,
			appear() {
				visible = true;
				inner?.appear();
			},
			disappear() {
				visible = false;
				inner?.disappear();
			},
			destroy() {
				want.release();
				inner?.destroy();
			},
		};
	},
};
