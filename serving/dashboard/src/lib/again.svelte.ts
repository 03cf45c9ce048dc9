/** What a page asks again by itself, for as long as it is not paused. */

import { untrack } from "svelte";
import { live } from "./live.svelte";

/** Ask now, when the question changes, and at intervals; to be called in a component. */
export function again(everyMs: number, ask: () => void): void {
  let wasPaused = false;
  $effect(ask);
  $effect(() => {
    if (live.isPaused) {
      wasPaused = true;
      return;
    }
    if (wasPaused) untrack(ask);
    const timer = setInterval(ask, everyMs);
    return () => clearInterval(timer);
  });
}
