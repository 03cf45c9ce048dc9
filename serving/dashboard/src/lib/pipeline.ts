/** How the pipeline is: feeds, queries, the ledger, dead letters. */

import type { Row } from "./api";
import { ask, DATASETS, get } from "./api";

const PREFIX = "/api/v1/pipeline";
export const LETTERS = 100;

export async function feeds(tenant: string[], signal: AbortSignal): Promise<Row[]> {
  return (await get(`${PREFIX}/feeds`, { tenant }, signal)).results;
}

export async function queries(signal: AbortSignal): Promise<Row[]> {
  return (await get(`${PREFIX}/queries`, {}, signal)).results;
}

export async function ledger(tenant: string[], signal: AbortSignal): Promise<Row[]> {
  return (await get(`${PREFIX}/ledger`, { tenant }, signal)).results;
}

export async function letters(tenant: string[], signal: AbortSignal): Promise<Row[]> {
  const select = "tenant, dead_letter_id, occurred_at, feed, stage, reason, detail, place, payload_size_bytes";
  const found = await get(`${DATASETS}/dead_letter/history`, { tenant, select, limit: LETTERS }, signal);
  const ids = found.results.map((r) => r.dead_letter_id);
  if (!ids.length) return [];
  const asked = { tenant, select: "dead_letter_id, state, updated_at", dead_letter_id: ids, limit: LETTERS };
  const resolved = (await get(`${DATASETS}/dead_letter_resolution/history`, asked, signal)).results;
  const states = new Map(resolved.map((r) => [r.dead_letter_id, r]));
  return found.results.map((r) => ({ ...r, state: stateOf(r, states.get(r.dead_letter_id)) }));
}

/** An index may refuse an event again after it was replayed: then the letter is open again. */
function stateOf(letter: Row, resolution: Row | undefined): string {
  if (!resolution) return "open";
  const again = letter.stage === "index" && Date.parse(letter.occurred_at) > Date.parse(resolution.updated_at);
  return resolution.state === "resolved" && again ? "open" : resolution.state;
}

export async function replay(letter: Row): Promise<{ became: string; detail: string; is_done: boolean }> {
  const where = [letter.tenant, letter.dead_letter_id].map(encodeURIComponent).join("/");
  return (await ask(`${PREFIX}/dead-letters/${where}/replay`, {}, { method: "POST" })).json();
}
