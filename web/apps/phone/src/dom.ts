/** What an element is made with: its own properties, `class`, and attributes by their names. */
type Properties<E> = Partial<Omit<E, 'style' | 'children'>> & {
  class?: string;
  [attribute: `aria-${string}` | `data-${string}`]: string;
  role?: string;
  for?: string;
};

type Child = Node | string | undefined | false;

/** Makes an element. Text is text: nothing is ever read as HTML. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties<HTMLElementTagNameMap[Tag]> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (name === 'class') element.className = value as string;
    else if (name in element) (element as unknown as Record<string, unknown>)[name] = value;
    else element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child): child is Node | string => Boolean(child)));
  return element;
}

/** Puts these in place of what an element holds; those it holds already keep their state. */
export function fill(element: Element, ...children: Child[]): void {
  const wanted = children.filter((child): child is Node | string => Boolean(child));
  const same =
    wanted.length === element.childNodes.length &&
    wanted.every((child, at) => child === element.childNodes[at]);
  if (!same) element.replaceChildren(...wanted);
}

/** A button that is off while what it started is under way. */
export function button(
  label: string,
  action: () => unknown,
  properties: Properties<HTMLButtonElement> = {},
): HTMLButtonElement {
  const element = h('button', { type: 'button', ...properties }, label);
  element.addEventListener('click', async () => {
    element.disabled = true;
    try {
      await action();
    } finally {
      element.disabled = false;
    }
  });
  return element;
}
