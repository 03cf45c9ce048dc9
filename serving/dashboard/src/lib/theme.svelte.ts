/** Dark and light: as the system says, unless one is chosen. */

import { place } from "./place.svelte";

const dark = matchMedia("(prefers-color-scheme: dark)");

class Theme {
  #system = $state(dark.matches);

  constructor() {
    dark.addEventListener("change", () => (this.#system = dark.matches));
  }

  get isDark(): boolean {
    const chosen = place.get("theme");
    return chosen === null ? this.#system : chosen === "dark";
  }

  toggle(): void {
    place.set({ theme: this.isDark ? "light" : "dark" });
  }
}

export const theme = new Theme();

/** A colour of the style sheet as it is now. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
