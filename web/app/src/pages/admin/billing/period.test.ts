import { describe, expect, it } from "vitest";
import { periodWords, standing } from "./period";

const now = Date.parse("2026-06-01T00:00:00Z");
const plan = (status: "active" | "suspended" | "canceled", starts_at: string | null, ends_at: string | null) => ({ status, starts_at, ends_at });

describe("a subscription's standing", () => {
  it.each([
    ["Active", plan("active", null, null)],
    ["Active", plan("active", "2026-05-01T00:00:00Z", "2026-07-01T00:00:00Z")],
    ["Not begun", plan("active", "2026-07-01T00:00:00Z", null)],
    ["Ended", plan("active", null, "2026-05-01T00:00:00Z")],
    ["Suspended", plan("suspended", null, "2026-05-01T00:00:00Z")],
    ["Canceled", plan("canceled", null, null)],
  ])("is %s", (label, given) => {
    expect(standing(given, now).label).toBe(label);
  });

  it("says its period whichever ends are open", () => {
    const words = [plan("active", null, null), plan("active", "2026-05-01T12:00:00Z", null), plan("active", null, "2026-05-01T12:00:00Z"), plan("active", "2026-05-01T12:00:00Z", "2026-06-01T12:00:00Z")].map(periodWords);
    expect(new Set(words).size).toBe(4);
  });
});
