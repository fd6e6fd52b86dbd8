import './style.css';
import '@bellwire/client/media';
import { Client, type ClientOptions, type ConnectionState } from '@bellwire/client';
import { fill, h } from './dom.js';
import { Home } from './home.js';
import { keepLogin, keepName, keptLogin, type Login } from './kept.js';
import { loginView } from './login.js';
import { notices, tell } from './notices.js';

/** The app of a development server, which takes a name for a login. */
const DEV_APP = 'dev';

const page = h('div', { class: 'page' });
document.body.append(page, notices);

/** Logs in and shows the phone; says why where that fails. */
async function login(who: Login): Promise<string | undefined> {
  const options: ClientOptions = { device: { name: 'Web phone' } };
  if ('token' in who) options.token = who.token;
  else options.login = { app: DEV_APP, user: who.user };
  const client = new Client(undefined, options);
  let home: Home | undefined;
  // What comes with the login waits for the page that shows it.
  const early: (() => void)[] = [];
  const show = (act: () => void) => (home ? act() : early.push(act));
  client.on('incoming', (incoming) => show(() => home?.ring(incoming)));
  client.on('found', (call) => show(() => home?.found(call)));
  client.on('state', (state) => {
    home?.connection(state);
    if (home && state.name === 'closed') leave(state);
  });
  try {
    await client.connect();
  } catch {
    keepLogin(undefined);
    return refusal(client.state);
  }
  keepLogin(who);
  keepName(client.user);
  home = new Home(client, () => client.logout().catch(() => client.close()));
  fill(page, home.element);
  for (const act of early) act();
  return undefined;
}

function refusal(state: ConnectionState): string {
  const reason = state.name === 'closed' ? state.reason : '';
  if (/unauthorized|token_expired/.test(reason)) {
    return `The server does not let you in (${reason}). A name is enough only on a development server; else paste a fresh token.`;
  }
  return `The server does not let you in: ${reason}`;
}

/** The connection is closed for good: by the user, or because another page took over. */
function leave(state: Extract<ConnectionState, { name: 'closed' }>): void {
  keepLogin(undefined);
  document.body.classList.remove('in-call');
  fill(page, loginView(login));
  if (state.code !== undefined) tell(`Logged out: ${state.reason}`);
}

const kept = keptLogin();
const waiting = h('main', { class: 'center' }, h('p', { role: 'status' }, 'Connecting…'));
fill(page, kept ? waiting : loginView(login));
if (kept) {
  void login(kept).then((fault) => {
    if (fault === undefined) return;
    fill(page, loginView(login));
    tell(fault);
  });
}
