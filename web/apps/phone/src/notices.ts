import { BellwireError } from '@bellwire/client';
import { button, h } from './dom.js';

/** How long a notice stays, in milliseconds; long enough to be read twice. */
const STAY_MS = 8_000;

const list = h('div', { class: 'notices', role: 'status', 'aria-live': 'polite' });

/** The place where notices appear. */
export const notices: HTMLElement = list;

/** Tells something, and lets it go after a while or by a click. */
export function tell(text: string): void {
  const notice = h('div', { class: 'notice' }, h('span', {}, text));
  notice.append(button('Close', () => notice.remove(), { class: 'quiet' }));
  list.append(notice);
  setTimeout(() => notice.remove(), STAY_MS);
}

/** Does something, and tells what went wrong. */
export async function attempt(what: string, action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    tell(`${what}: ${explain(error)}`);
    return false;
  }
}

/** What to do about an error, for the one who sits before the page. */
export function explain(error: unknown): string {
  if (!(error instanceof BellwireError)) return error instanceof Error ? error.message : `${error}`;
  switch (error.code) {
    case 'insecure_context':
      return (
        'the browser gives camera and microphone only to pages loaded over https or from ' +
        'localhost. Open this page by such an address.'
      );
    case 'permission_denied':
      return 'the browser does not let this page use it. Allow it beside the address, then try again.';
    case 'dismissed':
      return 'the browser asked and got no answer. Try again and choose “Allow”.';
    case 'no_device':
      return 'none was found. Plug one in, or choose another.';
    case 'device_in_use':
      return 'it does not start. Close other programs that use it, then try again.';
    case 'busy_self':
      return 'you are in another call. Hang up there first.';
    case 'answered_elsewhere':
      return 'it was answered on another device of yours.';
    case 'rejected_elsewhere':
      return 'it was refused on another device of yours.';
    case 'not_in_call':
      return 'the call is over.';
    case 'rate_limited':
    case 'overloaded':
      return 'the server is busy. Wait a moment and try again.';
    case 'session_lost':
      return 'the connection was lost before the answer came. Look whether it was done.';
    case 'closed':
      return error.message;
    default:
      return error.message;
  }
}
