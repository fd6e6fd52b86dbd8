/** Doubling waits with jitter: many devices that lost one server must not return in step. */
export class Backoff {
  /** The attempts made since the last success. */
  attempts = 0;

  constructor(
    private readonly leastMs: number,
    private readonly mostMs: number,
  ) {}

  /** The next wait: between half and the whole of the doubled one. `chance` is 0 to 1. */
  next(chance: number): number {
    const doubled = Math.min(
      this.leastMs * 2 ** this.attempts,
      Math.max(this.mostMs, this.leastMs),
    );
    this.attempts += 1;
    return doubled * (0.5 + chance / 2);
  }

  reset(): void {
    this.attempts = 0;
  }
}
