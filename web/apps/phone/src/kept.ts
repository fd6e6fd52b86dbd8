/** What the page keeps in the browser. Storage may be off; then it is kept as long as the page. */

/** As whom this tab is logged in; over reloads, not over tabs. */
export type Login = { user: string } | { token: string };

const LOGIN = 'bellwire.login';
const NAME = 'bellwire.name';

export function keptLogin(): Login | undefined {
  return read<Login>(() => sessionStorage, LOGIN);
}

export function keepLogin(login: Login | undefined): void {
  write(() => sessionStorage, LOGIN, login);
}

/** The name that logged in last in this browser, to be offered again. */
export function keptName(): string {
  return read<string>(() => localStorage, NAME) ?? '';
}

export function keepName(name: string): void {
  write(() => localStorage, NAME, name);
}

/** Whom a user knows, in the order they were added. */
export function keptContacts(user: string): string[] {
  return read<string[]>(() => localStorage, `bellwire.contacts.${user}`) ?? [];
}

export function keepContacts(user: string, contacts: string[]): void {
  write(() => localStorage, `bellwire.contacts.${user}`, contacts);
}

function read<T>(storage: () => Storage, key: string): T | undefined {
  try {
    const text = storage().getItem(key);
    return text === null ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

function write(storage: () => Storage, key: string, value: unknown): void {
  try {
    if (value === undefined) storage().removeItem(key);
    else storage().setItem(key, JSON.stringify(value));
  } catch {
    // Without storage, or with a full one, the page works and forgets.
  }
}
