/** The API key of this tab: kept for its session alone, and sent with every question. */

const NAME = "garonne-key";

class Key {
  value = $state<string | null>(sessionStorage.getItem(NAME));

  set(text: string | null): void {
    this.value = text;
    if (text) sessionStorage.setItem(NAME, text);
    else sessionStorage.removeItem(NAME);
  }
}

export const key = new Key();
