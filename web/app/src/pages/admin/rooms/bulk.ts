import { problemFrom, type Problem } from "$lib/api";

/** What came of doing one thing to many. */
export interface BulkOutcome {
  done: Set<string>;
  failed: Map<string, Problem>;
}

const atOnce = 4;

/** Does something to each of many, a few at a time; one that fails stops none of the others. */
export async function doAll(ids: Iterable<string>, act: (id: string) => Promise<unknown>): Promise<BulkOutcome> {
  const waiting = [...ids];
  const outcome: BulkOutcome = { done: new Set(), failed: new Map() };
  async function worker(): Promise<void> {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      try {
        await act(id);
        outcome.done.add(id);
      } catch (cause) {
        outcome.failed.set(id, problemFrom(cause));
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker));
  return outcome;
}
