/** What a path does to datagrams in one direction; what is left out it does not do. */
export interface Conditions {
  /** How much it carries; what is more waits, and is dropped when too much waits. */
  bitsPerSecond?: number;
  /** The share that it loses, 0 to 1, each datagram by itself. */
  loss?: number;
  /** How long every datagram takes, beside its wait. */
  delayMs?: number;
}

/** What waits for a narrow path: as much as it carries in so long, as in a small router. */
const QUEUE_MS = 250;

/** One direction of a path: datagrams come out in the order they came in, later, or not at all. */
export class Path {
  conditions: Conditions = {};
  /** How many it has taken in, and how many of them it has dropped. */
  readonly count = { taken: 0, dropped: 0 };
  readonly #waiting: { datagram: Buffer; due: number }[] = [];
  /** When the last datagram will have been carried, and when it comes out. */
  #carried = 0;
  #out = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly deliver: (datagram: Buffer) => void,
    private readonly random: () => number,
  ) {}

  take(datagram: Buffer): void {
    const { bitsPerSecond = Number.POSITIVE_INFINITY, loss = 0, delayMs = 0 } = this.conditions;
    const now = performance.now();
    this.count.taken += 1;
    const begins = Math.max(now, this.#carried);
    if (this.random() < loss || begins - now > QUEUE_MS) {
      this.count.dropped += 1;
      return;
    }
    this.#carried = begins + (datagram.length * 8_000) / bitsPerSecond;
    this.#out = Math.max(this.#out, this.#carried + delayMs);
    this.#waiting.push({ datagram, due: this.#out });
    if (this.#timer === undefined) this.#carry();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  /** Lets out what is due, and comes back for the rest. */
  #carry(): void {
    this.#timer = undefined;
    const now = performance.now();
    while (this.#waiting[0] && this.#waiting[0].due <= now) {
      this.deliver((this.#waiting.shift() as { datagram: Buffer }).datagram);
    }
    const next = this.#waiting[0];
    if (next) this.#timer = setTimeout(() => this.#carry(), next.due - now);
  }
}

/** Numbers from 0 to 1 that are the same for the same seed, not 0 (Marsaglia's xorshift, 2003). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
