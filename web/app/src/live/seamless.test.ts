import { describe, expect, it } from "vitest";
import { endsWithSegment } from "./seamless";

const segments = [
  { start: 10, end: 12 },
  { start: 12, end: 14 },
];

describe("where a quality may change", () => {
  it.each([
    ["nothing is buffered", null, true],
    ["nothing is buffered here", { len: 0, end: 13 }, true],
    ["in the middle of a segment", { len: 1.2, end: 13.2 }, false],
    ["a part before the end of a segment", { len: 1.2, end: 13.8 }, false],
    ["at the end of the last segment that is listed", { len: 1.2, end: 14 }, true],
    ["where the sound ends a frame before the picture", { len: 1.2, end: 13.98 }, true],
    ["where the first segment that is listed begins", { len: 1.2, end: 10.01 }, true],
    ["in the segment that is being made", { len: 1.2, end: 14.4 }, false],
  ])("%s", (_where, buffered, may) => expect(endsWithSegment(buffered, segments)).toBe(may));
});
