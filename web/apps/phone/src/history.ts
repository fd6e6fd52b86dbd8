import type { Client, wire } from '@bellwire/client';
import { button, fill, h } from './dom.js';
import { attempt } from './notices.js';
import { recordText } from './outcome.js';

/** Calls shown at first, and more at each click. */
const PAGE = 20;

/** The user's finished calls, newest first. */
export class History {
  readonly element = h('section', { class: 'card history', 'aria-labelledby': 'history-title' });
  readonly #list = h('ul', { class: 'rows' });
  readonly #more = button('Older', () => this.#older());
  #records: wire.Record[] = [];

  constructor(
    private readonly client: Client,
    private readonly call: (users: string[], media: 'audio' | 'video') => Promise<void>,
  ) {
    client.on('record', (record) => {
      this.#take([record]);
    });
    this.#more.hidden = true;
    this.element.append(h('h2', { id: 'history-title' }, 'History'), this.#list, this.#more);
    this.#draw();
    void this.#older();
  }

  async #older(): Promise<void> {
    await attempt('Cannot read the history', async () => {
      const last = this.#records.at(-1);
      const list: wire.ListRecords = { limit: PAGE };
      if (last) list.before = last.serial;
      const records = await this.client.records(list);
      this.#more.hidden = records.length < PAGE;
      this.#take(records);
    });
  }

  #take(records: wire.Record[]): void {
    const bySerial = new Map(this.#records.map((record) => [record.serial, record]));
    for (const record of records) bySerial.set(record.serial, record);
    this.#records = [...bySerial.values()].sort((a, b) => b.serial - a.serial);
    this.#draw();
  }

  #draw(): void {
    const rows = this.#records.map((record) => this.#row(record));
    fill(this.#list, ...(rows.length > 0 ? rows : [h('li', { class: 'hint' }, 'No calls yet.')]));
  }

  #row(record: wire.Record): HTMLElement {
    const { who, what } = recordText(record, this.client.user);
    const others = record.legs.map(({ user }) => user).filter((user) => user !== this.client.user);
    const at = new Date(record.created_at);
    return h(
      'li',
      { 'data-reason': record.reason },
      h('span', { class: 'who' }, who),
      h('span', { class: 'what' }, what),
      h('time', { dateTime: at.toISOString() }, at.toLocaleString()),
      h(
        'span',
        { class: 'actions' },
        button('Call again', () => this.call(others, record.media), {
          'aria-label': `Call ${who} again`,
        }),
      ),
    );
  }
}
