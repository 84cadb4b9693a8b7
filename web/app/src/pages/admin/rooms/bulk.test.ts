import { describe, expect, it } from "vitest";
import { Problem } from "$lib/api";
import { doAll } from "./bulk";

describe("doing one thing to many", () => {
  it("tells for each whether it was done, and stops for none", async () => {
    let most = 0;
    let now = 0;
    const outcome = await doAll(["a", "b", "c", "d", "e", "f"], async (id) => {
      most = Math.max(most, ++now);
      await Promise.resolve();
      now--;
      if (id === "b") throw new Problem({ code: "in_use", status: 409 });
    });
    expect([...outcome.done].sort()).toEqual(["a", "c", "d", "e", "f"]);
    expect(outcome.failed.get("b")?.code).toBe("in_use");
    expect(most).toBeLessThanOrEqual(4);
  });
});
