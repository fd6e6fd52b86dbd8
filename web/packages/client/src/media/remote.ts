import type { Source } from '../wire.js';

/** What somebody else sends, as this device receives it. */
export interface RemoteTrack {
  readonly user: string;
  readonly source: Source;
  readonly kind: 'audio' | 'video';
  /** False while it is muted, switched off or forbidden: nothing comes then. */
  readonly on: boolean;
  /**
   * The track. Another user's may come in the same one later, so show it by `call.media.show` or
   * look at each `change`.
   */
  readonly track: MediaStreamTrack;
}

/** The speakers of this device: plays the sound of everybody, each in an element of its own. */
export class Speakers {
  readonly #elements = new Map<MediaStreamTrack, HTMLAudioElement>();
  #device = '';

  constructor(
    /** The browser wants a click before anything sounds. */
    private readonly blocked: () => void,
  ) {}

  /** Plays these and no others. */
  play(tracks: MediaStreamTrack[]): void {
    for (const [track, element] of this.#elements) {
      if (tracks.includes(track)) continue;
      element.srcObject = null;
      this.#elements.delete(track);
    }
    for (const track of tracks) {
      if (!this.#elements.has(track)) this.#elements.set(track, this.#element(track));
    }
  }

  /** Plays again what the browser held back; from within a click. */
  async resume(): Promise<void> {
    await Promise.all([...this.#elements.values()].map((element) => element.play()));
  }

  /** Chooses the device that sounds, where the browser lets a page. */
  async choose(device: string): Promise<void> {
    this.#device = device;
    await Promise.all([...this.#elements.values()].map((element) => element.setSinkId?.(device)));
  }

  #element(track: MediaStreamTrack): HTMLAudioElement {
    const element = new Audio();
    element.srcObject = new MediaStream([track]);
    if (this.#device) element.setSinkId?.(this.#device).catch(() => {});
    element.play().catch((error: DOMException) => {
      if (error.name === 'NotAllowedError') this.blocked();
    });
    return element;
  }
}
