/** What tests of several packages start: real servers, and a network to be cut. */

export { Datagrams, type Way } from './datagrams.js';
export { Network } from './network.js';
export type { Conditions, Path } from './path.js';
export { Relay } from './relay.js';
export { Server } from './server.js';
