import type { Client } from '@bellwire/client';
import { fill, h } from './dom.js';
import { attempt } from './notices.js';

/** Lines kept of one conversation; the server keeps none. */
const LINES = 200;

interface Line {
  from: string;
  text: string;
  /** What became of it, where there is more to say. */
  note?: string;
}

/** A conversation: lines, and a field to write the next. */
export class Conversation {
  readonly element = h('div', { class: 'conversation' });
  readonly #log = h('ol', { class: 'lines', role: 'log', 'aria-live': 'polite' });
  readonly #field: HTMLInputElement;

  constructor(
    private readonly me: string,
    label: string,
    send: (text: string) => Promise<Line | undefined>,
  ) {
    this.#field = h('input', { 'aria-label': label, placeholder: label, autocomplete: 'off' });
    const form = h('form', { class: 'line' }, this.#field, h('button', { type: 'submit' }, 'Send'));
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const text = this.#field.value.trim();
      if (!text) return;
      this.#field.value = '';
      const line = await send(text);
      if (line) this.add(line);
      else this.#field.value = text;
    });
    this.element.append(this.#log, form);
  }

  add({ from, text, note }: Line): void {
    this.#log.append(
      h(
        'li',
        { class: from === this.me ? 'mine' : '' },
        h('b', {}, from),
        ' ',
        h('span', {}, text),
        note !== undefined && h('em', {}, ` ${note}`),
      ),
    );
    while (this.#log.childElementCount > LINES) this.#log.firstElementChild?.remove();
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  focus(): void {
    this.#field.focus();
  }
}

/** Messages between users, outside calls. */
export class Messages {
  readonly element = h('section', { class: 'card messages', 'aria-labelledby': 'messages-title' });
  readonly #title = h('h2', { id: 'messages-title' }, 'Messages');
  readonly #conversations = new Map<string, Conversation>();
  readonly #place = h('div', {}, h('p', { class: 'hint' }, 'Choose “Write” beside somebody.'));

  constructor(
    private readonly client: Client,
    /** Somebody wrote. */
    heard: (user: string) => void,
  ) {
    this.element.append(this.#title, this.#place);
    client.on('message', ({ from, body }) => {
      heard(from);
      this.#with(from).add({ from, text: textOf(body) });
      this.open(from, false);
    });
  }

  /** Shows the conversation with somebody. */
  open(user: string, focus = true): void {
    this.#title.textContent = `Messages with ${user}`;
    const conversation = this.#with(user);
    fill(this.#place, conversation.element);
    if (focus) conversation.focus();
  }

  #with(user: string): Conversation {
    const known = this.#conversations.get(user);
    if (known) return known;
    const me = this.client.user;
    const conversation = new Conversation(me, `Write to ${user}`, async (text) => {
      let received = false;
      const sent = await attempt('Not sent', async () => {
        received = await this.client.sendMessage(user, { text });
      });
      if (!sent) return undefined;
      const line = { from: me, text };
      return received ? line : { ...line, note: '(nobody there; not kept)' };
    });
    this.#conversations.set(user, conversation);
    return conversation;
  }
}

/** Apps send what they like; this page sends and shows text. */
export function textOf(body: unknown): string {
  const { text } = (body ?? {}) as { text?: unknown };
  return typeof text === 'string' ? text : JSON.stringify(body);
}
