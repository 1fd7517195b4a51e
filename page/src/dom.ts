// Elements made from values. Text goes in as text and never as markup, whatever a transcript or a file name holds.

type Value = string | number | boolean | null | undefined;
export type Child = Node | string | null;

const SVG = "http://www.w3.org/2000/svg";

function filled<T extends Element>(made: T, attributes: Record<string, Value>, children: Child[]): T {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(name), attributes, children);
}

export function drawn<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, name) as SVGElementTagNameMap[K], attributes, children);
}

export function button(label: string, act: () => void, attributes: Record<string, Value> = {}): HTMLButtonElement {
  const made = element("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", act);
  return made;
}

export function found<T extends Element = HTMLElement>(id: string): T {
  return document.getElementById(id) as unknown as T;
}

const announcements = () => found("announcements");

/** Say something to a screen reader, after what it says now. */
export function announce(text: string): void {
  announcements().textContent = text;
}

export const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
