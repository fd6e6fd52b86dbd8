import type { Call, wire } from '@bellwire/client';
import type { CallMedia, Source } from '@bellwire/client/media';
import { h } from './dom.js';
import { qualityText } from './outcome.js';

const STATES: { [state: string]: string } = {
  invited: 'calling…',
  ringing: 'ringing…',
  dropped: 'connection lost…',
};

/** One picture in a call: a participant, or a screen. */
export class Tile {
  readonly element: HTMLElement;
  readonly #video = h('video', { muted: true, autoplay: true, playsInline: true });
  readonly #state = h('span', { class: 'state' });
  readonly #sound = h('span', { class: 'sound' });
  readonly #quality = h('meter', { min: 0, max: 5, low: 2.5, high: 3.5, optimum: 5, value: 0 });
  #stop = () => {};

  constructor(
    readonly user: string,
    private readonly source: Source,
    private readonly media: CallMedia,
    private readonly isOwn: boolean,
  ) {
    const name = isOwn ? `${user} (you)` : user;
    const label = source === 'screen' ? `${name}: screen` : name;
    this.element = h(
      'figure',
      { class: `tile ${source}${isOwn ? ' own' : ''}`, 'data-user': user, 'data-source': source },
      this.#video,
      h('div', { class: 'face', 'aria-hidden': 'true' }, user.slice(0, 1).toUpperCase()),
      h(
        'figcaption',
        {},
        h('span', { class: 'who' }, label),
        this.#state,
        this.#sound,
        source === 'camera' && this.#quality,
      ),
    );
    this.#quality.hidden = true;
    if (!isOwn) this.#stop = media.show({ user, source }, this.#video);
  }

  /** Shows how things stand. */
  update(call: Call, participant: wire.ParticipantInfo | undefined): void {
    const word = participant?.state ?? '';
    this.#state.textContent = STATES[word] ?? '';
    this.element.dataset.state = word;
    const has = this.isOwn ? this.#updateOwn() : this.#updateOther();
    this.element.dataset.picture = has ? 'on' : 'off';
    const isMuted = this.source === 'camera' && word === 'joined' && !this.#hasSound(call);
    this.#sound.textContent = isMuted ? 'muted' : '';
    const speaks = this.media.speakers.some(({ user }) => user === this.user);
    this.element.dataset.speaks = String(speaks && this.source === 'camera');
    this.#updateQuality(call);
  }

  close(): void {
    this.#stop();
    this.#video.srcObject = null;
    this.element.remove();
  }

  #updateOwn(): boolean {
    const track = this.media.local(this.source);
    const [shown] = (this.#video.srcObject as MediaStream | null)?.getTracks() ?? [];
    if (track !== shown) this.#video.srcObject = track ? new MediaStream([track]) : null;
    return track !== undefined;
  }

  #updateOther(): boolean {
    return this.media.remote.some(
      ({ user, source, on }) => user === this.user && source === this.source && on,
    );
  }

  #hasSound(call: Call): boolean {
    if (this.isOwn) return this.media.sends('mic');
    const track = this.media.remote.find(
      ({ user, source }) => user === this.user && source === 'mic',
    );
    return track?.on ?? call.sending[this.user]?.audio ?? true;
  }

  #updateQuality(call: Call): void {
    const quality = call.quality[this.user];
    const mark = quality ? Math.max(quality.up, quality.down) : 0;
    const text = qualityText(mark);
    this.#quality.hidden = text === '';
    this.#quality.value = text ? 6 - mark : 0;
    this.#quality.title = text ? `${text} connection` : '';
    this.#quality.setAttribute('aria-label', `Connection of ${this.user}: ${text}`);
  }
}
