/* main.js: starts the dashboard. */
import { io } from 'socket.io-client';
import uPlot from 'uplot';

const socket = io({ path: new URL('socket.io/', document.baseURI).pathname });
socket.on('connect', () => { document.body.textContent = `connected, ${typeof uPlot}`; });
