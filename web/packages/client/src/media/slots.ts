import type { Want } from '../wire.js';
import { kindOf, type Receive } from './room.js';

/** The most m-lines of an offer that receive; the server takes 64, and this device sends four. */
const SLOTS = 60;
/** Sounds at once: more voices than anybody follows, and cheap. */
const AUDIO_SLOTS = 20;

/** A receiving m-line. What flows in it may change without a new offer. */
export interface Slot {
  kind: 'audio' | 'video';
  /** Known once it has been offered. */
  mid: string | undefined;
  holds: Want | undefined;
}

/**
 * Which slot holds what. A track stays in its slot as long as it is wanted, so that a picture is
 * never interrupted by others; a slot that is free is used again before a new one is made.
 */
export class SlotTable<S extends Slot> {
  readonly slots: S[] = [];
  /** What the server was told, by `mid`. */
  readonly #told = new Map<string, string>();

  constructor(private readonly make: (kind: Slot['kind']) => S) {}

  /**
   * Puts what is wanted, the most wanted first, into slots. Says whether there are slots now that
   * have not been offered yet.
   */
  assign(wanted: Want[]): boolean {
    const byKey = new Map(wanted.map((one) => [keyOf(one), one]));
    const chosen = [...byKey.values()];
    const audio = chosen.filter(({ source }) => kindOf(source) === 'audio').slice(0, AUDIO_SLOTS);
    const video = chosen
      .filter(({ source }) => kindOf(source) === 'video')
      .slice(0, SLOTS - AUDIO_SLOTS);
    const kept = new Map([...audio, ...video].map((one) => [keyOf(one), one]));
    for (const slot of this.slots) {
      const key = slot.holds && keyOf(slot.holds);
      slot.holds = key === undefined ? undefined : kept.get(key);
      if (key !== undefined) kept.delete(key);
    }
    for (const one of kept.values()) this.#free(kindOf(one.source)).holds = one;
    return this.slots.some(({ mid }) => mid === undefined);
  }

  /**
   * Everything the slots hold, for an offer; from then on it counts as told. What is empty cannot
   * be said in an offer, in which a slot that is not named keeps what it had: {@link changes} says
   * it after.
   */
  all(): Receive<Want> {
    const receive: Receive<Want> = {};
    for (const { mid, holds } of this.slots) {
      if (mid === undefined || !holds) continue;
      this.#told.set(mid, JSON.stringify(holds));
      receive[mid] = holds;
    }
    return receive;
  }

  /** What the server has not been told; from now on it counts as told. */
  changes(): Receive<Want | null> {
    const receive: Receive<Want | null> = {};
    for (const { mid, holds } of this.slots) {
      if (mid === undefined) continue;
      const text = JSON.stringify(holds ?? null);
      if ((this.#told.get(mid) ?? 'null') === text) continue;
      this.#told.set(mid, text);
      receive[mid] = holds ?? null;
    }
    return receive;
  }

  /** The slot a track is in. */
  of(wanted: Pick<Want, 'user' | 'source'>): S | undefined {
    const key = keyOf(wanted);
    return this.slots.find(({ holds }) => holds && keyOf(holds) === key);
  }

  #free(kind: Slot['kind']): S {
    const free = this.slots.find((slot) => slot.kind === kind && !slot.holds);
    if (free) return free;
    const slot = this.make(kind);
    this.slots.push(slot);
    return slot;
  }
}

/** Names a track; a user's name may hold anything but this. */
export function keyOf({ user, source }: Pick<Want, 'user' | 'source'>): string {
  return `${source}\u0000${user}`;
}
