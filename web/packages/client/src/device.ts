/** Where a tab keeps its device's id while it is reloaded. */
const KEY = 'bellwire.device';

let ofThisPage: string | undefined;

/**
 * The id of the device that this tab is: kept over a reload, so that the page comes back into its
 * calls, and not shared with other tabs, which are devices of their own. A program that is no page
 * gets a new one each time.
 */
export function tabDevice(): string {
  ofThisPage ??= kept() ?? `web-${random()}`;
  return ofThisPage;
}

/**
 * A browser that duplicates a tab copies its session storage. So the id is in there only between
 * two pages of the same tab: taken out when a page begins, put back when it goes.
 */
function kept(): string | undefined {
  if (typeof sessionStorage === 'undefined' || typeof addEventListener !== 'function') {
    return undefined;
  }
  const take = () => {
    const id = sessionStorage.getItem(KEY) ?? undefined;
    sessionStorage.removeItem(KEY);
    return id;
  };
  addEventListener('pagehide', () => {
    if (ofThisPage) sessionStorage.setItem(KEY, ofThisPage);
  });
  addEventListener('pageshow', (event) => {
    if (event.persisted) take();
  });
  return take();
}

/** 48 random bits: enough for the devices of one user. */
function random(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
