import type { WebSocketConstructor, WebSocketLike } from './options.js';

const SUBPROTOCOL = 'bellwire.v1';
/** How long an address may take to answer, hello included. */
const DIAL_MS = 10_000;
/** Silence after which the server is asked whether it is there; while a call rings or runs. */
const ASK_IDLE_MS = 25_000;
const ASK_BUSY_MS = 5_000;
/** How long it may take to say so. */
const ANSWER_MS = 5_000;

/** What a socket tells; after `lost` nothing more. */
export interface SocketEvents {
  opened(): void;
  /** A text frame; whether somebody may be waiting for it. */
  frame(text: string): boolean;
  /** The time to ask for a sign of life. */
  silent(): void;
  lost(reason: string, code?: number): void;
}

/**
 * One WebSocket, from dialling to its loss. It watches for silence, since browsers show neither
 * the server's pings nor, for minutes, that nobody is there any more.
 */
export class Socket {
  #socket: WebSocketLike | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heard = Date.now();
  #asked = false;
  #busy = false;
  /** Frames that wait for a turn of their own. */
  #held: string[] | undefined;

  constructor(
    address: string,
    Constructor: WebSocketConstructor,
    private readonly events: SocketEvents,
  ) {
    const socket = new Constructor(address, [SUBPROTOCOL]);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lose('it does not answer'), DIAL_MS);
    socket.onopen = () => events.opened();
    socket.onmessage = ({ data }) => {
      this.#heard = Date.now();
      this.#asked = false;
      // Binary frames are of no edition of the wire that we know.
      if (typeof data !== 'string') return;
      if (this.#held) this.#held.push(data);
      else this.#tell(data);
    };
    // A close event with the reason follows.
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }) => this.#lose(reason || `the connection broke`, code);
  }

  /** The hello was answered: from now on silence is watched. */
  established(): void {
    this.#watch();
  }

  /** Whether a call rings or runs, so that silence must be noticed sooner. */
  set busy(busy: boolean) {
    if (busy !== this.#busy) {
      this.#busy = busy;
      this.#watch();
    }
  }

  send(frame: string): void {
    this.#socket?.send(frame);
  }

  /** Asks for a sign of life now: the network may have changed. */
  check(): void {
    if (!this.#socket || this.#asked) return;
    this.#ask();
  }

  /** Closes it; nothing is told of it any more. */
  drop(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    this.#held = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  /**
   * Who awaits an answer runs only after this turn, and may then listen for what came in one go
   * with it: so that waits.
   */
  #tell(frame: string): void {
    if (!this.events.frame(frame)) return;
    this.#held = [];
    setTimeout(() => this.#release(), 0);
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const [at, frame] of held.entries()) {
      this.#tell(frame);
      if (this.#held) {
        (this.#held as string[]).push(...held.slice(at + 1));
        return;
      }
    }
  }

  #watch(): void {
    clearTimeout(this.#timer);
    if (!this.#socket || this.#asked) return this.#await();
    const patience = this.#busy ? ASK_BUSY_MS : ASK_IDLE_MS;
    const left = this.#heard + patience - Date.now();
    if (left <= 0) return this.#ask();
    this.#timer = setTimeout(() => this.#watch(), left);
  }

  #ask(): void {
    this.#asked = true;
    this.events.silent();
    this.#await();
  }

  #await(): void {
    clearTimeout(this.#timer);
    if (!this.#socket) return;
    this.#timer = setTimeout(() => {
      if (this.#asked) this.#lose('the server has fallen silent');
      else this.#watch();
    }, ANSWER_MS);
  }

  #lose(reason: string, code?: number): void {
    // What came before the loss is told before it.
    while (this.#socket && this.#held) this.#release();
    if (!this.#socket) return;
    this.drop();
    this.events.lost(reason, code);
  }
}
