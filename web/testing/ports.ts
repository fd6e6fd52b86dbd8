import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * The kernel hands out ports from 32 768 on (`net.ipv4.ip_local_port_range`) to whoever asks for
 * any, so one of those may be taken while a server is away. Nobody gets one of these by chance.
 * The server tests in Rust take theirs from 10 000 on.
 */
const FIRST = 30_000;
const BLOCKS = 1_000;

let given = process.pid * 61;

/** A port where nobody listens, given to nobody else in this process; so is the one after it. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < BLOCKS; tries += 1) {
    given += 1;
    const port = FIRST + 2 * (given % BLOCKS);
    if ((await isFree(port)) && (await isFree(port + 1))) return port;
  }
  throw new Error(`no free port from ${FIRST} on`);
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  try {
    probe.listen(port, '127.0.0.1');
    await once(probe, 'listening');
  } catch {
    return false;
  }
  probe.close();
  await once(probe, 'close');
  return true;
}
