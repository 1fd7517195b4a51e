// The API key, where the service asks for one: kept for this tab alone, until it is closed.
import { found } from "./dom";

const STORED = "emobridge-key";
let asking: Promise<string | null> | null = null;

const LENT_S = 30;

export const key = (): string | null => sessionStorage.getItem(STORED);

/** Let the browser itself fetch one address with the key: a cookie of that address alone, for seconds. */
export function lendKey(place: URL): void {
  const known = key();
  const secure = place.protocol === "https:" ? "; Secure" : "";
  if (known) document.cookie = `${STORED}=${encodeURIComponent(known)}; Path=${place.pathname}; Max-Age=${LENT_S}; SameSite=Strict${secure}`;
}

/** Ask for a key, once for all who wait for it; null where the reader gives none. */
export function askForKey(wasRefused: boolean): Promise<string | null> {
  asking ??= shown(wasRefused).finally(() => {
    asking = null;
  });
  return asking;
}

function shown(wasRefused: boolean): Promise<string | null> {
  const dialog = found<HTMLDialogElement>("key-dialog");
  const field = found<HTMLInputElement>("key");
  found("key-refused").hidden = !wasRefused;
  field.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        const given = dialog.returnValue === "given" ? field.value.trim() : "";
        field.value = "";
        if (given) sessionStorage.setItem(STORED, given);
        resolve(given || null);
      },
      { once: true },
    );
  });
}
