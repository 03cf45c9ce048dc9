/** Figures over time, one line for each group. */

import type { Params, Row } from "./api";
import { DATASETS, get } from "./api";
import { catalogue } from "./catalogue.svelte";
import { iso, stepWords, ZONE } from "./time";

export interface Line {
  name: string;
  points: [time: number, value: number | null][];
}

export interface Question {
  dataset: string;
  /** A figure, such as `avg(occupancy_ratio)`. */
  figure: string;
  /** Field whose values each have a line. */
  by?: string | undefined;
  where?: string | undefined;
  tenant: string[];
  from: number;
  to: number;
  step: number;
  more?: Params;
}

/** More cannot be told apart in a chart; the table beside it has all. */
export const MAX_LINES = 6;
export const MAX_BARS = 10;

export async function lines(question: Question, signal?: AbortSignal): Promise<Line[]> {
  const { dataset, figure, by, where, tenant, from, to, step, more } = question;
  const asked: Params = {
    select: `${figure} AS figure, count(*) AS documents`,
    step: stepWords(step),
    group_by: by,
    timezone: ZONE,
    where,
    tenant,
    from: iso(from),
    to: iso(to),
    ...more,
  };
  const rows = (await get(`${DATASETS}/${dataset}/aggregate`, asked, signal)).results;
  const time = catalogue.dataset(dataset)?.time ?? "window_start";
  return grouped(rows, time, by);
}

/** Lines in the order of how much they stand on. */
function grouped(rows: Row[], time: string, by: string | undefined): Line[] {
  const found = new Map<string, { line: Line; documents: number }>();
  for (const row of rows) {
    const name = by ? String(row[by] ?? "–") : "";
    const group = found.get(name) ?? { line: { name, points: [] }, documents: 0 };
    group.line.points.push([Date.parse(row[time]), row.figure]);
    group.documents += row.documents;
    found.set(name, group);
  }
  const sorted = [...found.values()].sort((a, b) => b.documents - a.documents);
  for (const { line } of sorted) line.points.sort((a, b) => a[0] - b[0]);
  return sorted.map(({ line }) => line);
}

export interface Bar {
  name: string;
  value: number | null;
}

/** A figure of each group over a span, the largest first. */
export async function bars(question: Omit<Question, "step"> & { by: string }, signal?: AbortSignal): Promise<Bar[]> {
  const { dataset, figure, by, where, tenant, from, to } = question;
  const asked = {
    select: `${figure} AS figure`,
    group_by: by,
    order_by: "figure DESC",
    where,
    tenant,
    from: iso(from),
    to: iso(to),
  };
  const rows = (await get(`${DATASETS}/${dataset}/aggregate`, asked, signal)).results;
  return rows.filter((r) => r.figure !== null).map((r) => ({ name: String(r[by] ?? "–"), value: r.figure }));
}

/** One figure of everything; null where there is nothing. */
export async function one(dataset: string, figure: string, more: Params, signal?: AbortSignal): Promise<number | null> {
  const found = await get(`${DATASETS}/${dataset}/aggregate`, { select: `${figure} AS figure`, ...more }, signal);
  return found.results[0]?.figure ?? null;
}

/** The field that a figure is of, for its label and unit; counts have none. */
export function fieldOf(figure: string): string | undefined {
  const found = /\(\s*(?:distinct\s+)?(\w+)\s*\)/.exec(figure);
  return figure.startsWith("count") ? undefined : found?.[1];
}
