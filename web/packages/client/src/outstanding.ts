import { BellwireError } from './error.js';
import type { CallInfo, Commands, Reply } from './wire.js';

/** A command's name. */
export type Command = keyof Commands;

interface Waiting {
  frame: string;
  /** Whether it may have changed something that the server then remembers its answer of. */
  changing: boolean;
  /** Whether its answer carries a call that this device has a stay in from now on. */
  opens: boolean;
  sent: boolean;
  resolve(ok: unknown): void;
  reject(error: BellwireError): void;
}

/**
 * Requests that have no answer yet.
 *
 * A request keeps its id until it is answered. After a reconnect that resumed the session it is
 * sent again with that id, and the server gives its first answer again if it had acted already:
 * so it is done exactly once.
 */
export class Outstanding {
  #nextId = 1;
  readonly #waiting = new Map<number, Waiting>();

  /** An id for a request that is not kept: a hello. */
  takeId(): number {
    return this.#nextId++;
  }

  add(command: Command, fields: object): Promise<unknown> {
    const id = this.takeId();
    return new Promise((resolve, reject) => {
      const frame = JSON.stringify({ id, do: command, ...fields });
      const [changing, opens] = [isChanging(command), isOpening(command)];
      this.#waiting.set(id, { frame, changing, opens, sent: false, resolve, reject });
    });
  }

  /** The frames to be sent now, in order of their ids. */
  *takeUnsent(): Generator<string> {
    for (const waiting of this.#waiting.values()) {
      if (!waiting.sent) {
        waiting.sent = true;
        yield waiting.frame;
      }
    }
  }

  /**
   * A new connection: what was sent is sent again. In a new session the server does not know the
   * ids, so what may have changed something is not repeated but given up.
   */
  reconnected(resumed: boolean): void {
    for (const [id, waiting] of this.#waiting) {
      if (!resumed && waiting.sent && waiting.changing) {
        this.#waiting.delete(id);
        const message = 'the session was lost before the answer came; look whether it was done';
        waiting.reject(new BellwireError('session_lost', message));
      }
      waiting.sent = false;
    }
  }

  /** Passes a reply on. The call in it is given back when it opens a stay. */
  answered(reply: Reply): CallInfo | undefined {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return undefined;
    this.#waiting.delete(reply.id);
    if (reply.error) {
      waiting.reject(BellwireError.refused(reply.error));
      return undefined;
    }
    waiting.resolve(reply.ok ?? {});
    return waiting.opens ? (reply.ok as { info?: CallInfo } | null)?.info : undefined;
  }

  /** Answers all with `error`. */
  fail(error: BellwireError): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

/**
 * The commands whose answers a session remembers (docs/wire.md, "Repeating is safe"), and those of
 * the media room, whose connection is the session's own.
 */
function isChanging(command: Command): boolean {
  if (command === 'call.state' || command === 'call.get') return false;
  return /^(call|media)\./.test(command) || command === 'ack' || command === 'message.send';
}

function isOpening(command: Command): boolean {
  return command === 'call.start' || command === 'call.accept' || command === 'call.join';
}
