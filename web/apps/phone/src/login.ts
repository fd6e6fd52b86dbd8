import { h } from './dom.js';
import { keptName, type Login } from './kept.js';

/** The first page: who are you? */
export function loginView(login: (login: Login) => Promise<string | undefined>): HTMLElement {
  const name = h('input', {
    id: 'name',
    name: 'name',
    autocomplete: 'username',
    autocapitalize: 'none',
    spellcheck: false,
    maxLength: 64,
    value: keptName(),
  });
  const token = h('textarea', {
    id: 'token',
    name: 'token',
    rows: 4,
    spellcheck: false,
    autocomplete: 'off',
  });
  const fault = h('p', { class: 'fault', role: 'alert' });
  const submit = h('button', { type: 'submit', class: 'main' }, 'Log in');
  const form = h(
    'form',
    { class: 'card login' },
    h('h1', {}, 'Bellwire phone'),
    h('label', { for: 'name' }, 'Your name'),
    name,
    h(
      'details',
      {},
      h('summary', {}, 'Log in with a token instead'),
      h('label', { for: 'token' }, 'Token of your app’s server'),
      token,
    ),
    submit,
    fault,
    h(
      'p',
      { class: 'hint' },
      'A name is enough on a development server. Open a second browser window to have somebody ' +
        'to call.',
    ),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const [user, given] = [name.value.trim(), token.value.trim()];
    if (!user && !given) {
      fault.textContent = 'Write a name, or paste a token.';
      name.focus();
      return;
    }
    submit.disabled = true;
    fault.textContent = '';
    fault.textContent = (await login(given ? { token: given } : { user })) ?? '';
    submit.disabled = false;
  });
  queueMicrotask(() => name.focus());
  return h('main', { class: 'center' }, form);
}
