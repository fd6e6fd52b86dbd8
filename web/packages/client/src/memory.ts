import type { CallEvent, CallInfo, RecordCursor, Resume } from './wire.js';

/** How many finished stays are remembered, to know a repeated end for what it is. */
const OVER = 256;

/** What a session remembers, so that a new connection goes on where the last one broke. */
export class Memory {
  #session: string | undefined;
  readonly #live = new Map<string, { seq: number; cursor: string }>();
  /** Oldest first. */
  readonly #over = new Map<string, number>();
  #record: RecordCursor | undefined;

  /** What hello says of it; none before the first. */
  resume(): Resume | undefined {
    if (!this.#session) return undefined;
    const cursors = Object.fromEntries([...this.#live].map(([call, { cursor }]) => [call, cursor]));
    const resume: Resume = { session: this.#session, cursors };
    if (this.#record) resume.records_after = this.#record;
    return resume;
  }

  session(session: string): void {
    this.#session = session;
  }

  /** Whether the device has a stay in any call. */
  get isBusy(): boolean {
    return this.#live.size > 0;
  }

  /** Takes note of an event; false when the app was told it before. */
  see(event: CallEvent): boolean {
    if (event.seq <= this.#seen(event.call)) return false;
    this.#over.delete(event.call);
    if (isTerminal(event)) {
      this.#live.delete(event.call);
      this.#over.set(event.call, event.seq);
      if (this.#over.size > OVER) {
        const [oldest] = this.#over.keys();
        this.#over.delete(oldest as string);
      }
    } else {
      this.#live.set(event.call, { seq: event.seq, cursor: event.cursor });
    }
    return true;
  }

  /** A call as hello showed it; false when events of it follow or the app knows it. */
  found(info: CallInfo): boolean {
    if (info.seq <= this.#seen(info.id) || this.#live.has(info.id)) return false;
    this.#opened(info, info.seq);
    return true;
  }

  /** A call whose first sight is a reply: the events it caused follow, so none counts as seen. */
  replied(info: CallInfo): void {
    if (!this.#live.has(info.id)) this.#opened(info, this.#seen(info.id));
  }

  record(cursor: RecordCursor): void {
    this.#record = cursor;
  }

  #opened(info: CallInfo, seq: number): void {
    if (info.cursor) this.#live.set(info.id, { seq, cursor: info.cursor });
  }

  #seen(call: string): number {
    return this.#live.get(call)?.seq ?? this.#over.get(call) ?? 0;
  }
}

/** Whether the event ends this device's stay in the call. */
export function isTerminal(event: CallEvent): boolean {
  return wantsAck(event) || event.ev === 'call.ended';
}

/** Whether the server wants to know that the app has stopped ringing. */
export function wantsAck(event: CallEvent): boolean {
  return event.ev === 'call.canceled' || event.ev === 'call.elsewhere';
}
