import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { freePort } from './ports.js';

/** The server listens within 10 s of its start; twice that is a machine in trouble. */
const PATIENCE_MS = 20_000;

/** A real `bellwire serve --dev` on a port of its own, with its own data. */
export class Server {
  readonly log: string[] = [];
  #child: ChildProcess | undefined;

  private constructor(
    private readonly data: string,
    private readonly flags: string[],
    readonly port: number,
  ) {}

  static async start(...flags: string[]): Promise<Server> {
    const data = mkdtempSync(join(tmpdir(), 'bellwire-'));
    const server = new Server(data, flags, await freePort());
    await server.#launch();
    return server;
  }

  get address(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** A token for `user`, made by the server's own HTTP API; good for `ttl` seconds. */
  async token(user: string, ttl = 60): Promise<string> {
    return ((await this.api('/v1/tokens', { user, ttl })) as { token: string }).token;
  }

  /** Asks the HTTP API as the business server does: `POST` where there is a body. */
  async api(path: string, body?: object): Promise<unknown> {
    const key = execFileSync(binary(), ['apikey', '--data', this.data], { encoding: 'utf8' });
    const headers = { authorization: `Bearer ${key.trim().split('\n').at(-1)}` };
    const answer = await fetch(
      `${this.address}${path}`,
      body
        ? {
            method: 'POST',
            headers: { ...headers, 'content-type': 'application/json' },
            body: JSON.stringify(body),
          }
        : { headers },
    );
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** `kill -9`: no goodbye to anybody. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Neither hears nor says anything until {@link resume}: a cut of all its networks. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Starts it again on the same data and port. */
  async restart(): Promise<void> {
    await this.kill();
    await this.#launch();
  }

  /** Ends it and removes its data. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.data, { recursive: true, force: true });
  }

  async #launch(): Promise<void> {
    const listen = `127.0.0.1:${this.port}`;
    const child = spawn(
      binary(),
      ['serve', '--dev', '--listen', listen, '--data', this.data, ...this.flags],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, NO_COLOR: '1' } },
    );
    this.#child = child;
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    await new Promise<void>((done, failed) => {
      child.once('error', failed);
      child.once('exit', (code) => {
        failed(new Error(`the server ended (${code}):\n${this.log.join('\n')}`));
      });
      createInterface({ input: child.stderr }).on('line', (line) => {
        this.log.push(line);
        if (/listening.*address=/.test(line)) done();
      });
    });
    clearTimeout(timer);
  }
}

/** The server that `cargo build` made; another may be named in `BELLWIRE`. */
function binary(): string {
  const root = resolve(import.meta.dirname, '../..');
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
  const path = process.env.BELLWIRE ?? join(target, 'debug/bellwire');
  if (!existsSync(path)) {
    throw new Error(`${path} is not there: run \`cargo build --package bellwire\` first`);
  }
  return path;
}
