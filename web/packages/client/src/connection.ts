import { Backoff } from './backoff.js';
import type { RoomTokens } from './entering.js';
import { BellwireError, type Closed } from './error.js';
import { Memory, wantsAck } from './memory.js';
import type { ClientOptions, ConnectionState, WebSocketConstructor } from './options.js';
import { type Command, Outstanding } from './outstanding.js';
import { Socket } from './socket.js';
import type {
  CallEvent,
  CallInfo,
  Commands,
  DeviceInfo,
  Hello,
  HelloOk,
  Oks,
  Reply,
  ServerEvent,
  WireError,
} from './wire.js';

/** Long enough for a server's restart to have begun. */
const BACKOFF_LEAST_MS = 250;
/** A ringing call lasts a minute: a device must be back several times within it. */
const BACKOFF_MOST_MS = 10_000;
/** Close codes after which this device must not come back as it is (docs/wire.md). */
const FINAL_CODES = [4400, 4401, 4409];
const UNAUTHORIZED = 4401;
/** Refusals of a hello that pass. */
const PASSING = ['rate_limited', 'overloaded', 'unavailable'];

/** Whom the connection tells. Each event comes once and in order. */
export interface Told {
  state(state: ConnectionState): void;
  /** Logged in; missed events follow. */
  online(hello: HelloOk): void;
  /** A call that hello showed and that the app does not know. */
  found(info: CallInfo): void;
  /** A call that the answer to a request opened. */
  opened(info: CallInfo): void;
  event(event: ServerEvent): void;
}

/** Keeps one connection to a server, and with it a session that outlives lost connections. */
export class Connection {
  #state: ConnectionState = { name: 'idle' };
  #socket: Socket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hello: number | undefined;
  #turn = 0;
  #token: string | undefined;
  readonly #backoff: Backoff;
  readonly #memory = new Memory();
  readonly #outstanding = new Outstanding();

  constructor(
    private readonly addresses: string[],
    readonly device: DeviceInfo,
    private readonly options: ClientOptions,
    private readonly told: Told,
  ) {
    const { leastMs = BACKOFF_LEAST_MS, mostMs = BACKOFF_MOST_MS } = options.backoff ?? {};
    this.#backoff = new Backoff(leastMs, mostMs);
  }

