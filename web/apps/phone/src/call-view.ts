import type { Call } from '@bellwire/client';
import type { CallMedia, Source } from '@bellwire/client/media';
import { Controls, Devices, panel } from './controls.js';
import { button, fill, h } from './dom.js';
import { Conversation, textOf } from './messages.js';
import { attempt, explain, tell } from './notices.js';
import { duration, outcomeText } from './outcome.js';
import { Tile } from './tile.js';
import { ringBack } from './tone.js';
import { keepAwake } from './wake.js';

/** A call that this device is in, until it is over. */
export class CallView {
  readonly element: HTMLElement;
  readonly #title = h('h2', { tabIndex: -1 });
  readonly #clock = h('span', { class: 'clock', role: 'timer' });
  readonly #tiles = new Map<string, Tile>();
  readonly #grid = h('div', { class: 'tiles' });
  readonly #banner = h('div', { class: 'banner', role: 'status' });
  readonly #controls: Controls;
  readonly #talk: Conversation;
  readonly #media: CallMedia;
  readonly #undo: (() => void)[] = [];
  #blocked = false;
  #silence: (() => void) | undefined;

  constructor(
    private readonly call: Call,
    private readonly me: string,
    over: () => void,
  ) {
    this.#media = call.media;
    this.#talk = new Conversation(me, 'Write to everybody in the call', async (text) => {
      const sent = await attempt('Not sent', () => call.sendMessage({ text }));
      return sent ? { from: me, text } : undefined;
    });
    const choice = new Devices(this.#media);
    this.#controls = new Controls(call, this.#media, [
      panel('Add people', this.#adding(), () => {}),
      panel('Messages', this.#talk.element, () => this.#talk.focus()),
      panel('Devices', choice.element, () => void choice.draw()),
    ]);
    this.element = h(
      'section',
      { class: 'call', 'aria-label': 'Call' },
      h('header', {}, this.#title, this.#clock),
      this.#banner,
      this.#grid,
      this.#controls.element,
    );
    this.#listen(over);
    this.#update();
  }

  /** Opens the devices and connects. */
  async begin(media: 'audio' | 'video'): Promise<void> {
    this.#title.focus();
    await this.#media.start({ camera: media === 'video' }).catch((error) => tell(explain(error)));
  }

  #listen(over: () => void): void {
    const { call } = this;
    const ticking = setInterval(() => this.#tick(), 1_000);
    this.#undo.push(
      () => clearInterval(ticking),
      keepAwake(),
      call.on('change', () => this.#update()),
      call.on('quality', () => this.#update()),
      call.on('message', ({ from, body }) => {
        this.#talk.add({ from, text: textOf(body) });
        tell(`${from}: ${textOf(body)}`);
      }),
      call.on('media_changed', ({ media }) => {
        if (media === 'video') void attempt('The camera', () => this.#media.setCamera(true));
      }),
      call.on('media_refused', ({ cause }) => {
        tell(cause ? 'No answer about video.' : 'They want to stay with sound only.');
      }),
      call.on('rejected', ({ user, reason }) => tell(`${user}: ${reason}`)),
      call.on('over', (outcome) => {
        for (const undo of this.#undo.splice(0)) undo();
        this.#silence?.();
        for (const tile of this.#tiles.values()) tile.close();
        this.element.remove();
        tell(outcomeText(outcome));
        over();
      }),
      this.#media.on('change', () => this.#update()),
      this.#media.on('speakers', () => this.#update()),
      this.#media.on('error', (error) => tell(explain(error))),
      this.#media.on('blocked', () => {
        this.#blocked = true;
        this.#update();
      }),
    );
  }

  #update(): void {
    const { call } = this;
    const here = call.participants.filter(({ state }) =>
      ['invited', 'ringing', 'joined', 'dropped'].includes(state),
    );
    const others = here.map(({ user }) => user).filter((user) => user !== this.me);
    this.#title.textContent = others.length > 0 ? `Call with ${others.join(', ')}` : 'Call';
    this.element.dataset.phase = call.phase;
    this.element.dataset.media = this.#media.state;
    const screens = this.#media.remote.filter(({ source, on }) => source === 'screen' && on);
    const wanted: [string, Source][] = [
      ...screens.map(({ user }): [string, Source] => [user, 'screen']),
      ...here.map(({ user }): [string, Source] => [user, 'camera']),
    ];
    this.#place(wanted);
    for (const tile of this.#tiles.values()) {
      tile.update(
        call,
        here.find(({ user }) => user === tile.user),
      );
    }
    fill(this.#banner, ...this.#news());
    this.#controls.update();
    this.#tick();
    this.#ringBack();
  }

  /** Makes the tiles that are missing and removes those that are not wanted. */
  #place(wanted: [string, Source][]): void {
    const keys = wanted.map(([user, source]) => `${source} ${user}`);
    for (const [key, tile] of this.#tiles) {
      if (keys.includes(key)) continue;
      tile.close();
      this.#tiles.delete(key);
    }
    for (const [at, [user, source]] of wanted.entries()) {
      const key = keys[at] as string;
      if (this.#tiles.has(key)) continue;
      const tile = new Tile(user, source, this.#media, user === this.me);
      this.#tiles.set(key, tile);
      this.#grid.append(tile.element);
    }
  }

  /** What the user is told or asked while the call runs. */
  #news(): (HTMLElement | string)[] {
    const { call } = this;
    const { proposal } = call;
    if (proposal && proposal.user !== this.me) {
      const answer = (yes: boolean) => () => attempt('Not answered', () => call.answerMedia(yes));
      return [
        h('span', {}, `${proposal.user} would like to switch to video.`),
        button('Switch to video', answer(true), { class: 'go' }),
        button('Stay with sound', answer(false)),
      ];
    }
    if (proposal) return ['Waiting for them to agree to video…'];
    if (this.#blocked) {
      const hear = async () => {
        await this.#media.resume();
        this.#blocked = false;
        this.#update();
      };
      return [button('Click to hear the others', hear, { class: 'go' })];
    }
    if (call.phase === 'active' && call.info.room?.media !== 'sfu') {
      return ['This server leaves sound and picture to the app; this page shows the call alone.'];
    }
    switch (this.#media.state) {
      case 'broken':
        return ['Sound and picture are interrupted; looking for another way…'];
      case 'failed':
        return ['Sound and picture could not be connected. Hang up and call again.'];
      default:
        return [];
    }
  }

  #adding(): HTMLElement {
    const field = h('input', { id: 'add-people', autocomplete: 'off', autocapitalize: 'none' });
    const form = h(
      'form',
      { class: 'line' },
      h('label', { for: 'add-people' }, 'Names, parted by commas'),
      field,
      h('button', { type: 'submit' }, 'Ring them'),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const users = field.value.split(',').map((name) => name.trim());
      const named = users.filter((name) => name !== '');
      if (named.length === 0) return;
      void attempt('Not added', async () => {
        const skipped = await this.call.invite(named);
        if (skipped.length > 0) tell(`Already here: ${skipped.join(', ')}`);
        field.value = '';
      });
    });
    return form;
  }

  #tick(): void {
    const { started_at } = this.call.info;
    this.#clock.textContent = started_at ? duration(Date.now() - started_at) : '';
  }

  /** The caller hears that it rings there, and stops hearing it when somebody answers. */
  #ringBack(): void {
    const { call } = this;
    const rings =
      call.phase === 'inviting' && call.participants.some(({ state }) => state === 'ringing');
    if (rings) this.#silence ??= ringBack();
    else {
      this.#silence?.();
      this.#silence = undefined;
    }
  }
}
