/** How large something is shown, in device pixels. */
export interface Size {
  width: number;
  height: number;
}

/** Sizes are told in steps of so many pixels, so that a window being drawn larger is not a flood. */
const STEP = 16;

/**
 * How large each track is shown, over all elements it is shown in. What is not on screen any more
 * has the size 0; what never was shown has none.
 */
export class Sizes {
  readonly #elements = new Map<string, Map<Element, Size>>();
  readonly #keys = new Map<Element, string>();
  readonly #observer: ResizeObserver | undefined;

  constructor(private readonly changed: () => void) {
    if (typeof ResizeObserver === 'undefined') return;
    this.#observer = new ResizeObserver((entries) => {
      for (const { target, contentRect } of entries) this.#measured(target, contentRect);
    });
  }

  /** Watches the element that shows a track; the function returned ends that. */
  watch(key: string, element: Element): () => void {
    const elements = this.#elements.get(key) ?? new Map<Element, Size>();
    this.#elements.set(key, elements);
    this.#keys.set(element, key);
    const { clientWidth: width, clientHeight: height } = element;
    elements.set(element, inSteps({ width, height }));
    this.#observer?.observe(element);
    this.changed();
    return () => {
      if (this.#keys.get(element) === key) {
        this.#observer?.unobserve(element);
        this.#keys.delete(element);
      }
      elements.delete(element);
      this.changed();
    };
  }

  /** The largest it is shown at; undefined when it never was. */
  of(key: string): Size | undefined {
    const elements = this.#elements.get(key);
    if (!elements) return undefined;
    const none = { width: 0, height: 0 };
    return [...elements.values()].reduce(
      (most, size) => (size.width * size.height > most.width * most.height ? size : most),
      none,
    );
  }

  close(): void {
    this.#observer?.disconnect();
    this.#elements.clear();
    this.#keys.clear();
  }

  #measured(element: Element, size: Size): void {
    const key = this.#keys.get(element);
    const elements = key === undefined ? undefined : this.#elements.get(key);
    const next = inSteps(size);
    const last = elements?.get(element);
    if (!elements || (last?.width === next.width && last.height === next.height)) return;
    elements.set(element, next);
    this.changed();
  }
}

function inSteps({ width, height }: Size): Size {
  const scale = globalThis.devicePixelRatio || 1;
  const step = (length: number) => Math.ceil((length * scale) / STEP) * STEP;
  return { width: step(width), height: step(height) };
}