  /** Where tokens for rooms come from that the server does not give. */
  get roomTokens(): RoomTokens {
    return { source: this.options.roomToken, withinMs: this.options.roomTokenMs };
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Begins to connect; the states tell how it goes. */
  open(): void {
    if (this.#state.name !== 'idle') return;
    this.#watchNetwork(true);
    void this.#dial();
  }

  /** Asks; while there is no connection, the request waits for the next. */
  ask<C extends Command>(command: C, fields: Commands[C]): Promise<Oks[C]> {
    if (this.#state.name === 'closed') return Promise.reject(closedError(this.#state));
    const answer = this.#outstanding.add(command, fields) as Promise<Oks[C]>;
    this.#flush();
    return answer;
  }

  /** Asks, and does not want to know: without a connection there is nobody to tell. */
  tell<C extends Command>(command: C, fields: Commands[C]): void {
    this.ask(command, fields).catch(() => {});
  }

  /** Gets a fresh token, and tells the server of it. */
  async renew(): Promise<void> {
    if (typeof this.options.token !== 'function') return;
    const token = await this.options.token();
    this.#token = token;
    await this.ask('token.renew', { token });
  }

  close(reason: Closed): void {
    if (this.#state.name === 'closed') return;
    clearTimeout(this.#timer);
    this.#watchNetwork(false);
    this.#socket?.drop();
    this.#socket = undefined;
    this.#enter({ name: 'closed', ...reason });
    this.#outstanding.fail(closedError(reason));
  }

  async #dial(): Promise<void> {
    clearTimeout(this.#timer);
    this.#enter({ name: 'connecting', attempt: this.#backoff.attempts });
    const address = this.addresses[this.#turn % this.addresses.length] as string;
    try {
      const { token } = this.options;
      this.#token = typeof token === 'function' ? await token() : token;
    } catch (error) {
      return this.#wait(`no token: ${error instanceof Error ? error.message : error}`);
    }
    // Closed while the token was fetched.
    if (this.#state.name !== 'connecting') return;
    this.#hello = undefined;
    try {
      this.#socket = new Socket(address, this.#webSocket(), {
        opened: () => this.#greet(),
        frame: (text) => this.#read(text),
        silent: () => this.tell('ping', {}),
        lost: (reason, code) => this.#lost(reason, code),
      });
    } catch (error) {
      if (error instanceof BellwireError) return this.close({ reason: error.message });
      // The browser refuses addresses that the page may not reach, such as ws: from https.
      this.close({ reason: `cannot reach ${address}: ${(error as Error).message}` });
    }
  }

  #webSocket(): WebSocketConstructor {
    const Constructor = this.options.WebSocket ?? globalThis.WebSocket;
    if (!Constructor) {
      const message = 'there is no WebSocket here: give the option `WebSocket`, such as `ws`';
      throw new BellwireError('unsupported', message);
    }
    return Constructor as WebSocketConstructor;
  }

  #greet(): void {
    const { login } = this.options;
    const hello: Hello = { device: this.device };
    if (this.#token !== undefined) hello.token = this.#token;
    else if (login) hello.login = login;
    const resume = this.#memory.resume();
    if (resume) hello.resume = resume;
    this.#hello = this.#outstanding.takeId();
    this.#socket?.send(JSON.stringify({ id: this.#hello, do: 'hello', ...hello }));
  }

  #flush(): void {
    if (this.#state.name !== 'online') return;
    for (const frame of this.#outstanding.takeUnsent()) this.#socket?.send(frame);
  }

  /** Takes a frame; whether it is an answer. */
  #read(text: string): boolean {
    let frame: Partial<Reply> & { ev?: string };
    try {
      frame = JSON.parse(text);
    } catch {
      // No frame of an edition we know.
      return false;
    }
    if (frame.ev) this.#event(frame as ServerEvent);
    else if (frame.id !== undefined) this.#reply(frame as Reply);
    if (this.#socket) this.#socket.busy = this.#memory.isBusy;
    return !frame.ev;
  }

  #reply(reply: Reply): void {
    if (reply.id === this.#hello) {
      this.#hello = undefined;
      if (reply.error) this.#refused(reply.error);
      else this.#online(reply.ok as HelloOk);
      return;
    }
    const info = this.#outstanding.answered(reply);
    if (info) {
      this.#memory.replied(info);
      this.told.opened(info);
    }
  }

  #online(hello: HelloOk): void {
    this.#backoff.reset();
    this.#socket?.established();
    this.#memory.session(hello.session);
    this.#outstanding.reconnected(hello.resumed);
    this.#enter({ name: 'online', user: hello.user, uid: hello.uid, resumed: hello.resumed });
    this.told.online(hello);
    for (const info of hello.calls) {
      if (this.#memory.found(info)) this.told.found(info);
    }
    this.#flush();
  }

  #event(event: ServerEvent): void {
    if (isLogged(event)) {
      if (!this.#memory.see(event)) {
        // Sent again because our confirmation was lost: the app knows, the server not.
        if (wantsAck(event)) this.confirm(event);
        return;
      }
      this.told.event(event);
      if (wantsAck(event)) this.confirm(event);
      return;
    }
    if (event.ev === 'record') this.#memory.record(event.cursor);
    // The app's fetching of a token may fail now and succeed at the next hello.
    if (event.ev === 'session.token_expiring') this.renew().catch(() => {});
    this.told.event(event);
  }

  /** Tells the server that the app has stopped ringing. */
  confirm(event: CallEvent): void {
    this.tell('ack', { call: event.call, seq: event.seq });
  }

  #refused(error: WireError): void {
    if (PASSING.includes(error.code)) {
      this.#socket?.drop();
      this.#wait(error.message, error.retry_ms ?? 0);
    } else {
      this.close({ code: UNAUTHORIZED, reason: `${error.code}: ${error.message}` });
    }
  }

  #lost(reason: string, code?: number): void {
    this.#socket = undefined;
    if (code !== undefined && FINAL_CODES.includes(code)) return this.close({ code, reason });
    // An address that was reached is kept.
    if (this.#state.name === 'connecting') this.#turn += 1;
    this.#wait(reason);
  }

  #wait(reason: string, leastMs = 0): void {
    const waitMs = Math.max(leastMs, this.#backoff.next(Math.random()));
    this.#enter({ name: 'waiting', attempt: this.#backoff.attempts, waitMs, reason });
    this.#timer = setTimeout(() => this.#dial(), waitMs);
  }

  #enter(state: ConnectionState): void {
    this.#state = state;
    this.told.state(state);
  }

  /** The browser knows of a network before a timer does. */
  readonly #hurry = (): void => {
    if (this.#state.name === 'waiting') void this.#dial();
    else if (this.#state.name === 'online') this.#socket?.check();
  };

  readonly #shown = (): void => {
    if (document.visibilityState === 'visible') this.#hurry();
  };

  #watchNetwork(on: boolean): void {
    if (typeof window === 'undefined') return;
    const change = on ? 'addEventListener' : 'removeEventListener';
    window[change]('online', this.#hurry);
    document[change]('visibilitychange', this.#shown);
  }
}

/** Whether it is an event of a call's log; others are not counted and may be missed. */
function isLogged(event: ServerEvent): event is CallEvent {
  return (event as Partial<CallEvent>).seq !== undefined;
}

function closedError(closed: Closed): BellwireError {
  return new BellwireError('closed', `the connection is closed: ${closed.reason}`);
}
