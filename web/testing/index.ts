/** What tests of several packages start: real servers, and a network to be cut. */

export { Network } from './network.js';
export { Relay } from './relay.js';
export { Server } from './server.js';
