import { describe, expect, it } from "vitest";
import { problemFrom } from "$lib/api";
import { limitFields, limitsPatch } from "./limits";

describe("limits in fields", () => {
  it("become a patch of what changed", () => {
    const before = { max_participants: 50, max_height: 720 };
    expect(limitsPatch(before, { ...limitFields(before), max_participants: " 80 ", max_height: "", max_publishers: "" })).toEqual({ max_participants: 80, max_height: null });
    expect(limitsPatch(before, limitFields(before))).toEqual({});
  });

  it("point at what is no whole number", () => {
    const tries = ["-1", "1.5", "many", "1e3", "99999999999999999999"];
    for (const text of tries) {
      let pointers: string[] = [];
      try {
        limitsPatch({}, { max_participants: text });
      } catch (cause) {
        pointers = problemFrom(cause).errors.map((fault) => fault.pointer);
      }
      expect(pointers).toEqual(["/limits/max_participants"]);
    }
  });
});
