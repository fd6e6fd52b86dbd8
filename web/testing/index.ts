/** What tests of several packages start: real servers, and networks to be cut or made bad. */

export { Datagrams, type Way } from './datagrams.js';
export { Network } from './network.js';
export type { Conditions, Path } from './path.js';
export { Relay } from './relay.js';
export { Server } from './server.js';
