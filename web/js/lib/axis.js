/* axis.js: the top of a value axis, round and calm. */

const round_tens = [1, 2, 3, 4, 5, 6, 8, 10];
const round_twos = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/* The next round number from value up; size is 1024 for bytes in IEC. */
export function round_up(value, size = 1000) {
	if (!(value > 0))
		return 1;
	if (size === 1024 && value >= 1) {
		const power = 1024 ** Math.floor(Math.log(value) / Math.log(1024));

		return round_twos.find((n) => n * power >= value * 0.999999) * power;
	}

	const power = 10 ** Math.floor(Math.log10(value));

	return round_tens.find((n) => n * power >= value * 0.999999) * power;
}

/* The axis follows a rise at once and a fall only when it is large, so that
 * ticks do not jump with every sample. previous is the last answer, or 0. */
export function calm_top(previous, highest, size) {
	const wanted = round_up(highest, size);

	if (wanted >= previous || wanted <= previous * 0.45)
		return wanted;
	return previous;
}
