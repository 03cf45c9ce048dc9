/** Something asked of the API: loading, there, or wrong; a new question ends the one before. */

import { Problem } from "./api";

const REST_MS = 250;

export class Resource<T> {
  data = $state.raw<T | undefined>(undefined);
  problem = $state.raw<Problem | undefined>(undefined);
  loading = $state(true);
  #abort: AbortController | undefined;
  #make: ((signal: AbortSignal) => Promise<T>) | undefined;

  async load(make: (signal: AbortSignal) => Promise<T>): Promise<void> {
    this.#make = make;
    this.#abort?.abort();
    const mine = (this.#abort = new AbortController());
    this.loading = true;
    try {
      const data = await make(mine.signal);
      if (mine.signal.aborted) return;
      this.data = data;
      this.problem = undefined;
    } catch (error) {
      if (mine.signal.aborted) return;
      if (!(error instanceof Problem)) console.error(error);
      this.problem = error instanceof Problem ? error : new Problem(0, "failure", String(error));
    }
    this.loading = false;
  }

  again(): void {
    if (this.#make) void this.load(this.#make);
  }

  end(): void {
    this.#abort?.abort();
  }
}

/** A resource that is asked again whenever what the question depends on changes; to be made in a component. */
export function asked<T>(make: () => (signal: AbortSignal) => Promise<T>): Resource<T> {
  const resource = new Resource<T>();
  let isFirst = true;
  $effect(() => {
    const question = make();
    // a slider that is dragged asks once it rests
    const timer = setTimeout(() => void resource.load(question), isFirst ? 0 : REST_MS);
    isFirst = false;
    return () => {
      clearTimeout(timer);
      resource.end();
    };
  });
  return resource;
}
