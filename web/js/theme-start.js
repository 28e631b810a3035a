/* theme-start.js: sets the theme before the first paint, so that nobody who
 * works in the dark is flashed. Runs in the head, as a classic script. */
(function () {
	var theme = 'auto';

	try {
		theme = JSON.parse(localStorage.getItem('vedette') || '{}').theme || 'auto';
	} catch (e) { /* no storage, or not ours: the system's choice it is */ }
	if (theme === 'light' || theme === 'dark')
		document.documentElement.dataset.theme = theme;
})();
