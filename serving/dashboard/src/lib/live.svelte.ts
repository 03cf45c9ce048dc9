/** Latest states as they change, over one connection for all datasets; read with fetch, since it carries the key. */

import { ask, Problem } from "./api";
import type { Row } from "./api";
import { place } from "./place.svelte";

const PATH = "/api/v1/live";
const PAUSE_MS = [1000, 2000, 5000, 10_000, 30_000];

export interface Listening {
  onState: (dataset: string, state: Row) => void;
  /** What lies between two connections is unknown: ask for the latest states. */
  onBegin: () => void;
}

class Live {
  isOn = $state(false);
  heardAt = $state<number | null>(null);

  get isPaused(): boolean {
    return place.get("live") === "off";
  }

  toggle(): void {
    place.set({ live: this.isPaused ? null : "off" });
  }

  /** Listen until the function that it returns is called. */
  listen(datasets: string[], tenant: string[], to: Listening): () => void {
    const end = new AbortController();
    void this.#run(datasets, tenant, to, end.signal);
    return () => {
      end.abort();
      this.isOn = false;
    };
  }

  async #run(datasets: string[], tenant: string[], to: Listening, signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const answer = await ask(PATH, { dataset: datasets, tenant }, { signal });
        for await (const { event, data } of events(answer.body as ReadableStream<Uint8Array<ArrayBuffer>>)) {
          if (event === "listening") {
            failures = 0;
            this.isOn = true;
            to.onBegin();
          } else if (event === "state") {
            this.heardAt = Date.now();
            to.onState(data.dataset, data.state);
          } else break;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429) return;
      }
      this.isOn = false;
      await new Promise((done) => setTimeout(done, PAUSE_MS[Math.min(failures, PAUSE_MS.length - 1)]));
    }
  }
}

export const live = new Live();

/** The events of a stream as the standard writes them: lines `event:` and `data:`, an empty line ends one. */
async function* events(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<{ event: string; data: any }> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array<ArrayBuffer>, string>)
    .getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const lines = block.split("\n");
        const part = (name: string) =>
          lines.filter((l) => l.startsWith(`${name}:`)).map((l) => l.slice(name.length + 1).trim());
        const data = part("data").join("\n");
        if (data) yield { event: part("event")[0] ?? "message", data: JSON.parse(data) };
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
