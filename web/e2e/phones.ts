import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { Server } from 'bellwire-testing';
import {
  type Browser,
  type BrowserContext,
  chromium,
  type Locator,
  type Page,
} from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFailed } from 'vitest';
import { watchPeers } from './media.js';

/** What a page may take to show something, on a busy machine. */
const PATIENCE_MS = 30_000;
/** What the browser may take to start. */
const START_MS = 60_000;
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
];

declare global {
  interface Window {
    /** What the page has told its user, oldest first. */
    told: string[];
  }
}

/** A browser with phone pages in it. */
export class Phones {
  readonly #open: Phone[] = [];

  private constructor(
    private readonly browser: Browser,
    private readonly address: string,
  ) {}

  static async start(address: string, ...flags: string[]): Promise<Phones> {
    return new Phones(await launch(...flags), address);
  }

  /** A page of somebody in a browser of their own, logged in. */
  async phone(user: string, address = this.address): Promise<Phone> {
    const context = await this.browser.newContext({ viewport: { width: 900, height: 700 } });
    return this.#add(context, user, address);
  }

  /** Another tab beside a phone, of the same user in the same browser. */
  async tabBeside(phone: Phone): Promise<Phone> {
    return this.#add(phone.page.context(), phone.user, this.address);
  }

  /** Keeps what everybody sees, if the test that is running fails. */
  watch(): void {
    onTestFailed(async ({ task }) => {
      const folder = resolve(import.meta.dirname, '../../target/screenshots');
      mkdirSync(folder, { recursive: true });
      for (const [at, { user, page }] of this.#open.entries()) {
        const name = `${task.name}-${at}-${user}`.replaceAll(/[^\w-]+/g, '-');
        await page.screenshot({ path: join(folder, `${name}.png`) }).catch(() => {});
      }
    });
  }

  /** Closes the pages; nobody may have complained in the console. */
  async hangUpAll(): Promise<void> {
    const complaints = this.#open.flatMap(({ complaints }) => complaints);
    for (const context of new Set(this.#open.map(({ page }) => page.context()))) {
      await context.close();
    }
    this.#open.length = 0;
    expect(complaints).toEqual([]);
  }

  async stop(): Promise<void> {
    await this.browser.close();
  }

  async #add(context: BrowserContext, user: string, address: string): Promise<Phone> {
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    await watchPeers(page);
    await watchNotices(page);
    const phone = new Phone(user, page);
    this.#open.push(phone);
    await page.goto(address);
    await page.getByLabel('Your name').fill(user);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('online', { exact: true }).first().waitFor();
    return phone;
  }
}

/** One page, used as its user would. */
export class Phone {
  /** Errors in the console: a breach of the page's policy is one. */
  readonly complaints: string[] = [];

  constructor(
    readonly user: string,
    readonly page: Page,
  ) {
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(`${user}: ${message.text()}`);
    });
    page.on('pageerror', (error) => this.complaints.push(`${user}: ${error.message}`));
  }

  /** What the browser itself writes into the console in a test that means it to. */
  forgive(text: RegExp): void {
    const others = this.complaints.filter((complaint) => !text.test(complaint));
    this.complaints.splice(0, this.complaints.length, ...others);
  }

  async add(user: string): Promise<void> {
    await this.page.getByLabel('Name of somebody to add').fill(user);
    await this.button('Add').click();
    await this.page.locator(`[data-user="${user}"]`).waitFor();
  }

  /** Calls somebody, with sound or with a picture too. */
  async call(user: string, media: 'audio' | 'video' = 'video'): Promise<void> {
    await this.add(user);
    await this.button(media === 'video' ? `Video call ${user}` : `Call ${user}`).click();
    await this.title(user).waitFor();
  }

  async answer(label = 'Answer with video'): Promise<void> {
    await this.button(label).click();
  }

  async hangUp(): Promise<void> {
    await this.button('Hang up').click();
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  /** The head of the running call. */
  title(...others: string[]): Locator {
    return this.page.getByRole('heading', { name: `Call with ${others.join(', ')}`, exact: true });
  }

  /** What rings. */
  ringing(from: string): Locator {
    return this.page.getByRole('alertdialog', { name: `${from} is calling` });
  }

  /** A participant as this page shows them. */
  tile(user: string, source = 'camera'): Locator {
    return this.page.locator(`.tile[data-user="${user}"][data-source="${source}"]`);
  }

  /** Waits until a participant stands there. */
  async sees(user: string, state: string): Promise<void> {
    await this.page
      .locator(`.tile[data-user="${user}"][data-source="camera"][data-state="${state}"]`)
      .waitFor();
  }

  /** Waits until it is told something, or has been. */
  async hears(text: string): Promise<void> {
    const told = () => this.page.evaluate(() => window.told.join('\n'));
    await expect.poll(told).toContain(text);
  }

  /** Waits until no call is shown. */
  async isIdle(): Promise<void> {
    await this.page.locator('section.call').waitFor({ state: 'detached' });
    await this.page.getByRole('alertdialog').waitFor({ state: 'detached' });
  }
}

/** Keeps what the page tells, since a notice is gone after some seconds. */
async function watchNotices(page: Page): Promise<void> {
  await page.addInitScript(() => {
    window.told = [];
    new MutationObserver((changes) => {
      for (const node of changes.flatMap(({ addedNodes }) => [...addedNodes])) {
        const isNotice = node instanceof Element && node.matches('.notice');
        if (isNotice) window.told.push(node.textContent ?? '');
      }
    }).observe(document, { childList: true, subtree: true });
  });
}

/** A browser whose camera and microphone are made up, and whose questions are answered yes. */
export function launch(...flags: string[]): Promise<Browser> {
  const args = [...FLAGS, ...flags];
  return chromium.launch({ executablePath: program(), args, headless: true, timeout: START_MS });
}

/** The browser: what `CHROMIUM` names, or the one in the `PATH`. */
function program(): string {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = folders.map((folder) => join(folder, 'chromium')).find((path) => existsSync(path));
  const path = process.env.CHROMIUM ?? found;
  if (!path) throw new Error('no chromium in the PATH: install it, or name a browser in CHROMIUM');
  return path;
}

/** A server and its phones for the tests of a file; after each test nobody is in a call. */
export function served(use: (server: Server, phones: Phones) => void): void {
  let server: Server | undefined;
  let phones: Phones | undefined;
  beforeAll(async () => {
    server = await Server.start();
    phones = await Phones.start(server.address);
    use(server, phones);
  });
  beforeEach(() => phones?.watch());
  afterEach(() => phones?.hangUpAll());
  afterAll(async () => {
    await phones?.stop();
    await server?.stop();
  });
}
