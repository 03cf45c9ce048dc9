/** The address bar is the state: path, and parameters that make every view a permalink. */

const KEPT = ["lang", "theme", "tenant", "at", "span", "to", "live"];

class Place {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));

  get(name: string): string | null {
    return this.query.get(name);
  }

  /** Change parameters; null removes one. A new entry of the history only where `push` is set. */
  set(changes: Record<string, string | null>, push = false): void {
    const next = new URLSearchParams(this.query);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) next.delete(name);
      else next.set(name, value);
    }
    this.query = next;
    const address = this.path + asSearch(next);
    if (push) history.pushState(null, "", address);
    else history.replaceState(history.state, "", address);
  }

  go(address: string): void {
    history.pushState(null, "", address);
    this.read();
  }

  read(): void {
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
  }

  /** The address of another page, with what goes along from page to page. */
  link(path: string, more: Record<string, string> = {}): string {
    const next = new URLSearchParams();
    for (const name of KEPT) {
      const value = this.query.get(name);
      if (value !== null) next.set(name, value);
    }
    for (const [name, value] of Object.entries(more)) next.set(name, value);
    return path + asSearch(next);
  }
}

function asSearch(query: URLSearchParams): string {
  const text = query.toString();
  return text ? `?${text}` : "";
}

export const place = new Place();

export function entityPath(dataset: string, tenant: string, entity: string): string {
  return `/entity/${[dataset, tenant, entity].map(encodeURIComponent).join("/")}`;
}

/** Follow links of our own without loading the page anew. */
export function followLinks(): void {
  addEventListener("popstate", () => place.read());
  document.addEventListener("click", (event) => {
    const link = (event.target as Element | null)?.closest?.("a");
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || link.target || link.hasAttribute("download") || link.hasAttribute("data-outside")) return;
    if (link.origin !== location.origin || link.getAttribute("href")?.startsWith("#")) return;
    event.preventDefault();
    place.go(link.pathname + link.search);
  });
}
