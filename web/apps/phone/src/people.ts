import type { Client } from '@bellwire/client';
import { button, fill, h } from './dom.js';
import { keepContacts, keptContacts } from './kept.js';
import { attempt } from './notices.js';

const PRESENCE: { [word: string]: string } = {
  online: 'online',
  in_call: 'in a call',
  unreachable: 'away',
  offline: 'offline',
};

/** What can be done with people. */
export interface PeopleActions {
  call(users: string[], media: 'audio' | 'video'): Promise<void>;
  message(user: string): void;
}

/** Whom the user knows and who of them is here; to call one or several. */
export class People {
  readonly element = h('section', { class: 'card people', 'aria-labelledby': 'people-title' });
  readonly #list = h('ul', { class: 'rows' });
  readonly #chosen = new Set<string>();
  readonly #actions: PeopleActions;
  #presence: { [user: string]: string } = {};
  #contacts: string[];
  readonly #together = h('div', { class: 'together', role: 'group' });

  constructor(
    private readonly client: Client,
    actions: PeopleActions,
  ) {
    this.#actions = actions;
    this.#contacts = keptContacts(client.user);
    client.on('presence', (presence) => {
      Object.assign(this.#presence, presence);
      this.#draw();
    });
    this.element.append(
      h('h2', { id: 'people-title' }, 'People'),
      this.#form(),
      this.#list,
      this.#together,
    );
    this.#draw();
    if (this.#contacts.length > 0) void this.#watch(this.#contacts);
  }

  /** Adds somebody, if they are new. */
  add(user: string): void {
    if (user === this.client.user || this.#contacts.includes(user)) return;
    this.#contacts = [...this.#contacts, user];
    keepContacts(this.client.user, this.#contacts);
    this.#draw();
    void this.#watch([user]);
  }

  #form(): HTMLElement {
    const name = h('input', {
      id: 'contact',
      maxLength: 64,
      autocapitalize: 'none',
      autocomplete: 'off',
      spellcheck: false,
      placeholder: 'name',
    });
    const form = h(
      'form',
      { class: 'line' },
      h('label', { for: 'contact', class: 'unseen' }, 'Name of somebody to add'),
      name,
      h('button', { type: 'submit' }, 'Add'),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const user = name.value.trim();
      if (user) this.add(user);
      name.value = '';
      name.focus();
    });
    return form;
  }

  async #watch(users: string[]): Promise<void> {
    await attempt('Cannot see who is here', async () => {
      Object.assign(this.#presence, await this.client.watch(users));
      this.#draw();
    });
  }

  #remove(user: string): void {
    this.#contacts = this.#contacts.filter((contact) => contact !== user);
    this.#chosen.delete(user);
    keepContacts(this.client.user, this.#contacts);
    this.#draw();
    this.client.unwatch([user]).catch(() => {});
  }

  #draw(): void {
    const rows = this.#contacts.map((user) => this.#row(user));
    const empty = h('li', { class: 'hint' }, 'Add the name of somebody to call.');
    fill(this.#list, ...(rows.length > 0 ? rows : [empty]));
    const chosen = this.#contacts.filter((user) => this.#chosen.has(user));
    const call = (media: 'audio' | 'video') => () => this.#actions.call(chosen, media);
    const together =
      chosen.length > 1
        ? [
            h('span', {}, `${chosen.length} chosen`),
            button('Call all', call('audio')),
            button('Video call all', call('video')),
          ]
        : [];
    fill(this.#together, ...together);
  }

  #row(user: string): HTMLElement {
    const word = this.#presence[user] ?? '';
    const box = h('input', {
      type: 'checkbox',
      checked: this.#chosen.has(user),
      'aria-label': `Choose ${user}`,
    });
    box.addEventListener('change', () => {
      if (box.checked) this.#chosen.add(user);
      else this.#chosen.delete(user);
      this.#draw();
      this.#list
        .querySelector<HTMLInputElement>(`[data-user="${CSS.escape(user)}"] input`)
        ?.focus();
    });
    const call = (media: 'audio' | 'video') => () => this.#actions.call([user], media);
    return h(
      'li',
      { 'data-user': user, 'data-presence': word },
      box,
      h('span', { class: 'who' }, user),
      h('span', { class: 'presence' }, PRESENCE[word] ?? word),
      h(
        'span',
        { class: 'actions' },
        button('Call', call('audio'), { 'aria-label': `Call ${user}` }),
        button('Video', call('video'), { 'aria-label': `Video call ${user}` }),
        button('Write', () => this.#actions.message(user), { 'aria-label': `Write to ${user}` }),
        button('Remove', () => this.#remove(user), {
          class: 'quiet',
          'aria-label': `Remove ${user}`,
        }),
      ),
    );
  }
}
