/** The time that is looked at: a span that ends now or at a fixed time, and one moment in it. */

import { live } from "./live.svelte";
import { place } from "./place.svelte";
import { floor, iso, MINUTE, SPANS, stepOf } from "./time";

const DEFAULT = "24h";
const TICK_MS = MINUTE;

class Span {
  #now = $state(Date.now());

  constructor() {
    $effect.root(() => {
      $effect(() => {
        if (live.isPaused) return;
        this.#now = Date.now();
        const timer = setInterval(() => (this.#now = Date.now()), TICK_MS);
        return () => clearInterval(timer);
      });
    });
  }

  get name(): string {
    const asked = place.get("span") ?? DEFAULT;
    return asked in SPANS ? asked : DEFAULT;
  }

  get length(): number {
    return SPANS[this.name]!;
  }

  get step(): number {
    return stepOf(this.length);
  }

  get end(): number {
    const to = Date.parse(place.get("to") ?? "");
    return Number.isNaN(to) ? floor(this.#now, MINUTE) : to;
  }

  get start(): number {
    return this.end - this.length;
  }

  /** The moment that is shown; null is now, with live updates. */
  get at(): number | null {
    const at = Date.parse(place.get("at") ?? "");
    if (!Number.isNaN(at)) return Math.min(Math.max(at, this.start), this.end);
    return place.get("to") ? this.end : null;
  }

  get moment(): number {
    return this.at ?? this.end;
  }

  get isLive(): boolean {
    return this.at === null;
  }

  move(time: number | null): void {
    const isEnd = time !== null && time >= this.end && !place.get("to");
    place.set({ at: time === null || isEnd ? null : iso(time) });
  }
}

export const span = new Span();

export function tenants(): string[] {
  return place.get("tenant")?.split(",").filter(Boolean) ?? [];
}
