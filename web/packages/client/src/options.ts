import type { RoomTokenSource } from './entering.js';
import type { DeviceInfo, Login } from './wire.js';

/** A token, or what gets one: asked before each hello, and when the server says it runs out. */
export type TokenSource = string | (() => string | Promise<string>);

/** As whom to log in, and how to connect. */
export interface ClientOptions {
  /** A token of your server, or a function that fetches a fresh one. */
  token?: TokenSource;
  /** A login by name, where the app allows it (the development app `dev` does). */
  login?: Login;
  /**
   * This device. Without an id a browser's tab is a device of its own, the same over reloads, and
   * a program is a new one at each start.
   */
  device?: Partial<DeviceInfo>;
  /** The shortest and longest wait before reconnecting, in milliseconds: 250 and 10 000. */
  backoff?: { leastMs?: number; mostMs?: number };
  /**
   * Gets the token for the room of a call whose media is the app's own, where the server gives
   * none. Without one, or when it takes longer than `roomTokenMs` (10 000), the call is hung up.
   */
  roomToken?: RoomTokenSource;
  /** How long `roomToken` may take, in milliseconds. */
  roomTokenMs?: number;
  /** The constructor of WebSockets where there is no global one, such as `ws` in Node 20. */
  WebSocket?: WebSocketConstructor;
}

/** The part of the standard `WebSocket` that is used. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (address: string, protocols: string[]) => WebSocketLike;

/** Where the connection stands. Calls go on while it is being made again. */
export type ConnectionState =
  /** Not asked to connect yet. */
  | { name: 'idle' }
  /** An attempt is being made. */
  | { name: 'connecting'; attempt: number }
  /**
   * Logged in. `resumed`: in the session as before; if false after a reconnect, requests that
   * had no answer yet have failed with `session_lost`.
   */
  | { name: 'online'; user: string; uid: number; resumed: boolean }
  /** No connection; the next attempt is made after `waitMs`. */
  | { name: 'waiting'; attempt: number; waitMs: number; reason: string }
  /** For good: refused, replaced by another connection of this device, or closed by the app. */
  | { name: 'closed'; code?: number; reason: string };
