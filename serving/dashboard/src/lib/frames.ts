/** What the map shows at a moment: latest states now, or the documents whose window holds a moment of the past. */

import { catalogue } from "./catalogue.svelte";
import type { Params, Row } from "./api";
import { DATASETS, get, MAX_LIMIT, pages } from "./api";
import type { Layer, Source } from "./layers";
import { floor, HOUR, iso, MINUTE } from "./time";

export interface Spot {
  id: string;
  tenant: string;
  entity: string;
  dataset: string;
  name: string;
  at: number;
  value: number | null;
  label: string | null;
  where: { lat: number; lon: number } | null;
}

/** What a layer shows at a moment; not all of it where there is more than is asked for. */
export interface Frame {
  spots: Spot[];
  isWhole: boolean;
}

const RECENT = 3 * HOUR; // what is older is no state of now
const HEARD = 10 * MINUTE; // an observation stands for so long
const MAX_SLICES = 60;
const MAX_PAGES = 5; // of a slice: a city has a tenth of that, and a browser stands no more

function spot(source: Source, d: Row): Spot {
  return {
    id: `${d.tenant}|${d.entity_id}`,
    tenant: d.tenant,
    entity: d.entity_id,
    dataset: source.dataset,
    name: d.name ?? d.entity_id,
    at: Date.parse(d.window_start ?? d.observed_at),
    value: source.value(d),
    label: d.line_id ?? d.level_of_service ?? null,
    where: d.location ?? null,
  };
}

function asking(source: Source, more: Params): Params {
  const known = catalogue.dataset(source.dataset);
  const fields = ["tenant", "entity_id", "location", known?.time ?? "observed_at", ...source.fields];
  if (known?.fields.some((f) => f.name === "window_end")) fields.push("window_end");
  return { select: fields.join(", "), where: source.where, limit: MAX_LIMIT, ...more };
}

/** The states of now. */
export async function current(layer: Layer, tenant: string[], signal?: AbortSignal): Promise<Frame> {
  const from = iso(Date.now() - RECENT);
  const found = await get(`${DATASETS}/${layer.now.dataset}/latest`, asking(layer.now, { tenant, from }), signal);
  return { spots: found.results.map((d) => spot(layer.now, d)), isWhole: found.is_complete !== false };
}

/** One state that has just changed. */
export function changed(layer: Layer, state: Row): Spot {
  return spot(layer.now, state);
}

interface Slice {
  end: number;
  found: Promise<{ rows: Row[]; isWhole: boolean }>;
}

/**
 * The documents of slices of time, kept: a slider that moves asks once for each.
 * Windows are looked up in their hour. Observations are many more, and stand for a short while:
 * the slice of the moment and the one before have all that count.
 */
export class Past {
  #slices = new Map<string, Slice>();

  async at(layer: Layer, tenant: string[], time: number): Promise<Frame> {
    const isWindow = catalogue.field(layer.past.dataset, "window_end") !== undefined;
    const length = isWindow ? HOUR : HEARD;
    const start = floor(time, length);
    const asked = (isWindow ? [start] : [start - length, start]).map((s) => this.#slice(layer, tenant, s, s + length));
    const slices = await Promise.all(asked);
    const found = new Map<string, Row>();
    for (const d of slices.flatMap((s) => s.rows)) if (holds(d, time)) found.set(`${d.tenant}|${d.entity_id}`, d);
    return { spots: [...found.values()].map((d) => spot(layer.past, d)), isWhole: slices.every((s) => s.isWhole) };
  }

  #slice(layer: Layer, tenant: string[], start: number, end: number): Slice["found"] {
    const name = [layer.past.dataset, layer.past.where, tenant.join(), start].join(" ");
    let slice = this.#slices.get(name);
    if (!slice) {
      slice = { end, found: history(layer.past, tenant, start, end) };
      slice.found.catch(() => this.#slices.delete(name));
      this.#slices.set(name, slice);
      if (this.#slices.size > MAX_SLICES) this.#slices.delete(this.#slices.keys().next().value!);
    }
    return slice.found;
  }

  /** Forget what may have changed since: all but slices that were over by then. */
  forget(since: number): void {
    for (const [name, { end }] of this.#slices) if (end >= since) this.#slices.delete(name);
  }
}

function history(source: Source, tenant: string[], start: number, end: number): Slice["found"] {
  const time = catalogue.dataset(source.dataset)?.time ?? "observed_at";
  const asked = asking(source, { tenant, from: iso(start), to: iso(end), order_by: time });
  return pages(`${DATASETS}/${source.dataset}/history`, asked, MAX_PAGES);
}

function holds(d: Row, time: number): boolean {
  if (d.window_end) return Date.parse(d.window_start) <= time && time < Date.parse(d.window_end);
  const at = Date.parse(d.observed_at);
  return at <= time && time - at < HEARD;
}
