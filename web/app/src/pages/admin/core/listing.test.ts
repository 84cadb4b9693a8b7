import { describe, expect, it } from "vitest";
import { Listing, type Page } from "./listing.svelte";

interface Thing {
  id: string;
}

const page = (ids: string[], next: string | null): Page<Thing> => ({ items: ids.map((id) => ({ id })), next_cursor: next });

describe("a listing", () => {
  it("reads page after page and drops what it already has", async () => {
    const list = new Listing<Thing>((cursor) => Promise.resolve(cursor === null ? page(["c", "b"], "2") : page(["b", "a"], null)));
    await list.load();
    expect(list.hasMore).toBe(true);
    await list.more();
    expect(list.items?.map((item) => item.id)).toEqual(["c", "b", "a"]);
    expect(list.hasMore).toBe(false);
  });

  it("forgets an answer that a newer question has overtaken", async () => {
    const answers: ((value: Page<Thing>) => void)[] = [];
    const list = new Listing<Thing>(() => new Promise((answer) => answers.push(answer)));
    const first = list.load();
    const second = list.load();
    answers[1]?.(page(["new"], null));
    answers[0]?.(page(["old"], null));
    await Promise.all([first, second]);
    expect(list.items?.map((item) => item.id)).toEqual(["new"]);
    expect(list.busy).toBe(false);
  });

  it("keeps what it has when the next page fails", async () => {
    const list = new Listing<Thing>((cursor) => (cursor === null ? Promise.resolve(page(["a"], "2")) : Promise.reject(new TypeError("no answer"))));
    await list.load();
    await list.more();
    expect(list.items).toHaveLength(1);
    expect(list.moreProblem?.code).toBe("network");
    expect(list.hasMore).toBe(true);
  });
});
