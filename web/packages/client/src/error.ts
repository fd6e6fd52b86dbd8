import type { ErrorCode, WireError } from './wire.js';

/**
 * What went wrong, as a stable word:
 *
 * - every [error code](../../../../docs/wire.md#error-codes) of the server, as the server's answer;
 * - `address`: what was given is no address of a server;
 * - `closed`: the connection is closed for good, see {@link Closed};
 * - `session_lost`: the server no longer knows the session in which this was asked, so whether it
 *   was done is not known; look at the call, or ask again;
 * - `reply`: the server's answer is not of the kind that was asked for;
 * - `unsupported`: this browser or runtime lacks what is needed; the message says what;
 * - `insecure_context`: the page was not loaded over https (or from localhost), so the browser
 *   gives it neither camera nor microphone;
 * - `permission_denied`: the user, or the system, does not let the page use the device;
 * - `no_device`: there is no camera or microphone, or not the one asked for;
 * - `device_in_use`: another program holds the device, or it does not start;
 * - `dismissed`: the user closed the browser's question without choosing;
 * - `media_failed`: the media connection could not be made;
 * - `no_token`: the app's own `roomToken` gave none for the room of a call, or not in time.
 */
export type BellwireErrorCode =
  | ErrorCode
  | 'address'
  | 'closed'
  | 'session_lost'
  | 'reply'
  | 'unsupported'
  | 'insecure_context'
  | 'permission_denied'
  | 'no_device'
  | 'device_in_use'
  | 'dismissed'
  | 'media_failed'
  | 'no_token';

/** The one error of this SDK. Choose by `code`; `message` is for logs and developers. */
export class BellwireError extends Error {
  override readonly name = 'BellwireError';

  constructor(
    readonly code: BellwireErrorCode,
    message: string,
    /** The server's whole error, where it was the server that refused. */
    readonly refusal?: WireError,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** The error for an `error` of the server. */
  static refused(error: WireError): BellwireError {
    return new BellwireError(error.code, error.message || error.code, error);
  }
}

/** Why a connection is closed for good. */
export interface Closed {
  /** The WebSocket's close code, where there was one (docs/wire.md, close codes). */
  code?: number;
  /** Why, for people. */
  reason: string;
}
