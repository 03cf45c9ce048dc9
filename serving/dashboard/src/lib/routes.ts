/** Which page an address is of. */

import { catalogue } from "./catalogue.svelte";
import { t } from "./i18n.svelte";
import type { Trade } from "./trades";
import { trade } from "./trades";

export type Route =
  | { page: "city" | "pipeline" | "key" | "accessibility" | "none" }
  | { page: "trade"; trade: Trade }
  | { page: "dataset"; dataset: string }
  | { page: "entity"; dataset: string; tenant: string; entity: string }
  | { page: "embed"; words: string[] };

export function routeOf(path: string): Route {
  const [first, ...words] = path.split("/").filter(Boolean).map(decoded);
  if (first === undefined) return { page: "city" };
  if (first === "pipeline" || first === "key" || first === "accessibility") return { page: first };
  if (first === "embed") return { page: "embed", words };
  const found = first === "trade" ? trade(words[0] ?? "") : undefined;
  if (found) return { page: "trade", trade: found };
  if (first === "dataset" && words[0]) return { page: "dataset", dataset: words[0] };
  const [dataset, tenant, ...entity] = words;
  if (first === "entity" && dataset && tenant && entity.length) {
    return { page: "entity", dataset, tenant, entity: entity.join("/") };
  }
  return { page: "none" };
}

export function titleOf(route: Route): string {
  switch (route.page) {
    case "trade":
      return t(`trade_${route.trade.id}`);
    case "dataset":
      return catalogue.title(route.dataset);
    case "entity":
      return route.entity;
    case "embed":
      return t("embed");
    case "none":
      return t("not_found");
    default:
      return t(`page_${route.page}`);
  }
}

function decoded(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}
