/** One device or place: its state, its history, its gaps, its neighbours. */

import type { Row } from "./api";
import { DATASETS, get } from "./api";
import type { Dataset } from "./catalogue.svelte";
import { catalogue } from "./catalogue.svelte";
import { iso } from "./time";

export const MOST = 2000;
const RADIUS_M = 3000;
const NEIGHBOURS = 8;
const GAP = 2.5; // times the usual interval

export interface Neighbour {
  row: Row;
  distance: number;
}

export interface Gap {
  from: number;
  to: number;
}

export async function latest(
  dataset: string,
  tenant: string,
  entity: string,
  signal: AbortSignal,
): Promise<Row | null> {
  const found = await get(`${DATASETS}/${dataset}/latest`, { tenant: [tenant], entity_id: entity, limit: 1 }, signal);
  return found.results[0] ?? null;
}

export async function history(
  about: Dataset,
  tenant: string,
  entity: string,
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<Row[]> {
  const asked = { tenant: [tenant], entity_id: entity, from: iso(from), to: iso(to), limit: MOST };
  return (await get(`${DATASETS}/${about.dataset}/history`, asked, signal)).results;
}

/** Others of the same dataset nearby, the nearest first. */
export async function neighbours(about: Dataset, of: Row, from: number, signal: AbortSignal): Promise<Neighbour[]> {
  if (!of.location) return [];
  const near = `${of.location.lon},${of.location.lat}`;
  const asked = { tenant: [of.tenant], near, radius_m: RADIUS_M, from: iso(from), limit: 200 };
  const found = (await get(`${DATASETS}/${about.dataset}/latest`, asked, signal)).results;
  return found
    .filter((row) => row.entity_id !== of.entity_id && row.location)
    .map((row) => ({ row, distance: metres(of.location, row.location) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, NEIGHBOURS);
}

/** Times between two documents that are much longer than usual; the end of the span counts as one. */
export function gaps(times: number[], end: number): { usual: number | null; gaps: Gap[] } {
  const sorted = [...new Set(times)].sort((a, b) => a - b);
  const intervals = sorted.slice(1).map((time, i) => time - sorted[i]!);
  if (intervals.length < 3) return { usual: null, gaps: [] };
  const usual = [...intervals].sort((a, b) => a - b)[Math.floor(intervals.length / 2)]!;
  const found = [...sorted, end].slice(1).map((to, i) => ({ from: sorted[i]!, to }));
  return { usual, gaps: found.filter((g) => g.to - g.from > GAP * usual).reverse() };
}

/** Points with nothing in the middle of each gap, so that no line is drawn across. */
export function broken(points: [number, number | null][], found: Gap[]): [number, number | null][] {
  const holes = found.map(({ from, to }): [number, null] => [(from + to) / 2, null]);
  return [...points, ...holes].sort((a, b) => a[0] - b[0]);
}

/** Other datasets that know an entity of the same id. */
export async function elsewhere(
  about: Dataset,
  tenant: string,
  entity: string,
  from: number,
  signal: AbortSignal,
): Promise<string[]> {
  const others = catalogue.datasets.filter(
    (d) =>
      !d.is_latest &&
      d.dataset !== about.dataset &&
      d.kind !== "record" &&
      d.fields.some((f) => f.name === "entity_id"),
  );
  const count = async (d: Dataset) => {
    const asked = { tenant: [tenant], entity_id: entity, from: iso(from), select: "count(*) AS documents" };
    return (await get(`${DATASETS}/${d.dataset}/aggregate`, asked, signal)).results[0]?.documents ?? 0;
  };
  const counts = await Promise.all(others.map(count));
  return others.filter((_, i) => counts[i] > 0).map((d) => d.dataset);
}

function metres(a: { lat: number; lon: number }, b: { lat: number; lon: number }): number {
  const radians = Math.PI / 180;
  const x = (b.lon - a.lon) * radians * Math.cos(((a.lat + b.lat) / 2) * radians);
  const y = (b.lat - a.lat) * radians;
  return Math.hypot(x, y) * 6_371_000;
}
