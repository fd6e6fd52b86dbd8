/**
 * The web SDK of Bellwire, for browsers and Node. `@bellwire/client/media` adds sound and picture.
 *
 * @module
 */

export { Call, type CallEvents, type Outcome, type Sending } from './call.js';
export { Client, type ClientEvents, type Incoming, type StartOptions } from './client.js';
export type { RoomPass, RoomTokenSource } from './entering.js';
export { BellwireError, type BellwireErrorCode, type Closed } from './error.js';
export type {
  ClientOptions,
  ConnectionState,
  TokenSource,
  WebSocketConstructor,
  WebSocketLike,
} from './options.js';
export type * as wire from './wire.js';
