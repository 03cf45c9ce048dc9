/** What the city map shows: the active layers and their spots, now or at a moment, live while nothing pauses it. */

import { key } from "./key.svelte";
import type { Frame, Spot } from "./frames";
import { changed, current, Past } from "./frames";
import type { Layer } from "./layers";
import { DEFAULT_LAYERS, layer, LAYERS } from "./layers";
import { live } from "./live.svelte";
import { place } from "./place.svelte";
import { catalogue } from "./catalogue.svelte";
import { span, tenants } from "./span.svelte";
import { MINUTE } from "./time";

const AGAIN_MS = MINUTE; // results are computed by windows, and told by no event
const BATCH_MS = 250;

export class CityState {
  spots = $state.raw<Map<Layer, Spot[]>>(new Map());
  isAway = $state(false);
  /** There is more than was asked for. */
  isCut = $state(false);
  #past = new Past();

  readonly active = $derived(
    (place.get("layers")?.split(",") ?? DEFAULT_LAYERS).filter(
      (id) => layer(id) && catalogue.dataset(layer(id)!.past.dataset),
    ),
  );

  /** To be called once, in a component. */
  run(): void {
    $effect(() => {
      void key.value;
      const shown = this.active.map((id) => layer(id)!);
      const tenant = tenants();
      const moment = span.at;
      const end = new AbortController();
      if (moment !== null) void this.#show(shown, (l) => this.#past.at(l, tenant, moment), end.signal);
      else this.#now(shown, tenant, end.signal);
      return () => end.abort();
    });
  }

  toggle(id: string): void {
    const next = LAYERS.map((l) => l.id).filter((x) => (x === id) !== this.active.includes(x));
    place.set({ layers: next.join(",") === DEFAULT_LAYERS.join(",") ? null : next.join(",") });
  }

  #now(shown: Layer[], tenant: string[], signal: AbortSignal): void {
    const ask = () => this.#show(shown, (l) => current(l, tenant, signal), signal);
    const heard = shown.filter((l) => catalogue.dataset(`${l.now.dataset}_latest`));
    if (live.isPaused) {
      void ask();
      return;
    }
    const timer = setInterval(() => {
      this.#past.forget(Date.now());
      void ask();
    }, AGAIN_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
    void ask();
    if (!heard.length) return;
    const waiting = new Map<Layer, Map<string, Spot>>();
    const onState = (dataset: string, state: Record<string, any>) => {
      for (const l of heard.filter((x) => x.now.dataset === dataset)) {
        if (!waiting.size) setTimeout(() => this.#merge(waiting, signal), BATCH_MS);
        const spots = waiting.get(l) ?? new Map<string, Spot>();
        const found = changed(l, state);
        waiting.set(l, spots.set(found.id, found));
      }
    };
    const stop = live.listen(
      heard.map((l) => l.now.dataset),
      tenant,
      { onState, onBegin: () => void ask() },
    );
    signal.addEventListener("abort", stop);
  }

  async #show(shown: Layer[], ask: (l: Layer) => Promise<Frame>, signal: AbortSignal): Promise<void> {
    try {
      const found = await Promise.all(shown.map(async (l) => [l, await ask(l)] as const));
      if (signal.aborted) return;
      this.spots = new Map(found.map(([l, frame]) => [l, frame.spots]));
      this.isCut = found.some(([, frame]) => !frame.isWhole);
      this.isAway = false;
    } catch {
      if (!signal.aborted) this.isAway = true;
    }
  }

  #merge(waiting: Map<Layer, Map<string, Spot>>, signal: AbortSignal): void {
    if (!signal.aborted) {
      const next = new Map(this.spots);
      for (const [l, news] of waiting) {
        const before = (next.get(l) ?? []).filter((s) => !news.has(s.id));
        next.set(l, [...before, ...news.values()]);
      }
      this.spots = next;
    }
    waiting.clear();
  }
}
