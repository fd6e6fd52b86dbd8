// How the page is served, and that it can be used without a mouse and without a camera.

import type { Server } from 'bellwire-testing';
import { expect, test } from 'vitest';
import { type Phones, served } from './phones.js';

let server: Server;
let phones: Phones;
served((ours, theirs) => {
  server = ours;
  phones = theirs;
});

test('the page comes with its policy, its files compressed and for ever', async () => {
  const page = await fetch(`${server.address}/`);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  const html = await page.text();
  const scripts = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path);
  expect(scripts.length).toBeGreaterThanOrEqual(3);
  for (const path of scripts) {
    const file = await fetch(`${server.address}${path}`, { headers: { 'accept-encoding': 'br' } });
    expect(file.status).toBe(200);
    expect(file.headers.get('cache-control')).toContain('immutable');
    if (/\.(js|css)$/.test(path ?? '')) expect(file.headers.get('content-encoding')).toBe('br');
  }
  const again = await fetch(`${server.address}/`, {
    headers: { 'if-none-match': page.headers.get('etag') ?? '' },
  });
  expect(again.status).toBe(304);
});

test('a call by keyboard alone', async () => {
  const [alice, bob] = [await phones.phone('alice'), await phones.phone('bob')];
  await alice.add('bob');
  await alice.button('Call bob').focus();
  await alice.page.keyboard.press('Enter');
  await bob.ringing('alice').waitFor();
  // Escape does not refuse, and the answer has the focus.
  await bob.page.keyboard.press('Escape');
  await bob.ringing('alice').waitFor();
  await bob.page.keyboard.press('Enter');
  await alice.sees('bob', 'joined');
  await alice.page.getByRole('toolbar', { name: 'Call' }).waitFor();
  await alice.button('Hang up').focus();
  await alice.page.keyboard.press('Enter');
  await bob.isIdle();
});

test('a name that is none is refused with a reason', async () => {
  const alice = await phones.phone('alice');
  await alice.add('bob');
  await alice.page.getByLabel('Name of somebody to add').fill('alice');
  await alice.button('Add').click();
  expect(await alice.page.locator('li[data-user="alice"]').count()).toBe(0);
  await alice.page.getByRole('button', { name: 'Log out' }).click();
  await alice.page.getByText('Log in with a token instead').click();
  await alice.page.getByLabel('Token of your app’s server').fill('none');
  await alice.button('Log in').click();
  await expect
    .poll(() => alice.page.getByRole('alert').innerText())
    .toContain('paste a fresh token');
  await alice.page.getByLabel('Token of your app’s server').fill(await server.token('alice'));
  await alice.button('Log in').click();
  await alice.page.getByText('online', { exact: true }).first().waitFor();
});
