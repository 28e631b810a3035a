/* sensors.js: temperatures and fans, on hosts that have them. */
import { instance_of } from '../lib/series.js';
import { chart_card } from '../parts/chart-card.js';

export const temperatures = chart_card({
	id: 'temperatures', title: 'Temperatures', section: 'sensors', wide: true, unit: 'celsius', least: 60, optional: true, busiest: 8,
	series: ['sensor.temperature/*'], label: (id) => instance_of(id).replace(':', ' '),
});

export const fans = chart_card({
	id: 'fans', title: 'Fans', section: 'sensors', unit: 'rpm', least: 500, optional: true, busiest: 8,
	series: ['sensor.fan/*'], label: (id) => instance_of(id).replace(':', ' '),
});
