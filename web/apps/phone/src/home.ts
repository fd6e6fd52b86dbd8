import type { Call, Client, ConnectionState } from '@bellwire/client';
import { CallView } from './call-view.js';
import { button, fill, h } from './dom.js';
import { History } from './history.js';
import { Messages } from './messages.js';
import { attempt } from './notices.js';
import { People } from './people.js';
import { ringing } from './ringing.js';

/** The page of somebody who is logged in. */
export class Home {
  readonly element: HTMLElement;
  readonly #calls = h('div', { class: 'calls' });
  readonly #found = h('div', { class: 'banner', role: 'status' });
  readonly #status = h('span', { class: 'status', role: 'status' });
  readonly #people: People;

  constructor(
    private readonly client: Client,
    logout: () => void,
  ) {
    this.#people = new People(client, {
      call: (users, media) => this.#start(users, media),
      message: (user) => messages.open(user),
    });
    const messages = new Messages(client, (user) => this.#people.add(user));
    const history = new History(client, (users, media) => this.#start(users, media));
    this.element = h(
      'div',
      { class: 'home' },
      h(
        'header',
        { class: 'top' },
        h('h1', {}, 'Bellwire'),
        h('span', { class: 'me' }, client.user),
        this.#status,
        button('Log out', logout, { class: 'quiet' }),
      ),
      this.#found,
      this.#calls,
      h('main', {}, this.#people.element, messages.element, history.element),
    );
    this.connection(client.state);
  }

  /** Somebody calls. */
  ring(incoming: Parameters<typeof ringing>[0]): void {
    if (incoming.from) this.#people.add(incoming.from);
    ringing(incoming, (media) => {
      // An invitation alone has no conversation.
      if (incoming.call.info.mode === 'call') this.#enter(incoming.call, media);
    });
  }

  /** A call of this user that was there at login. */
  found(call: Call): void {
    if (call.isHere) return this.#enter(call, call.info.media);
    const who = call.participants
      .map(({ user }) => user)
      .filter((user) => user !== this.client.user);
    const isElsewhere = call.own?.state === 'joined' || call.own?.state === 'dropped';
    const come = async () => {
      const came = await attempt('Not moved', () => (isElsewhere ? call.move() : call.join()));
      if (!came) return;
      fill(this.#found);
      this.#enter(call, call.info.media);
    };
    const text = isElsewhere
      ? `You are in a call with ${who.join(', ')} on another device.`
      : `A call with ${who.join(', ')} is running.`;
    fill(this.#found, h('span', {}, text), button(isElsewhere ? 'Bring it here' : 'Join', come));
    call.on('over', () => fill(this.#found));
  }

  /** Where the connection stands. */
  connection(state: ConnectionState): void {
    this.#status.dataset.state = state.name;
    this.#status.textContent = stateText(state);
  }

  async #start(users: string[], media: 'audio' | 'video'): Promise<void> {
    await attempt('Not called', async () => {
      const call = await this.client.call(users, { media });
      this.#enter(call, media);
    });
  }

  #enter(call: Call, media: 'audio' | 'video'): void {
    // Over before there was anything to show: the outcome has been told with it.
    if (call.outcome) return;
    const before = document.activeElement;
    const view = new CallView(call, this.client.user, () => {
      document.body.classList.remove('in-call');
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    });
    document.body.classList.add('in-call');
    fill(this.#calls, view.element);
    void view.begin(media);
  }
}

function stateText(state: ConnectionState): string {
  switch (state.name) {
    case 'idle':
      return '';
    case 'connecting':
      return 'connecting…';
    case 'online':
      return 'online';
    case 'waiting':
      return `no connection (${state.reason}); trying again`;
    case 'closed':
      return `closed: ${state.reason}`;
  }
}
