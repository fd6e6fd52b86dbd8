import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** How long coturn may take to listen, and how often it is asked: it does not say so. */
const PATIENCE_MS = 10_000;
const PAUSE_MS = 50;

/** Shared by relay and server, as the TURN REST convention has it. */
const SECRET = 'a secret of the tests, shared with the relay';

/** A coturn on loopback. */
export class Relay {
  readonly secret = SECRET;

  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
    /** Where it is. */
    readonly url: string,
  ) {}

  static async start(): Promise<Relay> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'bellwire-relay-'));
    const child = spawn(
      'turnserver',
      [
        ...['-n', '--no-cli', '--no-tls', '--no-dtls', '--log-file=stdout', '--simple-log'],
        ...['--listening-ip=127.0.0.1', '--relay-ip=127.0.0.1', '--allow-loopback-peers'],
        ...['--realm=bellwire', '--use-auth-secret', `--static-auth-secret=${SECRET}`],
        ...[`--listening-port=${port}`, `--pidfile=${folder}/pid`, `--userdb=${folder}/users`],
      ],
      { cwd: folder, stdio: 'ignore' },
    );
    await listening(port, child);
    return new Relay(child, folder, `turn:127.0.0.1:${port}`);
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Waits until the port takes a connection; by then coturn takes datagrams as well. */
async function listening(port: number, child: ChildProcess): Promise<void> {
  let fault: unknown;
  child.once('error', (error) => {
    fault = error;
  });
  for (let waited = 0; waited < PATIENCE_MS; waited += PAUSE_MS) {
    if (fault) throw fault;
    if (child.exitCode !== null) throw new Error(`turnserver ended (${child.exitCode})`);
    const socket = connect(port, '127.0.0.1');
    const opened = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (opened) return;
    await pause(PAUSE_MS);
  }
  child.kill('SIGKILL');
  throw new Error('turnserver does not listen');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
