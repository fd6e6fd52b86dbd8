import type { Call } from '@bellwire/client';
import { type CallMedia, devices } from '@bellwire/client/media';
import { button, fill, h } from './dom.js';
import { attempt } from './notices.js';

/** The buttons of a running call. */
export class Controls {
  readonly element = h('div', { class: 'controls', role: 'toolbar', 'aria-label': 'Call' });
  readonly #mic = button('Mute', () => this.#toggleMic(), { class: 'toggle' });
  readonly #camera = button('Camera', () => this.#toggleCamera(), { class: 'toggle' });
  readonly #screen = button('Share screen', () => this.#toggleScreen(), { class: 'toggle' });
  readonly #end = button('End for all', () => attempt('Not ended', () => this.call.end()), {
    class: 'stop',
  });

  constructor(
    private readonly call: Call,
    private readonly media: CallMedia,
    panels: HTMLElement[],
  ) {
    const hangup = button('Hang up', () => attempt('Not hung up', () => call.hangup()), {
      class: 'stop',
    });
    this.element.append(this.#mic, this.#camera, this.#screen, ...panels, hangup, this.#end);
    this.#screen.hidden = !navigator.mediaDevices?.getDisplayMedia;
    this.update();
  }

  update(): void {
    const { call, media } = this;
    const press = (element: HTMLElement, on: boolean) =>
      element.setAttribute('aria-pressed', String(on));
    press(this.#mic, media.local('mic') !== undefined && !media.sends('mic'));
    press(this.#camera, media.sends('camera'));
    press(this.#screen, media.sends('screen'));
    const isActive = call.phase === 'active';
    this.#mic.textContent = media.local('mic') ? 'Mute' : 'Microphone';
    this.#camera.disabled = isActive && !media.may('camera') && call.info.kind === 'group';
    this.#screen.disabled = !media.may('screen');
    this.#end.hidden = call.info.kind !== 'group' || call.info.caller !== call.own?.user;
  }

  async #toggleMic(): Promise<void> {
    const { media } = this;
    await attempt('The microphone', () => media.setMic(!media.sends('mic')));
  }

  async #toggleCamera(): Promise<void> {
    const { call, media } = this;
    // An audio call between two becomes a video call when the other agrees.
    if (!media.sends('camera') && call.info.media === 'audio' && call.info.kind === 'direct') {
      await attempt('Not asked for video', () => call.setMedia('video'));
      return;
    }
    await attempt('The camera', () => media.setCamera(!media.sends('camera')));
  }

  async #toggleScreen(): Promise<void> {
    const { media } = this;
    await attempt('The screen', () => media.setScreen(!media.sends('screen')));
  }
}

/** A button that opens a panel above it. */
export function panel(label: string, content: HTMLElement, opened: () => void): HTMLElement {
  const summary = h('summary', { role: 'button' }, label);
  const details = h('details', { class: 'panel' }, summary, h('div', { class: 'card' }, content));
  details.addEventListener('toggle', () => {
    if (details.open) opened();
  });
  details.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !details.open) return;
    details.open = false;
    summary.focus();
  });
  return details;
}

/** Which microphone, camera and loudspeaker. */
export class Devices {
  readonly element = h('div', { class: 'devices' });

  constructor(private readonly media: CallMedia) {}

  async draw(): Promise<void> {
    await attempt('Cannot list the devices', async () => {
      const all = await devices();
      const of = (kind: 'mic' | 'camera' | 'speaker') => all.filter((one) => one.kind === kind);
      const pick = (kind: 'mic' | 'camera') => (id: string) =>
        kind === 'mic'
          ? this.media.setMic({ deviceId: { exact: id } })
          : this.media.setCamera({ deviceId: { exact: id } });
      fill(
        this.element,
        this.#choice('Microphone', of('mic'), pick('mic')),
        this.#choice('Camera', of('camera'), pick('camera')),
        this.#choice('Loudspeaker', of('speaker'), (id) => this.media.setSpeaker(id)),
      );
    });
  }

  #choice(
    label: string,
    found: { id: string; label: string }[],
    choose: (id: string) => Promise<void>,
  ): HTMLElement | undefined {
    if (found.length === 0) return undefined;
    const options = found.map(({ id, label }) => h('option', { value: id }, label || id));
    const select = h('select', {}, h('option', { value: '' }, 'Choose…'), ...options);
    select.addEventListener('change', () => {
      if (select.value) void attempt(label, () => choose(select.value));
    });
    return h('label', {}, label, select);
  }
}
