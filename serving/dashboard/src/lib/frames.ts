/** What the map shows at a moment: latest states now, or the documents whose window holds a moment of the past. */

import { catalogue } from "./catalogue.svelte";
import type { Params, Row } from "./api";
import { DATASETS, get, MAX_LIMIT } from "./api";
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

const RECENT = 3 * HOUR; // what is older is no state of now
const HEARD = 10 * MINUTE; // an observation stands for so long
const MAX_HOURS = 60;

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
export async function current(layer: Layer, tenant: string[], signal?: AbortSignal): Promise<Spot[]> {
  const from = iso(Date.now() - RECENT);
  const found = await get(`${DATASETS}/${layer.now.dataset}/latest`, asking(layer.now, { tenant, from }), signal);
  return found.results.map((d) => spot(layer.now, d));
}

/** One state that has just changed. */
export function changed(layer: Layer, state: Row): Spot {
  return spot(layer.now, state);
}

/** The documents of whole hours, kept: a slider that moves asks once for each hour. */
export class Past {
  #hours = new Map<string, Promise<Row[]>>();

  async at(layer: Layer, tenant: string[], time: number): Promise<Spot[]> {
    const hour = floor(time, HOUR);
    const isWindow = catalogue.field(layer.past.dataset, "window_end") !== undefined;
    const rows = await this.#hour(layer, tenant, hour);
    const before = isWindow || time - hour >= HEARD ? [] : await this.#hour(layer, tenant, hour - HOUR);
    const found = new Map<string, Row>();
    for (const d of [...before, ...rows]) if (holds(d, time)) found.set(`${d.tenant}|${d.entity_id}`, d);
    return [...found.values()].map((d) => spot(layer.past, d));
  }

  #hour(layer: Layer, tenant: string[], hour: number): Promise<Row[]> {
    const name = [layer.past.dataset, layer.past.where, tenant.join(), hour].join(" ");
    let found = this.#hours.get(name);
    if (!found) {
      found = history(layer.past, tenant, hour);
      found.catch(() => this.#hours.delete(name));
      this.#hours.set(name, found);
      if (this.#hours.size > MAX_HOURS) this.#hours.delete(this.#hours.keys().next().value!);
    }
    return found;
  }

  /** Forget what may have changed since: all but whole hours that are over. */
  forget(since: number): void {
    for (const name of this.#hours.keys()) {
      if (Number(name.split(" ").pop()) + HOUR >= since) this.#hours.delete(name);
    }
  }
}

async function history(source: Source, tenant: string[], hour: number): Promise<Row[]> {
  const time = catalogue.dataset(source.dataset)?.time ?? "observed_at";
  const asked = asking(source, { tenant, from: iso(hour), to: iso(hour + HOUR), order_by: time });
  return (await get(`${DATASETS}/${source.dataset}/history`, asked)).results;
}

function holds(d: Row, time: number): boolean {
  if (d.window_end) return Date.parse(d.window_start) <= time && time < Date.parse(d.window_end);
  const at = Date.parse(d.observed_at);
  return at <= time && time - at < HEARD;
}
