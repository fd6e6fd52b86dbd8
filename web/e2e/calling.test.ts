// Calls between pages in a real browser, over the server that serves the pages.

import type { Server } from 'bellwire-testing';
import { expect, test } from 'vitest';
import { type Phones, served } from './phones.js';

let server: Server;
let phones: Phones;
served((ours, theirs) => {
  server = ours;
  phones = theirs;
});

test('one calls, the other answers, both see it, and it is in the history of both', async () => {
  const [alice, bob] = [await phones.phone('alice'), await phones.phone('bob')];
  await alice.call('bob');
  await bob.ringing('alice').waitFor();
  await alice.sees('bob', 'ringing');
  expect(await bob.page.title()).toBe('alice is calling');
  await bob.answer();
  await alice.sees('bob', 'joined');
  await bob.sees('alice', 'joined');
  await bob.hangUp();
  for (const phone of [alice, bob]) {
    await phone.isIdle();
    await phone.hears('The call has ended.');
  }
  const history = (phone: typeof alice) => phone.page.locator('.history li').first().innerText();
  await expect.poll(() => history(alice)).toMatch(/bob\s+called, \d:\d\d/);
  await expect.poll(() => history(bob)).toMatch(/alice\s+answered, \d:\d\d/);
});

test('a call is refused, and one that nobody hears is taken back', async () => {
  const [alice, bob] = [await phones.phone('alice'), await phones.phone('bob')];
  await alice.call('bob', 'audio');
  await bob.ringing('alice').waitFor();
  await bob.button('Refuse').click();
  await alice.hears('The call was refused.');
  await alice.isIdle();
  await bob.isIdle();
  await alice.button('Call bob').click();
  await bob.ringing('alice').waitFor();
  await alice.hangUp();
  await bob.hears('The caller gave up.');
  await bob.isIdle();
});

test('a second tab answers and the first stops ringing', async () => {
  const [alice, bob] = [await phones.phone('alice'), await phones.phone('bob')];
  const second = await phones.tabBeside(bob);
  await alice.call('bob', 'audio');
  await bob.ringing('alice').waitFor();
  await second.ringing('alice').waitFor();
  await second.answer('Answer');
  await bob.hears('Answered on your other device.');
  await bob.isIdle();
  await second.sees('alice', 'joined');
  await alice.hangUp();
  await second.isIdle();
});

test('a page that is loaded again in mid-call comes back into the call', async () => {
  const [alice, bob] = [await phones.phone('alice'), await phones.phone('bob')];
  await alice.call('bob');
  await bob.answer();
  await alice.sees('bob', 'joined');
  await bob.page.reload();
  await bob.title('alice').waitFor();
  await bob.sees('alice', 'joined');
  await alice.sees('bob', 'joined');
  await alice.hangUp();
  await bob.isIdle();
});

test('a group: three are called, one leaves, one is rung later, the caller ends it', async () => {
  const [alice, bob, carol, dora] = await Promise.all(
    ['alice', 'bob', 'carol', 'dora'].map((user) => phones.phone(user)),
  );
  if (!alice || !bob || !carol || !dora) throw new Error('four phones');
  await alice.add('bob');
  await alice.add('carol');
  await alice.page.getByLabel('Choose bob').check();
  await alice.page.getByLabel('Choose carol').check();
  await alice.button('Call all').click();
  await bob.answer('Answer');
  await carol.answer('Answer');
  await alice.sees('carol', 'joined');
  await bob.sees('carol', 'joined');
  await bob.hangUp();
  await bob.hears('You left the call.');
  await alice.tile('bob').waitFor({ state: 'detached' });
  await carol.page.getByText('Add people').click();
  await carol.page.getByLabel('Names, parted by commas').fill('dora');
  await carol.button('Ring them').click();
  await dora.answer('Answer');
  await alice.sees('dora', 'joined');
  await alice.button('End for all').click();
  for (const phone of [alice, carol, dora]) await phone.isIdle();
});

test('people write to each other, in a call and outside', async () => {
  const [alice, bob] = [await phones.phone('alice'), await phones.phone('bob')];
  await alice.add('bob');
  await expect.poll(() => alice.page.locator('[data-user="bob"]').innerText()).toContain('online');
  await alice.button('Write to bob').click();
  await alice.page.getByLabel('Write to bob', { exact: true }).last().fill('later?');
  await alice.button('Send').click();
  await bob.page.locator('.messages .lines', { hasText: 'later?' }).waitFor();
  await alice.button('Call bob').click();
  await bob.answer('Answer');
  await alice.sees('bob', 'joined');
  await expect
    .poll(() => alice.page.locator('li[data-user="bob"]').getAttribute('data-presence'))
    .toBe('in_call');
  await bob.page.locator('.controls summary', { hasText: 'Messages' }).click();
  await bob.page.getByLabel('Write to everybody in the call').fill('hi there');
  await bob.page.locator('.call').getByRole('button', { name: 'Send' }).click();
  await alice.hears('bob: hi there');
  await bob.hangUp();
  await alice.isIdle();
});

test('the server goes away and comes back, and the page says so', async () => {
  const [alice, bob] = [await phones.phone('alice'), await phones.phone('bob')];
  await alice.call('bob', 'audio');
  await bob.answer('Answer');
  await alice.sees('bob', 'joined');
  await server.kill();
  const status = alice.page.locator('.status[data-state="waiting"]');
  await status.waitFor({ state: 'attached' });
  await server.restart();
  await alice.page.locator('.status[data-state="online"]').waitFor({ state: 'attached' });
  await bob.page.locator('.status[data-state="online"]').waitFor({ state: 'attached' });
  await alice.hangUp();
  await bob.isIdle();
  // The browser writes each failed attempt to connect into the console itself.
  for (const phone of [alice, bob]) phone.forgive(/WebSocket connection/);
});
