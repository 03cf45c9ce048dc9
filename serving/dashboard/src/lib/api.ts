/** Questions to the API: the key goes along, errors are problem documents. */

import { key } from "./key.svelte";

export const DATASETS = "/api/v1/datasets";
export const TENANTS = "/api/v1/tenants";
export const MAX_LIMIT = 10_000;

export type Value = string | number | boolean | null | undefined;
export type Params = Record<string, Value | string[]>;
export type Row = Record<string, any>;

export interface Rows {
  count: number;
  results: Row[];
  cursor?: string | null;
  is_complete?: boolean;
}

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly name: string,
    detail: string,
  ) {
    super(detail);
  }
}

export function address(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (Array.isArray(value)) for (const one of value) query.append(name, one);
    else if (value !== null && value !== undefined && value !== "") query.append(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export function headers(): Record<string, string> {
  return key.value ? { "X-API-Key": key.value } : {};
}

export async function ask(path: string, params: Params = {}, options: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(address(path, params), { ...options, headers: headers() });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, "unreachable", "");
  }
  if (!answer.ok) throw await problem(answer);
  return answer;
}

export async function get<T = Rows>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  return (await ask(path, params, { signal })).json();
}

/** All pages of an answer, up to so many; whether there were no more. */
export async function pages(path: string, params: Params, most: number): Promise<{ rows: Row[]; isWhole: boolean }> {
  const rows: Row[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < most; page++) {
    const found: Rows = await get(path, { ...params, cursor });
    rows.push(...found.results);
    cursor = found.cursor ?? null;
    if (!cursor) break;
  }
  return { rows, isWhole: !cursor };
}

async function problem(answer: Response): Promise<Problem> {
  try {
    const said = await answer.json();
    return new Problem(answer.status, String(said.type).split(":").pop() ?? "", String(said.detail ?? ""));
  } catch {
    return new Problem(answer.status, "", answer.statusText);
  }
}
